"""What is written to a datasource, and the transaction that it is written in.

Values are native; a column that a write does not name keeps its value, or in a new row gets the source's default. A
row is written once in a write: one that repeats its key is refused.
"""

from collections.abc import Hashable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Protocol, cast

from datasources.base import Datasource
from datasources.errors import SourceRefused
from datasources.lookup import AggregateLookup, Collection, Lookup, Row, Rows

KEPT_SECONDS = 24 * 60 * 60
"""For how long answers to idempotent requests are kept."""


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
    """Some of `columns`."""
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


class Writer(Protocol):
    """What writes: a transaction, or a source itself, where each write takes effect at once."""

    async def lookup(self, lookup: Lookup) -> Rows:
        """One that fails leaves the transaction as it was."""

    async def write(self, write: Write) -> Rows:
        """The written rows, each (key, *returning), in the order of `rows` or `keys`; without those left alone.

        Raises ConstraintViolated, TransactionConflict and other `DatasourceError`s; the transaction then is only good
        for being rolled back. Some constraints are checked no earlier than at the commit.
        """

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        """One new row, and new rows that refer to it: their `column`, which is not among theirs, gets its key.

        Raises SourceRefused where the source leaves any of them out.
        """


class Transaction(Writer, Protocol):
    """Reads and writes of one source that take effect together; reads see the writes before them.

    Several tasks may use it at once; the source does one thing after the other.
    """

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        """As `lookup`."""

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        """Take `key` for this transaction, or tell what an earlier one recorded under it; before anything is written.

        Waits for a transaction that has the key and is still under way.
        """

    async def undo(self) -> None:
        """Take back what was written since the claim, also where a write failed: it may now be recorded that it did."""

    async def record(self, key: str, answer: bytes) -> None:
        """Keep the answer under the claimed key; it is there from the commit on, for `KEPT_SECONDS`."""


class Writable(Writer, Protocol):
    """A datasource that can be written."""

    def transaction(self) -> AbstractAsyncContextManager[Transaction]:
        """A transaction that commits at the end of the block, and is rolled back when that raises or is cancelled.

        A cancellation that finds it committing may come too late.
        """

    async def recorded(self, key: str) -> Recorded | None:
        """What is recorded under `key`."""


def writable(source: Datasource) -> Writable:
    """The source, which must be capable of writing. Raises SourceRefused."""
    if not source.capabilities.write:
        raise SourceRefused(source.name, "cannot be written")
    return cast("Writable", source)


async def insert_in_turn(
    source: str, writer: Writer, parent: Insert, column: str, children: Insert
) -> tuple[Rows, Rows]:
    """`insert_with`, in two writes."""
    made = await writer.write(parent)
    if not made.rows:
        raise left_out(source, parent)
    rows = tuple([(made.rows[0][0], *row) for row in children.rows])
    born = await writer.write(replace(children, columns=(column, *children.columns), rows=rows))
    if len(born.rows) < len(rows):
        raise left_out(source, children)
    return made, born


def left_out(source: str, insert: Insert) -> SourceRefused:
    """Of new rows that are not there when they have been written."""
    return SourceRefused(source, f"has a trigger that refuses the write to '{insert.collection.name}'")


def refuse_repeated(source: str, write: Write) -> None:
    """Databases differ in what they make of a row that is written twice in one statement. Raises SourceRefused."""
    keys = _keys(write)
    if len(keys) != len(set(keys)):
        raise SourceRefused(source, f"is to write a row of '{write.collection.name}' twice at once")


def _keys(write: Write) -> list[Hashable]:
    match write:
        case Insert(conflict=()) | Insert(rows=(_,)):
            return []
        case Insert():
            positions = [write.columns.index(column) for column in write.conflict if column in write.columns]
            keys: Iterable[Row] = (tuple([row[position] for position in positions]) for row in write.rows)
            return [key for key in keys if None not in key]
        case Update():
            return [row[0] for row in write.rows]
        case Delete():
            return list(write.keys)
