"""The composition root: settings and a graph become datasources, a pipeline, and the app that serves them."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from datasources.registry import Registry
from gateway.graph import Graph
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings, Settings
from gateway.sources import make_registry
from gateway.transport.graphiql import Tab, graphiql_page, graphiql_routes
from gateway.transport.health import health_routes
from gateway.transport.json_http import JsonHttp
from resolvers.checks import check, verify
from resolvers.context import Context, PageSizes


class Gateway(Starlette):
    """The app. What comes to the endpoint, and not from a web page of another origin, goes there straight."""

    endpoint: JsonHttp
    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application: https://asgi.readthedocs.io/en/latest/specs/www.html"""
        if scope["type"] == "http" and scope["path"] == self.path and not _has_origin(scope):
            await self.endpoint(scope, receive, send)
            return
        await super().__call__(scope, receive, send)


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])


def create_app(settings: Settings, graph: Graph, sources: Registry | None = None) -> Gateway:
    """The app; its lifespan opens and closes the datasources. `sources` takes the place of those in the settings.

    Raises ConfigError and SchemaError, also from the lifespan when a datasource lacks what the graph reads.
    """
    registry = make_registry(settings) if sources is None else sources
    check(graph.entities, registry)
    limits = settings.limits
    sizes = PageSizes(limits.page_default, limits.page_maximum, limits.groups)
    pipeline = Pipeline(graph.schema, lambda: Context(registry, sizes), limits)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with _started(app, graph, registry):
            yield

    endpoint = _endpoint(pipeline, settings.http, graph)
    app = Gateway(
        routes=[
            Route(settings.http.path, endpoint),
            *(graphiql_routes(settings.http.path) if settings.http.graphiql else ()),
            *health_routes(registry),
        ],
        middleware=[_cors(settings.http)],
        lifespan=lifespan,
    )
    app.endpoint, app.path = endpoint, settings.http.path
    return app


@asynccontextmanager
async def _started(app: Starlette, graph: Graph, sources: Registry) -> AsyncIterator[None]:
    """Open, verified sources. A server only sees that a start failed; `app.state` keeps why, for who started it."""
    try:
        await sources.open()
        await verify(graph.entities, sources)
    except Exception as error:
        app.state.start_error = error
        await sources.close()
        raise
    try:
        yield
    finally:
        await sources.close()


def _endpoint(pipeline: Pipeline, settings: HttpSettings, graph: Graph) -> JsonHttp:
    if not settings.graphiql:
        return JsonHttp(pipeline, settings)
    tabs = [Tab(document) for _, document in graph.examples]
    return JsonHttp(pipeline, settings, graphiql_page(settings.path, tabs))


def _cors(settings: HttpSettings) -> Middleware:
    exact = [origin for origin in settings.allowed_origins if origin == "*" or "*" not in origin]
    wild = [re.escape(origin).replace(r"\*", r"[\w-]+") for origin in settings.allowed_origins if origin not in exact]
    return Middleware(
        CORSMiddleware,
        allow_origins=exact,
        allow_origin_regex="|".join(wild) or None,
        allow_methods=("GET", "POST"),
        allow_headers=("*",),
        expose_headers=("X-Correlation-Id",),
        max_age=7200,
    )
