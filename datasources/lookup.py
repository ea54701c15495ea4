"""What is asked of a datasource, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

from datasources.filters import EVERYTHING, Filter, Order

if TYPE_CHECKING:
    from datasources.nested import Nested

Row = tuple[Any, ...]


class ColumnType(StrEnum):
    """The native Python value of a column; every source answers in these, whatever it stores.

    STRING str · INTEGER, BIGINT int · FLOAT float · BOOLEAN bool · DECIMAL Decimal · DATE date ·
    DATETIME an aware datetime in UTC · UUID UUID · JSON what `json.loads` returns
    """

    STRING = "string"
    INTEGER = "integer"
    BIGINT = "bigint"
    FLOAT = "float"
    BOOLEAN = "boolean"
    DECIMAL = "decimal"
    DATETIME = "datetime"
    DATE = "date"
    UUID = "uuid"
    JSON = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column that an entity uses; `nullable` is what the entity declares."""

    name: str
    type: ColumnType
    nullable: bool = True
    scale: int | None = None
    """Digits after the point of a DECIMAL, where the source itself does not keep them (SQLite)."""


@dataclass(frozen=True)
class Collection:
    """A table, view, REST resource…, with the columns that an entity uses of it."""

    name: str
    key: str
    columns: tuple[Column, ...]

    @cached_property
    def by_name(self) -> Mapping[str, Column]:
        return {column.name: column for column in self.columns}

    @cached_property
    def json_columns(self) -> frozenset[str]:
        """Those whose values are lists and dictionaries."""
        return frozenset(column.name for column in self.columns if column.type is ColumnType.JSON)


@dataclass(frozen=True, slots=True)
class Through:
    """The junction of a many-to-many relation: keys match `key`, rows are found where `target` is theirs."""

    collection: Collection
    key: str
    target: str
    column: str
    """The looked-up collection's column that `target` refers to."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """A declarative, batched read of one collection.

    Without `key`: the rows that satisfy `filter`, in `order`, after the position `after` (one value for each
    term of `order`), at most `limit`. With `key`: the same for each of `keys` separately, where the column
    `key` (of `through.collection`, if there is a junction) equals it; `order`, `after` and `limit` apply per key.
    A key that is repeated is one key; null is nobody's key.
    """

    collection: Collection
    columns: tuple[str, ...]
    key: str | None = None
    keys: tuple[Any, ...] = ()
    through: Through | None = None
    filter: Filter = EVERYTHING
    order: tuple[Order, ...] = ()
    after: tuple[Any, ...] | None = None
    limit: int | None = None
    count: bool = False
    """Also count the rows that satisfy `filter` (per key), whatever `after` and `limit` leave of them."""
    wire: frozenset[str] = frozenset()
    """Those of `columns` whose values are wanted as they stand in JSON (`datasources.wire`), not as native values.

    A keyed lookup's key is native all the same.
    """
    nested: "tuple[Nested, ...]" = ()
    """What is looked up for each row, too."""
    origin: "Lookup | None" = field(default=None, compare=False, repr=False)
    """The lookup that this one was made of; those of one origin differ in their keys alone."""

    def of(self, keys: tuple[Any, ...]) -> "Lookup":
        """The same lookup of these keys. Made for each request: `dataclasses.replace` would take twice as long."""
        return Lookup(
            self.collection,
            self.columns,
            self.key,
            keys,
            self.through,
            self.filter,
            self.order,
            self.after,
            self.limit,
            self.count,
            self.wire,
            self.nested,
            self,
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """A lookup's answer. Each row is the values of `columns`; a keyed lookup's rows begin with their key.

    Where others are nested in the lookup, each row ends with what these have found for it.

    Rows of one key stand in `order`; keys may come in any order. `counts` is by key ({None: n} when unkeyed);
    a key that is not in it counts 0.
    """

    columns: tuple[str, ...]
    rows: Sequence[Row]
    counts: Mapping[Any, int] = field(default_factory=dict)


class Function(StrEnum):
    """An aggregate function. Over no row: COUNT is 0, the others null. AVG is a float, SUM its column's type."""

    COUNT = "count"
    SUM = "sum"
    AVG = "avg"
    MIN = "min"
    MAX = "max"


@dataclass(frozen=True, slots=True)
class Aggregate:
    """`function(column)`; COUNT without a column counts rows."""

    function: Function
    column: str | None = None

    @property
    def name(self) -> str:
        return f"{self.function}_{self.column}" if self.column else str(self.function)


@dataclass(frozen=True, slots=True)
class AggregateLookup:
    """Aggregates over the rows that satisfy `filter`, per group of `group_by`, and per key where there is one.

    Rows are ([key,] *group_by, *aggregates), in the order of `group_by`, nulls last. `having` compares aggregates by
    their `name`. At most `limit` groups in all. A key without a matching row has no row in the answer; an
    unkeyed lookup without `group_by` has exactly one (unless `having` drops it).
    """

    collection: Collection
    aggregates: tuple[Aggregate, ...]
    group_by: tuple[str, ...] = ()
    key: str | None = None
    keys: tuple[Any, ...] = ()
    through: Through | None = None
    filter: Filter = EVERYTHING
    having: Filter = EVERYTHING
    limit: int | None = None
