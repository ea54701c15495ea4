"""A small graph over two sources in memory, and the app that serves it, for the gateway's own tests."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx
from graphql import GraphQLError
from starlette.applications import Starlette

from datasources.base import Datasource
from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.registry import Registry
from gateway.app import create_app
from gateway.graph import Graph, make_graph
from gateway.settings import HttpSettings, LimitSettings, Settings
from gateway.settings_auth import AuthSettings
from resolvers import Connection, belongs_to, computed, entity, has_many, query_type


@entity("crm.customers")
class Customer:
    """A company that buys."""

    name: str
    orders: Connection["Order"] = has_many(by="customer_id")


@entity("erp.orders", natural_keys=["number"])
class Order:
    """A customer's purchase."""

    number: str
    quantity: int
    customer: Customer | None = belongs_to(by="customer_id")

    @computed(needs=("number",))
    def broken(self) -> str | None:
        """Always fails."""
        raise RuntimeError(f"the secret of {self.number}")

    @computed(needs=())
    def refused(self) -> str | None:
        """Always says no."""
        raise GraphQLError("not today", extensions={"code": "CLOSED"})


ROWS: dict[str, dict[str, list[dict[str, Any]]]] = {
    "crm": {"customers": [{"id": 1, "name": "Müller Maschinenbau"}, {"id": 2, "name": "Ateliers Lefèvre"}]},
    "erp": {
        "orders": [
            {"id": 7, "number": "SO-1", "quantity": 3, "customer_id": 1},
            {"id": 8, "number": "SO-2", "quantity": 5, "customer_id": 2},
            {"id": 9, "number": "SO-3", "quantity": 1, "customer_id": 1},
        ]
    },
}
TYPES = {
    "customers": {"id": ColumnType.BIGINT, "name": ColumnType.STRING},
    "orders": {
        "id": ColumnType.BIGINT,
        "number": ColumnType.STRING,
        "quantity": ColumnType.INTEGER,
        "customer_id": ColumnType.BIGINT,
    },
}


def shop_graph() -> Graph:
    return make_graph(query_type(Customer, Order), [("Customers", "query Customers { customers { nodes { name } } }")])


def shop_sources(**others: Datasource) -> Registry:
    """The shop's sources, some of them replaced."""
    memory: Mapping[str, Datasource] = {name: MemorySource(name, rows, columns=TYPES) for name, rows in ROWS.items()}
    return Registry({**memory, **others})


def shop_app(
    http: HttpSettings | None = None,
    limits: LimitSettings | None = None,
    sources: Registry | None = None,
    auth: AuthSettings | None = None,
) -> Starlette:
    settings = Settings(
        http=http or HttpSettings(), limits=limits or LimitSettings(), auth=auth or AuthSettings(anonymous=True)
    )
    return create_app(settings, shop_graph(), sources or shop_sources())


@asynccontextmanager
async def shop_client(
    http: HttpSettings | None = None,
    limits: LimitSettings | None = None,
    sources: Registry | None = None,
    auth: AuthSettings | None = None,
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the app, which runs in this event loop with its lifespan."""
    app = shop_app(http, limits, sources, auth)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
    ):
        yield client
