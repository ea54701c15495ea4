"""GraphQL over WebSocket: https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.types import Message, Receive, Scope, Send

from gateway.answers import Answer, encode, failed, refused
from gateway.auth.credentials import NONE, Credentials, of_headers
from gateway.auth.errors import AuthenticationUnavailable, Unauthenticated, ViewerChanged
from gateway.auth.session import Session
from gateway.errors import AlreadyExists, BadRequest, RequestError, ShuttingDown
from gateway.limits.errors import TooManyViewerConnections
from gateway.operations.request import read_parameters
from gateway.pipeline import Pipeline
from gateway.settings import SubscriptionSettings
from gateway.subscriptions.stream import Event
from gateway.transport.connections import Connections
from gateway.transport.exchange import CORRELATION_ID, correlation_id_of, headers_of
from gateway.transport.frames import SEND_NOW
from gateway.transport.messages import (
    FORBIDDEN,
    INIT_TIMEOUT,
    INTERNAL_ERROR,
    INVALID_MESSAGE,
    SUBPROTOCOL_NOT_ACCEPTABLE,
    SUBSCRIBER_EXISTS,
    TOO_MANY_INITS,
    UNAUTHORIZED,
    Close,
    Closed,
    check_payload,
    credentials_of,
    id_of,
    read,
)
from gateway.transport.operations import Operations
from gateway.transport.origins import Origins

SUBPROTOCOL = "graphql-transport-ws"

MAXIMUM_REASON = 123
"""Bytes that a close frame has room for."""


class WebSocket:
    """The endpoint for sockets."""

    def __init__(
        self, pipeline: Pipeline, settings: SubscriptionSettings, origins: Origins, connections: Connections
    ) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._origins = origins
        self._connections = connections

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        correlation_id = correlation_id_of(headers)
        await receive()
        if not _is_allowed(headers, self._origins):
            await send({"type": "websocket.close"})  # before it is accepted, this is a 403
            return
        socket = _Socket(
            self._pipeline, self._settings, self._connections, headers, correlation_id, send, _send_now(scope)
        )
        try:
            left = self._connections.join(socket.leave)
        except RequestError as error:
            await socket.accept(scope["subprotocols"])
            await socket.give_up(error)
            return
        try:
            await socket.serve(scope["subprotocols"], receive)
        finally:
            left()


def _is_allowed(headers: Mapping[bytes, bytes], origins: Origins) -> bool:
    """Web pages may open sockets to anywhere, and browsers send their users' cookies along: it is for us to look."""
    origin = headers.get(b"origin", b"").decode("latin-1")
    if not origin or origins.allow(origin):
        return True
    return urlsplit(origin).netloc == headers.get(b"host", b"").decode("latin-1")


SendNow = Callable[[str], bool]
"""Sends a text there and then, or returns False where that would have to wait."""


def _send_now(scope: Scope) -> SendNow:
    """What the gateway's own server offers; other ASGI servers do not."""
    found: SendNow | None = (scope.get("extensions") or {}).get(SEND_NOW, {}).get("send")
    return (lambda text: False) if found is None else found


