"""The offline-first client: its copy is equal to the server in the end, whatever dies on the way."""

import json
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environment, started
from tests.support.server import free_port

CLIENT = Path(__file__).parent.parent.parent / "examples" / "sync_client.py"
ROW = "SELECT 'Order:' || id, number, status, 'Customer:' || customer_id, version FROM orders"


@pytest.fixture
def folder(tmp_path: Path, demo_folder: Path) -> Path:
    shutil.copytree(demo_folder, tmp_path / ".gateway" / "demo")
    return tmp_path


def test_a_copy_under_writes_and_kills(folder: Path) -> None:
    rng = random.Random(4)  # noqa: S311 - the same in every run
    port = str(free_port())
    copy = folder / "copy.sqlite"
    with writing(folder, rng) as stop:
        for _ in range(2):
            with started("dev", "--port", port, cwd=folder) as (server, endpoint):
                for _ in range(3):
                    with client(endpoint, copy) as process:
                        time.sleep(rng.uniform(0.4, 0.8))
                        process.send_signal(signal.SIGKILL)
                with client(endpoint, copy):
                    time.sleep(rng.uniform(0.5, 1.5))
                    server.send_signal(signal.SIGKILL)
                    time.sleep(0.3)
        written = stop()
    assert written > 50
    with started("dev", "--port", port, cwd=folder) as (_, endpoint), client(endpoint, copy):
        deadline = time.monotonic() + 20
        while replicated(copy) != stored(folder):
            assert time.monotonic() < deadline
            time.sleep(0.2)
        with write(folder) as database:  # and it hears of what comes
            database.execute("UPDATE orders SET number = 'the last' WHERE id = (SELECT min(id) FROM orders)")
        while replicated(copy) != stored(folder):
            assert time.monotonic() < deadline
            time.sleep(0.2)


@contextmanager
def client(endpoint: str, copy: Path) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(
        [sys.executable, str(CLIENT), endpoint, str(copy)], env=environment(), stderr=subprocess.DEVNULL
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def writing(folder: Path, rng: random.Random) -> Iterator[Callable[[], int]]:
    """Writes to the database itself, all the while; what is yielded ends that and says how much it was."""
    ended, written = threading.Event(), 0

    def work() -> None:
        nonlocal written
        while not ended.wait(0.02):
            with write(folder) as database:
                keys = [key for (key,) in database.execute("SELECT id FROM orders ORDER BY random() LIMIT 3")]
                match rng.choice(["update", "update", "insert", "delete"]):
                    case "update":
                        database.execute("UPDATE orders SET version = version + 1 WHERE id IN (?, ?, ?)", keys)
                    case "insert":
                        columns = "status, placed_at, currency, total, updated_at, version, customer_id"
                        database.execute(
                            f"INSERT INTO orders (number, {columns}) SELECT 'SO-new-' || ?, {columns} "
                            "FROM orders WHERE id = ?",
                            [written, keys[0]],
                        )
                    case "delete":
                        database.execute("DELETE FROM orders WHERE number LIKE 'SO-new-%' AND id % 2 = 0")
            written += 1

    def stop() -> int:
        ended.set()
        thread.join()
        return written

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield stop
    finally:
        stop()


@contextmanager
def write(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(folder / ".gateway" / "demo" / "erp.sqlite", timeout=10)) as database, database:
        yield database


def stored(folder: Path) -> dict[str, Any]:
    with write(folder) as database:
        return {row[0]: row[1:] for row in database.execute(ROW)}


def replicated(copy: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True, timeout=10)) as database:
        rows = [json.loads(data) for (data,) in database.execute("SELECT data FROM rows WHERE id LIKE 'Order:%'")]
    return {row["id"]: (row["number"], row["status"], row["customerId"], row["version"]) for row in rows}
