"""Real npm clients for tests: packages by name and version, and Node to run a script that uses them."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.chromium import unavailable


def installed(folder: Path, *packages: str) -> Path:
    """Installs packages such as `graphql-http@1.22.4` into the folder; skips the test without npm, but fails in CI."""
    if shutil.which("npm") is None:
        unavailable("no npm on the PATH")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}')
    options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts", "--silent"]
    subprocess.run(["npm", "install", *options, *packages], cwd=folder, check=True)
    return folder


def node(folder: Path, script: str, *arguments: str) -> str:
    """What the module `script` prints, run where its packages are."""
    file = folder / "script.mjs"
    file.write_text(script)
    done = subprocess.run(["node", file.name, *arguments], cwd=folder, check=True, capture_output=True, text=True)
    return done.stdout


@contextmanager
def running_node(folder: Path, name: str, script: str, *arguments: str) -> Iterator[Path]:
    """Runs the module `script`, called `name`, where its packages are; yields the file that it prints to."""
    file, printed = folder / f"{name}.mjs", folder / f"{name}.txt"
    file.write_text(script)
    with printed.open("w") as out, subprocess.Popen(["node", file.name, *arguments], cwd=folder, stdout=out) as process:
        try:
            yield printed
        finally:
            process.kill()
