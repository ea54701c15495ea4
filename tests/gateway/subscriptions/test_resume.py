"""Resuming from a cursor: exactly what was missed, then what comes; and cursors that lead nowhere."""

import asyncio
import random
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasources.events import hub
from datasources.lookup import Collection
from datasources.memory_changes import MemoryChanges
from gateway.errors import SubscriberTooSlow
from gateway.subscriptions import group, groups
from tests.gateway.subscriptions.watched import House, Subscriber, cursor_of, opened, order

pytestmark = pytest.mark.anyio

ORDERS = "subscription { orderChanged { kind key node { number customer { id } } } }"
OPEN = "subscription { orderChanged(filter: { status: { eq: OPEN } }) { kind key node { number } } }"
ALL = """
subscription {
  changes { kind key ... on OrderChange { node { number customer { id } } } ... on CustomerChange { node { name } } }
}
"""


@pytest.mark.parametrize("behind", range(5))
async def test_what_was_missed_comes_first(behind: int) -> None:
    async with opened() as house:
        first = await house.subscribe(ORDERS)
        for number in range(10, 15):
            await house.insert("orders", order(number))
        events = await first.events(5)
        again = await house.subscribe(ORDERS, resume_from=events[behind]["extensions"]["cursor"])
        await house.update("orders", 1, number="later")
        assert await again.events(5 - behind) == [*events[behind + 1 :], *await first.events(1)]


async def test_a_cursor_outlives_its_group() -> None:
    async with opened() as house:
        first = await house.subscribe(ORDERS)
        await house.delete("orders", 1)
        (event,) = await first.events(1)
        await first.close()
        await house.delete("orders", 2)
        again = await house.subscribe(ORDERS, resume_from=event["extensions"]["cursor"])
        await house.delete("orders", 3)
        assert [each["data"]["orderChanged"]["key"] for each in await again.events(2)] == ["Order:2", "Order:3"]


async def test_a_cursor_of_one_subscription_opens_another() -> None:
    async with opened() as house:
        everything = await house.subscribe(ALL)
        await house.update("customers", 1, name="Meyer")
        (event,) = await everything.events(1)
        await house.update("orders", 1, number="a")
        orders = await house.subscribe(ORDERS, resume_from=event["extensions"]["cursor"])
        assert [each["data"]["orderChanged"]["key"] for each in await orders.events(1)] == ["Order:1"]


async def test_members_of_a_group_get_the_same_bytes() -> None:
    async with opened() as house:
        subscribers = [await house.subscribe(ORDERS) for _ in range(3)]
        await house.delete("orders", 1)
        taken = [await each.stream.take() for each in subscribers]
    assert len({id(event.json) for (event,) in taken}) == 1


@pytest.mark.parametrize(
    ("resume_from", "query", "code"),
    [
        pytest.param("nonsense", ORDERS, "INVALID_CURSOR", id="no cursor"),
        pytest.param("WzIse30sbnVsbF0", ORDERS, "INVALID_CURSOR", id="another version"),
        pytest.param(("orders", ORDERS), ALL, "INVALID_CURSOR", id="of fewer sources"),
        pytest.param("sync", ORDERS, "INVALID_CURSOR", id="not all rows read"),
    ],
)
async def test_a_cursor_that_cannot_be_resumed(resume_from: Any, query: str, code: str) -> None:
    async with opened() as house:
        if resume_from == "sync":
            resume_from = (await house.query("{ sync(first: 1) { cursor } }"))["data"]["sync"]["cursor"]
        elif isinstance(resume_from, tuple):
            resume_from = await cursor_of(house, resume_from[1])
        answer = await house.refused(query, resume_from=resume_from)
    assert [error["extensions"]["code"] for error in answer["errors"]] == [code]
    assert "data" not in answer


