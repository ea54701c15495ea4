"""Many operations on one event stream (graphql-sse's single connection mode), for browsers that speak HTTP/1 alone.

A client reserves a stream (PUT), opens it (GET), starts operations whose results go there (POST), and stops them
(DELETE). The token of the reservation ties these together; it is known to this process alone.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import parse_qs

from starlette.types import Scope, Send

from gateway.answers import Answer
from gateway.auth.credentials import of_headers
from gateway.auth.errors import ViewerChanged
from gateway.auth.session import Session
from gateway.errors import AlreadyExists, BadRequest, RequestError, StreamNotFound
from gateway.operations.request import read_parameters
from gateway.pipeline import Pipeline
from gateway.settings import SubscriptionSettings
from gateway.subscriptions.stream import Event
from gateway.transport.connections import Connections
from gateway.transport.exchange import CORRELATION_ID, ClientDisconnected, Exchange, respond, unless_disconnected
from gateway.transport.operations import Operations
from gateway.transport.sse import SharedSse, Sse
from gateway.transport.streaming import beating, start, write

TOKEN = b"x-graphql-event-stream-token"


def token_of(scope: Scope, headers: Mapping[bytes, bytes]) -> str:
    """The token that a request carries, or nothing."""
    token = headers.get(TOKEN, b"").decode("latin-1")
    if not token and b"token=" in scope["query_string"]:
        return _parameter(scope, b"token")
    return token


def _parameter(scope: Scope, name: bytes) -> str:
    values: list[bytes] = parse_qs(scope["query_string"]).get(name, [b""])
    return values[0].decode("latin-1")


class _EventStream:
    """A reservation, and the event stream that fulfils it."""

    session: Session

    def __init__(self, pipeline: Pipeline, limit: int) -> None:
        self.operations = Operations(pipeline, limit)
        self.is_taken = False
        self.opened = asyncio.Event()
        self.ended = asyncio.Event()
        self._send: Send | None = None

    def open(self, send: Send) -> None:
        self._send = send
        self.opened.set()

    async def write(self, data: bytes) -> None:
        """Waits for the client to open the stream."""
        await self.opened.wait()
        if self._send is not None:
            await write(self._send, data)

    def end(self, error: RequestError) -> None:
        """Its viewer is gone: what is under way ends with the stream, of which its client reserves another."""
        self.ended.set()
        self.opened.set()

    async def leave(self) -> None:
        try:
            if self.is_taken:
                await self.operations.leave()
            else:
                await self.operations.cancel()
        finally:
            self.opened.set()
            self.ended.set()


class _Channel:
    """The events of one operation."""

    def __init__(self, stream: _EventStream, operation_id: str) -> None:
        self._stream = stream
        self._framing = SharedSse(operation_id)

    async def events(self, events: Sequence[Event]) -> None:
        await self._stream.write(self._framing.events(events))

    def hand(self, event: Event) -> bool:
        return False

    async def end(self, answer: Answer | None) -> None:
        await self._stream.write(self._framing.end(answer))


class EventStreams:
    """The streams of this process, by their tokens."""

    def __init__(self, pipeline: Pipeline, settings: SubscriptionSettings, connections: Connections) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._connections = connections
        self._streams: dict[str, _EventStream] = {}
        self._lives: set[asyncio.Task[None]] = set()

    async def respond(self, exchange: Exchange, token: str, opens: bool, read: Callable[[], Awaitable[object]]) -> None:
        """`read` has the request's parameters, if it `opens` no stream. Raises RequestError, ClientDisconnected."""
        method = exchange.scope["method"]
        if method == "PUT":
            await _respond(exchange, 201, self._reserve(exchange).encode())
        elif method == "DELETE":
            operation_id = _parameter(exchange.scope, b"operationId")
            self._find(token, exchange).operations.stop(operation_id)
            await _respond(exchange, 200)
        elif opens:
            await self._open(self._find(token, exchange), exchange)
        else:
            await self._start(self._find(token, exchange), await read(), exchange)
            await _respond(exchange, 202)

    def _find(self, token: str, exchange: Exchange) -> _EventStream:
        """The stream that this viewer has reserved, whose stay is prolonged by newer credentials."""
        try:
            stream = self._streams[token]
            stream.session.renew(exchange.viewer, of_headers(exchange.headers))
            return stream
        except (KeyError, ViewerChanged):
            raise StreamNotFound("No event stream is reserved under this token; reserve one by PUT.") from None

    def _reserve(self, exchange: Exchange) -> str:
        stream = _EventStream(self._pipeline, self._settings.operations)
        left = self._connections.join(stream.leave, exchange.viewer)
        stream.session = Session(
            self._pipeline.authenticator, exchange.viewer, of_headers(exchange.headers), stream.end
        )
        token = secrets.token_urlsafe(24)
        self._streams[token] = stream
        life = asyncio.create_task(self._live(token, stream, left))
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)
        return token

    async def _live(self, token: str, stream: _EventStream, left: Callable[[], None]) -> None:
        """A reservation that its client does not use ends soon."""
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.init_timeout):
                    await stream.opened.wait()
                await stream.ended.wait()
            await stream.operations.cancel()
        finally:
            stream.session.close()
            del self._streams[token]
            left()

    async def _open(self, stream: _EventStream, exchange: Exchange) -> None:
        if stream.is_taken:
            raise AlreadyExists("The event stream is open already.")
        stream.is_taken = True
        send = exchange.send
        await start(send, Sse.content_type, exchange.correlation_id)
        await write(send, Sse.opening)
        stream.open(send)
        try:
            async with beating(send, Sse.heartbeat, self._settings.heartbeat):
                await unless_disconnected(exchange.receive, stream.ended.wait())
        except ClientDisconnected:
            return
        finally:
            await stream.operations.cancel()
            stream.ended.set()
        await send({"type": "http.response.body", "body": b""})

    async def _start(self, stream: _EventStream, parameters: object, exchange: Exchange) -> None:
        read_only = exchange.scope["method"] == "GET"
        request = read_parameters(parameters, read_only=read_only, viewer=exchange.viewer)
        extensions = parameters.get("extensions") if isinstance(parameters, dict) else None
        operation_id = (extensions or {}).get("operationId")
        if not isinstance(operation_id, str) or not operation_id:
            raise BadRequest("extensions.operationId is missing: the results are told apart by it.")
        request = await self._pipeline.persisted.find(request)
        self._pipeline.bind(request)
        stream.operations.start(operation_id, request, exchange.correlation_id, _Channel(stream, operation_id))


async def _respond(exchange: Exchange, status: int, body: bytes = b"") -> None:
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (CORRELATION_ID, exchange.correlation_id.encode()),
        (b"cache-control", b"no-store"),
    ]
    await respond(exchange.send, status, headers, body)
