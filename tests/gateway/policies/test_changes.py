"""Subscriptions and `sync`: a row that leaves sight is gone, one that comes into sight is new."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from datasources.registry import Registry
from datasources.write import Delete, Insert, Update, Write
from gateway.answers import Answer
from gateway.graph import make_graph
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from gateway.subscriptions.groups import Subscriptions
from gateway.subscriptions.stream import Stream
from resolvers.context import Context
from resolvers.definition import entity_of
from resolvers.viewer import ANONYMOUS, Viewer
from tests.gateway.policies.house import VIEWERS, Mutation, Order, Query, Subscription, context, opened, rows, viewer

pytestmark = pytest.mark.anyio

ORDERS = "subscription { orderChanged { kind key changedFields node { number secret } } }"
ALL = "subscription { changes { kind key } }"
SYNC = """query Sync($since: String, $entities: [WatchedEntity!]) {
  sync(since: $since, entities: $entities, first: 100) {
    upserts { id ... on Order { number secret } } tombstones { id } cursor hasMore
  }
}"""


class House:
    """A gateway without a transport."""

    def __init__(self, sources: Registry) -> None:
        self.sources = sources
        graph = make_graph(Query, subscription=Subscription, mutation=Mutation)
        self.subscriptions = Subscriptions(graph.entities, sources, self.context, queue=100, seconds=5)
        self.pipeline = Pipeline(graph.schema, self.context, LimitSettings(), self.subscriptions)

    def context(self, who: Viewer = ANONYMOUS) -> Context:
        return context(self.sources, who)

    async def subscribe(self, query: str, who: str | Viewer, resume_from: str | None = None) -> Stream | Answer:
        asks = VIEWERS[who] if isinstance(who, str) else who
        return await self.pipeline.subscribe(OperationRequest(query, resume_from=resume_from, viewer=asks), "test")

    async def ask(self, query: str, who: str, **variables: Any) -> Any:
        request = OperationRequest(query, variables, viewer=VIEWERS[who])
        return orjson.loads(orjson.dumps((await self.pipeline.run(request, "test")).content, default=_raw))

    async def update(self, key: int, **values: Any) -> None:
        await self.write(Update(ORDER, tuple(values), ((key, *values.values()),)))

    async def write(self, write: Write) -> None:
        source: Any = self.sources["erp"]
        async with source.transaction() as transaction:
            await transaction.write(write)


entity = entity_of(Order)
assert entity is not None
ORDER = entity.collection


def _raw(value: Any) -> Any:
    return orjson.loads(value.contents) if isinstance(value, orjson.Fragment) else value


@asynccontextmanager
async def house() -> AsyncIterator[House]:
    made = House(await opened(rows()))
    try:
        yield made
    finally:
        await made.pipeline.close()
        await made.sources.close()


async def events(stream: Stream | Answer, count: int) -> list[Any]:
    """The next ones."""
    assert not isinstance(stream, Answer), stream.content
    found: list[Any] = []
    async with asyncio.timeout(5):
        while len(found) < count:
            found += [orjson.loads(event.json) for event in await stream.take()]
    assert len(found) == count, found
    return found


def told(event: Any) -> Any:
    return next(iter(event["data"].values()))


async def test_a_row_that_leaves_sight_is_deleted_and_one_that_comes_is_created() -> None:
    async with house() as gateway:
        north, south = await gateway.subscribe(ORDERS, "north"), await gateway.subscribe(ORDERS, "totals")
        await gateway.update(1, tenant="south", secret="t")
        await gateway.update(3, number="SO-0")
        await gateway.update(1, tenant="north")
        fields = ["id", "number", "tenant", "version"]
        assert [told(each) for each in await events(north, 2)] == [
            {"kind": "DELETED", "key": "Order:1", "changedFields": fields, "node": None},
            {"kind": "CREATED", "key": "Order:1", "changedFields": fields, "node": {"number": "SO-1", "secret": None}},
        ]
        fields = ["id", "number", "tenant", "total", "version"]
        assert [told(each) for each in await events(south, 3)] == [
            {"kind": "CREATED", "key": "Order:1", "changedFields": fields, "node": {"number": "SO-1", "secret": None}},
            {
                "kind": "UPDATED",
                "key": "Order:3",
                "changedFields": ["number"],
                "node": {"number": "SO-0", "secret": None},
            },
            {"kind": "DELETED", "key": "Order:1", "changedFields": fields, "node": None},
        ]


async def test_what_changes_out_of_sight_is_no_event() -> None:
    async with house() as gateway:
        north = await gateway.subscribe(ORDERS, "north")
        await gateway.update(1, secret="t", margin=3)  # columns that it does not see
        await gateway.update(3, number="SO-0")  # a row that it does not see
        await gateway.write(Delete(ORDER, (4,)))
        await gateway.update(2, number="SO-7", secret="u")
        (event,) = await events(north, 1)
        assert told(event) == {
            "kind": "UPDATED",
            "key": "Order:2",
            "changedFields": ["number"],
            "node": {"number": "SO-7", "secret": None},
        }
        assert [(error["path"], error["extensions"]["code"]) for error in event["errors"]] == [
            (["orderChanged", "node", "secret"], "UNAUTHORIZED_FIELD_OR_TYPE")
        ]


async def test_viewers_who_see_the_same_share_a_group_and_no_others_do() -> None:
    async with house() as gateway:
        other = Viewer("another", roles=frozenset(["clerk"]), tenant="north")
        for who in ("north", other, "one of a list", "totals", "admin", "anonymous"):
            await gateway.subscribe(ORDERS, who)
        assert len(gateway.subscriptions.groups) == 4  # north three times


async def test_what_may_not_be_seen_cannot_be_followed() -> None:
    async with house() as gateway:
        for document in (
            "subscription { customerChanged { key } }",
            "subscription { changes(entities: [CUSTOMER]) { key } }",
        ):
            answer = await gateway.subscribe(document, "anonymous")
            assert isinstance(answer, Answer)
            assert answer.content["errors"][0]["extensions"]["code"] == "UNAUTHORIZED_FIELD_OR_TYPE"
        filtered = 'subscription { orderChanged(filter: {secret: {eq: "s1"}}) { key } }'
        answer = await gateway.subscribe(filtered, "north")
        assert isinstance(answer, Answer)
        assert answer.content["errors"][0]["extensions"]["code"] == "UNAUTHORIZED_FIELD_OR_TYPE"


async def test_all_changes_are_those_that_are_seen() -> None:
    async with house() as gateway:
        north = await gateway.subscribe(ALL, "north")
        new = (9, "SO-9", "south", 1, "x", 1), (10, "SO-10", "north", 1, "x", 1)
        await gateway.write(Insert(ORDER, ("id", "number", "tenant", "margin", "secret", "version"), new))
        assert [told(each) for each in await events(north, 1)] == [{"kind": "CREATED", "key": "Order:10"}]
        await gateway.update(10, number="SO-11")
        assert [told(each) for each in await events(north, 1)] == [{"kind": "UPDATED", "key": "Order:10"}]


async def test_sync_tells_rows_that_are_seen_and_tombstones_of_those_that_left_sight() -> None:
    async with house() as gateway:
        first = (await gateway.ask(SYNC, "north", entities=["ORDER"]))["data"]["sync"]
        assert first["upserts"] == [
            {"id": "Order:1", "number": "SO-1", "secret": None},
            {"id": "Order:2", "number": "SO-2", "secret": None},
        ]
        await gateway.update(1, tenant="south")
        await gateway.update(3, tenant="north")
        await gateway.update(4, number="SO-0")
        found = (await gateway.ask(SYNC, "north", entities=["ORDER"], since=first["cursor"]))["data"]["sync"]
        if found["hasMore"]:
            found = (await gateway.ask(SYNC, "north", entities=["ORDER"], since=found["cursor"]))["data"]["sync"]
        assert found["tombstones"] == [{"id": "Order:1"}]
        assert found["upserts"] == [{"id": "Order:3", "number": "SO-3", "secret": None}]


async def test_a_cursor_is_good_for_who_sees_the_same() -> None:
    async with house() as gateway:
        cursor = (await gateway.ask(SYNC, "north", entities=["ORDER"]))["data"]["sync"]["cursor"]
        answer = await gateway.ask(SYNC, "totals", entities=["ORDER"], since=cursor)
        assert answer["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"
        answer = await gateway.ask(SYNC, "one of a list", entities=["ORDER"], since=cursor)
        assert answer["data"]["sync"]["upserts"] == []


async def test_a_subscription_is_resumed_by_who_sees_the_same() -> None:
    async with house() as gateway:
        stream = await gateway.subscribe(ALL, "north")
        await gateway.update(1, number="SO-0")
        (event,) = await events(stream, 1)
        cursor = event["extensions"]["cursor"]
        await gateway.update(2, tenant="south")
        resumed = await gateway.subscribe(ALL, "north", cursor)
        assert [told(each) for each in await events(resumed, 1)] == [{"kind": "DELETED", "key": "Order:2"}]
        answer = await gateway.subscribe(ALL, viewer("south"), cursor)
        assert isinstance(answer, Answer)
        assert answer.content["errors"][0]["extensions"]["code"] == "CURSOR_EXPIRED"


async def test_sync_of_what_may_not_be_seen() -> None:
    async with house() as gateway:
        answer = await gateway.ask(SYNC, "anonymous", entities=["CUSTOMER", "ORDER"])
        assert answer["data"] == {"sync": None}
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHORIZED_FIELD_OR_TYPE"
        assert (await gateway.ask(SYNC, "anonymous"))["data"]["sync"]["upserts"] == []
