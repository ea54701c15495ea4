"""Those who ask the same share the work: counted exactly."""

import asyncio
import gc

import pytest

from datasources.errors import SourceUnavailable
from gateway.answers import encode
from gateway.errors import OperationTimeout
from resolvers.viewer import Viewer
from tests.gateway.subscriptions.watched import cursor_of, opened, order

pytestmark = pytest.mark.anyio

ORDERS = (
    "subscription Orders($filter: OrderFilter) { orderChanged(filter: $filter) { key node { customer { name } } } }"
)


async def test_an_event_is_made_once_for_each_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """N events, G groups, S subscribers in each: N x G evaluations and encodings, N x G x S deliveries."""
    encoded = []

    def encoding(content: object) -> bytes:
        encoded.append(content)
        return encode(content)

    monkeypatch.setattr("gateway.subscriptions.evaluation.encode", encoding)
    n, g, s = 7, 4, 5
    async with opened() as house:
        filters = [{"number": {"ne": f"group {number}"}} for number in range(g)]
        subscribers = [await house.subscribe(ORDERS, {"filter": filter}) for filter in filters for _ in range(s)]
        house.memory["crm"].lookups.clear()
        await house.insert("orders", *(order(100 + number) for number in range(n)))
        events = [await subscriber.events(n) for subscriber in subscribers]
        counts = house.subscriptions.counts
    assert (len(encoded), counts.evaluated, counts.delivered) == (n * g, n * g, n * g * s)
    assert house.memory["crm"].lookups == [("customers", (1,))] * g
    assert all(each == events[index - index % s] for index, each in enumerate(events))


async def test_a_group_that_nothing_is_told_does_no_work() -> None:
    async with opened() as house:
        await house.subscribe(ORDERS, {"filter": {"number": {"eq": "never"}}})
        other = await house.subscribe(ORDERS)
        house.memory["crm"].lookups.clear()
        await house.insert("orders", order(100))
        await other.events(1)
        assert (house.subscriptions.counts.evaluated, house.memory["crm"].lookups) == (1, [("customers", (1,))])


@pytest.mark.parametrize(
    ("one", "other", "groups"),
    [
        pytest.param({"filter": {"number": {"eq": "a"}}}, {"filter": {"number": {"eq": "a"}}}, 1, id="alike"),
        pytest.param(
            {"filter": {"number": {"ne": "a"}, "total": {"gt": "1"}}},
            {"filter": {"total": {"gt": 1}, "number": {"ne": "a"}}},
            1,
            id="in another order",
        ),
        pytest.param({"filter": {"number": {"eq": "a"}}}, {"filter": {"number": {"eq": "b"}}}, 2, id="other values"),
        pytest.param({"filter": {"number": {"ne": None}}}, {}, 2, id="null and nothing"),
    ],
)
async def test_who_is_in_a_group(one: dict[str, object], other: dict[str, object], groups: int) -> None:
    async with opened() as house:
        for variables in (one, other):
            await house.subscribe(ORDERS, variables)
        assert len(house.subscriptions.groups) == groups


async def test_nobody_reads_when_the_last_has_left() -> None:
    async with opened() as house:
        before = asyncio.all_tasks()
        subscribers = [await house.subscribe(ORDERS) for _ in range(3)]
        resumed = await house.subscribe(ORDERS, resume_from=await cursor_of(house, ORDERS))
        for subscriber in (*subscribers, resumed):
            assert len(house.subscriptions.groups) == 1
            await subscriber.close()
            await subscriber.close()
        assert not house.subscriptions.groups
        await asyncio.sleep(0.01)
        assert asyncio.all_tasks() == before
        again = await house.subscribe(ORDERS)
        await house.insert("orders", order(5))
        assert [event["data"]["orderChanged"]["key"] for event in await again.events(1)] == ["Order:5"]


