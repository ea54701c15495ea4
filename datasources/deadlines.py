"""Deadlines of many calls, at a fraction of what `asyncio.timeout` costs each: one timer serves them all."""

import asyncio
from typing import Any, Protocol


class Timed(Protocol):
    """What waits for its time."""

    until: float
    """By the event loop's clock; set when it begins to wait."""

    def expire(self) -> None:
        """Its time has come."""


class Timers:
    """Tells each entry `seconds` after it began: as these are the same for all, who began first is due first."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._entries: dict[Timed, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def add(self, entry: Timed) -> None:
        """Begin; `entry` is told unless it is discarded before."""
        loop = asyncio.get_running_loop()
        entry.until = loop.time() + self._seconds
        self._entries[entry] = None
        if self._timer is None or loop is not self._loop:
            self._loop = loop
            self._timer = loop.call_at(entry.until, self._expire, loop)

    def discard(self, entry: Timed) -> None:
        """Nothing happens when it was told already."""
        self._entries.pop(entry, None)

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for entry in [*self._entries]:
            if entry.until > now:
                self._timer = loop.call_at(entry.until, self._expire, loop)
                return
            self._entries.pop(entry, None)
            entry.expire()


class Deadlines:
    """Cancels tasks that are at a call for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self._timers = Timers(seconds)

    def start(self) -> "Call":
        """The call that the current task makes from now on; it must be stopped."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for calls of a task")
        call = Call(self._timers, task)
        self._timers.add(call)
        return call


class Call:
    """What a task is at."""

    __slots__ = ("_cancelling", "_has_expired", "_task", "_timers", "until")

    def __init__(self, timers: Timers, task: asyncio.Task[Any]) -> None:
        self.until = 0.0
        self._timers = timers
        self._task = task
        self._cancelling = task.cancelling()
        self._has_expired = False

    def expire(self) -> None:
        self._timers.discard(self)
        self._has_expired = True
        self._task.cancel()

    def stop(self) -> bool:
        """Ends the call; whether it was the deadline, and nothing else, that cancelled the task. Once: then False."""
        if not self._has_expired:
            self._timers.discard(self)
            return False
        self._has_expired = False
        return self._task.uncancel() <= self._cancelling
