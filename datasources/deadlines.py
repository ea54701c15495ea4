"""Deadlines of many calls, at a fraction of what `asyncio.timeout` costs each: one timer serves them all."""

import asyncio
from typing import Any


class Deadlines:
    """Cancels tasks that are at a call for `seconds`: as these are the same for all, who began first is due first.

    Of one event loop.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._calls: dict[Call, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> "Call":
        """The call that the current task makes from now on; it must be stopped."""
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a deadline is for calls of a task")
        loop = task.get_loop()
        call = Call(self._calls, task, loop.time() + self._seconds)
        self._calls[call] = None
        if self._timer is None:
            self._timer = loop.call_at(call.until, self._expire, loop)
        return call

    def _expire(self, loop: asyncio.AbstractEventLoop) -> None:
        now = loop.time()
        for call in [*self._calls]:
            if call.until > now:
                self._timer = loop.call_at(call.until, self._expire, loop)
                return
            call.expire()
        self._timer = None


class Call:
    """What a task is at."""

    __slots__ = ("_calls", "_cancelling", "_has_expired", "_task", "until")

    def __init__(self, calls: "dict[Call, None]", task: asyncio.Task[Any], until: float) -> None:
        self.until = until
        self._calls = calls
        self._task = task
        self._cancelling = task.cancelling()
        self._has_expired = False

    def expire(self) -> None:
        del self._calls[self]
        self._has_expired = True
        self._task.cancel()

    def stop(self) -> bool:
        """Ends the call; whether it was the deadline, and nothing else, that cancelled the task. Once: then False."""
        if not self._has_expired:
            self._calls.pop(self, None)
            return False
        self._has_expired = False
        return self._task.uncancel() <= self._cancelling
