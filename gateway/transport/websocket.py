"""GraphQL over WebSocket: https://github.com/graphql/graphql-over-http/blob/main/rfcs/GraphQLOverWebSocket.md"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

import orjson
from starlette.types import Message, Receive, Scope, Send

from gateway.answers import Answer, encode, failed, refused
from gateway.errors import (
    AlreadyExists,
    BadRequest,
    RequestError,
    ShuttingDown,
)
from gateway.operations.request import read_parameters
from gateway.pipeline import Pipeline
from gateway.settings import SubscriptionSettings
from gateway.subscriptions.stream import Event
from gateway.transport.connections import Connections
from gateway.transport.exchange import CORRELATION_ID, correlation_id_of, headers_of
from gateway.transport.frames import SEND_NOW
from gateway.transport.operations import Operations
from gateway.transport.origins import Origins

SUBPROTOCOL = "graphql-transport-ws"

INVALID_MESSAGE = 4400
UNAUTHORIZED = 4401
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
SUBSCRIBER_EXISTS = 4409
TOO_MANY_INITS = 4429
INTERNAL_ERROR = 4500

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
        socket = _Socket(self._pipeline, self._settings, correlation_id, send, _send_now(scope))
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


class _Closed(Exception):
    """The socket is no more."""


class _Close(Exception):
    """The client broke the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Socket:
    """One connection."""

    def __init__(
        self, pipeline: Pipeline, settings: SubscriptionSettings, correlation_id: str, send: Send, send_now: SendNow
    ) -> None:
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
                await self._handle(await _read(receive))
        except _Close as close:
            await self.close(close.code, str(close))
        except _Closed:
            self.is_closed = True
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told and the operator gets a log
            failed(error, self._correlation_id)
            await self.close(INTERNAL_ERROR, "Internal server error")
        finally:
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
        await self.close(error.close_code or INTERNAL_ERROR, str(error))

    async def _initialise(self, receive: Receive) -> None:
        try:
            async with asyncio.timeout(self._init_timeout):
                while (message := await _read(receive))["type"] != "connection_init":
                    if message["type"] == "subscribe":
                        raise _Close(UNAUTHORIZED, "Unauthorized")
                    await self._handle(message)
        except TimeoutError:
            raise _Close(INIT_TIMEOUT, "Connection initialisation timeout") from None
        _check_payload(message)
        await self._say({"type": "connection_ack"})

    async def _handle(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                await self._subscribe(_id_of(message), message.get("payload"))
            case "complete":
                self._operations.stop(_id_of(message))
            case "ping":
                _check_payload(message)
                payload = message.get("payload")
                await self._say({"type": "pong"} if payload is None else {"type": "pong", "payload": payload})
            case "pong":
                _check_payload(message)
            case "connection_init":
                raise _Close(TOO_MANY_INITS, "Too many initialisation requests")
            case _:
                raise _Close(INVALID_MESSAGE, "There is no message of this type.")

    async def _subscribe(self, name: str, payload: object) -> None:
        channel = _Channel(self, name)
        self._subscribed += 1
        try:
            request = read_parameters(payload)
            self._operations.start(name, request, f"{self._correlation_id}.{self._subscribed}", channel)
        except BadRequest as error:
            raise _Close(INVALID_MESSAGE, str(error)) from None
        except AlreadyExists:
            raise _Close(SUBSCRIBER_EXISTS, f"Subscriber for {name} already exists") from None
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


async def _read(receive: Receive) -> dict[str, Any]:
    """The client's next message, which has a type. Raises _Close, _Closed."""
    received = await receive()
    if received["type"] == "websocket.disconnect":
        raise _Closed
    try:
        message = orjson.loads(received.get("text") or b"")
    except ValueError:
        raise _Close(INVALID_MESSAGE, "The message is not JSON text.") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _Close(INVALID_MESSAGE, "A message is an object with a type.")
    return message


def _id_of(message: dict[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not name:
        raise _Close(INVALID_MESSAGE, f"A {message['type']} message has an id, which is a string.")
    return name


def _check_payload(message: dict[str, Any]) -> None:
    if not isinstance(message.get("payload"), dict | None):
        raise _Close(INVALID_MESSAGE, f"The payload of {message['type']} is an object, if there is one.")
