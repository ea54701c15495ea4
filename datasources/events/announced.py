"""A source that tells when something was written to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from datasources.base import Capabilities, Datasource
from datasources.changes import ChangeFeed, feed_of
from datasources.lookup import Rows
from datasources.outbox import Outbox, outbox_of
from datasources.write import Insert, Recorded, Transaction, Write, writable


class Announced:
    """`source`, of which everything that is committed is told to `announce`."""

    def __init__(self, source: Datasource, announce: Callable[[str], None]) -> None:
        """`announce` gets the source's name; the write waits for it."""
        self._source = source
        self._announce = announce
        self.open = source.open
        self.close = source.close
        self.check = source.check
        self.describe = source.describe
        self.lookup = source.lookup
        self.aggregate = source.aggregate

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def capabilities(self) -> Capabilities:
        return self._source.capabilities

    @property
    def changes(self) -> ChangeFeed | None:
        return feed_of(self._source)

    @property
    def outbox(self) -> Outbox | None:
        return outbox_of(self._source)

    async def recorded(self, key: str) -> Recorded | None:
        return await writable(self._source).recorded(key)

    async def write(self, write: Write) -> Rows:
        written = await writable(self._source).write(write)
        self._announce(self.name)
        return written

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        written = await writable(self._source).insert_with(parent, column, children)
        self._announce(self.name)
        return written

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with writable(self._source).transaction() as transaction:
            yield transaction
        self._announce(self.name)
