"""The change feed of a datasource: every committed write, in an order in which nobody misses one.

To copy a source, take `head()` first, then read the rows, then follow the feed from there. What was written in between
may be in the rows and in the feed, and comes out right all the same: a change tells the whole row, not a difference,
and changes of one row stand in the order in which they were committed.

So keep the `after` of a row by its key, drop the row when it was DELETED, and take a CREATED of a row that is there
already, or a DELETED of one that is not, as it is.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from datasources.lookup import Collection

Values = Mapping[str, Any]
"""Native values by column."""


class ChangeKind(StrEnum):
    """What became of the row. One that gets another key is DELETED and CREATED."""

    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True)
class Change:
    """One committed write of one row.

    `before` and `after` are the row's native values by column, those that its `Collection` has; None before it was
    created and after it was deleted.
    """

    cursor: str
    """Where it stands in the feed; of this source alone. Behind it comes what is not yet known."""
    collection: str
    kind: ChangeKind
    key: Any
    changed: frozenset[str]
    """The columns whose values differ; all of them unless it was updated."""
    before: Values | None
    after: Values | None


class ChangeFeed(Protocol):
    """Reads a source's outbox, for one reader. Raises `DatasourceError`s, UnknownCursor and CursorExpired."""

    async def head(self) -> str:
        """The cursor behind everything that is visible now: what comes after it is new."""

    async def read(
        self, after: str, limit: int, collections: Mapping[str, Collection], until: str | None = None
    ) -> tuple[Sequence[Change], str]:
        """At most `limit` changes behind a cursor, oldest first, and the cursor to go on from.

        Only those of `collections` (by name) are told, and no update that leaves all of their columns as they were; the
        cursor moves past the others too. Fewer changes than `limit` are all there were. With `until`, a later cursor
        that came from `head` or with fewer changes than `limit`, it ends exactly there, and then returns that.

        Raises CursorExpired when changes behind the cursor are no longer kept, UnknownCursor when it is none.
        """

    async def wait(self) -> None:
        """Returns when there may be something new since the last time: soon after it is there, possibly for nothing.

        Raises what kept it from looking.
        """

    def nudge(self) -> None:
        """`wait` need not wait any longer: somebody has written, or may have."""


class Watchable(Protocol):
    """A datasource that can tell of its changes."""

    @property
    def changes(self) -> ChangeFeed | None:
        """None where a wrapper's source cannot."""


def feed_of(source: object) -> ChangeFeed | None:
    """The change feed of a datasource, if it has one."""
    feed: ChangeFeed | None = getattr(source, "changes", None)
    return feed


def by_name(collections: Iterable[Collection]) -> Mapping[str, Collection]:
    """Collections as a feed reads them: several of one name have all of their columns together."""
    found: dict[str, Collection] = {}
    for collection in collections:
        known = found.get(collection.name, collection)
        columns = {**collection.by_name, **known.by_name}
        found[collection.name] = Collection(known.name, known.key, tuple(columns.values()))
    return found


def change_of(cursor: str, collection: Collection, before: Values | None, after: Values | None) -> Change | None:
    """What is told of a row that was `before` and is `after`; None where that is nothing."""
    key = collection.key
    if before is None or after is None:
        kind = ChangeKind.CREATED if before is None else ChangeKind.DELETED
        row = after if before is None else before
        if row is None:
            return None
        return Change(cursor, collection.name, kind, row[key], frozenset(row), before, after)
    changed = frozenset([column for column, value in after.items() if value != before[column]])
    if not changed:
        return None
    return Change(cursor, collection.name, ChangeKind.UPDATED, after[key], changed, before, after)
