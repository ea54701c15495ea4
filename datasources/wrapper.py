"""What stands before a datasource, and does some things otherwise."""

from datasources.base import Capabilities, Datasource
from datasources.changes import ChangeFeed, feed_of
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Rows
from datasources.outbox import Outbox, outbox_of


class Wrapper:
    """Does all as `source` does; to inherit from."""

    def __init__(self, source: Datasource) -> None:
        self._source = source

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

    async def open(self) -> None:
        await self._source.open()

    async def close(self) -> None:
        await self._source.close()

    async def check(self) -> None:
        await self._source.check()

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self._source.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self._source.aggregate(lookup)

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        return await self._source.describe(collection)