async def test_a_cursor_that_is_too_old() -> None:
    async with opened() as house:
        cursor = await cursor_of(house, ORDERS)
        await house.delete("orders", 2)
        house.memory["erp"].changes.prune(0)
        subscriber = await house.subscribe(ORDERS, resume_from=cursor)
        with pytest.raises(Exception) as raised:  # noqa: PT011 - its code is what counts
            await subscriber.events(1)
        assert getattr(raised.value, "code", None) == "CURSOR_EXPIRED"


async def test_a_slow_subscriber_is_let_go_and_resumes() -> None:
    async with opened(queue=3) as house:
        slow, quick = await house.subscribe(ORDERS), await house.subscribe(ORDERS)
        received = []
        for number in range(10, 15):
            await house.insert("orders", order(number))
            received += await quick.events(1)
        kept = await slow.events(3)
        with pytest.raises(SubscriberTooSlow):
            await slow.events(1)
        again = await house.subscribe(ORDERS, resume_from=kept[-1]["extensions"]["cursor"])
        assert kept + await again.events(2) == received


async def test_many_changes_at_once_do_not_drown_who_takes_them() -> None:
    async with opened(queue=150) as house:
        subscriber = await house.subscribe(ORDERS)
        taking = asyncio.create_task(subscriber.events(1000))
        await asyncio.sleep(0)
        await house.insert("orders", *(order(number) for number in range(100, 1100)))
        events = await taking
    assert [event["data"]["orderChanged"]["key"] for event in events] == [f"Order:{n}" for n in range(100, 1100)]


async def test_what_a_slow_group_has_not_told_yet_comes_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The outbox is read in pages; one of them goes beyond where the group is."""
    monkeypatch.setattr(hub, "BATCH", 4)
    async with opened() as house:
        cursor = await cursor_of(house, ORDERS)
        await house.insert("orders", *(order(number) for number in range(10, 16)))
        witness = await house.subscribe(ORDERS)
        lookups = house.memory["crm"].lookups
        house.memory["crm"].turns = lambda: 0 if len(lookups) > 1 else 200
        lookups.clear()
        await house.insert("orders", *(order(number) for number in range(16, 22)))
        resumed = await house.subscribe(ORDERS, resume_from=cursor)
        events = await resumed.events(12)
        assert [each["data"]["orderChanged"]["key"] for each in events] == [f"Order:{n}" for n in range(10, 22)]
        assert await witness.events(6) == events[6:]


async def test_a_gateway_that_is_behind_the_client_waits() -> None:
    """Another process may have told the client more than this one has read."""
    async with opened() as house:
        cursors = [await cursor_of(house, ORDERS) for _ in range(1)]
        feed = house.memory["erp"].changes
        behind = _Behind(feed)
        house.memory["erp"].changes = behind  # type: ignore[assignment]
        live = await house.subscribe(ORDERS)
        await house.delete("orders", 2)
        behind.shown = False
        again = await house.subscribe(ORDERS, resume_from=cursors[0])
        taking = asyncio.create_task(again.events(1))
        await asyncio.sleep(0.01)
        behind.show()
        assert await taking == await live.events(1)


class _Behind:
    """A feed that shows what is new when it is told to."""

    def __init__(self, feed: MemoryChanges) -> None:
        self._feed = feed
        self.shown = True

    def __getattr__(self, name: str) -> Any:
        return getattr(self._feed, name)

    async def read(
        self, after: str, limit: int, collections: Mapping[str, Collection], until: str | None = None
    ) -> tuple[Any, str]:
        if not self.shown:
            return (), after
        return await self._feed.read(after, limit, collections, until)

    def show(self) -> None:
        self.shown = True
        self._feed.nudge()


@given(seed=st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_nothing_is_missed_and_nothing_comes_twice(seed: int) -> None:
    """Subscribers come, leave and resume from any cursor of theirs while random batches are written.

    In half of the runs the hub keeps so little that much is read from the outbox, and everything comes in small pieces.
    """
    rng = random.Random(seed)  # noqa: S311 - the same in every run
    small = rng.random() < 0.5
    with pytest.MonkeyPatch.context() as patch:
        if small:
            patch.setattr(hub, "BATCH", rng.randint(1, 5))
            patch.setattr(group, "CHUNK", rng.randint(1, 4))
            patch.setattr(groups, "Hub", partial(hub.Hub, window=rng.randint(1, 4)))
        asyncio.run(_scenario(rng))


async def _scenario(rng: random.Random) -> None:
    query = rng.choice([ORDERS, OPEN, ALL])
    async with opened(queue=10_000) as house:
        house.memory["crm"].turns = lambda: rng.choice([0, 0, 3, 40, 150])
        witness = await house.subscribe(query)
        first = [await house.subscribe(query) for _ in range(3)]
        followers = [asyncio.create_task(_Follower(house, query, rng).run(each)) for each in first]
        keys = [1, 2, 3]
        for number in range(rng.randint(5, 25)):
            await _write(house, rng, keys, number)
            for _ in range(rng.choice([0, 0, 1, 5])):
                await asyncio.sleep(0)
            if rng.random() < 0.1:
                await asyncio.sleep(0.002)
        await house.update("customers", 1, name="the end")
        await house.insert("orders", order(999, number="the end"))
        told = await _until_end(witness, query)
        for follower in followers:
            for received, whole in zip(_by_source(await follower), _by_source(told), strict=True):
                assert received == whole[len(whole) - len(received) :]


class _Follower:
    """Takes some events, leaves, and resumes from the last that it got, or from an older one.

    In either of two groups that are told the same, each at its own pace.
    """

    def __init__(self, house: House, query: str, rng: random.Random) -> None:
        self.house, self.query, self.rng = house, query, random.Random(rng.random())  # noqa: S311
        self.received: list[Any] = []

    async def run(self, subscriber: Subscriber) -> list[Any]:
        while True:
            for _ in range(self.rng.randint(1, 6)):
                try:
                    async with asyncio.timeout(0.05 if self.received else None):
                        self.received += await subscriber.events(1)
                except TimeoutError:
                    break
                if _is_end(self.received, self.query):
                    await subscriber.close()
                    return self.received
            await subscriber.close()
            if self.rng.random() < 0.2:
                del self.received[self.rng.randint(1, len(self.received)) :]
            for _ in range(self.rng.choice([0, 1, 10])):
                await asyncio.sleep(0)
            cursor = self.received[-1]["extensions"]["cursor"]
            other_group = " " * self.rng.randint(0, 1)
            subscriber = await self.house.subscribe(self.query + other_group, resume_from=cursor)


def _is_end(events: list[Any], query: str) -> bool:
    return str(events).count("the end") == (2 if query == ALL else 1)


def _by_source(events: list[Any]) -> tuple[list[Any], list[Any]]:
    """What is told of each source: their order among each other is that of arrival."""
    orders: list[Any] = []
    customers: list[Any] = []
    for event in events:
        (told,) = event["data"].values()
        (orders if told["key"].startswith("Order:") else customers).append(told)
    return orders, customers


async def _until_end(subscriber: Subscriber, query: str) -> list[Any]:
    told: list[Any] = []
    while not _is_end(told, query):
        told += await subscriber.events(1)
    return told


async def _write(house: House, rng: random.Random, keys: list[int], number: int) -> None:
    kind = rng.choice(["insert", "many", "update", "update", "delete", "customer"])
    if kind == "customer":
        await house.update("customers", rng.choice([1, 2]), name=f"name {number}")
    elif kind in ("insert", "many"):
        new = [number * 100 + index + 10 for index in range(rng.randint(1, 12) if kind == "many" else 1)]
        keys += new
        await house.insert("orders", *(order(key, status=rng.choice(["OPEN", "DONE"])) for key in new))
    elif keys and kind == "update":
        await house.update("orders", rng.choice(keys), number=f"n{number}", status=rng.choice(["OPEN", "DONE"]))
    elif keys:
        await house.delete("orders", keys.pop(rng.randrange(len(keys))))
