"""SQLite files as a datasource; see `sqlite_values` for how they keep values."""

import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.engine import make_url

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.errors import DatasourceError, SourceMisbehaved, SourceRefused, SourceTimeout, SourceUnavailable
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Row, Rows
from datasources.sql.builder import Statement
from datasources.sql.dialect import Physical
from datasources.sql.reader import Reader
from datasources.sql.sqlite_changes import SqliteChanges
from datasources.sql.sqlite_constraints import quoted
from datasources.sql.sqlite_dialect import SqliteDialect
from datasources.sql.sqlite_idempotency import recorded
from datasources.sql.sqlite_outbox import SqliteOutbox
from datasources.sql.sqlite_pool import Job, Run, SqlitePool, T
from datasources.sql.sqlite_transaction import SqliteWriter
from datasources.write import Insert, Recorded, Transaction, Write

_UNAVAILABLE = {"SQLITE_CANTOPEN", "SQLITE_IOERR", "SQLITE_PERM", "SQLITE_AUTH", "SQLITE_NOTADB", "SQLITE_INTERRUPT"}
_TIMEOUT = {"SQLITE_BUSY", "SQLITE_LOCKED"}
_REFUSED = {"SQLITE_TOOBIG", "SQLITE_MISMATCH", "SQLITE_RANGE", "SQLITE_CONSTRAINT", "SQLITE_READONLY"}

_COLUMNS = """
WITH
  columns AS (
    SELECT cid, name, type, pk = 1 AND (SELECT count(*) FROM pragma_table_info(:table) WHERE pk > 0) = 1 AS is_primary,
      "notnull" OR (pk > 0 AND upper(type) = 'INTEGER') AS not_null
    FROM pragma_table_xinfo(:table) WHERE hidden <> 1
  ),
  indexed AS (
    SELECT parts.name FROM pragma_index_list(:table) AS indexes, pragma_index_info(indexes.name) AS parts
    WHERE parts.seqno = 0 AND NOT indexes.partial
  )
SELECT name, type, not_null, is_primary AND not_null, is_primary OR name IN (SELECT name FROM indexed)
FROM columns ORDER BY cid
"""


SAMPLE = 100
"""Rows at either end of a table that show in which forms its values are kept."""

_AMBIGUOUS = (ColumnType.STRING, ColumnType.INTEGER)


