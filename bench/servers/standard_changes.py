"""(b) Changed orders over Strawberry's own handler of graphql-transport-ws: a generator for each subscriber."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum

import strawberry
from starlette.applications import Starlette
from starlette.routing import Route, WebSocketRoute
from strawberry.asgi import GraphQL
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL

from bench.servers.broadcasting import Broadcaster
from bench.servers.serving import arguments, lifespan, serve
from bench.servers.standard import Order, order_of
from datasources.changes import Change


@strawberry.enum
class ChangeKind(Enum):
    CREATED = "CREATED"
    UPDATED = "UPDATED"
    DELETED = "DELETED"


@strawberry.type
class OrderChange:
    kind: ChangeKind
    key: strawberry.ID
    node: Order | None


@strawberry.input
class IntFilter:
    eq: int


@strawberry.input
class OrderFilter:
    customer_id: IntFilter


def told(change: Change) -> OrderChange:
    node = None if change.after is None else order_of({**change.after, "key": change.key})
    return OrderChange(kind=ChangeKind(change.kind.value), key=strawberry.ID(f"Order:{change.key}"), node=node)


broadcaster = Broadcaster(told)


@strawberry.type
class Query:
    name: str = "shop"


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def order_changed(self, filter: OrderFilter) -> AsyncGenerator[OrderChange, None]:
        with broadcaster.following(filter.customer_id.eq) as queue:
            while True:
                yield await queue.get()


@asynccontextmanager
async def opened(app: Starlette) -> AsyncIterator[None]:
    async with broadcaster.running(options.database):
        yield


if __name__ == "__main__":
    options = arguments()
    schema = strawberry.Schema(Query, subscription=Subscription, extensions=[ParserCache, ValidationCache])
    endpoint = GraphQL[None, None](schema, subscription_protocols=[GRAPHQL_TRANSPORT_WS_PROTOCOL])
    routes = [Route("/graphql", endpoint), WebSocketRoute("/graphql", endpoint)]
    serve(Starlette(routes=routes, lifespan=lifespan(options, opened)), options.port)
