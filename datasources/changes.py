"""The change feed of a datasource: every committed write, in an order in which nobody misses one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from datasources.lookup import Collection


class ChangeKind(StrEnum):
    """What became of the row."""

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
    """Where it stands in the feed; of this source alone."""
    collection: str
    kind: ChangeKind
    key: Any
    changed: frozenset[str]
    """The columns whose values differ; all of them unless it was updated."""
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None


class ChangeFeed(Protocol):
    """Reads a source's outbox. Raises only `DatasourceError`s."""

    async def head(self) -> str:
        """The cursor behind everything that is visible now: what comes after it is new."""

    async def read(self, after: str, limit: int, collections: Mapping[str, Collection]) -> tuple[Sequence[Change], str]:
        """At most `limit` changes behind a cursor, oldest first, and the cursor to go on from.

        Only those of `collections` (by name) are told; the cursor moves past the others too. Raises CursorExpired when
        changes behind the cursor are no longer kept, InvalidCursor when it is none.
        """

    async def wait(self) -> None:
        """Returns when there may be something new: never much later than it is there, possibly for nothing."""


class Watchable(Protocol):
    """A datasource that can tell of its changes."""

    @property
    def changes(self) -> ChangeFeed: ...
