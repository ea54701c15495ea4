"""The composition root: settings and a graph become datasources, a pipeline, and the app that serves them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from functools import partial

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from datasources.registry import Registry
from gateway.auth.api_key import StoredApiKeys
from gateway.auth.authenticator import Authenticator
from gateway.auth.clients import Clients
from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.explaining import ExplainingPipeline
from gateway.graph import Graph
from gateway.limits.rate import make_rates
from gateway.operations.automatic import AutomaticTexts
from gateway.operations.documents import DocumentCache
from gateway.operations.persisted import PersistedOperations
from gateway.operations.store import OperationStore
from gateway.operations.trusted import TrustedDocuments
from gateway.pipeline import Pipeline
from gateway.retention import pruning
from gateway.settings import Settings
from gateway.sources import make_registry
from gateway.subscriptions.groups import Subscriptions
from gateway.telemetry.metrics import Caches, metrics_routes
from gateway.transport.connections import Connections
from gateway.transport.event_streams import EventStreams
from gateway.transport.graphiql import Tab, graphiql_page, graphiql_routes
from gateway.transport.health import health_routes
from gateway.transport.json_http import JsonHttp
from gateway.transport.origins import Origins
from gateway.transport.rest import rest_routes
from gateway.transport.streaming import Streaming
from gateway.transport.websocket import WebSocket
from gateway.unkept import looking_for_unkept
from gateway.wakeups import announced, make_wakeups
from resolvers.checks import check, verify
from resolvers.context import Context, PageSizes
from resolvers.viewer import Viewer


class Gateway(Starlette):
    """The app. What comes to the endpoint, and not from a web page of another origin, goes there straight."""

    endpoint: JsonHttp
    sockets: WebSocket
    connections: Connections
    path: str

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application: https://asgi.readthedocs.io/en/latest/specs/www.html"""
        if scope["type"] == "http" and scope["path"] == self.path and not _has_origin(scope):
            await self.endpoint(scope, receive, send)
            return
        if scope["type"] == "websocket" and scope["path"] == self.path:
            await self.sockets(scope, receive, send)
            return
        await super().__call__(scope, receive, send)

    async def drain(self) -> None:
        """Ends sockets and event streams, whose clients go on elsewhere, once what they wait for is answered."""
        await self.connections.drain()


def _has_origin(scope: Scope) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])


def create_app(settings: Settings, graph: Graph, sources: Registry | None = None) -> Gateway:
    """The app; its lifespan opens and closes the datasources. `sources` takes the place of those in the settings.

    Raises ConfigError and SchemaError, also from the lifespan when a datasource lacks what the graph reads.
    """
    registry = make_registry(settings) if sources is None else sources
    check(graph.entities, registry)
    wakeups = make_wakeups(settings.redis, graph.entities, registry)
    if wakeups is not None:
        registry = announced(registry, wakeups)
    pipeline = make_pipeline(settings, graph, registry)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            _started(app, graph, registry),
            looking_for_unkept(graph.entities, registry),
            pruning(graph.entities, registry, settings.changes),
            nullcontext() if wakeups is None else wakeups.running(),
        ):
            pipeline.authenticator.start()
            try:
                async with pipeline.persisted.running():
                    yield
            finally:
                await pipeline.close()

    connections = Connections(settings.subscriptions.connections, settings.subscriptions.viewer_connections)
    origins = Origins.of(settings.http.allowed_origins)
    endpoint = _endpoint(pipeline, settings, graph, connections)
    app = Gateway(
        routes=[
            Route(settings.http.path, endpoint),
            *(graphiql_routes(settings.http.path) if settings.http.graphiql else ()),
            *health_routes(registry),
            *(rest_routes(pipeline, settings.http) if settings.operations.rest else ()),
            *(
                metrics_routes(_caches(pipeline, registry), endpoint.answered, pipeline.turns)
                if settings.http.metrics
                else ()
            ),
        ],
        middleware=[_cors(origins)],
        lifespan=lifespan,
    )
    app.endpoint, app.path = endpoint, settings.http.path
    app.sockets = WebSocket(pipeline, settings.subscriptions, origins, connections)
    app.connections = connections
    return app


def make_pipeline(settings: Settings, graph: Graph, sources: Registry) -> Pipeline:
    """What executes operations, once the sources are open."""
    limits = settings.limits
    sizes = PageSizes(limits.page_default, limits.page_maximum, limits.groups)
    kind = ExplainingPipeline if settings.http.explain else Pipeline

    def make_context(viewer: Viewer) -> Context:
        return Context(sources, sizes, viewer=viewer)

    subscriptions = Subscriptions(
        graph.entities, sources, make_context, queue=settings.subscriptions.queue, seconds=limits.seconds
    )
    control = ControlStore(settings)
    api_keys = StoredApiKeys(Clients(control), settings.auth.recheck)
    authenticator = Authenticator(settings.auth, api_keys)
    operations = partial(_operations, settings, control)
    rates = make_rates(limits.rate, settings.redis)
    return kind(graph.schema, make_context, limits, subscriptions, authenticator, operations, rates)


def _operations(settings: Settings, control: ControlStore, documents: DocumentCache) -> PersistedOperations:
    trusted = TrustedDocuments(OperationStore(control), documents, settings.operations.refresh)
    return PersistedOperations(documents, settings.operations, _automatic(settings), trusted)


def _automatic(settings: Settings) -> AutomaticTexts | None:
    """Texts that clients name by hash, if they may. Raises ConfigError."""
    operations, url = settings.operations, settings.redis.url
    if not operations.automatic:
        return None
    if url is None:
        return AutomaticTexts(operations.automatic_limit)
    from gateway.operations.redis_texts import RedisTexts  # which takes longer to load than all the rest

    try:
        shared = RedisTexts(url.get_secret_value(), operations.automatic_seconds)
    except ValueError as error:
        raise ConfigError(f"redis.url {error}.") from None
    return AutomaticTexts(operations.automatic_limit, shared)


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


def _endpoint(pipeline: Pipeline, settings: Settings, graph: Graph, connections: Connections) -> JsonHttp:
    http = settings.http
    page = graphiql_page(http.path, [Tab(document) for _, document in graph.examples]) if http.graphiql else None
    streaming = Streaming(pipeline, settings.subscriptions, connections)
    event_streams = EventStreams(pipeline, settings.subscriptions, connections)
    return JsonHttp(pipeline, http, streaming, event_streams, page)


def _caches(pipeline: Pipeline, sources: Registry) -> Caches:
    own = {(name, ""): cache for name, cache in pipeline.documents.caches.items()}
    own["tokens", ""] = pipeline.authenticator.verified
    if pipeline.persisted.automatic is not None:
        own["automatic_texts", ""] = pipeline.persisted.automatic.kept
    return own | {("statements", name): cache for name, cache in sources.statements.items()}


def _cors(origins: Origins) -> Middleware:
    return Middleware(
        CORSMiddleware,
        allow_origins=origins.exact,
        allow_origin_regex=origins.pattern,
        allow_methods=("GET", "POST", "PUT", "DELETE"),
        allow_headers=("*",),
        expose_headers=("X-Correlation-Id", "Retry-After", "RateLimit", "RateLimit-Policy"),
        max_age=7200,
    )
