"""(c) Endpoints written by hand: Starlette, asyncpg, orjson, and one good statement for each level."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.servers.serving import arguments, lifespan, pooled, serve
from bench.workloads import ALIASES

ORDER = "SELECT number, total, placed_at FROM orders WHERE id = $1"
TEN = "SELECT id, number, total, placed_at FROM orders WHERE id = ANY($1::bigint[])"
ORDERS = """
SELECT number, status, placed_at, currency, total, updated_at, version, note FROM orders ORDER BY id LIMIT $1
"""
PRODUCTS = """
SELECT sku, name, category, unit_price, weight_kg, discontinued, stock, released_on, created_at, updated_at
FROM products ORDER BY id LIMIT 1000
"""
CUSTOMERS = "SELECT id, name FROM customers ORDER BY id LIMIT 50"
LAST_ORDERS = """
SELECT o.customer_id, o.id, o.number, o.total, o.placed_at
FROM unnest($1::bigint[]) AS customer(id) CROSS JOIN LATERAL (
  SELECT * FROM orders WHERE customer_id = customer.id ORDER BY placed_at DESC, id DESC LIMIT 5
) AS o
"""
LINES = (
    "SELECT order_id, quantity, product_id FROM order_lines WHERE order_id = ANY($1::bigint[]) ORDER BY order_id, id"
)
LINES_WITH_NAMES = """
SELECT order_lines.order_id, order_lines.quantity, products.name
FROM order_lines JOIN products ON products.id = order_lines.product_id
WHERE order_lines.order_id = ANY($1::bigint[]) ORDER BY order_lines.order_id, order_lines.id
"""
NEW_ORDER = """
INSERT INTO orders (number, customer_id, status, placed_at, currency, total, updated_at, version, note)
VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8)
RETURNING id, number, status, total, placed_at, version
"""
NEW_LINES = """
INSERT INTO order_lines (order_id, product_id, quantity, unit_price)
SELECT $1, * FROM unnest($2::bigint[], $3::integer[], $4::numeric[])
RETURNING quantity, unit_price, product_id
"""
PRODUCT_NAMES = "SELECT id, name FROM products WHERE id = ANY($1::bigint[])"


async def typename(request: Request) -> Response:
    return answer({"__typename": "Query"})


async def order(request: Request) -> Response:
    row = await request.app.state.pool.fetchrow(ORDER, int(request.path_params["id"]))
    return answer({"order": None if row is None else order_of(*row)})


async def ten(request: Request) -> Response:
    ids = [int(id) for id in request.query_params["ids"].split(",")]
    found = {id: order_of(*values) for id, *values in await request.app.state.pool.fetch(TEN, ids)}
    return answer({alias: found.get(id) for alias, id in zip(ALIASES, ids, strict=True)})


async def orders(request: Request) -> Response:
    rows = await request.app.state.pool.fetch(ORDERS, int(request.query_params["first"]))
    return answer({"orders": {"nodes": orders_of(rows)}})


async def products(request: Request) -> Response:
    nodes = [
        {
            "sku": sku,
            "name": name,
            "category": category,
            "unitPrice": unit_price,
            "weightKg": weight_kg,
            "discontinued": discontinued,
            "stock": stock,
            "releasedOn": released_on,
            "createdAt": created_at,
            "updatedAt": updated_at,
        }
        for (
            sku,
            name,
            category,
            unit_price,
            weight_kg,
            discontinued,
            stock,
            released_on,
            created_at,
            updated_at,
        ) in await request.app.state.pool.fetch(PRODUCTS)
    ]
    return answer({"products": {"nodes": nodes}})


async def latest(request: Request) -> Response:
    async with request.app.state.pool.acquire() as connection:
        customers = await connection.fetch(CUSTOMERS)
        orders = await connection.fetch(LAST_ORDERS, [id for id, _ in customers])
        lines = await connection.fetch(LINES, [id for _, id, *_ in orders])
        names = dict(await connection.fetch(PRODUCT_NAMES, list({product_id for _, _, product_id in lines})))
    return answer({"customers": {"nodes": latest_of(customers, orders, lines, names)}})


async def latest_joined(request: Request) -> Response:
    """The same, where lines and products may be read in one statement because they are in one database."""
    async with request.app.state.pool.acquire() as connection:
        customers = await connection.fetch(CUSTOMERS)
        orders = await connection.fetch(LAST_ORDERS, [id for id, _ in customers])
        lines = await connection.fetch(LINES_WITH_NAMES, [id for _, id, *_ in orders])
    lines_of = defaultdict(list)
    for order_id, quantity, name in lines:
        lines_of[order_id].append({"quantity": quantity, "product": {"name": name}})
    return answer({"customers": {"nodes": with_lines(customers, orders, lines_of)}})


async def new_order(request: Request) -> Response:
    given = orjson.loads(await request.body())
    lines = given["lines"]["create"]
    async with request.app.state.pool.acquire() as connection, connection.transaction():
        id, number, status, total, placed_at, version = await connection.fetchrow(
            NEW_ORDER,
            given["number"],
            int(given["customerId"]),
            given["status"],
            datetime.fromisoformat(given["placedAt"]),
            given["currency"],
            Decimal(given["total"]),
            datetime.now(UTC),
            given.get("note"),
        )
        made = await connection.fetch(
            NEW_LINES,
            id,
            [int(line["productId"]) for line in lines],
            [line["quantity"] for line in lines],
            [Decimal(line["unitPrice"]) for line in lines],
        )
    nodes = [
        {"quantity": quantity, "unitPrice": unit_price, "productId": f"Product:{product_id}"}
        for quantity, unit_price, product_id in made
    ]
    order = {"number": number, "status": status, "total": total, "placedAt": placed_at, "version": version}
    return answer({"createOrder": {**order, "lines": {"nodes": nodes}}})


def order_of(number: Any, total: Any, placed_at: Any) -> dict[str, Any]:
    return {"number": number, "total": total, "placedAt": placed_at}


def orders_of(rows: Any) -> list[dict[str, Any]]:
    return [
        {
            "number": number,
            "status": status,
            "placedAt": placed_at,
            "currency": currency,
            "total": total,
            "updatedAt": updated_at,
            "version": version,
            "note": note,
        }
        for number, status, placed_at, currency, total, updated_at, version, note in rows
    ]


def latest_of(customers: Any, orders: Any, lines: Any, names: Mapping[int, str]) -> list[dict[str, Any]]:
    lines_of = defaultdict(list)
    for order_id, quantity, product_id in lines:
        lines_of[order_id].append({"quantity": quantity, "product": {"name": names[product_id]}})
    return with_lines(customers, orders, lines_of)


def with_lines(customers: Any, orders: Any, lines_of: Mapping[int, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    orders_of = defaultdict(list)
    for customer_id, id, number, total, placed_at in orders:
        orders_of[customer_id].append(
            {"number": number, "total": total, "placedAt": placed_at, "lines": {"nodes": lines_of[id]}}
        )
    return [{"id": f"Customer:{id}", "name": name, "orders": {"nodes": orders_of[id]}} for id, name in customers]


def answer(data: dict[str, Any]) -> Response:
    return Response(orjson.dumps({"data": data}, default=str), media_type="application/json")  # str is for Decimal


if __name__ == "__main__":
    options = arguments()
    routes = [
        Route("/typename", typename),
        Route("/orders", orders),
        Route("/orders", new_order, methods=["POST"]),
        Route("/orders/{id:int}", order),
        Route("/ten", ten),
        Route("/products", products),
        Route("/latest", latest),
        Route("/latest-joined", latest_joined),
    ]
    serve(Starlette(routes=routes, lifespan=lifespan(options, pooled(options.database))), options.port)
