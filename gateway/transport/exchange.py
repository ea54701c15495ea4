"""The raw side of one HTTP exchange: its headers, its body, its end, and what is sent back."""

import asyncio
import re
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from random import getrandbits
from typing import TypeVar

from starlette.types import Receive, Scope, Send

from datasources.deadlines import Timers
from gateway.errors import PayloadTooLarge, RequestTimeout
from resolvers.viewer import Viewer

BODY_SECONDS = 30
"""Within which a body has to arrive."""
WATCH_AFTER = 0.05
"""Seconds after which an operation's client is watched; of quicker ones there is nothing to gain."""
WATCHES = Timers(WATCH_AFTER)

CORRELATION_ID = b"x-correlation-id"
VARY = b"Accept, Authorization, Origin, X-Api-Key"
"""What answers depend on, for caches on the way."""
_SANE_ID = re.compile(rb"[\w.:+/=-]{1,128}\Z")

T = TypeVar("T")
B = TypeVar("B", bytes, bytearray)


class ClientDisconnected(Exception):
    """There is nobody left to answer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request, and the way back."""

    scope: Scope
    receive: Receive
    send: Send
    correlation_id: str
    headers: Mapping[bytes, bytes]
    viewer: Viewer


def headers_of(scope: Scope) -> Mapping[bytes, bytes]:
    """The headers by lower-case name; of one that is repeated, all values."""
    headers: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        headers[name] = headers[name] + b"," + value if name in headers else value
    return headers


def correlation_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The client's own id for this request, or a new one."""
    given = headers.get(CORRELATION_ID, b"")
    return given.decode() if given and _SANE_ID.match(given) else f"{getrandbits(64):016x}"


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole body, of `limit` bytes at most. Raises PayloadTooLarge, RequestTimeout, ClientDisconnected."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared[:20]) > limit:
        raise PayloadTooLarge(f"The body has {declared[:20].decode()} bytes; {limit} may be sent.")
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        whole: bytes = message.get("body", b"")
        return _within(whole, limit)
    body = bytearray(message.get("body", b""))
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while message.get("more_body", False):
                message = await receive()
                body += message.get("body", b"")
                _within(body, limit)
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {BODY_SECONDS} s.") from None
    if message["type"] == "http.disconnect":
        raise ClientDisconnected
    return bytes(_within(body, limit))


def _within(body: B, limit: int) -> B:
    if len(body) > limit:
        raise PayloadTooLarge(f"The body has more than {limit} bytes.")
    return body


async def unless_disconnected(receive: Receive, work: Awaitable[T]) -> T:
    """What `work` returns. Raises ClientDisconnected, with `work` cancelled, when the client leaves before that."""
    watch = _Watch(receive)
    WATCHES.add(watch)
    try:
        return await work
    except asyncio.CancelledError:
        if not watch.client_left:
            raise
        watch.task.uncancel()
        raise ClientDisconnected from None
    finally:
        WATCHES.discard(watch)
        if watch.watcher is not None:
            watch.watcher.cancel()


class _Watch:
    """Cancels a task when its client leaves; begins to look only when the task takes its time."""

    __slots__ = ("_receive", "client_left", "task", "until", "watcher")

    def __init__(self, receive: Receive) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine is run by a task
        self._receive = receive
        self.client_left = False
        self.task = task
        self.until = 0.0
        self.watcher: asyncio.Task[None] | None = None

    def expire(self) -> None:
        self.watcher = self.task.get_loop().create_task(self._look())

    async def _look(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        self.task.cancel()


async def respond(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
