"""Transactions of a PostgreSQL database, each on a connection of its own."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from operator import itemgetter
from typing import Any, TypeVar, cast

import asyncpg

from datasources.errors import DatasourceError, SourceMisbehaved, SourceRefused
from datasources.lookup import AggregateLookup, Lookup, Row, Rows
from datasources.observed import observing
from datasources.sql.builder import Statement
from datasources.sql.postgres_constraints import Constraints
from datasources.sql.postgres_errors import VENDOR, mapped_write
from datasources.sql.postgres_families import Family, prepared_family
from datasources.sql.postgres_idempotency import Idempotency
from datasources.sql.postgres_writes import PostgresWrites
from datasources.sql.reader import UNUSABLE, Reader
from datasources.sql.writes import prepared_write, write_rows
from datasources.write import Insert, Recorded, Write, insert_in_turn, left_out, refuse_repeated

T = TypeVar("T")
Run = Callable[[str, Sequence[Any]], Awaitable[list[asyncpg.Record]]]
"""Runs a statement with its arguments."""
Reading = Callable[[Run], Reader]

_WRITES = PostgresWrites()
_IDEMPOTENCY = "gateway_idempotency"


def is_one_statement(write: Write) -> bool:
    """Many rows of nothing but defaults are not, for there are no arrays of these."""
    return not isinstance(write, Insert) or bool(write.columns) or len(write.rows) < 2


class PostgresTransaction:
    """Until it begins, each write takes effect at once.

    PostgreSQL gives a transaction up when a statement fails. For reads it therefore goes back to a savepoint, that
    the first read after writes makes; before there were any, it begins anew.
    """

    def __init__(
        self,
        source: str,
        connection: asyncpg.Connection,
        reading: Reading,
        constraints: Constraints,
        idempotency: Idempotency,
    ) -> None:
        self.is_over = True
        """Whether nothing is to be rolled back; before it has begun, each write takes effect at once."""
        self._source = source
        self._connection = connection
        self._reader = reading(self._read)
        self._constraints = constraints
        self._idempotency = idempotency
        self._one_at_a_time = asyncio.Lock()
        self._has_failed = False
        self._has_unsaved = False
        """Whether there were writes since the savepoint."""
        self._written = ""
        """The collection that was written last, for messages."""
        self._is_claimed = False
        """Whether writes can be taken back without an end to the transaction."""
        self._is_broken = False
        """Whether a read failed, so that nothing works before the `_restore`."""
        self._restore = "ROLLBACK; BEGIN ISOLATION LEVEL READ COMMITTED"

    async def begin(self) -> None:
        self.is_over = False
        try:
            await self._connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED")
        except VENDOR as error:
            raise mapped_write(self._source, self._written, error) from error

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self._reader.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self._reader.aggregate(lookup)

    async def write(self, write: Write) -> Rows:
        self._begin_write()
        refuse_repeated(self._source, write)
        rows = write_rows(write)
        written: Sequence[Row] = []
        if not is_one_statement(write):
            written = [row for each in rows for row in await self._write(write, each, many=False)]
        elif len(rows) > 1:
            written = await self._write(write, list(zip(*rows, strict=True)), many=True)
            if not isinstance(write, Insert):  # they come in any order, with their numbers
                written = [row[:-1] for row in sorted(written, key=itemgetter(-1))]
        elif rows:
            written = await self._write(write, rows[0], many=False)
        self._has_failed = False
        return Rows(write.returning, written)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        family = Family(parent, column, children)
        self._expect_whole()
        statement = await prepared_family(self._reader, family)
        if statement is None:
            return await insert_in_turn(self._source, self, parent, column, children)
        return await self.insert_family(family, statement)

    async def insert_family(self, family: Family, statement: Statement) -> tuple[Rows, Rows]:
        self._begin_write()
        found = await self._run(family.name, statement, family.values, family.blamed)
        if not found:
            raise left_out(self._source, family.parent)
        self._has_failed = False
        row, rows = family.split(found)
        return Rows(family.parent.returning, [row]), Rows(family.children.returning, rows)

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        self._begin_write()
        found = await self._writing(_IDEMPOTENCY, lambda: self._idempotency.claim(self._connection, key, digest))
        self._has_failed = False
        self._is_claimed = found is None
        return found

    async def undo(self) -> None:
        await self._writing(_IDEMPOTENCY, lambda: self._idempotency.undo(self._connection))
        self._has_failed = False

    async def record(self, key: str, answer: bytes) -> None:
        self._begin_write()
        await self._writing(_IDEMPOTENCY, lambda: self._idempotency.record(self._connection, key, answer))
        self._has_failed = False

    async def commit(self) -> None:
        self._expect_whole()
        try:
            ended = await self._alone(lambda: self._connection.execute("COMMIT"))
        except asyncpg.IntegrityConstraintViolationError as error:  # of one that is deferred
            raise await self._violated(error, None) from error
        except VENDOR as error:
            raise mapped_write(self._source, self._written, error) from error
        self.is_over = True
        self._has_failed = ended != "COMMIT"  # PostgreSQL rolls back without an error what it has given up
        self._expect_whole()

    async def _write(self, write: Write, values: Sequence[Any], *, many: bool) -> Sequence[Row]:
        statement = await prepared_write(self._reader, _WRITES, write, many=many)
        return await self._run(write.collection.name, statement, values, lambda _: write)

    async def _run(
        self, collection: str, statement: Statement, values: Sequence[Any], blamed: Callable[[str | None], Write]
    ) -> Sequence[Row]:
        """`blamed` is the write of the table that an error names."""
        try:
            arguments = statement.arguments(values)
        except UNUSABLE as error:
            raise SourceRefused(self._source, f"cannot keep such a value in '{collection}'") from error
        try:
            found = await observing(
                statement.text,
                self._writing(collection, lambda: self._connection.fetch(statement.text, *arguments)),
            )
        except asyncpg.IntegrityConstraintViolationError as error:
            raise await self._violated(error, blamed(error.table_name)) from error
        rows = cast("Sequence[Row]", found)
        try:
            return rows if statement.decode is None else statement.decode(rows)
        except UNUSABLE as error:
            raise SourceMisbehaved(self._source, f"holds a value in '{collection}' that is none") from error

    async def _writing(self, collection: str, run: Callable[[], Awaitable[T]]) -> T:
        """Raises a violated constraint as asyncpg does."""
        self._written = collection
        try:
            done = await self._alone(run)
        except asyncpg.IntegrityConstraintViolationError:
            raise
        except VENDOR as error:
            failure = mapped_write(self._source, collection, error)
            if isinstance(failure, SourceMisbehaved) or isinstance(error, asyncpg.InsufficientPrivilegeError):
                self._reader.forget()  # also of a table that rules on its rows now
            raise failure from error
        self._has_unsaved = True
        return done

    async def _violated(self, error: asyncpg.IntegrityConstraintViolationError, write: Write | None) -> DatasourceError:
        """Takes back what was written, or else ends the transaction: the catalog cannot be asked before."""
        try:
            async with self._one_at_a_time:
                if self._is_claimed and self._connection.is_in_transaction():
                    await self._idempotency.undo(self._connection)
                else:
                    await self._roll_back()
                return await self._constraints.violated(self._connection, error, write)
        except VENDOR as failure:
            return mapped_write(self._source, self._written, failure)

    async def _roll_back(self) -> None:
        if self._connection.is_in_transaction():
            await self._connection.execute("ROLLBACK")
        self.is_over = True

    async def _read(self, text: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """Raises what asyncpg does."""

        async def read() -> list[asyncpg.Record]:
            if self._has_unsaved:
                await self._connection.execute("SAVEPOINT reads")
                self._restore = "ROLLBACK TO SAVEPOINT reads"
                self._has_unsaved = False
            self._is_broken = True  # until it is not
            rows: list[asyncpg.Record] = await self._connection.fetch(text, *arguments)
            self._is_broken = False
            return rows

        return await self._alone(read)

    async def _alone(self, run: Callable[[], Awaitable[T]]) -> T:
        """One at a time, for so it is with a connection, and each with the transaction as it should be."""
        async with self._one_at_a_time:
            if self._is_broken:
                await self._connection.execute(self._restore)
                self._is_broken = False
            return await run()

    def _begin_write(self) -> None:
        self._expect_whole()
        self._has_failed = True  # until it has not

    def _expect_whole(self) -> None:
        if self._has_failed:
            raise SourceRefused(self._source, "rolls a transaction back in which a write failed")
