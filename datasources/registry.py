"""The datasources of one gateway, by the names that the settings give them."""

import asyncio
from collections.abc import Awaitable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from datasources.base import Datasource
from datasources.errors import DatasourceError, SourceUnavailable


@dataclass(frozen=True, slots=True)
class Registry:
    """Every datasource, by name."""

    sources: Mapping[str, Datasource]

    def __getitem__(self, name: str) -> Datasource:
        try:
            return self.sources[name]
        except KeyError:
            known = ", ".join(sorted(self.sources)) or "none"
            raise SourceUnavailable(name, f"is not among the sources of the settings: {known}") from None

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


async def _all(awaitables: Iterable[Awaitable[None]]) -> None:
    """Waits for all, concurrently; then raises what failed first."""
    for result in await asyncio.gather(*awaitables, return_exceptions=True):
        if isinstance(result, BaseException):
            raise result
