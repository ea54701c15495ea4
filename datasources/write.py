"""What is written to a datasource, and the transaction that it is written in."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Protocol

from datasources.lookup import AggregateLookup, Collection, Lookup, Row, Rows


@dataclass(frozen=True, slots=True)
class Insert:
    """New rows: native values of `columns`; what is not among them is the source's default.

    With `conflict`, the columns of a unique key, a row that is there already gets the values of `update` instead
    (and counts its `version` column on, where there is one).
    """

    collection: Collection
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    returning: tuple[str, ...] = ()
    wire: frozenset[str] = frozenset()
    """Those of `returning` that are wanted as they stand in JSON; the same as of a `Lookup`."""
    conflict: tuple[str, ...] = ()
    update: tuple[str, ...] = ()
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Update:
    """New values of some columns, of rows by their key; each of `rows` is (key, *values of `columns`).

    `version` names a column that counts writes: it goes on by one. With `expected`, a version for each of `rows`, a
    row that has another one by now is left as it is.
    """

    collection: Collection
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    returning: tuple[str, ...] = ()
    wire: frozenset[str] = frozenset()
    version: str | None = None
    expected: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Delete:
    """Rows that go, by their key; as in `Update`, only in the expected version."""

    collection: Collection
    keys: tuple[Any, ...]
    returning: tuple[str, ...] = ()
    wire: frozenset[str] = frozenset()
    version: str | None = None
    expected: tuple[int, ...] = ()


Write = Insert | Update | Delete


@dataclass(frozen=True, slots=True)
class Recorded:
    """An idempotent request that was answered before."""

    digest: bytes
    """Of the request."""
    answer: bytes


class Transaction(Protocol):
    """Reads and writes of one source that take effect together; reads see the writes before them."""

    async def lookup(self, lookup: Lookup) -> Rows: ...

    async def aggregate(self, lookup: AggregateLookup) -> Rows: ...

    async def write(self, write: Write) -> Rows:
        """The written rows, each (key, *returning), in the order of `rows` or `keys`; without those left alone.

        Raises ConstraintViolated; the transaction then is only good for being rolled back.
        """

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        """Take `key` for this transaction, or tell what an earlier one recorded under it.

        Waits for a transaction that has the key and is still under way.
        """

    async def record(self, key: str, answer: bytes) -> None:
        """Keep the answer under the claimed key; it is there from the commit on, for as long as `claim` keeps them."""


class Writable(Protocol):
    """A datasource that can be written."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits at the end of the block, and is rolled back when that raises or is cancelled."""


Values = Mapping[str, Any]
"""Native values by column."""
