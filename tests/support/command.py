"""The command `gateway` in a process of its own."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

GATEWAY = (sys.executable, "-m", "gateway")


def environment(**variables: str) -> dict[str, str]:
    """This process's environment without its gateway's settings, with `variables`, and wide lines."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
    return {**kept, "COLUMNS": "200", **variables}


def run(*arguments: str, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs a command that ends by itself."""
    return subprocess.run(
        [*GATEWAY, *arguments],
        cwd=cwd,
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def running(*arguments: str, cwd: Path, variables: Mapping[str, str] | None = None) -> Iterator[str]:
    """Runs a command that serves; yields the first address that it prints, and ends it."""
    with started(*arguments, cwd=cwd, variables=variables) as (_, address):
        yield address


@contextmanager
def started(
    *arguments: str, cwd: Path, variables: Mapping[str, str] | None = None
) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The same, with the process."""
    with subprocess.Popen(
        [*GATEWAY, *arguments],
        cwd=cwd,
        env=environment(**(variables or {})),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            yield process, _address(process)
        finally:
            process.terminate()


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        found = re.search(r"http://[\w.:\[\]]+\S*", line)
        if found:
            return found[0]
    raise AssertionError("it ended without an address:\n" + "".join(printed))
