"""(c) The same over SQLite: the standard library's driver in a pool of threads."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime
from threading import local
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bench.servers.handwritten import answer, latest_of, orders_of, typename
from bench.servers.serving import POOL_SIZE, arguments, lifespan, serve

ORDERS = """
SELECT number, status, placed_at, currency, total, updated_at, version, note FROM orders ORDER BY id LIMIT ?
"""
CUSTOMERS = "SELECT id, name FROM customers ORDER BY id LIMIT 50"
LAST_ORDERS = """
SELECT o.customer_id, o.id, o.number, o.total, o.placed_at
FROM json_each(?) AS customer JOIN orders AS o ON o.id IN (
  SELECT id FROM orders WHERE customer_id = customer.value ORDER BY placed_at DESC, id DESC LIMIT 5
)
ORDER BY o.placed_at DESC
"""
LINES = """
SELECT order_id, quantity, product_id FROM order_lines
WHERE order_id IN (SELECT value FROM json_each(?)) ORDER BY order_id, id
"""
PRODUCT_NAMES = "SELECT id, name FROM products WHERE id IN (SELECT value FROM json_each(?))"

Read = Callable[[sqlite3.Connection], Any]


async def orders(request: Request) -> Response:
    first = int(request.query_params["first"])

    def read(connection: sqlite3.Connection) -> Any:
        return orders_of(
            (number, status, moment(placed_at), currency, f"{total:.2f}", moment(updated_at), version, note)
            for number, status, placed_at, currency, total, updated_at, version, note in connection.execute(
                ORDERS, (first,)
            )
        )

    return answer({"orders": {"nodes": await run(request, read)}})


async def latest(request: Request) -> Response:
    return answer({"customers": {"nodes": await run(request, read_latest)}})


def read_latest(connection: sqlite3.Connection) -> Any:
    customers = connection.execute(CUSTOMERS).fetchall()
    orders = [
        (customer_id, id, number, f"{total:.2f}", moment(placed_at))
        for customer_id, id, number, total, placed_at in connection.execute(
            LAST_ORDERS, keys([id for id, _ in customers])
        )
    ]
    lines = connection.execute(LINES, keys([id for _, id, *_ in orders])).fetchall()
    names = dict(connection.execute(PRODUCT_NAMES, keys(list({product_id for _, _, product_id in lines}))))
    return latest_of(customers, orders, lines, names)


def moment(text: str) -> datetime:
    """Times are kept in UTC."""
    return datetime.fromisoformat(text + "+00:00")


def keys(ids: list[int]) -> tuple[str]:
    return (orjson.dumps(ids).decode(),)


async def run(request: Request, read: Read) -> Any:
    return await asyncio.get_running_loop().run_in_executor(request.app.state.threads, request.app.state.job, read)


@asynccontextmanager
async def opened(app: Starlette) -> AsyncIterator[None]:
    """Threads with a connection each."""
    here = local()

    def connect() -> None:
        here.connection = sqlite3.connect(options.database, isolation_level=None)
        here.connection.execute("PRAGMA query_only = ON")

    app.state.job = lambda read: read(here.connection)
    with ThreadPoolExecutor(POOL_SIZE, initializer=connect) as app.state.threads:
        yield


if __name__ == "__main__":
    options = arguments()
    routes = [Route("/typename", typename), Route("/orders", orders), Route("/latest", latest)]
    serve(Starlette(routes=routes, lifespan=lifespan(options, opened)), options.port)
