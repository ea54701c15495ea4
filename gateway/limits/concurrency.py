"""How many operations run at once: more wait for their turn, and those that would wait too long are sent away."""

import asyncio

from datasources.slots import Slots
from gateway.limits.errors import Overloaded, TooManyViewerOperations
from gateway.settings import LimitSettings
from resolvers.viewer import Viewer

Identity = tuple[str | None, ...]


class Turns:
    """Those of one process."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._slots = Slots(limits.concurrency)
        self._of_viewers: dict[Identity, int] = {}
        self.running = 0
        self.waiting = 0
        self.shed = 0
        """How many were sent away."""

    def take(self, viewer: Viewer) -> bool:
        """Whether it is the operation's turn, until `leave`; else it is to `wait`. Raises TooManyViewerOperations."""
        if not viewer.is_anonymous:  # nobody can tell those apart: they share the limit of all
            self._count(viewer.identity)
        if not self._slots.take():
            return False
        self.running += 1
        return True

    async def wait(self, viewer: Viewer) -> None:
        """Waits for the operation's turn, until `leave`. Raises Overloaded."""
        try:
            await self._wait()
        except BaseException:
            if not viewer.is_anonymous:
                self._discount(viewer.identity)
            raise
        self.running += 1

    def leave(self, viewer: Viewer) -> None:
        self.running -= 1
        self._slots.give_back()
        if not viewer.is_anonymous:
            self._discount(viewer.identity)

    async def _wait(self) -> None:
        limits = self._limits
        if self.waiting >= limits.waiting:
            self.shed += 1
            raise Overloaded("As many operations run and wait as may.")
        self.waiting += 1
        try:
            async with asyncio.timeout(limits.patience):
                await self._slots.wait()
        except TimeoutError:
            self.shed += 1
            raise Overloaded(f"The operation's turn did not come within {limits.patience:g} s.") from None
        finally:
            self.waiting -= 1

    def _count(self, identity: Identity) -> None:
        count, limit = self._of_viewers.get(identity, 0), self._limits.viewer_operations
        if count >= limit:
            raise TooManyViewerOperations(f"{limit} operations of yours are under way, as many as may be.")
        self._of_viewers[identity] = count + 1

    def _discount(self, identity: Identity) -> None:
        count = self._of_viewers.pop(identity) - 1
        if count:
            self._of_viewers[identity] = count
