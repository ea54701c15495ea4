"""Writers that keep a database busy, while a test does something to those who follow its changes."""

import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from datasources.demo.records import COUNTS

COPIED = "status, placed_at, currency, total, updated_at, version, customer_id"


@contextmanager
def writing(transact: Callable[[int], None], pause: float = 0.02) -> Iterator[Callable[[], int]]:
    """Calls `transact` with 0, 1, 2, … all the while; what is yielded ends that and says how often it was."""
    ended, written = threading.Event(), 0

    def work() -> None:
        nonlocal written
        while not ended.wait(pause):
            transact(written)
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


def order_writes(rng: random.Random, number: int, *, part: int = 0, parts: int = 1) -> Sequence[str]:
    """The statements of a transaction that writes several of the demo's orders, but never the first one.

    Writers that do so at the same time each have a part of them, and never wait for each other.
    """
    known = COUNTS["orders"]
    keys = ", ".join(str(key + part) for key in rng.sample(range(2 * parts, known - parts, parts), 3))
    update = f"UPDATE orders SET version = version + 1 WHERE id IN ({keys})"
    match rng.choice(["update", "update", "insert", "delete"]):
        case "insert":
            copies = f"SELECT 'SO-new-{part}-{number}-' || id, {COPIED} FROM orders WHERE id IN ({keys})"
            return update, f"INSERT INTO orders (number, {COPIED}) {copies}"
        case "delete":
            mine = f"number LIKE 'SO-new-{part}-%'"
            return f"DELETE FROM orders WHERE id > {known} AND id % 2 = 0 AND {mine}", update
        case _:
            return (update,)


@contextmanager
def sqlite_transaction(file: Path) -> Iterator[sqlite3.Connection]:
    """A transaction of the test's own."""
    with closing(sqlite3.connect(file, timeout=10)) as database, database:
        yield database


def execute_in_sqlite(file: Path, statements: Sequence[str]) -> None:
    with sqlite_transaction(file) as database:
        for statement in statements:
            database.execute(statement)
