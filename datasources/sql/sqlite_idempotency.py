"""The answers to idempotent requests, kept in a table of a SQLite database."""

import sqlite3
from time import time

from datasources.write import KEPT_SECONDS, Recorded

PRUNED = 100
"""Answers that go at once, at most, when they have been kept long enough."""

_TABLE = (
    "CREATE TABLE IF NOT EXISTS gateway_idempotency"
    " (key TEXT PRIMARY KEY, digest BLOB NOT NULL, answer BLOB, at REAL NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS gateway_idempotency_at ON gateway_idempotency (at)",
)
_FIND = "SELECT digest, answer FROM gateway_idempotency WHERE key = ? AND answer IS NOT NULL AND at > ?"
_IS_INSTALLED = "SELECT 1 FROM sqlite_master WHERE name = 'gateway_idempotency'"
_CLAIM = "INSERT OR REPLACE INTO gateway_idempotency (key, digest, at) VALUES (?, ?, ?)"
_RECORD = "UPDATE gateway_idempotency SET answer = ? WHERE key = ?"
_PRUNE = """
DELETE FROM gateway_idempotency
WHERE key IN (SELECT key FROM gateway_idempotency WHERE at <= ? ORDER BY at LIMIT ?)
"""


def install_idempotency(connection: sqlite3.Connection) -> None:
    """Makes the table, unless it is there; `claimed` does so itself."""
    for statement in _TABLE:
        connection.execute(statement)


def claimed(connection: sqlite3.Connection, key: str, digest: bytes) -> Recorded | None:
    """What was recorded, or None: then writes can be taken back with `undo`."""
    install_idempotency(connection)
    found = _found(connection, key)
    if found is None:
        connection.execute(_CLAIM, (key, digest, time()))
        connection.execute("SAVEPOINT claimed")
    return found


def undo(connection: sqlite3.Connection) -> None:
    connection.execute("ROLLBACK TO claimed")


def recorded(connection: sqlite3.Connection, key: str) -> Recorded | None:
    return _found(connection, key) if connection.execute(_IS_INSTALLED).fetchone() else None


def _found(connection: sqlite3.Connection, key: str) -> Recorded | None:
    found = connection.execute(_FIND, (key, time() - KEPT_SECONDS)).fetchone()
    return None if found is None else Recorded(*found)


def record(connection: sqlite3.Connection, key: str, answer: bytes) -> None:
    connection.execute(_RECORD, (answer, key))
    connection.execute(_PRUNE, (time() - KEPT_SECONDS, PRUNED))