async def test_who_gives_up_while_a_group_begins_leaves_it_to_others() -> None:
    async with opened() as house:
        opening = [asyncio.create_task(house.subscribe(ORDERS)) for _ in range(3)]
        await asyncio.sleep(0)
        opening[0].cancel()
        await asyncio.wait(opening)
        await house.insert("orders", order(5))
        assert [len(await (await each).events(1)) for each in opening[1:]] == [1, 1]


async def test_a_source_that_is_away_refuses_the_subscription() -> None:
    async with opened() as house:
        feed = house.memory["erp"].changes
        head = feed.head

        async def away() -> str:
            raise SourceUnavailable("erp", "is away")

        feed.head = away  # type: ignore[method-assign]
        (error,) = (await house.refused(ORDERS))["errors"]
        assert error["extensions"]["code"] == "DATASOURCE_UNAVAILABLE"
        feed.head = head  # type: ignore[method-assign]
        assert not house.subscriptions.groups
        subscriber = await house.subscribe(ORDERS)
        await house.insert("orders", order(5))
        assert len(await subscriber.events(1)) == 1


async def test_an_event_that_takes_too_long_ends_its_group_alone() -> None:
    stuck = asyncio.Event()
    async with opened() as house:
        house.subscriptions.seconds = 0.02
        slow, quick = await house.subscribe(ORDERS), await house.subscribe("subscription { orderChanged { key } }")
        lookup = house.memory["crm"].lookup

        async def wait(asked: object) -> object:
            await stuck.wait()
            return asked

        house.memory["crm"].lookup = wait  # type: ignore[method-assign, assignment]
        await house.insert("orders", order(5))
        with pytest.raises(OperationTimeout):
            await slow.events(1)
        assert len(await quick.events(1)) == 1
        house.memory["crm"].lookup = lookup  # type: ignore[method-assign]
        await slow.close()
        again = await house.subscribe(ORDERS)
        await house.insert("orders", order(6))
        assert len(await again.events(1)) == 1
    gc.collect()  # no task is left whose error nobody took


NODE = "subscription {{ orderChanged {{ node {{ {} }} }} }}"
ADA, EVE = Viewer("ada"), Viewer("eve")


@pytest.mark.parametrize(
    ("query", "shared"),
    [
        pytest.param(NODE.format("number total __typename"), True, id="columns"),
        pytest.param(NODE.format("customer { name } lines { nodes { quantity } totalCount }"), True, id="relations"),
        pytest.param(NODE.format("linesAggregate { count sum { quantity } }"), True, id="aggregates"),
        pytest.param(NODE.format("label"), True, id="computed-from-the-row-alone"),
        pytest.param(NODE.format("place(times: 1)"), False, id="computed-with-info"),
        pytest.param(NODE.format("rank"), False, id="computed-for-a-level"),
        pytest.param(NODE.format("lines { nodes { order { rank } } }"), False, id="computed-far-below"),
        pytest.param(
            "subscription { orderChanged { node { ...Ranked } } } fragment Ranked on Order { rank }",
            False,
            id="fragment",
        ),
        pytest.param("subscription { changes { kind key node { id } } }", True, id="all-changes"),
        pytest.param("subscription { changes { node { ... on Order { rank } } } }", False, id="all-changes-computed"),
    ],
)
async def test_viewers_share_what_does_not_depend_on_them(query: str, shared: bool) -> None:
    async with opened() as house:
        for viewer in (ADA, EVE, ADA, Viewer("ada", expires_at=7.0), Viewer("ada", frozenset({"admin"}))):
            await house.subscribe(query, viewer=viewer)
        assert len(house.subscriptions.groups) == (1 if shared else 3)


async def test_python_code_sees_the_viewer_that_is_told() -> None:
    async with opened() as house:
        subscribers = [await house.subscribe(NODE.format("asker"), viewer=viewer) for viewer in (ADA, EVE, Viewer())]
        await house.insert("orders", order(100))
        told = [(await subscriber.events(1))[0]["data"] for subscriber in subscribers]
    assert told == [{"orderChanged": {"node": {"asker": subject}}} for subject in ("ada", "eve", None)]
