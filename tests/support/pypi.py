"""Tools of PyPI for tests, which uv installs into environments of their own."""

import shutil
import subprocess
from pathlib import Path

from tests.support.chromium import unavailable


def run_with(folder: Path, package: str, *command: str) -> str:
    """What a command prints that runs in the folder with a package such as `tool==1.2`.

    Skips the test without uv, but fails in CI.
    """
    if shutil.which("uv") is None:
        unavailable("no uv on the PATH")
    options = ["--no-project", "--isolated", "--quiet", "--with", package]
    done = subprocess.run(["uv", "run", *options, *command], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout
