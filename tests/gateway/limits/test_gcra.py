"""Buckets: how much they hold, what comes back, and that several are taken from together."""

import pytest

import gateway.limits.gcra as gcra
from gateway.limits.gcra import Bucket, LocalStore

CLIENT = Bucket("client", ("client", "app"), rate=10, burst=6)
VIEWER = Bucket("viewer", ("viewer", "ada"), rate=1, burst=6)


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> LocalStore:
    return LocalStore(clock)


def test_as_much_as_it_holds_and_what_comes_back(store: LocalStore, clock: Clock) -> None:
    assert [store.take_now([CLIENT], 20).wait for _ in range(4)] == [0, 0, 0, 2]
    clock.now += 2
    assert store.take_now([CLIENT], 20).wait == 0
    assert store.take_now([CLIENT], 1).wait == pytest.approx(0.1)
    clock.now += 100
    assert store.take_now([CLIENT], 60).full_in == [6]


def test_what_is_refused_takes_nothing(store: LocalStore) -> None:
    store.take_now([CLIENT], 50)
    assert store.take_now([CLIENT], 20).wait > 0
    assert store.take_now([CLIENT], 10).wait == 0


def test_of_several_all_or_none(store: LocalStore) -> None:
    assert store.take_now([CLIENT, VIEWER], 6).full_in == [0.6, 6]
    refused = store.take_now([CLIENT, VIEWER], 1)
    assert (refused.full_in, refused.wait) == ([0.6, 6], 1)
    assert store.take_now([CLIENT], 54).wait == 0


def test_what_was_not_used_comes_back_at_once(store: LocalStore) -> None:
    store.take_now([CLIENT], 60)
    assert store.take_now([CLIENT], 10).wait == 1
    store.give_back([CLIENT], 50)
    assert store.take_now([CLIENT], 50).wait == 0


def test_what_costs_more_than_it_holds_is_had_when_it_is_full(store: LocalStore, clock: Clock) -> None:
    store.take_now([CLIENT], 10)
    assert store.take_now([CLIENT], 600).wait == 1
    clock.now += 1
    assert store.take_now([CLIENT], 600).wait == 0
    assert store.take_now([CLIENT], 1).wait == pytest.approx(54.1)


def test_tells_what_is_left() -> None:
    assert (CLIENT.capacity, CLIENT.remaining(0), CLIENT.remaining(2), CLIENT.remaining(60)) == (60, 60, 40, 0)


def test_full_buckets_are_not_kept(store: LocalStore, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gcra, "SWEEP", 10)
    store._sweep_at = 10
    for number in range(1000):
        store.take_now([Bucket("viewer", (str(number),), rate=1, burst=6)], 1)
        clock.now += 0.5
        assert len(store._full_at) <= 11
