"""A graph that is written, over sources of every kind: the same rows, the same rules."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import Enum
from itertools import count
from pathlib import Path
from typing import Any

from datasources.base import Datasource
from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.memory_tables import Constraints
from datasources.registry import Registry
from datasources.sql import PostgresSource, SqliteSource
from resolvers import (
    Connection,
    Writes,
    belongs_to,
    column,
    computed,
    entity,
    has_many,
    mutation_type,
    query_type,
    validates,
)
from resolvers.context import Context, Idempotency, PageSizes
from resolvers.query import entities_of
from tests.support.postgres import Postgres, connected
from tests.support.sources import Counted


class Status(Enum):
    """Where an order stands."""

    OPEN = "open"
    SHIPPED = "shipped"


@entity("crm.customers", writable=True)
class Customer:
    """A company that buys."""

    name: str
    since: date | None

    orders: Connection["Order"] = has_many(by="customer_id")


@entity("erp.products", natural_keys=["sku"], writable=Writes(delete=False))
class Product:
    """A part that is sold."""

    sku: str = column(min_length=3, max_length=8)
    name: str
    price: Decimal = column(scale=2, minimum=0)


@entity("erp.orders", natural_keys=["number"], writable=True, version="version")
class Order:
    """A customer's purchase."""

    number: str = column(pattern="SO-[0-9]+")
    status: Status = column(default=True)
    total: Decimal = column(scale=2)
    note: str | None
    placed_on: date | None
    due_on: date | None
    version: int

    customer: Customer | None = belongs_to(by="customer_id")
    lines: Connection["Line"] = has_many(by="order_id", writable=True)

    @validates("placed_on", "due_on")
    @staticmethod
    def due_after_placed(placed_on: date | None, due_on: date | None) -> str | None:
        """Nothing is due before it is there."""
        wrong = placed_on is not None and due_on is not None and due_on < placed_on
        return "dueOn is before placedOn." if wrong else None

    @computed(needs=("number", "total"))
    def title(self) -> str:
        """What people call it."""
        return f"{self.number}: {self.total}"


@entity("erp.lines")
class Line:
    """How much of one product an order is for."""

    position: int
    quantity: int = column(maximum=1000)

    order: Order = belongs_to(by="order_id")
    product: Product = belongs_to(by="product_id")
    parcels: list["Parcel"] = has_many(by="line_id", writable=True)


@entity("erp.parcels")
class Parcel:
    """What a line is sent in."""

    tracking: str
    weight: float | None

    line: Line = belongs_to(by="line_id")


@entity("erp.words", key="word", writable=True)
class Word:
    """A word that orders may be marked with; clients choose its key."""

    word: str
    meaning: str | None


ENTITIES = (Customer, Product, Order, Line, Parcel, Word)
Query = query_type(*ENTITIES)
Mutation = mutation_type(*ENTITIES)

