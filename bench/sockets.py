"""A client's end of a websocket, as lean as it can be: https://datatracker.ietf.org/doc/html/rfc6455"""

import asyncio
from collections.abc import Callable

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
FINAL, MASKED = 0x80, 0x80
NO_MASK = b"\0\0\0\0"
"""Clients have to mask what they send; this one leaves it as it is."""

Hear = Callable[[bytes, int, int], None]
"""Takes an event: a part of the bytes that were read."""


class Socket(asyncio.Protocol):
    """Subscribes to one thing, answers pings, and hands on what it hears."""

    transport: asyncio.Transport

    def __init__(self, path: str, message: str | None, hear: Hear) -> None:
        """`message` subscribes, over graphql-transport-ws; None where the path says it all."""
        self.heard = 0
        self.subscribed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._path = path
        self._message = message
        self._hear = hear
        self._is_open = False
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        protocol = "" if self._message is None else "sec-websocket-protocol: graphql-transport-ws\r\n"
        self.transport.write(
            f"GET {self._path} HTTP/1.1\r\nhost: bench\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
            f"sec-websocket-version: 13\r\nsec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n{protocol}\r\n".encode()
        )

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the server closed a socket: {exc}")

    def data_received(self, data: bytes) -> None:
        if self._rest:
            data = self._rest + data
        at = 0 if self._is_open else self._open(data)
        end = len(data)
        while end - at >= 2:
            length, start = data[at + 1], at + 2
            if length > 125:
                start += 2 if length == 126 else 8
                length = int.from_bytes(data[at + 2 : start])
            stop = start + length
            if stop > end:
                break
            self._take(data[at], data, start, stop)
            at = stop
        self._rest = data[at:]

    def close(self) -> None:
        self.connection_lost = lambda exc: None  # type: ignore[method-assign]
        self.transport.abort()

    def _open(self, data: bytes) -> int:
        """Where the first frame begins, once the server has agreed."""
        head = data.find(b"\r\n\r\n")
        if head < 0:
            return 0
        if not data.startswith(b"HTTP/1.1 101 "):
            self._fail(f"the server did not open a socket: {data[:200]!r}")
            return len(data)
        self._is_open = True
        if self._message is None:
            self.subscribed.set_result(None)
        else:
            self._send(TEXT, b'{"type":"connection_init"}')
        return head + 4

    def _take(self, first: int, data: bytes, start: int, stop: int) -> None:
        if first == FINAL | PING:
            self._send(PONG, data[start:stop])
        elif first not in (FINAL | TEXT, FINAL | BINARY):
            self._fail(f"the server sent {data[start - 2 : stop][:200]!r}")
        elif self.subscribed.done():
            self.heard += 1
            self._hear(data, start, stop)
        elif self._message is not None:  # this is connection_ack
            self._send(TEXT, self._message.encode())
            self.subscribed.set_result(None)

    def _send(self, opcode: int, payload: bytes) -> None:
        length = len(payload)
        size = bytes([MASKED | length]) if length < 126 else bytes([MASKED | 126]) + length.to_bytes(2)
        self.transport.write(bytes([FINAL | opcode]) + size + NO_MASK + payload)

    def _fail(self, reason: str) -> None:
        if not self.subscribed.done():
            self.subscribed.set_exception(RuntimeError(reason))
            return
        self._hear(reason.encode(), 0, len(reason))
