"""`python -m bench --quick` as a process: everything is measured, and everything answers alike."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import orjson
import pytest

from bench import workloads
from bench.data import TINY


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that the account of the database server can reach, too, which pytest's own are not."""
    with tempfile.TemporaryDirectory(prefix="gateway-bench-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def test_measures_every_workload_on_every_server(home: Path) -> None:
    figures = home / "figures.json"
    ended = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--out", str(figures)],
        env={**os.environ, "GATEWAY_HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    measured = orjson.loads(figures.read_bytes())
    expected = [pair for each in workloads.every(TINY) for pair in product([each.name], each.servers)]
    assert [(each["workload"], each["server"]) for each in measured["results"]] == expected
    assert all(each["cpu"] > 0 and each["throughput"] > 0 for each in measured["results"])
    assert [each["server"] for each in measured["subscriptions"]] == ["gateway", "handwritten", "standard"]
    assert all(each["delivered"] == each["expected"] > 0 for each in measured["subscriptions"])
    assert "W3: CPU per request / hand-written" in ended.stdout


def test_an_unknown_workload_is_told() -> None:
    command = [sys.executable, "-m", "bench", "--workloads", "W1,W9"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "not W9" in ended.stderr
