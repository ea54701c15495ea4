"""What a subscription delivers to the transport that carries it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Event:
    """One event: the JSON of its answer, which all subscribers that ask alike share."""

    json: bytes
    cursor: str | None = None
    """Where a client resumes behind this event; it stands in the JSON too, as `extensions.cursor`."""


class Stream(Protocol):
    """The events of one subscriber."""

    async def take(self) -> Sequence[Event]:
        """What came since the last time: waits for at least one event. Nothing at the end.

        Raises SubscriberTooSlow when more came than are kept, and other RequestErrors.
        """

    async def close(self) -> None:
        """Nothing more is wanted."""
