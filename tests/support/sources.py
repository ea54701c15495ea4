"""Datasources that tests wrap around others: one that counts, one that fails, one that waits."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from datasources.base import Capabilities, Datasource
from datasources.changes import ChangeFeed, feed_of
from datasources.errors import DatasourceError
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Rows
from datasources.write import Delete, Insert, Recorded, Transaction, Write, writable


class Counted:
    """`source`, with every call recorded in `lookups`."""

    def __init__(self, source: Datasource) -> None:
        self.source = source
        self.lookups: list[Lookup | AggregateLookup] = []
        self.statements: list[str] = []
        """What was asked in transactions and outside, as `insert orders 1`."""

    @property
    def collections(self) -> list[str]:
        """The collections that were looked up, in order."""
        return [lookup.collection.name for lookup in self.lookups]

    @property
    def name(self) -> str:
        return self.source.name

    @property
    def capabilities(self) -> Capabilities:
        return self.source.capabilities

    @property
    def changes(self) -> ChangeFeed | None:
        return feed_of(self.source)

    async def open(self) -> None:
        await self.source.open()

    async def close(self) -> None:
        await self.source.close()

    async def check(self) -> None:
        await self.source.check()

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        return await self.source.describe(collection)

    async def lookup(self, lookup: Lookup) -> Rows:
        self.note(lookup)
        return await self.source.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        self.note(lookup)
        return await self.source.aggregate(lookup)

    async def write(self, write: Write) -> Rows:
        self.note_write(write)
        return await writable(self.source).write(write)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        self.note_write(parent, children)
        return await writable(self.source).insert_with(parent, column, children)

    async def recorded(self, key: str) -> Recorded | None:
        return await writable(self.source).recorded(key)

    def note(self, lookup: Lookup | AggregateLookup) -> None:
        self.lookups.append(lookup)
        self.statements.append(f"lookup {lookup.collection.name}")

    def note_write(self, *writes: Write) -> None:
        """Of one statement."""
        counts = [len(each.keys if isinstance(each, Delete) else each.rows) for each in writes]
        told = [
            f"{type(each).__name__.lower()} {each.collection.name} {count}"
            for each, count in zip(writes, counts, strict=True)
        ]
        self.statements.append(" with ".join(told))

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        self.statements.append("begin")
        try:
            async with writable(self.source).transaction() as transaction:
                yield _Counted(transaction, self)
        except BaseException:
            self.statements.append("rollback")
            raise
        self.statements.append("commit")


class _Counted:
    """A transaction of a counted source."""

    def __init__(self, transaction: Transaction, source: Counted) -> None:
        self._transaction = transaction
        self._source = source

    async def lookup(self, lookup: Lookup) -> Rows:
        self._source.note(lookup)
        return await self._transaction.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        self._source.note(lookup)
        return await self._transaction.aggregate(lookup)

    async def write(self, write: Write) -> Rows:
        self._source.note_write(write)
        return await self._transaction.write(write)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        self._source.note_write(parent, children)
        return await self._transaction.insert_with(parent, column, children)

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        self._source.statements.append(f"claim {key}")
        return await self._transaction.claim(key, digest)

    async def undo(self) -> None:
        self._source.statements.append("undo")
        await self._transaction.undo()

    async def record(self, key: str, answer: bytes) -> None:
        self._source.statements.append(f"record {key}")
        await self._transaction.record(key, answer)


class Failing(Counted):
    """Raises `error` instead of answering: always, or only the first `times`, or only for `collections`."""

    def __init__(
        self,
        source: Datasource,
        error: DatasourceError,
        *,
        times: int | None = None,
        of: Sequence[str] | None = None,
    ) -> None:
        super().__init__(source)
        self.error = error
        self.times = times
        self.of = of

    async def check(self) -> None:
        self._fail()
        await super().check()

    async def lookup(self, lookup: Lookup) -> Rows:
        answer = await super().lookup(lookup)
        self._fail(lookup.collection.name)
        return answer

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        answer = await super().aggregate(lookup)
        self._fail(lookup.collection.name)
        return answer

    def _fail(self, collection: str | None = None) -> None:
        if self.of is not None and collection is not None and collection not in self.of:
            return
        if self.times is None:
            raise self.error
        if self.times > 0:
            self.times -= 1
            raise self.error


class Gated(Counted):
    """Answers only while `gate` is set; `arrived(n)` waits until `n` calls are waiting or were answered.

    `idle` is set when the last that waited is answered or cancelled.
    """

    def __init__(self, source: Datasource) -> None:
        super().__init__(source)
        self.gate = asyncio.Event()
        self.waiting = 0
        self.idle = asyncio.Event()
        self._arrivals = asyncio.Condition()

    async def arrived(self, count: int) -> None:
        async with self._arrivals:
            await self._arrivals.wait_for(lambda: len(self.lookups) >= count)

    async def lookup(self, lookup: Lookup) -> Rows:
        await self._pass(lookup)
        return await self.source.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        await self._pass(lookup)
        return await self.source.aggregate(lookup)

    async def _pass(self, lookup: Lookup | AggregateLookup) -> None:
        self.lookups.append(lookup)
        async with self._arrivals:
            self._arrivals.notify_all()
        self.waiting += 1
        self.idle.clear()
        try:
            await self.gate.wait()
        finally:
            self.waiting -= 1
            if not self.waiting:
                self.idle.set()
