"""The outbox of a SQLite database.

Triggers write each row as it was and as it is, as JSON that keeps SQLite's own values: REAL with all of its digits,
BLOB as `{"blob": "00FF"}`. The sequence of the outbox is the order of commits, for SQLite has one writer at a time.

SQLite tells no trigger of the rows that `INSERT OR REPLACE` replaces, unless `PRAGMA recursive_triggers` is on: then
the row that has their key shows as CREATED alone, and one that only had another unique value in common goes untold.
"""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import TypeVar

from datasources.errors import DatasourceError, SourceRefused
from datasources.outbox import FEED, PRUNED, TABLE, OutboxStatus, Retention, TableStatus, Watched
from datasources.positions import new_feed
from datasources.sql.sqlite_pool import BUSY_SECONDS

T = TypeVar("T")

_TABLES = (
    f"""CREATE TABLE {TABLE} (
  seq INTEGER PRIMARY KEY AUTOINCREMENT,
  collection TEXT NOT NULL,
  kind TEXT NOT NULL,
  key NOT NULL,
  before TEXT,
  after TEXT,
  at REAL NOT NULL DEFAULT ((julianday('now') - 2440587.5) * 86400)
)""",
    f"CREATE TABLE {FEED} (id TEXT NOT NULL, pruned INTEGER NOT NULL)",
)
_EVENTS = ("insert", "update", "delete")


