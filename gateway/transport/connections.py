"""The sockets and event streams that are open: counted, so that they have a limit, and told when the gateway stops."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.errors import ShuttingDown, TooManyConnections
from gateway.limits.errors import TooManyViewerConnections
from resolvers.viewer import ANONYMOUS, Viewer

Leave = Callable[[], Awaitable[None]]
"""Ends a connection's subscriptions, lets everything else on it finish, and closes it."""


class Connections:
    """Those of one process."""

    def __init__(self, limit: int, of_viewer: int) -> None:
        """`of_viewer` is how many one viewer may have."""
        self._limit = limit
        self._of_viewer = of_viewer
        self._of_viewers: dict[tuple[str | None, ...], int] = {}
        self._open: dict[int, Leave] = {}
        self._joined = 0
        self._draining = False
        self._empty = asyncio.Event()
        self._empty.set()

    def __len__(self) -> int:
        return len(self._open)

    def join(self, leave: Leave, viewer: Viewer = ANONYMOUS) -> Callable[[], None]:
        """Counts a connection until the returned function is called.

        Raises TooManyConnections, TooManyViewerConnections, ShuttingDown.
        """
        if self._draining:
            raise ShuttingDown("The gateway is being stopped.")
        if len(self._open) >= self._limit:
            raise TooManyConnections(f"There are {self._limit} sockets and event streams, as many as may be.")
        discount = self.count(viewer)
        self._joined += 1
        number = self._joined
        self._open[number] = leave
        self._empty.clear()

        def left() -> None:
            discount()
            self._remove(number)

        return left

    def count(self, viewer: Viewer) -> Callable[[], None]:
        """Counts a connection that has joined before its viewer was known, as theirs, until the function is called.

        Raises TooManyViewerConnections.
        """
        if viewer.is_anonymous:
            return lambda: None
        identity = viewer.identity
        count = self._of_viewers.get(identity, 0)
        if count >= self._of_viewer:
            raise TooManyViewerConnections(
                f"You have {count} sockets and event streams, as many as one viewer may have here."
            )
        self._of_viewers[identity] = count + 1
        return lambda: self._discount(identity)

    def _discount(self, identity: tuple[str | None, ...]) -> None:
        count = self._of_viewers.pop(identity) - 1
        if count:
            self._of_viewers[identity] = count

    async def drain(self) -> None:
        """Refuses new connections, makes all leave, and returns when they have. Cancelled, it cuts them off."""
        self._draining = True
        await asyncio.gather(*(leave() for leave in list(self._open.values())))
        await self._empty.wait()

    def _remove(self, number: int) -> None:
        self._open.pop(number, None)
        if not self._open:
            self._empty.set()
