"""Which rows: a tree of predicates over the columns of one collection, and their order.

Filters are two-valued. A comparison with a null is false; `ne`, `not_in` and `Not` select exactly the rows
that `eq`, `in` and the inner filter do not. (SQL adapters write IS DISTINCT FROM and IS NOT TRUE for it.)
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasources.lookup import Collection


class Operator(StrEnum):
    """How a column is compared; the `I` forms fold case, of any script.

    `IN` and `NOT_IN` take a tuple without nulls, `IS_NULL` a bool. The order of strings is the source's own.
    """

    EQ = "eq"
    NE = "ne"
    IN = "in"
    NOT_IN = "not_in"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    CONTAINS = "contains"
    STARTS_WITH = "starts_with"
    ENDS_WITH = "ends_with"
    IEQ = "ieq"
    ICONTAINS = "icontains"
    ISTARTS_WITH = "istarts_with"
    IENDS_WITH = "iends_with"
    IS_NULL = "is_null"


@dataclass(frozen=True, slots=True)
class Compare:
    """`column operator value`. `EQ` with None is true of nulls; `NE` with None of everything else."""

    column: str
    operator: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class And:
    """All of `filters`; true when there is none."""

    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of `filters`; false when there is none."""

    filters: "tuple[Filter, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """The complement of `filter`: the rows it does not select."""

    filter: "Filter"


@dataclass(frozen=True, slots=True)
class Exists:
    """Some row of `collection`, whose `column` equals this row's `local` column, satisfies `filter`."""

    local: str
    collection: "Collection"
    column: str
    filter: "Filter"


Filter = Compare | And | Or | Not | Exists

EVERYTHING = And(())
NOTHING = Or(())


@dataclass(frozen=True, slots=True)
class Order:
    """One term of ORDER BY. By default nulls are the largest values: last ascending, first descending."""

    column: str
    descending: bool = False
    nulls_first: bool | None = None

    @property
    def puts_nulls_first(self) -> bool:
        return self.descending if self.nulls_first is None else self.nulls_first

    def reversed(self) -> "Order":
        return Order(self.column, not self.descending, not self.puts_nulls_first)


def seek(order: tuple[Order, ...], position: tuple[Any, ...]) -> Filter:
    """The rows that come strictly after `position` (one value for each term) in `order`: keyset pagination."""
    after: list[Filter] = []
    ties: list[Filter] = []
    for term, value in zip(order, position, strict=True):
        beyond = _beyond(term, value)
        if beyond is not None:
            after.append(And((*ties, beyond)))
        ties.append(Compare(term.column, Operator.EQ, value))
    return Or(tuple(after))


def _beyond(term: Order, value: Any) -> Filter | None:
    """Rows that `term` puts after `value`, or None where there can be none."""
    nulls = Compare(term.column, Operator.IS_NULL, True)
    if value is None:
        return Compare(term.column, Operator.IS_NULL, False) if term.puts_nulls_first else None
    values = Compare(term.column, Operator.LT if term.descending else Operator.GT, value)
    return values if term.puts_nulls_first else Or((values, nulls))


def nodes(tree: Filter) -> Iterator[Filter]:
    """`tree` and every filter in it, those inside `Exists` included."""
    yield tree
    match tree:
        case And(filters) | Or(filters):
            for inner in filters:
                yield from nodes(inner)
        case Not(inner):
            yield from nodes(inner)
        case Exists():
            yield from nodes(tree.filter)


def own_columns(tree: Filter) -> Iterator[str]:
    """The columns that `tree` looks at in the rows that it selects; not those of others, inside `Exists`."""
    match tree:
        case And(filters) | Or(filters):
            for inner in filters:
                yield from own_columns(inner)
        case Not(inner):
            yield from own_columns(inner)
        case Exists(local):
            yield local
        case Compare(column):
            yield column
