"""How much time may go into large documents that were not seen before: nobody else is served meanwhile."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.limits.errors import Overloaded

LARGE = 4096
"""Characters; what has fewer takes little time."""
BURST = 120.0
"""Seconds whose share may be used at once, as when a gateway has just begun."""


class ParsingTime:
    """That of one process."""

    def __init__(self, share: float, clock: Callable[[], float] = time.perf_counter) -> None:
        """`share` of all time may be used."""
        self._share = share
        self._clock = clock
        self._paid_at = 0.0
        """When the time that was used is again what may be."""

    @contextmanager
    def of(self, text: str) -> Iterator[None]:
        """The time for a document. Raises Overloaded if there is none left, and it is large."""
        if len(text) < LARGE:
            yield
            return
        started = self._clock()
        if self._paid_at - started > BURST:
            raise Overloaded("Too many large documents that are new were sent to be looked at now.")
        try:
            yield
        finally:
            now = self._clock()
            self._paid_at = max(self._paid_at, started) + (now - started) / self._share
