"""A TCP proxy whose connections a test breaks."""

import asyncio
import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from anyio.from_thread import BlockingPortal, start_blocking_portal

RESET = struct.pack("ii", 1, 0)
"""A `SO_LINGER` that makes closing a reset."""


class Proxy:
    """Carries bytes between clients and a server."""

    def __init__(self, upstream: int, portal: BlockingPortal) -> None:
        """`upstream` is the port of the server, which may go and come back."""
        self._upstream = upstream
        self._portal = portal
        self._connections: set[_Connection] = set()

    def break_some(self, rng: random.Random) -> int:
        """Breaks about half of the connections, each within the bytes that come next; returns how many."""
        return self._portal.call(self._break_some, rng)

    async def _break_some(self, rng: random.Random) -> int:
        doomed = [each for each in self._connections if rng.random() < 0.5]
        for connection in doomed:
            connection.allowed = rng.choice([0, rng.randrange(600)])
            connection.resets = rng.random() < 0.5
            if not connection.allowed:
                connection.end()
        return len(doomed)

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            upstream = await asyncio.open_connection("127.0.0.1", self._upstream)
        except OSError:
            await reader.read(1)  # Node's fetch waits for ever where a connection ends before it has asked for anything
            writer.transport.abort()
            return
        connection = _Connection((reader, writer), upstream)
        self._connections.add(connection)
        try:
            await connection.carry()
        finally:
            self._connections.discard(connection)


class _Connection:
    """One of a client, and one to the server."""

    def __init__(
        self,
        client: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        server: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    ) -> None:
        self._client = client
        self._server = server
        self.allowed: int | None = None
        """Bytes that the client gets before it breaks."""
        self.resets = False
        """Whether it breaks with a reset; it just ends otherwise."""

    async def carry(self) -> None:
        up = asyncio.create_task(self._up())
        try:
            await self._down()
        finally:
            up.cancel()
            self.end()

    def end(self) -> None:
        for _, writer in (self._client, self._server):
            if self.resets and not writer.is_closing():
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.close()

    async def _up(self) -> None:
        reader, (_, writer) = self._client[0], self._server
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        writer.close()

    async def _down(self) -> None:
        reader, (_, writer) = self._server[0], self._client
        try:
            while data := await reader.read(65536):
                if self.allowed is not None:
                    data = data[: self.allowed]
                    self.allowed -= len(data)
                writer.write(data)
                await writer.drain()
                if self.allowed == 0:
                    return
        except OSError:
            self.resets = True


@contextmanager
def proxied(upstream: int) -> Iterator[tuple[Proxy, int]]:
    """A proxy before a port of 127.0.0.1, and its own port."""
    with start_blocking_portal() as portal:
        proxy = Proxy(upstream, portal)
        server = portal.call(asyncio.start_server, proxy.carry, "127.0.0.1", 0)
        try:
            yield proxy, server.sockets[0].getsockname()[1]
        finally:
            portal.call(server.close)
