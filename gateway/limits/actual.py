"""What an operation did cost: as much of its estimate as it found rows for."""

from dataclasses import replace
from typing import Any

from datasources.base import Datasource
from datasources.lookup import AggregateLookup, Lookup, Row, Rows
from datasources.registry import Registry
from datasources.wrapper import Wrapper


class Meter:
    """Counts the rows that one operation finds."""

    def __init__(self) -> None:
        self.rows = 0
        self.used = False
        """Whether the operation has begun."""

    def watch(self, sources: Registry) -> Registry:
        """The same sources, whose answers are counted."""
        return replace(sources, sources={name: _Counted(sources[name], self) for name in sources})


class _Counted(Wrapper):
    def __init__(self, source: Datasource, meter: Meter) -> None:
        super().__init__(source)
        self._meter = meter

    def __getattr__(self, name: str) -> Any:
        """What else the source does, which costs nothing."""
        return getattr(self._source, name)

    async def lookup(self, lookup: Lookup) -> Rows:
        found = await super().lookup(lookup)
        self._meter.rows += len(found.rows)
        if lookup.nested:
            self._meter.rows += sum(_objects(row, len(lookup.nested)) for row in found.rows)
        return found

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        found = await super().aggregate(lookup)
        self._meter.rows += len(found.rows)
        return found


def _objects(row: Row, nested: int) -> int:
    """How many objects are in the JSON texts that a row ends with; a brace within a string counts, too."""
    return sum(text.count("{") for text in row[-nested:] if text is not None)