class SqliteOutbox:
    """Administers the outbox with connections of its own, which may write."""

    def __init__(self, source: str, path: Path, mapped: Callable[[str, Exception], DatasourceError]) -> None:
        """`mapped` makes a datasource's error of SQLite's, given the table."""
        self._source = source
        self._path = path
        self._mapped = mapped

    async def script(self, tables: Sequence[Watched]) -> str:
        statements = await self._run(lambda connection: list(_missing(connection, self._source, tables)), writes=False)
        return "".join(f"{statement};\n" for _, statement in statements)

    async def install(self, tables: Sequence[Watched]) -> Sequence[str]:
        return await self._run(lambda connection: install_triggers(connection, self._source, tables))

    async def uninstall(self, tables: Sequence[str] | None = None) -> Sequence[str]:
        def job(connection: sqlite3.Connection) -> Sequence[str]:
            dropped = [table for table in _watched(connection) if tables is None or table in tables]
            for table in dropped:
                for event in _EVENTS:
                    connection.execute(f"DROP TRIGGER IF EXISTS {_trigger(table, event)}")
            if tables is None:
                connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
                connection.execute(f"DROP TABLE IF EXISTS {FEED}")
            return dropped

        return await self._run(job)

    async def status(self, tables: Sequence[Watched]) -> OutboxStatus:
        def job(connection: sqlite3.Connection) -> OutboxStatus:
            named = {watched.table: watched for watched in tables}
            found = {**{table: Watched(table) for table in _watched(connection)}, **named}
            states = [self._state(connection, found[table]) for table in sorted(found)]
            if not _exists(connection, TABLE):
                return OutboxStatus(states)
            count, oldest = connection.execute(f"SELECT count(*), min(at) FROM {TABLE}").fetchone()  # noqa: S608
            return OutboxStatus(states, count, None if oldest is None else datetime.fromtimestamp(oldest, UTC))

        return await self._run(job, writes=False)

    async def prune(self, keep: Retention) -> int:
        def job(connection: sqlite3.Connection) -> int:
            rows = connection.execute(
                f"SELECT seq FROM (SELECT seq, at FROM {TABLE} ORDER BY seq LIMIT ?) "  # noqa: S608
                f"WHERE seq <= (SELECT max(seq) FROM {TABLE}) - ? OR at < ? ORDER BY seq",
                (PRUNED, keep.count, time() - keep.seconds),
            ).fetchall()
            if rows:
                last = rows[-1][0]
                connection.execute(f"DELETE FROM {TABLE} WHERE seq <= ?", (last,))  # noqa: S608
                connection.execute(f"UPDATE {FEED} SET pruned = ?", (last,))  # noqa: S608
            return len(rows)

        return await self._run(job)

    def _state(self, connection: sqlite3.Connection, watched: Watched) -> TableStatus:
        try:
            wanted = _triggers(connection, self._source, watched)
        except SourceRefused as error:
            return TableStatus(watched.table, str(error))
        found = {event: _sql(connection, watched.table, event) for event in _EVENTS}
        if found == wanted and _exists(connection, TABLE):
            return TableStatus(watched.table)
        if not any(found.values()):
            return TableStatus(watched.table, "its changes are not kept: install it")
        return TableStatus(watched.table, "its columns have changed since: install it again")

    async def _run(self, job: Callable[[sqlite3.Connection], T], *, writes: bool = True) -> T:
        """Runs the job in a transaction."""

        def work() -> T:
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            with closing(sqlite3.connect(address, uri=True, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
                connection.execute("BEGIN IMMEDIATE" if writes else "BEGIN")
                result = job(connection)
                connection.execute("COMMIT")
                return result

        try:
            return await asyncio.to_thread(work)
        except sqlite3.Error as error:
            if getattr(error, "sqlite_errorname", "").startswith("SQLITE_READONLY"):
                raise SourceRefused(self._source, f"does not let the gateway write '{TABLE}'") from error
            if str(error).startswith("no such table"):
                raise SourceRefused(self._source, NOT_INSTALLED) from error
            raise self._mapped(TABLE, error) from error


NOT_INSTALLED = "keeps no changes; run `gateway changes install`"


def install_triggers(connection: sqlite3.Connection, source: str, tables: Sequence[Watched]) -> Sequence[str]:
    """See `Outbox.install`; within the connection's transaction, if it is in one. Raises SourceRefused."""
    missing = list(_missing(connection, source, tables))
    for _, statement in missing:
        connection.execute(statement)
    return list(dict.fromkeys(table for table, _ in missing if table))


def _missing(connection: sqlite3.Connection, source: str, tables: Iterable[Watched]) -> Iterator[tuple[str, str]]:
    """Statements that are still to be run, each with the table that it is for."""
    if not _exists(connection, TABLE):
        for statement in _TABLES:
            yield "", statement
        yield "", f"INSERT INTO {FEED} VALUES ('{new_feed()}', 0)"  # noqa: S608
    for watched in tables:
        for event, wanted in _triggers(connection, source, watched).items():
            found = _sql(connection, watched.table, event)
            if found != wanted:
                if found is not None:
                    yield watched.table, f"DROP TRIGGER {_trigger(watched.table, event)}"
                yield watched.table, wanted


def _triggers(connection: sqlite3.Connection, source: str, watched: Watched) -> dict[str, str]:
    """The triggers that a table should have, by event."""
    table = watched.table
    kind = connection.execute("SELECT type FROM pragma_table_list WHERE name = ?", (table,)).fetchone()
    if kind is None:
        raise SourceRefused(source, f"has no table '{table}'")
    if kind[0] != "table":
        raise SourceRefused(source, f"cannot keep the changes of '{table}': it is a {kind[0]}, not a table")
    listed = connection.execute("SELECT name, pk FROM pragma_table_info(?)", (table,)).fetchall()
    columns = [name for name, _ in listed]
    primary = [name for name, place in listed if place]
    key = watched.key or (primary[0] if len(primary) == 1 else "")
    if key not in columns:
        wanted = f"column '{key}'" if key else "primary key of one column"
        raise SourceRefused(source, f"cannot keep the changes of '{table}': it has no {wanted}")
    return {event: _create(table, key, columns, event) for event in _EVENTS}


def _exists(connection: sqlite3.Connection, table: str) -> bool:
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    return found.fetchone() is not None


def _watched(connection: sqlite3.Connection) -> list[str]:
    """The tables that have triggers of ours."""
    found = connection.execute(
        "SELECT DISTINCT tbl_name FROM sqlite_master WHERE type = 'trigger' AND name GLOB ? ORDER BY 1", (f"{TABLE}_*",)
    )
    return [name for (name,) in found]


def _sql(connection: sqlite3.Connection, table: str, event: str) -> str | None:
    """What a trigger of ours was created with."""
    found = connection.execute(
        "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? AND name = ?",
        (table, f"{TABLE}_{table}_{event}"),
    ).fetchone()
    return None if found is None else str(found[0])


def _create(table: str, key: str, columns: Sequence[str], event: str) -> str:
    old, new = _image("OLD", columns), _image("NEW", columns)
    old_key, new_key = f"OLD.{_quoted(key)}", f"NEW.{_quoted(key)}"
    created = _record(table, "CREATED", new_key, "NULL", new)
    deleted = _record(table, "DELETED", old_key, old, "NULL")
    if event == "insert":
        body, when = [created], ""
    elif event == "delete":
        body, when = [deleted], ""
    else:
        same, other = f" WHERE {_differs(key, 'IS')}", f" WHERE {_differs(key, 'IS NOT')}"
        body = [_record(table, "UPDATED", new_key, old, new) + same, deleted + other, created + other]
        when = f"WHEN {' OR '.join(_differs(column, 'IS NOT') for column in columns)}\n"
    statements = "".join(f"  {statement};\n" for statement in body)
    head = f"CREATE TRIGGER {_trigger(table, event)} AFTER {event.upper()} ON {_quoted(table)}\n"
    return f"{head}{when}BEGIN\n{statements}END"


def _record(table: str, kind: str, key: str, before: str, after: str) -> str:
    values = f"{_text(table)}, '{kind}', {key}, {before}, {after}"
    return f"INSERT INTO {TABLE} (collection, kind, key, before, after) SELECT {values}"


def _image(row: str, columns: Sequence[str]) -> str:
    """A row as JSON, put together as text: SQLite's own functions drop digits, and refuse BLOBs."""
    members = [f"{_text(json.dumps(name) + ': ')} || {_json(row, name)}" for name in columns]
    inner = " || ', ' || ".join(members)
    return f"'{{' || {inner} || '}}'"


def _json(row: str, column: str) -> str:
    value = f"{row}.{_quoted(column)}"
    real = f"replace(quote({value}), 'Inf', '9e999')"
    blob = f"""'{{"blob": "' || hex({value}) || '"}}'"""
    return f"CASE typeof({value}) WHEN 'real' THEN {real} WHEN 'blob' THEN {blob} ELSE json_quote({value}) END"


def _differs(column: str, operator: str) -> str:
    """Whatever the collation that the column has."""
    return f"OLD.{_quoted(column)} COLLATE BINARY {operator} NEW.{_quoted(column)}"


def _trigger(table: str, event: str) -> str:
    return _quoted(f"{TABLE}_{table}_{event}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
