"""Hand-written subscriptions: what they yield, in which context, and how they end."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest
import strawberry
from strawberry.types import Info

from datasources.memory import MemorySource
from datasources.registry import Registry
from gateway.answers import Answer
from gateway.graph import make_graph
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from gateway.subscriptions.stream import Stream
from resolvers.context import Context
from resolvers.query import query_type
from tests.gateway.shop import ROWS, TYPES, Customer, Order, shop_sources
from tests.support.sources import Counted

pytestmark = pytest.mark.anyio


@dataclass
class Seen:
    """What happened to generators."""

    ends: list[str] = field(default_factory=list)
    never: asyncio.Event = field(default_factory=asyncio.Event)


SEEN = Seen()


@pytest.fixture(autouse=True)
def seen(monkeypatch: pytest.MonkeyPatch) -> Seen:
    new = Seen()
    monkeypatch.setitem(globals(), "SEEN", new)
    return new


@strawberry.type
class Subscription:
    """What can be followed."""

    @strawberry.subscription
    async def seen_order(self, times: int) -> AsyncGenerator[Order, None]:
        """The same order, again and again."""
        try:
            for _ in range(times):
                order: Any = object.__new__(Order)
                order.id, order.number, order.quantity, order.customer_id = 7, "SO-1", 3, 1
                yield order
        finally:
            SEEN.ends.append("order")

    @strawberry.subscription
    async def waiting(self) -> AsyncGenerator[int, None]:
        """Waits for what never comes."""
        try:
            await SEEN.never.wait()
            yield 1
        finally:
            SEEN.ends.append("waiting")

    @strawberry.subscription
    async def clinging(self) -> AsyncGenerator[int, None]:
        """Fails when it is told to end."""
        try:
            yield 1
            yield 2
        finally:
            raise RuntimeError("still busy")

    @strawberry.subscription
    async def no_stream(self, info: Info[Context, None]) -> AsyncIterator[int]:
        """Is no generator."""
        return None  # type: ignore[return-value]


def pipeline(sources: Registry | None = None, seconds: float = 30) -> Pipeline:
    registry = sources or shop_sources()
    graph = make_graph(query_type(Customer, Order), subscription=Subscription)
    return Pipeline(graph.schema, lambda viewer: Context(registry, viewer=viewer), LimitSettings(seconds=seconds))


async def subscribed(query: str, sources: Registry | None = None) -> Stream:
    stream = await pipeline(sources).subscribe(OperationRequest(query), "c-1")
    assert not isinstance(stream, Answer)
    return stream


async def told(stream: Stream) -> list[Any]:
    answers = []
    while events := await stream.take():
        answers += [orjson.loads(event.json) for event in events]
    return answers


async def test_what_is_selected_of_an_event_is_read_anew_for_each(seen: Seen) -> None:
    crm = Counted(MemorySource("crm", ROWS["crm"], columns=TYPES))
    sources = shop_sources(crm=crm)
    await sources.open()
    stream = await subscribed("subscription { seenOrder(times: 2) { number customer { name } } }", sources)
    answers = await told(stream)
    await stream.close()
    customer = {"name": "Müller Maschinenbau"}
    assert answers == [{"data": {"seenOrder": {"number": "SO-1", "customer": customer}}}] * 2
    assert crm.collections == ["customers"] * 2
    assert seen.ends == ["order"]


async def test_nothing_runs_before_it_is_taken(seen: Seen) -> None:
    stream = await subscribed("subscription { seenOrder(times: 3) { number } }")
    await stream.close()
    assert seen.ends == []
    again = await subscribed("subscription { seenOrder(times: 3) { number } }")
    await again.take()
    await again.close()
    assert seen.ends == ["order"]


async def test_a_taker_that_is_cancelled_ends_its_generator(seen: Seen) -> None:
    stream = await subscribed("subscription { waiting }")
    taking = asyncio.create_task(_take(stream))
    await asyncio.sleep(0)
    taking.cancel()
    await asyncio.gather(taking, return_exceptions=True)
    await stream.close()
    assert seen.ends == ["waiting"]


async def _take(stream: Stream) -> None:
    await stream.take()


async def test_what_fails_at_the_end_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    stream = await subscribed("subscription { clinging }")
    await stream.take()
    await stream.close()
    assert caplog.messages == ["RuntimeError('still busy')"]


async def test_what_is_no_stream_cannot_be_subscribed_to() -> None:
    answer = await pipeline().subscribe(OperationRequest("subscription { noStream }"), "c-1")
    assert isinstance(answer, Answer)
    message = "Subscription field must return AsyncIterable. Received: None."
    (error,) = answer.content["errors"]
    assert (list(answer.content), error["message"], error["path"]) == (["errors"], message, ["noStream"])
