"""The demo's data, made once for all tests, which must not write to it."""

from pathlib import Path

import pytest

from datasources.demo import build_demo


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `crm.sqlite`, `erp.sqlite` and the supply chain's data are."""
    folder = tmp_path_factory.mktemp("gateway-home") / "demo"
    build_demo(folder)
    return folder
