"""A small graph over three sources in memory, whose every lookup is counted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from datasources.base import Datasource
from datasources.lookup import AggregateLookup, ColumnType, Lookup
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers import (
    BigInt,
    Connection,
    Function,
    aggregate_by,
    belongs_to,
    column,
    computed,
    entity,
    has_many,
    has_one,
    many_to_many,
    query_type,
)
from resolvers.context import Context, PageSizes
from resolvers.scalars import SCALARS
from tests.support.sources import Counted


class Status(Enum):
    """Where an order stands."""

    OPEN = "open"
    SHIPPED = "shipped"


@entity("crm.customers", natural_keys=["public_id"])
class Customer:
    """A company that buys."""

    public_id: UUID
    name: str
    rating: float | None
    vip: bool | None
    since: date | None
    profile: JSON | None

    orders: Connection["Order"] = has_many(by="customer_id")


@entity("erp.orders", natural_keys=["number"])
class Order:
    """A customer's purchase."""

    id: int
    number: str
    status: Status
    placed_at: datetime | None = column(name="placed")
    total: Decimal | None = column(scale=2)
    ledger: BigInt | None

    customer: Customer | None = belongs_to(by="customer_id")
    lines: Connection["Line"] = has_many(by="order_id")
    all_lines: list["Line"] = has_many(by="order_id")
    invoice: "Invoice | None" = has_one(by="order_id")
    labels: Connection["Label"] = many_to_many(through="Labelling", by="order_id", to="label_id")

    @computed(needs=("number", "placed_at"))
    def title(self, prefix: str = "Order") -> str:
        """What people call it."""
        year = "?" if self.placed_at is None else self.placed_at.year
        return f"{prefix} {self.number} of {year}"

    @computed(needs=("id",), batched=True)
    @staticmethod
    async def pieces(rows: "list[Order]", info: Info) -> list[int | None]:
        """How many things were ordered."""
        sums = await aggregate_by(info, Line, Function.SUM, "quantity", by="order_id", keys=[row.id for row in rows])
        return [sums.get(row.id) for row in rows]


@entity("erp.lines")
class Line:
    """How much of one product an order is for."""

    id: int
    quantity: int

    order: Order = belongs_to(by="order_id")
    product: "Product | None" = belongs_to(by="product_id")


@entity("erp.invoices")
class Invoice:
    """What an order is billed with."""

    amount: Decimal

    order: Order | None = belongs_to(by="order_id")


@entity("erp.products", key="sku")
class Product:
    """A part that is sold."""

    sku: str
    name: str

    stock_levels: Connection["StockLevel"] = has_many(by="product_sku")


@entity("erp.labels")
class Label:
    """A word that orders are marked with."""

    text: str

    orders: Connection["Order"] = many_to_many(through="Labelling", by="label_id", to="order_id")


@entity("erp.labellings")
class Labelling:
    """One label on one order."""

    order: Order | None = belongs_to(by="order_id")
    label: Label | None = belongs_to(by="label_id")


@entity("scm.stock_levels")
class StockLevel:
    """How much of a product a warehouse has."""

    quantity: int

    product: Product | None = belongs_to(by="product_sku")
    warehouse: "Warehouse | None" = belongs_to(by="warehouse_id")


@entity("scm.warehouses")
class Warehouse:
    """A place where parts are kept."""

    id: UUID
    city: str


Query = query_type(Customer, Order, Line, Invoice, Product, Label, Labelling, StockLevel, Warehouse)
SCHEMA = strawberry.Schema(query=Query, config=StrawberryConfig(scalar_map=SCALARS))

Collections = Mapping[str, Sequence[Mapping[str, Any]]]