class _Socket:
    """One connection."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: SubscriptionSettings,
        connections: Connections,
        headers: Mapping[bytes, bytes],
        correlation_id: str,
        send: Send,
        send_now: SendNow,
    ) -> None:
        self._authenticator = pipeline.authenticator
        self._headers = headers
        self._session: Session | None = None
        self._connections = connections
        self._discount: Callable[[], None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._operations = Operations(pipeline, settings.operations, self.give_up)
        self._init_timeout = settings.init_timeout
        self._correlation_id = correlation_id
        self._send = send
        self._subscribed = 0
        self.send_now = send_now
        self.is_closed = False

    async def serve(self, subprotocols: Sequence[str], receive: Receive) -> None:
        """Accepts the connection, and lives as long as it does."""
        if not await self.accept(subprotocols):
            await self.close(SUBPROTOCOL_NOT_ACCEPTABLE, "Subprotocol not acceptable")
            return
        try:
            await self._initialise(receive)
            while True:
                await self._handle(await read(receive))
        except Close as close:
            await self.close(close.code, str(close))
        except (Unauthenticated, ViewerChanged, AuthenticationUnavailable, TooManyViewerConnections) as error:
            await self.give_up(error)
        except Closed:
            self.is_closed = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told and the operator gets a log
            failed(error, self._correlation_id)
            await self.close(INTERNAL_ERROR, "Internal server error")
        finally:
            if self._session is not None:
                self._session.close()
            if self._discount is not None:
                self._discount()
            await self._operations.cancel()

    async def accept(self, subprotocols: Sequence[str]) -> bool:
        """Accepts the connection; whether the subprotocol is ours, too."""
        headers = [(CORRELATION_ID, self._correlation_id.encode())]
        accepted = SUBPROTOCOL if SUBPROTOCOL in subprotocols else None
        await self._send({"type": "websocket.accept", "subprotocol": accepted, "headers": headers})
        return accepted is not None

    async def leave(self) -> None:
        """The gateway stops; what does not finish in time is cut off."""
        try:
            await self._operations.leave()
        finally:
            await self.give_up(ShuttingDown("The gateway is being stopped."))

    async def close(self, code: int, reason: str) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        short = reason.encode()[:MAXIMUM_REASON].decode(errors="ignore")
        await self.transmit({"type": "websocket.close", "code": code, "reason": short})

    async def transmit(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:  # how servers tell that the client is gone
            self.is_closed = True

    async def give_up(self, error: RequestError) -> None:
        reason = f"{error.code}: {error}" if error.close_code == FORBIDDEN else str(error)
        await self.close(error.close_code or INTERNAL_ERROR, reason)

    async def _initialise(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(self._init_timeout):
                while (message := await read(receive))["type"] != "connection_init":
                    if message["type"] == "subscribe":
                        raise Close(UNAUTHORIZED, "Unauthorized")
                    await self._handle(message)
        except TimeoutError:
            raise Close(INIT_TIMEOUT, "Connection initialisation timeout") from None
        credentials = credentials_of(message)
        if credentials == NONE:
            credentials = of_headers(self._headers)
        viewer = await self._authenticator.authenticate(credentials)
        self._discount = self._connections.count(viewer)
        self._session = Session(self._authenticator, viewer, credentials, self._end)
        await self._say({"type": "connection_ack"})

    def _end(self, error: RequestError) -> None:
        self._ending = asyncio.create_task(self.give_up(error))

    async def _renew(self, credentials: Credentials) -> None:
        """Raises ViewerChanged, Unauthenticated, AuthenticationUnavailable."""
        viewer = await self._authenticator.authenticate(credentials)
        if self._session is not None:
            self._session.renew(viewer, credentials)

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                await self._subscribe(id_of(message), message.get("payload"))
            case "complete":
                self._operations.stop(id_of(message))
            case "ping":
                credentials = credentials_of(message)
                payload = message.get("payload") if credentials == NONE else None
                if credentials != NONE:
                    await self._renew(credentials)
                await self._say({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case "pong":
                check_payload(message)
            case "connection_init":
                raise Close(TOO_MANY_INITS, "Too many initialisation requests")
            case _:
                raise Close(INVALID_MESSAGE, "There is no message of this type.")

    async def _subscribe(self, name: str, payload: object) -> None:
        channel = _Channel(self, name)
        self._subscribed += 1
        try:
            assert self._session is not None  # noqa: S101 - nothing is subscribed to before the acknowledgement
            request = read_parameters(payload, viewer=self._session.viewer())
            self._operations.start(name, request, f"{self._correlation_id}.{self._subscribed}", channel)
        except BadRequest as error:
            raise Close(INVALID_MESSAGE, str(error)) from None
        except AlreadyExists:
            raise Close(SUBSCRIBER_EXISTS, f"Subscriber for {name} already exists") from None
        except RequestError as error:
            await channel.end(refused(error))

    async def _say(self, message: dict[str, Any]) -> None:
        if not self.is_closed:
            await self.transmit({"type": "websocket.send", "text": encode(message).decode()})


class _Channel:
    """The messages of one operation."""

    def __init__(self, socket: _Socket, name: str) -> None:
        self._socket = socket
        self._head = f'{{"id":{orjson.dumps(name).decode()},"type":"'
        self._next = self._head + 'next","payload":'

    async def events(self, events: Sequence[Event]) -> None:
        transmit = self._socket.transmit
        for event in events:
            if self._socket.is_closed:
                return
            await transmit({"type": "websocket.send", "text": f"{self._next}{event.json.decode()}}}"})

    def hand(self, event: Event) -> bool:
        """See Hand."""
        socket = self._socket
        return not socket.is_closed and socket.send_now(f"{self._next}{event.json.decode()}}}")

    async def end(self, answer: Answer | None) -> None:
        if answer is not None and "data" not in answer.content:
            await self._say('error","payload":' + encode(answer.content["errors"]).decode())
            return
        if answer is not None:
            await self._say('next","payload":' + encode(answer.content).decode())
        await self._say('complete"')

    async def _say(self, rest: str) -> None:
        if not self._socket.is_closed:
            await self._socket.transmit({"type": "websocket.send", "text": f"{self._head}{rest}}}"})
