"""Coroutines that engines abandon are found in the test that abandons them, and not in whatever comes after."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def _swept() -> Iterator[None]:
    yield
    gc.collect()
