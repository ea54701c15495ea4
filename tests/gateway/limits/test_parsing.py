"""Large documents that are new have little time; what is known, or small, is not in their way."""

import pytest

from gateway.limits.errors import Overloaded
from gateway.limits.parsing import BURST, ParsingTime
from gateway.operations.documents import DocumentCache
from gateway.settings import LimitSettings
from tests.gateway.shop import shop_graph

LARGE, SMALL = " " * 5000, " " * 100


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def spend(time: ParsingTime, clock: Clock, text: str, seconds: float) -> None:
    with time.of(text):
        clock.now += seconds


def test_large_documents_have_their_share() -> None:
    clock = Clock()
    time = ParsingTime(0.1, clock)
    spend(time, clock, LARGE, 0.1 * BURST + 20)
    with pytest.raises(Overloaded):
        spend(time, clock, LARGE, 0)
    spend(time, clock, SMALL, 300)
    spend(time, clock, LARGE, 1)


def test_those_that_are_known_are_answered_all_the_same() -> None:
    cache = DocumentCache(shop_graph().schema, LimitSettings(parsing=1e-9))
    known = [f"{{ __typename {LARGE}}}", f"{{ nope {LARGE}}}"]
    cache.load(known[0])
    with pytest.raises(Overloaded):
        cache.load(known[1])
    assert cache.load(known[0]) is cache.load(known[0])
    assert cache.load("{ __typename }").operations.keys() == {""}
