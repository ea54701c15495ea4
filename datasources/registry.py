"""The datasources of one gateway, by the names that the settings give them."""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from datasources.base import Datasource
from datasources.cache import Cache
from datasources.errors import DatasourceError, SourceUnavailable
from datasources.lookup import AggregateLookup, Lookup, Rows
from datasources.wrapper import Wrapper
from datasources.write import Transaction


@dataclass(frozen=True, slots=True)
class Registry:
    """Every datasource, by name."""

    sources: Mapping[str, Datasource]
    statements: Mapping[str, Cache[Any, Any]] = field(default_factory=dict)
    """What those keep that build statements."""

    def __getitem__(self, name: str) -> Datasource:
        try:
            return self.sources[name]
        except KeyError:
            known = ", ".join(sorted(self.sources)) or "none"
            raise SourceUnavailable(name, f"is not among the sources of the settings: {known}") from None

    def within(self, transactions: Mapping[str, Transaction]) -> "Registry":
        """The same sources, but what is asked of those with a transaction, by name, is asked inside of it."""
        inside = {name: _Within(self[name], transaction) for name, transaction in transactions.items()}
        return replace(self, sources={**self.sources, **inside})

    def __contains__(self, name: str) -> bool:
        return name in self.sources

    def __iter__(self) -> Iterator[str]:
        return iter(self.sources)

    async def open(self) -> None:
        """Open every source; when one fails to, close them all and raise what failed first."""
        try:
            await _all(source.open() for source in self.sources.values())
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Close every source, also when another fails to; then raise what failed first."""
        await _all(source.close() for source in self.sources.values())

    async def check(self) -> dict[str, DatasourceError | None]:
        """Each source's health, checked concurrently: None, or what is wrong."""

        async def one(source: Datasource) -> DatasourceError | None:
            try:
                await source.check()
            except DatasourceError as error:
                return error
            return None

        results = await asyncio.gather(*(one(source) for source in self.sources.values()))
        return dict(zip(self.sources, results, strict=True))


class _Within(Wrapper):
    """A source that is read inside a transaction."""

    def __init__(self, source: Datasource, transaction: Transaction) -> None:
        super().__init__(source)
        self._transaction = transaction

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self._transaction.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self._transaction.aggregate(lookup)


async def _all(awaitables: Iterable[Awaitable[None]]) -> None:
    """Waits for all, concurrently; then raises what failed first."""
    for result in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
