"""(b) The same types on Strawberry's own engine: dataclasses, resolvers over aiodataloader, `strawberry.asgi`."""

from collections import defaultdict
from collections.abc import Callable, Coroutine, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import cached_property
from typing import Any, TypeAlias

import asyncpg
import strawberry
from aiodataloader import DataLoader
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache

from bench.servers.serving import arguments, lifespan, pooled, serve

ORDER_COLUMNS = "id AS key, number, status, placed_at, currency, total, updated_at, version, note"
ORDERS = f"SELECT {ORDER_COLUMNS} FROM orders ORDER BY id LIMIT $1"  # noqa: S608
ORDERS_BY_ID = f"SELECT {ORDER_COLUMNS} FROM orders WHERE id = ANY($1::bigint[])"  # noqa: S608
LAST_ORDERS = f"""
SELECT o.*
FROM unnest($1::bigint[]) AS customer(id) CROSS JOIN LATERAL (
  SELECT customer_id, {ORDER_COLUMNS} FROM orders
  WHERE customer_id = customer.id ORDER BY placed_at DESC, id DESC LIMIT $2
) AS o
"""  # noqa: S608
CUSTOMERS = "SELECT id AS key, name, email, city, created_at FROM customers ORDER BY id LIMIT $1"
LINES = """
SELECT order_id, id AS key, quantity, unit_price, product_id FROM order_lines
WHERE order_id = ANY($1::bigint[]) ORDER BY order_id, id
"""
PRODUCT_COLUMNS = """
id AS key, sku, name, category, unit_price, weight_kg, discontinued, stock, released_on, created_at, updated_at
"""
PRODUCTS = f"SELECT {PRODUCT_COLUMNS} FROM products ORDER BY id LIMIT $1"  # noqa: S608
PRODUCTS_BY_ID = f"SELECT {PRODUCT_COLUMNS} FROM products WHERE id = ANY($1::bigint[])"  # noqa: S608


class Loaders:
    """The loaders of one request."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool
        self._last_orders: dict[int, DataLoader[int, list[Order]]] = {}

    @cached_property
    def orders(self) -> "DataLoader[int, Order | None]":
        return DataLoader(self._by_id(ORDERS_BY_ID, order_of))

    @cached_property
    def products(self) -> "DataLoader[int, Product | None]":
        return DataLoader(self._by_id(PRODUCTS_BY_ID, lambda row: Product(**row)))

    @cached_property
    def lines(self) -> "DataLoader[int, list[OrderLine]]":
        async def load(keys: list[int]) -> list[list[OrderLine]]:
            found = defaultdict(list)
            for row in await self.pool.fetch(LINES, keys):
                found[row["order_id"]].append(OrderLine(**row))
            return [found[key] for key in keys]

        return DataLoader(load)

    def last_orders(self, first: int) -> "DataLoader[int, list[Order]]":
        async def load(keys: list[int]) -> list[list[Order]]:
            found = defaultdict(list)
            for row in await self.pool.fetch(LAST_ORDERS, keys, first):
                found[row["customer_id"]].append(order_of(row))
            return [found[key] for key in keys]

        if first not in self._last_orders:
            self._last_orders[first] = DataLoader(load)
        return self._last_orders[first]

    def _by_id(
        self, statement: str, make: Callable[[Any], Any]
    ) -> Callable[[list[int]], Coroutine[Any, Any, list[Any]]]:
        async def load(keys: list[int]) -> list[Any]:
            found = {row["key"]: make(row) for row in await self.pool.fetch(statement, keys)}
            return [found.get(key) for key in keys]

        return load


Info: TypeAlias = "strawberry.Info[Loaders, None]"


@strawberry.enum
class OrderStatus(Enum):
    PENDING = "PENDING"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


@strawberry.enum
class Direction(Enum):
    ASC = "ASC"
    DESC = "DESC"


@strawberry.input
class OrderOrderBy:
    placed_at: Direction


@strawberry.type
class Product:
    key: strawberry.Private[int]
    sku: str
    name: str
    category: str
    unit_price: Decimal
    weight_kg: float | None
    discontinued: bool
    stock: int
    released_on: date
    created_at: datetime
    updated_at: datetime


@strawberry.type
class ProductConnection:
    nodes: list[Product]


@strawberry.type
class OrderLine:
    key: strawberry.Private[int]
    order_id: strawberry.Private[int]
    quantity: int
    unit_price: Decimal
    product_id: strawberry.Private[int]

    @strawberry.field
    async def product(self, info: Info) -> Product | None:
        return await info.context.products.load(self.product_id)


@strawberry.type
class OrderLineConnection:
    nodes: list[OrderLine]


@strawberry.type
class Order:
    key: strawberry.Private[int]
    number: str
    status: OrderStatus
    placed_at: datetime
    currency: str
    total: Decimal
    updated_at: datetime
    version: int
    note: str | None

    @strawberry.field
    async def lines(self, info: Info) -> OrderLineConnection:
        return OrderLineConnection(nodes=await info.context.lines.load(self.key))


def order_of(row: Any) -> Order:
    return Order(
        key=row["key"],
        number=row["number"],
        status=OrderStatus(row["status"]),
        placed_at=row["placed_at"],
        currency=row["currency"],
        total=row["total"],
        updated_at=row["updated_at"],
        version=row["version"],
        note=row["note"],
    )


@strawberry.type
class OrderConnection:
    nodes: list[Order]


@strawberry.type
class Customer:
    key: strawberry.Private[int]
    name: str
    email: str
    city: str
    created_at: datetime

    @strawberry.field
    def id(self) -> strawberry.ID:
        return strawberry.ID(f"Customer:{self.key}")

    @strawberry.field
    async def orders(self, info: Info, first: int, order_by: list[OrderOrderBy]) -> OrderConnection:
        return OrderConnection(nodes=await info.context.last_orders(first).load(self.key))


@strawberry.type
class CustomerConnection:
    nodes: list[Customer]


@strawberry.type
class Query:
    @strawberry.field
    async def order(self, info: Info, id: strawberry.ID) -> Order | None:
        return await info.context.orders.load(int(id))

    @strawberry.field
    async def orders(self, info: Info, first: int) -> OrderConnection:
        rows: Sequence[Any] = await info.context.pool.fetch(ORDERS, first)
        return OrderConnection(nodes=[order_of(row) for row in rows])

    @strawberry.field
    async def customers(self, info: Info, first: int) -> CustomerConnection:
        rows: Sequence[Any] = await info.context.pool.fetch(CUSTOMERS, first)
        return CustomerConnection(nodes=[Customer(**row) for row in rows])

    @strawberry.field
    async def products(self, info: Info, first: int) -> ProductConnection:
        rows: Sequence[Any] = await info.context.pool.fetch(PRODUCTS, first)
        return ProductConnection(nodes=[Product(**row) for row in rows])


class Endpoint(GraphQL[Loaders, None]):
    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Loaders:
        return Loaders(request.app.state.pool)


if __name__ == "__main__":
    options = arguments()
    schema = strawberry.Schema(Query, extensions=[] if options.uncached else [ParserCache, ValidationCache])
    routes = [Route("/graphql", Endpoint(schema))]
    serve(Starlette(routes=routes, lifespan=lifespan(options, pooled(options.database))), options.port)
