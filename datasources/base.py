"""The contract of a datasource. `tests/datasources/contract.py` holds the tests that every one of them passes."""

from dataclasses import dataclass, fields
from typing import Protocol

from datasources.filters import Compare, Exists, Not, Operator, Or, Order, nodes
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Rows


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a source does itself. A schema that asks for more is refused at start."""

    operators: frozenset[Operator]
    combine: bool = True
    """`Or` and `Not`; `And` is always there."""
    exists: bool = True
    order: bool = True
    """Order by any column, `after` included."""
    null_order: bool = True
    """Nulls where an `Order` puts them; without it only as the largest values."""
    window: bool = True
    """`limit` and `after` per key."""
    count: bool = True
    aggregates: bool = True
    through: bool = True
    """Many-to-many lookups through a junction."""
    write: bool = False
    """Transactions; the source is a `datasources.write.Writable`."""
    nest: bool = False
    """Lookups within a lookup, as JSON."""

    def beyond(self, other: "Capabilities") -> list[str]:
        """What is asked for here and missing in `other`, by name."""
        lacking = [f"the operator {operator}" for operator in sorted(self.operators - other.operators)]
        switches = [field.name for field in fields(self) if field.name != "operators"]
        return lacking + [name for name in switches if getattr(self, name) and not getattr(other, name)]


EVERYTHING_CAPABLE = Capabilities(operators=frozenset(Operator), write=True)


def required(lookup: Lookup | AggregateLookup) -> Capabilities:
    """What a source must be capable of to answer `lookup`, not counting what those nested in it ask for."""
    filters = list(nodes(lookup.filter))
    keyed = lookup.key is not None
    read = lookup if isinstance(lookup, Lookup) else None
    if isinstance(lookup, AggregateLookup):
        filters += nodes(lookup.having)
    return Capabilities(
        operators=frozenset(each.operator for each in filters if isinstance(each, Compare)),
        combine=any(isinstance(each, Not) or (isinstance(each, Or) and each.filters != ()) for each in filters),
        exists=any(isinstance(each, Exists) for each in filters),
        order=read is not None and read.order != (),
        null_order=read is not None and any(_moves_nulls(term, read) for term in read.order),
        window=read is not None and keyed and (read.limit is not None or read.after is not None),
        count=read is not None and read.count,
        aggregates=read is None,
        through=lookup.through is not None,
        nest=read is not None and read.nested != (),
    )


def _moves_nulls(term: Order, lookup: Lookup) -> bool:
    """Whether nulls, where there can be any, stand where the smallest values would."""
    column = lookup.collection.by_name.get(term.column)
    return term.puts_nulls_first is not term.descending and (column is None or column.nullable)


class Datasource(Protocol):
    """A database or service that rows come from. Raises only `DatasourceError`s."""

    @property
    def name(self) -> str:
        """Its name in the settings, and the part before the dot in `@entity("erp.orders")`."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self) -> None:
        """Called once, inside the event loop that will use the source.

        A source that cannot be reached opens all the same, and its lookups try again.
        """

    async def close(self) -> None:
        """Release every connection; in-flight lookups may fail."""

    async def check(self) -> None:
        """Return when healthy, raise a `DatasourceError` when not."""

    async def lookup(self, lookup: Lookup) -> Rows:
        """Raises SourceRefused for what is beyond the source's capabilities."""

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        """Raises SourceRefused for what is beyond the source's capabilities."""

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        """The collection's columns, with their types where they are known; empty where there is no such collection.

        None where that cannot be told.
        """
