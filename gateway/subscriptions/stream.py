"""What a subscription delivers to the transport that carries it."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.errors import SubscriberTooSlow


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the JSON of its answer, which all subscribers that ask alike share."""

    json: bytes
    cursor: str | None = None
    """Where a client resumes behind this event; it stands in the JSON too, as `extensions.cursor`."""


Hand = Callable[[Event], bool]
"""Delivers an event there and then, or returns False where that would have to wait."""


class Stream(Protocol):
    """The events of one subscriber."""

    async def take(self) -> Sequence[Event]:
        """What came since the last time: waits for at least one event. Nothing at the end.

        Raises SubscriberTooSlow when more came than are kept, other RequestErrors, and, for what breaks in a field's
        own code, a GraphQLError that knows its cause and its place.
        """

    def hand_over(self, hand: Hand) -> None:
        """While somebody waits in `take`, events may be delivered by `hand` instead: nobody has to be woken for it."""

    async def close(self) -> None:
        """Nothing more is wanted; whoever waits in `take` has been cancelled."""


class Mailbox:
    """A stream that is filled by others, without waiting, and keeps `limit` events that were not yet taken."""

    def __init__(self, limit: int, on_close: Callable[[], None] = lambda: None) -> None:
        """`on_close` is called once, when nothing more is wanted or can be kept."""
        self._limit = limit
        self._on_close: Callable[[], None] | None = on_close
        self._events: list[Event] = []
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._hand: Hand | None = None

    def put(self, event: Event) -> None:
        """Deliver. One event too many ends the stream, behind those that are kept."""
        if self._ended:
            return
        waiter = self._waiter
        if waiter is not None and self._hand is not None and not waiter.done() and self._hand(event):
            return
        if len(self._events) >= self._limit:
            self.end(SubscriberTooSlow(f"More than {self._limit} events waited to be taken."))
            return
        self._events.append(event)
        if waiter is not None:
            self._wake()

    def end(self, error: Exception | None = None) -> None:
        """No more events: `error`, if there is one, is raised once those that are kept are taken."""
        self._ended, self._error = True, error
        self._release()
        if self._waiter is not None:
            self._wake()

    async def take(self) -> Sequence[Event]:
        """See Stream."""
        while not self._events:
            if self._ended:
                if self._error is not None:
                    raise self._error
                return ()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        taken, self._events = self._events, []
        return taken

    def hand_over(self, hand: Hand) -> None:
        """See Stream."""
        self._hand = hand

    async def close(self) -> None:
        """See Stream."""
        self._ended = True
        self._release()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _release(self) -> None:
        on_close, self._on_close = self._on_close, None
        if on_close is not None:
            on_close()
