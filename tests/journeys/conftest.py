"""Fixtures of the journeys."""

import shutil
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path: Path, demo_folder: Path) -> Path:
    """A working directory in which the demo is built already."""
    shutil.copytree(demo_folder, tmp_path / ".gateway" / "demo")
    return tmp_path
