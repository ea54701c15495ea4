"""The sockets and event streams that are open: counted, so that they have a limit, and told when the gateway stops."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.errors import ShuttingDown, TooManyConnections

Leave = Callable[[], Awaitable[None]]
"""Ends a connection's subscriptions, lets everything else on it finish, and closes it."""


class Connections:
    """Those of one process."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: dict[int, Leave] = {}
        self._joined = 0
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def join(self, leave: Leave) -> Callable[[], None]:
        """Counts a connection until the returned function is called. Raises TooManyConnections, ShuttingDown."""
        if self._draining:
            raise ShuttingDown("The gateway is being stopped.")
        if len(self._open) >= self._limit:
            raise TooManyConnections(f"There are {self._limit} sockets and event streams, as many as may be.")
        self._joined += 1
        number = self._joined
        self._open[number] = leave
        self._empty.clear()
        return lambda: self._remove(number)

    async def drain(self) -> None:
        """Refuses new connections, makes all leave, and returns when they have. Cancelled, it cuts them off."""
        self._draining = True
        await asyncio.gather(*(leave() for leave in list(self._open.values())))
        await self._empty.wait()

    def _remove(self, number: int) -> None:
        self._open.pop(number, None)
        if not self._open:
            self._empty.set()
