"""Outboxes: where databases keep their changes, written by triggers in the transaction that makes them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

TABLE = "gateway_changes"
"""The outbox."""
FEED = "gateway_changes_feed"
"""One row: the feed's name, and what of it is no longer kept."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A table whose changes are kept."""

    table: str
    key: str | None = None
    """The column that tells its rows apart; None is its primary key."""


@dataclass(frozen=True, slots=True)
class Retention:
    """What is kept of an outbox: whatever is younger and among the last."""

    seconds: float
    count: int
    """By the numbers of the changes, which leave out some where a transaction was rolled back."""


@dataclass(frozen=True, slots=True)
class TableStatus:
    """Whether a table's changes are kept; `problem` says why not, or not all, and what would help."""

    table: str
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class OutboxStatus:
    """What an outbox holds."""

    tables: Sequence[TableStatus]
    changes: int = 0
    oldest: datetime | None = None


class Outbox(Protocol):
    """The administration of one database's outbox. Raises only `DatasourceError`s.

    All but `prune` are for an operator, who may own tables or create them where the gateway must not.
    """

    async def script(self, tables: Sequence[Watched]) -> str:
        """The SQL of `install`, to be run by somebody else; nothing where everything is there already."""

    async def install(self, tables: Sequence[Watched]) -> Sequence[str]:
        """Keep the changes of tables from now on; returns those that were not, or not as they should be."""

    async def uninstall(self, tables: Sequence[str] | None = None) -> Sequence[str]:
        """Keep the changes of these tables no longer, or drop the outbox with all that it holds; returns which."""

    async def status(self, tables: Sequence[Watched]) -> OutboxStatus:
        """Of these tables, and of all others whose changes are kept."""

    async def prune(self, keep: Retention) -> int:
        """Drop some of what need not be kept, and return how many these were: fewer than `PRUNED` are the last."""


def outbox_of(source: object) -> Outbox | None:
    """The outbox of a datasource, if it has one."""
    outbox: Outbox | None = getattr(source, "outbox", None)
    return outbox


PRUNED = 1000
"""Changes that are dropped at once, so that nobody waits long for it."""
