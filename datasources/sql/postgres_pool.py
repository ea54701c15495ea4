"""PostgreSQL connections, each used by one statement at a time.

asyncpg's own pool takes a task and several turns of the event loop to give a connection back: more than a lookup by
key costs otherwise.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any

import asyncpg

from datasources.slots import Slots

CANCEL_SECONDS = 1.0
"""How long a cancelled statement may take to end. PostgreSQL may miss a request to cancel what it has not yet begun;
then the connection is closed, which it sees within `client_connection_check_interval`."""
CLOSE_SECONDS = 1.0
"""How long statements in flight may take when the pool is closed."""
IDLE_SECONDS = 300.0
"""Connections that were not needed for so long are closed."""


class PostgresPool:
    """At most `size` connections, opened when they are first needed, and replaced when they are lost."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]], size: int) -> None:
        self._connect = connect
        self._size = size
        self._slots = Slots(size)
        self._connections: set[asyncpg.Connection] = set()
        self._idle: list[asyncpg.Connection] = []
        self._unneeded = 0
        """How many of the idle ones, from the first on, have been so since the last sweep."""
        self._recoveries: set[asyncio.Task[None]] = set()
        self._is_closed = False
        self._sweeping = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)

    async def fetch(self, text: str, arguments: Sequence[Any]) -> list[asyncpg.Record]:
        """The rows of a statement; raises what asyncpg does. The statement of a cancelled task is cancelled, too."""
        if not self._slots.take():
            await self._slots.wait()
        try:
            connection = self._take() or await self._opened()
        except BaseException:
            self._slots.give_back()
            raise
        try:
            rows: list[asyncpg.Record] = await connection.fetch(text, *arguments)
        except asyncpg.PostgresError:
            self._give_back(connection)
            raise
        except BaseException:
            recovery = asyncio.create_task(self._recover(connection))
            self._recoveries.add(recovery)
            recovery.add_done_callback(self._recoveries.discard)
            raise
        self._give_back(connection)
        return rows

    async def close(self) -> None:
        """Waits for statements in flight, but not for long."""
        if self._is_closed:
            return
        self._is_closed = True
        self._sweeping.cancel()
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for _ in range(self._size):
                    await self._slots.wait()
                while self._idle:
                    await self._idle[-1].close()
                    self._connections.discard(self._idle.pop())
        for connection in self._connections:
            connection.terminate()

    def _take(self) -> asyncpg.Connection | None:
        if self._is_closed:
            raise asyncpg.InterfaceError("the pool is closed")
        while self._idle:
            connection = self._idle.pop()
            if len(self._idle) < self._unneeded:
                self._unneeded = len(self._idle)
            if not connection.is_closed():
                return connection
            self._connections.discard(connection)
        return None

    async def _opened(self) -> asyncpg.Connection:
        connection = await self._connect()
        self._connections.add(connection)
        return connection

    def _give_back(self, connection: asyncpg.Connection) -> None:
        if connection.is_closed():
            self._connections.discard(connection)
        else:
            self._idle.append(connection)
        self._slots.give_back()

    async def _recover(self, connection: asyncpg.Connection) -> None:
        """Gives back a connection whose statement did not end as it should, if it answers in time."""
        try:
            await connection.execute("SELECT 1", timeout=CANCEL_SECONDS)  # waits for the cancellation first
        except (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            connection.terminate()
        finally:
            self._give_back(connection)

    def _sweep(self) -> None:
        for connection in self._idle[: self._unneeded]:
            connection.terminate()
            self._connections.discard(connection)
        del self._idle[: self._unneeded]
        self._unneeded = len(self._idle)
        self._sweeping = asyncio.get_running_loop().call_later(IDLE_SECONDS, self._sweep)