class SqliteSource:
    """The database at `sqlite:///path`; a file that is not there yet is looked for at each lookup."""

    def __init__(self, name: str, url: str, *, pool_size: int = 4) -> None:
        database = make_url(url).database
        if not database or database == ":memory:":
            raise ValueError(f"datasource '{name}': url must name a file, like sqlite:///shop.db")
        self._name = name
        self._path = Path(database)
        self._pool_size = pool_size
        self._pool: SqlitePool | None = None
        self._writer: SqliteWriter | None = None
        dialect = SqliteDialect()
        self._dialect = dialect
        self.reader = Reader(name, lambda: dialect, self._physical, self._fetch)
        self.changes = SqliteChanges(name, self._path, self._run, self._mapped)
        self.outbox = SqliteOutbox(name, self._path, self._mapped)

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return EVERYTHING_CAPABLE

    async def open(self) -> None:
        self._pool = SqlitePool(self._path, self._pool_size)
        self._writer = SqliteWriter(self._name, self._path)

    async def close(self) -> None:
        self.changes.close()
        pool, self._pool = self._pool, None
        writer, self._writer = self._writer, None
        if pool is not None and writer is not None:
            await writer.close()
            await pool.close()

    async def check(self) -> None:
        await self._run("its schema", lambda connection: connection.execute("SELECT 1 FROM sqlite_master").fetchone())

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self.reader.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self.reader.aggregate(lookup)

    async def describe(self, collection: str) -> dict[str, ColumnType | None]:
        """TEXT may hold dates, and INT booleans: what such columns are is for the entity to say."""
        physical = await self._physical(collection)
        types = {name: self._dialect.column_type(column) for name, column in physical.items()}
        return {name: None if kind in _AMBIGUOUS else kind for name, kind in types.items()}

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        if self._writer is None:
            raise SourceUnavailable(self._name, "is not open")
        async with self._writer.transaction(self._reading, self._mapped) as transaction:
            yield transaction
        self.changes.nudge()

    async def write(self, write: Write) -> Rows:
        async with self.transaction() as transaction:
            return await transaction.write(write)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        async with self.transaction() as transaction:
            return await transaction.insert_with(parent, column, children)

    async def recorded(self, key: str) -> Recorded | None:
        return await self._run("gateway_idempotency", lambda connection: recorded(connection, key))

    def _reading(self, run: Run) -> Reader:
        return self.reader.within(partial(self._physical, run=run), partial(self._fetch, run=run))

    async def _physical(self, collection: str, run: Run | None = None) -> Mapping[str, Physical]:
        def job(connection: sqlite3.Connection) -> Mapping[str, Physical]:
            columns = connection.execute(_COLUMNS, {"table": collection}).fetchall()
            samples = _sample(connection, collection, [column[0] for column in columns])
            return {
                name: Physical(declared, bool(not_null), False, bool(is_primary), bool(is_indexed), sample)
                for (name, declared, not_null, is_primary, is_indexed), sample in zip(columns, samples, strict=True)
            }

        return await (run or self._run)(collection, job)

    async def _fetch(
        self, collection: str, statement: Statement, arguments: list[Any], run: Run | None = None
    ) -> Sequence[Row]:
        def job(connection: sqlite3.Connection) -> Sequence[Row]:
            rows = connection.execute(statement.text, arguments).fetchall()
            return rows if statement.decode is None else statement.decode(rows)

        return await (run or self._run)(collection, job)

    async def _run(self, collection: str, job: Job[T]) -> T:
        if self._pool is None:
            raise SourceUnavailable(self._name, "is not open")
        try:
            return await self._pool.run(job)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._mapped(collection, error) from error

    def _mapped(self, collection: str, error: Exception) -> DatasourceError:
        name = getattr(error, "sqlite_errorname", "")
        kind = "_".join(name.split("_")[:2])  # SQLITE_BUSY_SNAPSHOT is a SQLITE_BUSY
        if kind in _UNAVAILABLE:
            return SourceUnavailable(self._name, "cannot be read")
        if kind in _TIMEOUT:
            return SourceTimeout(self._name, f"is locked; '{collection}' could not be read in time")
        if kind in _REFUSED or isinstance(error, (OverflowError, UnicodeEncodeError)):
            return SourceRefused(self._name, f"cannot compare '{collection}' with such a value")
        if str(error).startswith(("Expression tree is too large", "too many SQL variables", "parser stack overflow")):
            return SourceRefused(self._name, f"is asked too much of '{collection}' at once")
        if str(error) == "integer overflow":
            return SourceRefused(self._name, f"cannot sum '{collection}': the sum is beyond 64 bits")
        self.reader.forget()
        return SourceMisbehaved(self._name, f"failed to read '{collection}'")


def _sample(connection: sqlite3.Connection, table: str, columns: Sequence[str]) -> Sequence[tuple[Any, ...]]:
    """Values of each column, from both ends of the table."""
    if not columns:
        return ()
    names = ", ".join(map(quoted, columns))
    rows = connection.execute(f"SELECT {names} FROM {quoted(table)} LIMIT {SAMPLE}").fetchall()  # noqa: S608
    with suppress(sqlite3.OperationalError):  # of a view, or a table without row ids
        last = f"SELECT {names} FROM {quoted(table)} ORDER BY rowid DESC LIMIT {SAMPLE}"  # noqa: S608
        rows += connection.execute(last).fetchall()
    return list(zip(*rows, strict=True)) or [()] * len(columns)
