"""The generic cell rate algorithm: https://en.wikipedia.org/wiki/Generic_cell_rate_algorithm

All that is kept of a bucket is when it will be full again. What an operation costs moves that away; an operation that
would move it further than the burst has to wait. One that costs more than a whole burst may have it, of a full bucket.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

SWEEP = 10_000
"""Buckets from which on those are dropped that are full."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """Whose units are counted together."""

    kind: str
    key: tuple[str | None, ...]
    rate: float
    """Units that come back in a second."""
    burst: float
    """Seconds whose units it holds."""

    @property
    def capacity(self) -> int:
        return int(self.rate * self.burst)

    def remaining(self, full_in: float) -> int:
        """Units that may be used at once, when it will be full in so many seconds."""
        return max(int((self.burst - full_in) * self.rate), 0)


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a charge."""

    full_in: Sequence[float]
    """Seconds until each bucket is full again."""
    wait: float = 0.0
    """Seconds until there is enough; nothing was taken if it is not 0."""


class Store(Protocol):
    """Where buckets are kept."""

    async def take(self, buckets: Sequence[Bucket], units: int) -> Taken:
        """Takes as many of each bucket, or of none."""

    def give_back(self, buckets: Sequence[Bucket], units: int) -> None:
        """Units that were taken, and not used; that is done by and by."""

    async def close(self) -> None: ...


class LocalStore:
    """Buckets of this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._full_at: dict[tuple[str | None, ...], float] = {}
        self._sweep_at = SWEEP

    async def take(self, buckets: Sequence[Bucket], units: int) -> Taken:
        """See Store."""
        return self.take_now(buckets, units)

    def take_now(self, buckets: Sequence[Bucket], units: int) -> Taken:
        now = self._clock()
        before = [max(self._full_at.get(each.key, now), now) - now for each in buckets]
        after = [full_in + units / each.rate for full_in, each in zip(before, buckets, strict=True)]
        waits = [min(full_in, later - each.burst) for full_in, later, each in zip(before, after, buckets, strict=True)]
        wait = max(waits)
        if wait > 0:
            return Taken(before, wait)
        for bucket, later in zip(buckets, after, strict=True):
            self._full_at[bucket.key] = now + later
        if len(self._full_at) > self._sweep_at:
            self._sweep(now)
        return Taken(after)

    def give_back(self, buckets: Sequence[Bucket], units: int) -> None:
        """See Store."""
        for bucket in buckets:
            if bucket.key in self._full_at:
                self._full_at[bucket.key] -= units / bucket.rate

    async def close(self) -> None:
        """There is nothing to close."""

    def _sweep(self, now: float) -> None:
        self._full_at = {key: full_at for key, full_at in self._full_at.items() if full_at > now}
        self._sweep_at = max(SWEEP, 2 * len(self._full_at))
