"""The offline-first client: its copy is equal to the server in the end, whatever dies on the way."""

import json
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.support.command import environment, started
from tests.support.server import free_port
from tests.support.writers import execute_in_sqlite, order_writes, sqlite_transaction, writing

CLIENT = Path(__file__).parent.parent.parent / "examples" / "sync_client.py"
ERP = Path(".gateway", "demo", "erp.sqlite")
ROW = "SELECT 'Order:' || id, number, status, 'Customer:' || customer_id, version FROM orders"


def test_a_copy_under_writes_and_kills(folder: Path) -> None:
    rng = random.Random(4)  # noqa: S311 - the same in every run
    port = str(free_port())
    copy = folder / "copy.sqlite"
    with writing(lambda number: execute_in_sqlite(folder / ERP, order_writes(rng, number))) as stop:
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
        last = "UPDATE orders SET number = 'the last' WHERE id = 1"
        execute_in_sqlite(folder / ERP, [last])  # and it hears of what comes
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


def stored(folder: Path) -> dict[str, Any]:
    with sqlite_transaction(folder / ERP) as database:
        return {row[0]: row[1:] for row in database.execute(ROW)}


def replicated(copy: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(f"file:{copy}?mode=ro", uri=True, timeout=10)) as database:
        rows = [json.loads(data) for (data,) in database.execute("SELECT data FROM rows WHERE id LIKE 'Order:%'")]
    return {row["id"]: (row["number"], row["status"], row["customerId"], row["version"]) for row in rows}
