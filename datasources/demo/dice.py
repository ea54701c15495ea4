"""Chance that falls the same way on every machine and Python version.

Only `random.random()`, integers and the four operations of IEEE floats are used: `choices`, `shuffle`, `gauss` and
the sum() of floats have changed between Python versions, and `exp` or `log` differ between C libraries.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import accumulate
from random import Random
from typing import Generic, TypeVar
from uuid import UUID

T = TypeVar("T")


class Dice:
    """A stream of chance for one purpose, so that a change to one collection leaves the others as they are."""

    def __init__(self, purpose: str) -> None:
        self.share = Random(purpose).random

    def chance(self, probability: float) -> bool:
        return self.share() < probability

    def below(self, end: int) -> int:
        return int(self.share() * end)

    def between(self, low: int, high: int) -> int:
        """Both ends included."""
        return low + int(self.share() * (high - low + 1))

    def mostly_low(self, low: int, high: int) -> int:
        """Both ends included; three quarters are in the lowest 42 percent."""
        share = self.share()
        return low + int(share * share * share * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        return options[int(self.share() * len(options))]

    def digits(self, count: int) -> str:
        return f"{self.below(10**count):0{count}}"

    def uuid(self) -> UUID:
        return UUID(int=sum(self.below(1 << 32) << shift for shift in (0, 32, 64, 96)), version=4)


class Weighted(Generic[T]):
    """Options of which some come more often than others."""

    def __init__(self, options: Iterable[tuple[T, float]]) -> None:
        self._options, weights = zip(*options, strict=True)
        self._bounds = list(accumulate(weights))

    def pick(self, dice: Dice) -> T:
        picked: T = self._options[bisect_right(self._bounds, dice.share() * self._bounds[-1])]
        return picked


def money(cents: int) -> Decimal:
    return Decimal(cents).scaleb(-2)


def divide(dividend: int, divisor: int) -> int:
    """Rounded half to even, as `Decimal.quantize` does."""
    quotient, rest = divmod(dividend, divisor)
    return quotient + (2 * rest > divisor or (2 * rest == divisor and quotient % 2))
