"""The contract of a datasource. `tests/datasources/contract.py` holds the tests that every one of them passes."""

from dataclasses import dataclass, fields
from typing import Protocol

from datasources.filters import Operator
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
    window: bool = True
    """`limit` and `after` per key."""
    count: bool = True
    aggregates: bool = True
    through: bool = True
    """Many-to-many lookups through a junction."""

    def beyond(self, other: "Capabilities") -> list[str]:
        """What is asked for here and missing in `other`, by name."""
        lacking = [f"the operator {operator}" for operator in sorted(self.operators - other.operators)]
        switches = [field.name for field in fields(self) if field.name != "operators"]
        return lacking + [name for name in switches if getattr(self, name) and not getattr(other, name)]


EVERYTHING_CAPABLE = Capabilities(operators=frozenset(Operator))


class Datasource(Protocol):
    """A database or service that rows come from. Raises only `DatasourceError`s."""

    @property
    def name(self) -> str:
        """Its name in the settings, and the part before the dot in `@entity("erp.orders")`."""

    @property
    def capabilities(self) -> Capabilities: ...

    async def open(self) -> None:
        """Connect. Called once, inside the event loop that will use the source."""

    async def close(self) -> None:
        """Release every connection; in-flight lookups may fail."""

    async def check(self) -> None:
        """Return when healthy, raise a `DatasourceError` when not."""

    async def lookup(self, lookup: Lookup) -> Rows: ...

    async def aggregate(self, lookup: AggregateLookup) -> Rows: ...

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        """The collection's columns, with their types where they are known; None where that cannot be told."""
