"""Transactions of a SQLite file: on one connection, at which they take turns."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import chain, repeat
from pathlib import Path
from time import monotonic

from datasources.errors import ForeignKeyViolated, SourceMisbehaved, SourceRefused, SourceTimeout
from datasources.lookup import AggregateLookup, Lookup, Row, Rows
from datasources.observed import observing
from datasources.sql import sqlite_pool
from datasources.sql.reader import UNUSABLE, Reader
from datasources.sql.sqlite_constraints import is_foreign_key
from datasources.sql.sqlite_errors import Mapped, mapped_write
from datasources.sql.sqlite_idempotency import claimed, record, undo
from datasources.sql.sqlite_pool import Job, Run, SqlitePool, T
from datasources.sql.sqlite_rows import RowWrites
from datasources.sql.sqlite_writes import SqliteWrites
from datasources.sql.writes import prepared_write, write_rows
from datasources.write import Insert, Recorded, Write, insert_in_turn, refuse_repeated

PATIENCE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05)
"""Seconds between looks at whether another process has finished writing; the last of them again and again."""

Reading = Callable[[Run], Reader]
"""Makes a reader of jobs' connections."""


class SqliteWriter:
    """The one connection that writes; a turn at it is a transaction."""

    def __init__(self, source: str, path: Path) -> None:
        self._source = source
        self._pool = SqlitePool(path, 1, writes=True)
        self._writable: set[str] = set()
        self._turn = asyncio.Lock()
        self._endings: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        await asyncio.gather(*self._endings)
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self, reading: Reading, mapped: Mapped) -> AsyncIterator["SqliteTransaction"]:
        await self._turn.acquire()
        transaction = SqliteTransaction(
            self._source, self._pool, RowWrites(self._source, self._writable), reading, mapped
        )
        try:
            yield transaction
            await transaction.commit()
        except BaseException:
            ending = asyncio.create_task(self._roll_back())  # for this task may be cancelled
            self._endings.add(ending)
            ending.add_done_callback(self._endings.discard)
            raise
        self._turn.release()

    async def _roll_back(self) -> None:
        try:
            await self._pool.run(_roll_back)
        finally:
            self._turn.release()


class SqliteTransaction:
    """Begins with what is done first, and waits then for other processes' writes."""

    def __init__(self, source: str, pool: SqlitePool, rows: RowWrites, reading: Reading, mapped: Mapped) -> None:
        self._source = source
        self._pool = pool
        self._reader = reading(self._run)
        self._mapped = mapped
        self._rows = rows
        self._has_failed = False
        self._written = ""
        """The collection that was written last, for messages."""

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self._reader.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self._reader.aggregate(lookup)

    async def write(self, write: Write) -> Rows:
        self._begin_write()
        refuse_repeated(self._source, write)
        rows = await self._write(write, write_rows(write))
        self._has_failed = False
        return Rows(write.returning, rows)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        return await insert_in_turn(self._source, self, parent, column, children)

    async def _write(self, write: Write, rows: Sequence[Row]) -> Sequence[Row]:
        self._written = write.collection.name
        statement = await prepared_write(self._reader, SqliteWrites(), write, many=False)
        try:
            arguments = [statement.arguments(row) for row in rows]
        except UNUSABLE as error:
            raise SourceRefused(self._source, f"cannot keep such a value in '{self._written}'") from error
        try:
            written = await observing(
                statement.text,
                self._writing(lambda connection: self._rows.write(connection, write, statement, arguments)),
            )
            return written if statement.decode is None else statement.decode(written)
        except UNUSABLE as error:
            raise SourceMisbehaved(self._source, f"holds a value in '{self._written}' that is none") from error

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        self._begin_write()
        found = await self._writing(lambda connection: claimed(connection, key, digest))
        self._has_failed = False
        return found

    async def undo(self) -> None:
        await self._writing(undo)
        self._has_failed = False

    async def record(self, key: str, answer: bytes) -> None:
        self._begin_write()
        await self._writing(lambda connection: record(connection, key, answer))
        self._has_failed = False

    async def commit(self) -> None:
        self._expect_whole()

        def job(connection: sqlite3.Connection) -> tuple[None] | None:
            return (None,) if not connection.in_transaction or _succeeds(connection, "COMMIT") else None

        try:
            await self._patiently(job)
        except sqlite3.Error as error:
            if is_foreign_key(error):  # one that is deferred
                raise ForeignKeyViolated(self._source, self._written) from error
            raise mapped_write(self._source, self._written, error, self._mapped) from error

    async def _run(self, collection: str, job: Job[T]) -> T:
        try:
            return await self._patiently(_begun(job))
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._mapped(collection, error) from error

    async def _writing(self, job: Job[T]) -> T:
        try:
            return await self._patiently(_begun(job))
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise mapped_write(self._source, self._written, error, self._mapped) from error

    async def _patiently(self, job: Job[tuple[T] | None]) -> T:
        """What the job makes, as soon as it is not None for a lock that another process has."""
        until = monotonic() + sqlite_pool.BUSY_SECONDS
        for seconds in chain(PATIENCE, repeat(PATIENCE[-1])):
            made = await self._pool.run(job)
            if made is not None:
                return made[0]
            if monotonic() > until:
                break
            await asyncio.sleep(seconds)
        raise SourceTimeout(self._source, "is locked; it could not be written in time")

    def _begin_write(self) -> None:
        self._expect_whole()
        self._has_failed = True  # until it has not

    def _expect_whole(self) -> None:
        if self._has_failed:
            raise SourceRefused(self._source, "rolls a transaction back in which a write failed")


def _begun(job: Job[T]) -> Job[tuple[T] | None]:
    """The job in a transaction, or None while another process has one."""

    def begin(connection: sqlite3.Connection) -> tuple[T] | None:
        if connection.in_transaction or _succeeds(connection, "BEGIN IMMEDIATE"):
            return (job(connection),)
        return None

    return begin


def _succeeds(connection: sqlite3.Connection, statement: str) -> bool:
    """Whether no other process has the lock."""
    try:
        connection.execute(statement)
    except sqlite3.OperationalError as error:
        if error.sqlite_errorname.startswith("SQLITE_BUSY"):
            return False
        raise
    return True


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
