"""The shop with subscriptions: hand-written ones, which tests ring, and streams that tests fill."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import strawberry
from strawberry.types import Info

from gateway.answers import Answer
from gateway.app import Gateway, create_app
from gateway.graph import make_graph
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings, LimitSettings, Settings, SubscriptionSettings
from gateway.settings_auth import AuthSettings
from gateway.subscriptions.stream import Event, Mailbox, Stream
from resolvers.context import Context
from resolvers.errors import BadUserInput
from resolvers.query import query_type
from tests.gateway.shop import Customer, Order, shop_sources


@dataclass
class Bell:
    """What a test rings, and what it learns of those who listen."""

    rings: asyncio.Queue[int] = field(default_factory=asyncio.Queue)
    listening: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    contexts: list[Context] = field(default_factory=list)


@strawberry.type
class Ring:
    """One event."""

    number: int

    @strawberry.field
    async def recorded(self, info: Info[Context, None]) -> bool:
        """Keeps the context that it is read in."""
        BELL.contexts.append(info.context)
        return True

    @strawberry.field
    async def slow(self) -> int:
        """Never comes."""
        await asyncio.Event().wait()
        return self.number


BELL = Bell()


@strawberry.type
class Subscription:
    """Hand-written."""

    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        """Counts, and ends."""
        for number in range(1, to + 1):
            yield number

    @strawberry.subscription
    async def ring(self, info: Info[Context, None]) -> AsyncIterator[Ring]:
        """What the test rings."""
        BELL.contexts.append(info.context)
        BELL.listening.set()
        try:
            while True:
                yield Ring(number=await BELL.rings.get())
        finally:
            BELL.gone.set()

    @strawberry.subscription
    async def breaking(self) -> AsyncIterator[int]:
        """Breaks after the first event."""
        yield 1
        raise RuntimeError("a secret")

    @strawberry.subscription
    async def refusing(self) -> AsyncIterator[int]:
        """Says no instead of an event."""
        for answer in ("nothing to hear",):
            raise BadUserInput(answer)
        yield 1


@pytest.fixture
def bell(monkeypatch: pytest.MonkeyPatch) -> Bell:
    new = Bell()
    monkeypatch.setitem(globals(), "BELL", new)
    return new


def live_settings(
    http: HttpSettings | None = None,
    limits: LimitSettings | None = None,
    drain: float = 1,
    auth: AuthSettings | None = None,
    **subscriptions: Any,
) -> Settings:
    return Settings(
        http=http or HttpSettings(),
        limits=limits or LimitSettings(),
        drain=drain,
        auth=auth or AuthSettings(anonymous=True),
        subscriptions=SubscriptionSettings(**subscriptions),
    )


def live_app(settings: Settings, examples: Sequence[tuple[str, str]] = ()) -> Gateway:
    graph = make_graph(query_type(Customer, Order), examples, subscription=Subscription)
    return create_app(settings, graph, shop_sources())


class Feed:
    """Takes the place of where a pipeline's subscriptions come from: mailboxes that the test fills."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.requests: list[OperationRequest] = []
        self.boxes: list[Mailbox] = []
        self.subscribed = asyncio.Condition()
        self.closed = asyncio.Event()

    async def subscribe(self, request: OperationRequest, correlation_id: str) -> Stream | Answer:
        box = Mailbox(self.limit, self.closed.set)
        async with self.subscribed:
            self.requests.append(replace(request, query="", variables=None))
            self.boxes.append(box)
            self.subscribed.notify_all()
        return box

    async def subscribers(self, count: int) -> None:
        async with self.subscribed:
            await self.subscribed.wait_for(lambda: len(self.boxes) >= count)

    def put(self, number: int) -> None:
        for box in self.boxes:
            box.put(event(number))


def event(number: int, padding: str = "") -> Event:
    json = f'{{"data":{{"number":{number}}},"extensions":{{"cursor":"c{number}","padding":"{padding}"}}}}'
    return Event(json.encode(), f"c{number}")


@pytest.fixture
def feed(monkeypatch: pytest.MonkeyPatch) -> Feed:
    made = Feed(100)

    async def subscribe(_pipeline: Pipeline, request: OperationRequest, correlation_id: str) -> Stream | Answer:
        return await made.subscribe(request, correlation_id)

    monkeypatch.setattr(Pipeline, "subscribe", subscribe)
    return made
