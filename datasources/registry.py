"""The datasources of one gateway, by the names that the settings give them."""

import asyncio
from collections.abc import Iterator, Mapping
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
        """Open every source; one that cannot be reached is tried again by its lookups."""
        await asyncio.gather(*(source.open() for source in self.sources.values()))

    async def close(self) -> None:
        """Close every source, also when another fails to; then raise what failed first."""
        results = await asyncio.gather(*(source.close() for source in self.sources.values()), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                raise result

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
