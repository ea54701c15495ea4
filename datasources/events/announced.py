"""A source that tells when something was written to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from datasources.base import Datasource
from datasources.lookup import Rows
from datasources.wrapper import Wrapper
from datasources.write import Insert, Recorded, Transaction, Write, writable


class Announced(Wrapper):
    """`source`, of which everything that is committed is told to `announce`."""

    def __init__(self, source: Datasource, announce: Callable[[str], None]) -> None:
        """`announce` gets the source's name; the write waits for it."""
        super().__init__(source)
        self._announce = announce

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
