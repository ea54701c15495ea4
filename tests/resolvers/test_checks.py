"""A schema is checked against its sources at start: what they can do, and which columns they have."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.errors import SourceUnavailable
from datasources.filters import Operator
from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.outbox import Watched
from datasources.registry import Registry
from datasources.sql import SqliteSource
from resolvers.checks import check, verify
from resolvers.definition import Entity
from resolvers.errors import SchemaError
from resolvers.query import entities_of
from tests.datasources.sql.loading import load_sqlite
from tests.resolvers.shop import ROWS, Query
from tests.support.sources import Counted, Failing

pytestmark = pytest.mark.anyio

ENTITIES = entities_of(Query)
TYPES: dict[str, dict[str, dict[str, ColumnType]]] = {source: {} for source in ROWS}
for each in ENTITIES:
    TYPES[each.source][each.collection_name] = {column.name: column.type for column in each.collection.columns}


def sources(
    capabilities: Capabilities = EVERYTHING_CAPABLE,
    columns: Mapping[str, Mapping[str, Mapping[str, ColumnType]]] = TYPES,
) -> dict[str, MemorySource]:
    return {name: MemorySource(name, {}, columns=columns[name], capabilities=capabilities) for name in ROWS}


def of(*names: str) -> list[Entity]:
    return [entity for entity in ENTITIES if entity.name in names]


async def test_a_schema_that_fits() -> None:
    registry = Registry(sources())
    check(ENTITIES, registry)
    await verify(ENTITIES, registry)


def test_a_source_that_is_missing() -> None:
    with pytest.raises(SchemaError) as refusal:
        check(of("Customer", "Invoice"), Registry({"erp": sources()["erp"]}))
    assert str(refusal.value) == ("Customer is read from 'crm', which is not among the sources of the settings: erp.")


def test_all_that_a_source_cannot_do_is_told_at_once() -> None:
    operators = frozenset(Operator) - {Operator.ICONTAINS, Operator.GT}
    capable = replace(EVERYTHING_CAPABLE, operators=operators, aggregates=False, through=False)
    with pytest.raises(SchemaError) as refusal:
        check(of("Invoice", "Label"), Registry(dict(sources(capable))))
    asks = "asks source 'erp' for the operator gt, the operator icontains, aggregates, through, which it cannot do; "
    assert str(refusal.value).splitlines() == [
        f"Invoice {asks}give @entity the source's own capabilities.",
        f"Label {asks}give @entity the source's own capabilities.",
    ]


async def test_columns_that_are_missing_or_of_another_type() -> None:
    columns = {
        **TYPES,
        "erp": {
            "orders": {**TYPES["erp"]["orders"], "total": ColumnType.STRING, "placed": ColumnType.DATE},
            "invoices": {"id": ColumnType.INTEGER, "order_id": ColumnType.INTEGER},
        },
    }
    with pytest.raises(SchemaError) as refusal:
        await verify(of("Order", "Invoice", "Line", "Customer"), Registry(dict(sources(columns=columns))))
    assert str(refusal.value).splitlines() == [
        "Order.placed_at is declared as datetime, but erp.orders holds date.",
        "Order.total is declared as decimal, but erp.orders holds string.",
        "Line: source 'erp' has no 'lines'.",
        "Invoice.amount: erp.invoices has no column 'amount'; it has id, order_id.",
    ]


@pytest.mark.parametrize(
    ("column", "held", "fits"),
    [
        ("id", ColumnType.INTEGER, True),
        ("total", ColumnType.FLOAT, True),
        ("total", ColumnType.INTEGER, True),
        ("number", ColumnType.UUID, True),
        ("number", ColumnType.INTEGER, False),
        ("ledger", ColumnType.STRING, False),
        ("placed", ColumnType.STRING, False),
    ],
)
async def test_which_types_stand_for_others(column: str, held: ColumnType, fits: bool) -> None:
    columns = {**TYPES, "erp": {"orders": {**TYPES["erp"]["orders"], column: held}}}
    registry = Registry(dict(sources(columns=columns)))
    if fits:
        await verify(of("Order"), registry)
        return
    with pytest.raises(SchemaError, match=f"but erp.orders holds {held}"):
        await verify(of("Order"), registry)


async def test_what_cannot_be_told_is_let_through() -> None:
    class Silent(Counted):
        async def describe(self, collection: str) -> None:
            return None

    class Away(Failing):
        async def describe(self, collection: str) -> None:
            raise self.error

    memory = MemorySource("crm", {})
    levels = dict.fromkeys(TYPES["scm"]["stock_levels"])
    unknown = MemorySource("scm", {"stock_levels": [levels]})
    registry = Registry(
        {"crm": Silent(memory), "erp": Away(memory, SourceUnavailable("erp", "is away")), "scm": unknown}
    )
    await verify(of("Customer", "Order", "StockLevel"), registry)


def test_a_source_that_keeps_no_changes() -> None:
    class Silent(Failing):
        changes = None

    watching = replace(of("Customer")[0], watched=True)
    silent = Silent(sources()["crm"], SourceUnavailable("crm", "is away"))
    with pytest.raises(SchemaError) as refusal:
        check([watching], Registry({"crm": silent}))
    assert str(refusal.value) == ("Customer is watched, but source 'crm' keeps no changes; SQLite and PostgreSQL do.")


async def test_changes_that_are_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "crm.sqlite"
    watching = replace(of("Customer")[0], watched=True)
    load_sqlite(path, [watching.collection], {watching.collection_name: []})
    source = SqliteSource("crm", f"sqlite:///{path}")
    registry = Registry({"crm": source})
    await registry.open()
    with pytest.raises(SchemaError) as refusal:
        await verify([watching], registry)
    assert str(refusal.value) == (
        "Customer is watched; crm.customers: its changes are not kept: install it, by "
        "`gateway changes install Customer`."
    )
    await source.outbox.install([Watched(watching.collection_name, watching.key)])
    await verify([watching], registry)
    await registry.close()