DDL = """
CREATE TABLE products (
  id {key}, sku text NOT NULL CONSTRAINT products_sku_key UNIQUE, name text NOT NULL, price numeric(12, 2) NOT NULL
);
CREATE TABLE orders (
  id {key}, number text NOT NULL CONSTRAINT orders_number_key UNIQUE, status text NOT NULL DEFAULT 'open',
  total numeric(12, 2) NOT NULL, note text, placed_on date, due_on date, version integer NOT NULL, customer_id bigint
);
CREATE TABLE lines (
  id {key}, position integer NOT NULL, quantity integer NOT NULL CONSTRAINT lines_quantity_check CHECK (quantity > 0),
  order_id bigint NOT NULL REFERENCES orders (id) ON DELETE CASCADE,
  product_id bigint NOT NULL REFERENCES products (id),
  CONSTRAINT lines_order_id_position_key UNIQUE (order_id, position)
);
CREATE TABLE parcels (
  id {key}, tracking text NOT NULL CONSTRAINT parcels_tracking_key UNIQUE, weight double precision,
  line_id bigint NOT NULL REFERENCES lines (id)
);
CREATE TABLE words (word text PRIMARY KEY, meaning text);
INSERT INTO products (sku, name, price) VALUES ('bolt', 'Bolt', 1.50), ('nut', 'Nut', 0.25);
INSERT INTO orders (number, status, total, version, customer_id) VALUES
  ('SO-1', 'open', 10.00, 3, 1), ('SO-2', 'shipped', 5.00, 1, NULL);
INSERT INTO lines (position, quantity, order_id, product_id) VALUES (1, 4, 1, 1), (2, 8, 1, 2), (1, 1, 2, 1);
"""
ROWS: dict[str, list[dict[str, Any]]] = {
    "products": [
        {"id": 1, "sku": "bolt", "name": "Bolt", "price": Decimal("1.50")},
        {"id": 2, "sku": "nut", "name": "Nut", "price": Decimal("0.25")},
    ],
    "orders": [
        {"id": 1, "number": "SO-1", "status": "open", "total": Decimal("10.00"), "version": 3, "customer_id": 1},
        {"id": 2, "number": "SO-2", "status": "shipped", "total": Decimal("5.00"), "version": 1},
    ],
    "lines": [
        {"id": 1, "position": 1, "quantity": 4, "order_id": 1, "product_id": 1},
        {"id": 2, "position": 2, "quantity": 8, "order_id": 1, "product_id": 2},
        {"id": 3, "position": 1, "quantity": 1, "order_id": 2, "product_id": 1},
    ],
    "parcels": [],
    "words": [],
}
CONSTRAINTS = {
    "products": Constraints(not_null=frozenset({"sku", "name", "price"}), unique=(("sku",),)),
    "orders": Constraints(
        defaults={"status": lambda: "open"}, not_null=frozenset({"number", "total"}), unique=(("number",),)
    ),
    "lines": Constraints(
        not_null=frozenset({"position", "quantity", "order_id", "product_id"}),
        unique=(("order_id", "position"),),
        references={"order_id": ("orders", "id"), "product_id": ("products", "id")},
        checks={"lines_quantity_check": (("quantity",), lambda row: row["quantity"] > 0)},
    ),
    "parcels": Constraints(
        not_null=frozenset({"tracking"}), unique=(("tracking",),), references={"line_id": ("lines", "id")}
    ),
}
KINDS = ("memory", "sqlite", "postgres")


@dataclass
class Store:
    """Open sources, whose every statement is counted."""

    sources: dict[str, Counted]

    def context(self, idempotency: Idempotency | None = None) -> Context:
        return Context(Registry(dict(self.sources)), PageSizes(10, 20, 50), idempotency)

    @property
    def statements(self) -> list[str]:
        """What was asked of the ERP."""
        return self.sources["erp"].statements


OpenStore = Callable[[str], AbstractAsyncContextManager[Store]]
"""Opens a new one of a kind."""


@asynccontextmanager
async def open_store(kind: str, folder: Path, postgres: Postgres | None) -> AsyncIterator[Store]:
    """A store with the rows above."""
    crm = MemorySource("crm", {"customers": [{"id": 1, "name": "Müller"}]}, columns=_types("crm"))
    store = Store({"crm": Counted(crm), "erp": Counted(await _erp(kind, folder, postgres))})
    for source in store.sources.values():
        await source.open()
    try:
        yield store
    finally:
        for source in store.sources.values():
            await source.close()


_numbers = count(1)


async def _erp(kind: str, folder: Path, postgres: Postgres | None) -> Datasource:
    if kind == "memory":
        return MemorySource("erp", ROWS, columns=_types("erp"), constraints=CONSTRAINTS)
    if kind == "sqlite":
        file = folder / f"erp-{next(_numbers)}.sqlite"
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(DDL.format(key="INTEGER PRIMARY KEY"))
        return SqliteSource("erp", f"sqlite:///{file}")
    assert postgres is not None
    async with connected(postgres.url()) as connection:
        await connection.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
        await connection.execute(DDL.format(key="bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"))
    return PostgresSource("erp", postgres.url())


def _types(source: str) -> Mapping[str, Mapping[str, ColumnType]]:
    return {
        each.collection_name: {column.name: column.type for column in each.collection.columns}
        for each in entities_of(Query)
        if each.source == source
    }
