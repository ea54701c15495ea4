"""The changes of rows in memory."""

import asyncio
from collections.abc import Mapping, Sequence

from datasources.changes import Change, Values, change_of
from datasources.lookup import Collection
from datasources.positions import expired, new_feed, number_of, written


class MemoryChanges:
    """A change feed that is written to by `record`; it keeps the last `keep` changes."""

    def __init__(self, source: str, *, keep: int = 100_000) -> None:
        self._source = source
        self._feed = new_feed()
        self._keep = keep
        self._dropped = 0
        """How many are no longer kept."""
        self._log: list[tuple[str, Values | None, Values | None]] = []
        self._news = asyncio.Event()

    def record(self, collection: Collection, before: Values | None, after: Values | None) -> None:
        """A row was written: `before` is None when it is new, `after` when it is gone."""
        if before == after:
            return
        if before is not None and after is not None and before[collection.key] != after[collection.key]:
            self.record(collection, before, None)
            before = None
        self._log.append((collection.name, before, after))
        if len(self._log) > self._keep:
            self.prune(self._keep)
        self._news.set()

    def prune(self, keep: int) -> None:
        """Drop all but the last `keep` changes."""
        dropped = max(len(self._log) - keep, 0)
        del self._log[:dropped]
        self._dropped += dropped

    async def head(self) -> str:
        return written(self._feed, self._end)

    async def read(
        self, after: str, limit: int, collections: Mapping[str, Collection], until: str | None = None
    ) -> tuple[Sequence[Change], str]:
        number = number_of(self._source, self._feed, after)
        if not self._dropped <= number <= self._end:
            raise expired(self._source)
        end = self._end if until is None else number_of(self._source, self._feed, until)
        changes: list[Change] = []
        while number < end and len(changes) < limit:
            name, old, new = self._log[number - self._dropped]
            number += 1
            collection = collections.get(name)
            if collection is None:
                continue
            cursor = written(self._feed, number)
            change = change_of(cursor, collection, _columns(collection, old), _columns(collection, new))
            if change is not None:
                changes.append(change)
        return changes, written(self._feed, number)

    async def wait(self) -> None:
        await self._news.wait()
        self._news.clear()

    def nudge(self) -> None:
        self._news.set()

    @property
    def _end(self) -> int:
        return self._dropped + len(self._log)


def _columns(collection: Collection, row: Values | None) -> Values | None:
    return None if row is None else {column: row.get(column) for column in collection.by_name}