HAMBURG, TURIN = UUID(int=1), UUID(int=2)
ROWS: Mapping[str, Collections] = {
    "crm": {
        "customers": [
            {
                "id": 1,
                "public_id": UUID(int=11),
                "name": "Müller",
                "rating": 4.5,
                "vip": True,
                "since": date(2019, 2, 28),
                "profile": {"days": ["mon"]},
            },
            {"id": 2, "public_id": UUID(int=12), "name": "Lefèvre", "rating": None, "vip": False},
            {"id": 3, "public_id": UUID(int=13), "name": "O'Neil", "rating": 3.0, "vip": None},
        ]
    },
    "erp": {
        "orders": [
            {
                "id": 1,
                "number": "A-1",
                "status": "open",
                "placed": datetime(2026, 1, 5, 8, 30, tzinfo=UTC),
                "total": Decimal("100.50"),
                "ledger": 2**60,
                "customer_id": 1,
            },
            {
                "id": 2,
                "number": "A-2",
                "status": "shipped",
                "placed": datetime(2026, 1, 5, 8, 30, tzinfo=UTC),
                "total": Decimal("7.00"),
                "customer_id": 1,
            },
            {"id": 3, "number": "A-3", "status": "open", "total": Decimal("100.50"), "customer_id": 2},
            {
                "id": 4,
                "number": "A-4",
                "status": "shipped",
                "placed": datetime(2025, 12, 31, 23, 59, 59, 250000, UTC),
                "customer_id": 1,
            },
            {"id": 5, "number": "A-5", "status": "open", "total": Decimal("0.10")},
        ],
        "lines": [
            {"id": 1, "order_id": 1, "product_id": "p-1", "quantity": 3},
            {"id": 2, "order_id": 1, "product_id": "p-2", "quantity": 1},
            {"id": 3, "order_id": 2, "product_id": "p-1", "quantity": 10},
            {"id": 4, "order_id": 3, "product_id": None, "quantity": 2},
            {"id": 5, "order_id": 4, "product_id": "p-1", "quantity": 4},
        ],
        "invoices": [
            {"id": 1, "order_id": 1, "amount": Decimal("100.50")},
            {"id": 2, "order_id": 3, "amount": Decimal("100.50")},
        ],
        "products": [{"sku": "p-1", "name": "Bolt"}, {"sku": "p-2", "name": "Nut"}],
        "labels": [{"id": 1, "text": "urgent"}, {"id": 2, "text": "export"}, {"id": 3, "text": "unused"}],
        "labellings": [
            {"id": 1, "order_id": 1, "label_id": 1},
            {"id": 2, "order_id": 1, "label_id": 2},
            {"id": 3, "order_id": 2, "label_id": 2},
        ],
    },
    "scm": {
        "stock_levels": [
            {"id": 1, "product_sku": "p-1", "warehouse_id": HAMBURG, "quantity": 40},
            {"id": 2, "product_sku": "p-1", "warehouse_id": TURIN, "quantity": 2},
            {"id": 3, "product_sku": "p-2", "warehouse_id": HAMBURG, "quantity": 9},
        ],
        "warehouses": [{"id": HAMBURG, "city": "Hamburg"}, {"id": TURIN, "city": "Turin"}],
    },
}


@dataclass
class Shop:
    """The graph with its sources; every operation has a context of its own."""

    sources: Mapping[str, Counted]
    schema: strawberry.Schema = SCHEMA
    sizes: PageSizes = field(default_factory=PageSizes)

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of an operation that succeeds."""
        answer = await self.answer(document, **variables)
        assert "errors" not in answer, answer["errors"]
        return answer["data"]

    async def answer(self, document: str, **variables: Any) -> dict[str, Any]:
        """Data and errors, those as (path, code, message)."""
        context = Context(Registry(self.sources), self.sizes)
        result = await self.schema.execute(document, variable_values=variables, context_value=context)
        if not result.errors:
            return {"data": result.data}
        errors = [
            (
                ".".join(map(str, error.path or ())),
                getattr(error.original_error, "code", type(error.original_error).__name__),
                error.message,
            )
            for error in result.errors
        ]
        return {"data": result.data, "errors": sorted(errors)}

    def lookups(self, source: str) -> list[Lookup]:
        return [lookup for lookup in self.sources[source].lookups if isinstance(lookup, Lookup)]

    def aggregates(self, source: str) -> list[AggregateLookup]:
        return [lookup for lookup in self.sources[source].lookups if isinstance(lookup, AggregateLookup)]

    @property
    def collections(self) -> list[str]:
        """Every collection that was looked up, once for each lookup, source by source."""
        return [collection for source in self.sources.values() for collection in source.collections]


async def open_shop(
    rows: Mapping[str, Collections] = ROWS,
    *,
    schema: strawberry.Schema = SCHEMA,
    sizes: PageSizes | None = None,
    replaced: Mapping[str, Datasource] | None = None,
) -> Shop:
    """A shop with these rows; `replaced` sources stand in place of those of the same name."""
    sources = {
        name: Counted((replaced or {}).get(name) or MemorySource(name, collections, columns=_types(schema, name)))
        for name, collections in rows.items()
    }
    for source in sources.values():
        await source.open()
    return Shop(sources, schema, sizes or PageSizes())


def _types(schema: strawberry.Schema, source: str) -> dict[str, dict[str, ColumnType]]:
    entities = getattr(schema.query, "__entities__", ())
    return {
        entity.collection_name: {column.name: column.type for column in entity.collection.columns}
        for entity in entities
        if entity.source == source
    }
