"""A source that tells when something was written to it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from datasources.base import Capabilities, Datasource
from datasources.write import Transaction, writable


class Announced:
    """`source`, of which each transaction that was committed is told to `announce`."""

    def __init__(self, source: Datasource, announce: Callable[[str], None]) -> None:
        """`announce` gets the source's name; the transaction waits for it."""
        self._source = source
        self._announce = announce
        self.open = source.open
        self.close = source.close
        self.check = source.check
        self.describe = source.describe
        self.lookup = source.lookup
        self.aggregate = source.aggregate

    def __getattr__(self, name: str) -> Any:
        """What only some sources have, such as a change feed."""
        return getattr(self._source, name)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def capabilities(self) -> Capabilities:
        return self._source.capabilities

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """Of a source that can be written."""
        async with writable(self._source).transaction() as transaction:
            yield transaction
        self._announce(self.name)
