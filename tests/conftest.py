"""Fixtures that every test may use."""

import pytest

from tests.support.demo import demo_folder

__all__ = ["anyio_backend", "demo_folder"]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"
