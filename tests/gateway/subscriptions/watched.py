"""A graph of watched entities over two sources in memory, writes to them, and subscribers without a transport."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import orjson
import strawberry
from graphql import GraphQLError
from strawberry.types import Info

from datasources.base import Datasource
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Rows
from datasources.memory import MemorySource
from datasources.registry import Registry
from datasources.write import Delete, Insert, Update, Write
from gateway.answers import Answer
from gateway.execution.schema import Schema
from gateway.graph import Graph, make_graph
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from gateway.subscriptions.groups import Subscriptions
from gateway.subscriptions.stream import Stream
from resolvers import Connection, belongs_to, column, computed, entity, has_many, query_type, subscription_type
from resolvers.context import Context, PageSizes
from resolvers.definition import entity_of
from resolvers.viewer import ANONYMOUS, Viewer


class Status(Enum):
    """Where an order stands."""

    OPEN = "OPEN"
    DONE = "DONE"


@entity("crm.customers", watched=True)
class Customer:
    """A company that buys."""

    name: str
    city: str | None
    orders: Connection["Order"] = has_many(by="customer_id")


@entity("erp.orders", watched=True)
class Order:
    """A customer's purchase."""

    id: int
    number: str
    status: Status
    total: Decimal = column(scale=2)
    placed_at: datetime
    customer: Customer | None = belongs_to(by="customer_id")
    lines: Connection["Line"] = has_many(by="order_id")

    @computed(needs=("number", "total"))
    def label(self) -> str:
        """Number and total."""
        return f"{self.number}: {self.total}"

    @computed(needs=("number",))
    async def place(self, info: Info, times: int) -> str | None:
        """Where it stands in the answer, so many times; not of bad orders."""
        if self.number == "bad":
            raise GraphQLError("is bad")
        return ".".join(map(str, info.path.as_list() * times))

    @computed(needs=())
    def asker(self, info: Info) -> str | None:
        """Who asks."""
        found: str | None = info.context.viewer.subject
        return found

    @computed(needs=("id",), batched=True)
    @staticmethod
    async def rank(rows: "list[Order]", info: Info) -> list[int | None]:
        """The id, doubled; worked out for all orders of a level at once."""
        BATCHES.append(len(rows))
        return [row.id * 2 for row in rows]


@entity("erp.lines")
class Line:
    """A position of an order, which nobody watches."""

    quantity: int
    order: Order | None = belongs_to(by="order_id")


BATCHES: list[int] = []
"""How many orders `rank` was asked for, each time."""

ENTITIES = (Customer, Order, Line)
Query = query_type(*ENTITIES)


@strawberry.type
class Subscription(subscription_type(*ENTITIES)):  # type: ignore[misc]
    """What is watched, and a hand-written subscription beside it."""

    @strawberry.subscription
    async def count(self, upto: int) -> AsyncIterator[int]:
        """Counts."""
        for number in range(upto):
            yield number


PLACED = datetime(2026, 1, 31, 8, 30, tzinfo=UTC)
TYPES = {
    "customers": {"id": ColumnType.BIGINT, "name": ColumnType.STRING, "city": ColumnType.STRING},
    "orders": {
        "id": ColumnType.BIGINT,
        "number": ColumnType.STRING,
        "status": ColumnType.STRING,
        "total": ColumnType.DECIMAL,
        "placed_at": ColumnType.DATETIME,
        "customer_id": ColumnType.BIGINT,
    },
    "lines": {"id": ColumnType.BIGINT, "quantity": ColumnType.INTEGER, "order_id": ColumnType.BIGINT},
}


def order(id: int, **values: Any) -> dict[str, Any]:
    standard = {"status": "OPEN", "total": Decimal("10.50"), "placed_at": PLACED, "customer_id": 1}
    return {"id": id, "number": f"SO-{id}", **standard, **values}


ROWS: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]] = {
    "crm": {"customers": [{"id": 1, "name": "Müller", "city": "Bonn"}, {"id": 2, "name": "Lefèvre", "city": None}]},
    "erp": {
        "orders": [order(1), order(2, customer_id=2), order(3, status="DONE")],
        "lines": [{"id": 1, "quantity": 5, "order_id": 1}, {"id": 2, "quantity": 7, "order_id": 1}],
    },
}
COLLECTIONS = {
    definition.collection_name: definition.collection
    for definition in map(entity_of, ENTITIES)
    if definition is not None
}


class Counting(MemorySource):
    """Counts its lookups by collection; fails while `error` is set, and takes some turns of the event loop."""

    error: Exception | None = None
    turns: Callable[[], int] = staticmethod(lambda: 0)

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(name, *args, **kwargs)
        self.lookups: list[tuple[str, tuple[Any, ...]]] = []

    async def lookup(self, lookup: Lookup) -> Rows:
        self.lookups.append((lookup.collection.name, tuple(sorted(lookup.keys))))
        if self.error is not None:
            raise self.error
        for _ in range(self.turns()):
            await asyncio.sleep(0)
        return await super().lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        self.lookups.append((lookup.collection.name, tuple(sorted(lookup.keys))))
        return await super().aggregate(lookup)


class House:
    """A gateway without a transport."""

    def __init__(self, queue: int = 1000, sources: Mapping[str, Datasource] | None = None) -> None:
        self.memory = {name: Counting(name, rows, columns=_types(rows)) for name, rows in ROWS.items()}
        self.registry = Registry({**self.memory, **(sources or {})})
        self.graph: Graph = make_graph(Query, subscription=Subscription)
        self.schema: Schema = self.graph.schema
        self.sizes = PageSizes()
        self.subscriptions = Subscriptions(
            self.graph.entities, self.registry, self.make_context, queue=queue, seconds=5
        )
        self.pipeline = Pipeline(self.schema, self.make_context, LimitSettings(), self.subscriptions)

    def make_context(self, viewer: Viewer = ANONYMOUS) -> Context:
        return Context(self.registry, self.sizes, viewer=viewer)

    async def subscribe(
        self,
        query: str,
        variables: Mapping[str, Any] | None = None,
        resume_from: str | None = None,
        viewer: Viewer = ANONYMOUS,
    ) -> "Subscriber":
        request = OperationRequest(query, variables, resume_from=resume_from, viewer=viewer)
        stream = await self.pipeline.subscribe(request, "test")
        assert not isinstance(stream, Answer), stream.content
        return Subscriber(stream)

    async def refused(
        self, query: str, variables: Mapping[str, Any] | None = None, resume_from: str | None = None
    ) -> Any:
        """The answer of a subscription that is not opened."""
        answer = await self.pipeline.subscribe(OperationRequest(query, variables, resume_from=resume_from), "test")
        assert isinstance(answer, Answer)
        return answer.content

    async def query(self, query: str, variables: Mapping[str, Any] | None = None) -> Any:
        return (await self.pipeline.run(OperationRequest(query, variables), "test")).content

    async def insert(self, collection: str, *rows: Mapping[str, Any]) -> None:
        columns = tuple(rows[0])
        write = Insert(COLLECTIONS[collection], columns, tuple(tuple(row[name] for name in columns) for row in rows))
        await self._write(collection, write)

    async def update(self, collection: str, key: Any, **values: Any) -> None:
        write = Update(COLLECTIONS[collection], tuple(values), ((key, *values.values()),))
        await self._write(collection, write)

    async def delete(self, collection: str, *keys: Any) -> None:
        await self._write(collection, Delete(COLLECTIONS[collection], keys))

    async def _write(self, collection: str, write: Write) -> None:
        source: Any = self.registry[_source(collection)]
        async with source.transaction() as transaction:
            await transaction.write(write)


class Subscriber:
    """Takes events, which are whole answers, from a stream."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self._events: list[Any] = []

    async def events(self, count: int) -> list[Any]:
        """The next ones, exactly so many."""
        async with asyncio.timeout(5):
            while len(self._events) < count:
                taken = await self.stream.take()
                if not taken:
                    raise AssertionError(f"The stream ended after {self._events}.")
                for event in taken:
                    answer = orjson.loads(event.json)
                    assert answer["extensions"] == {"cursor": event.cursor}
                    self._events.append(answer)
        found, self._events = self._events[:count], self._events[count:]
        return found

    async def close(self) -> None:
        await self.stream.close()


@asynccontextmanager
async def opened(queue: int = 1000, **sources: Datasource) -> AsyncIterator[House]:
    """A gateway over memory; `sources` take the place of some."""
    house = House(queue, sources)
    await house.registry.open()
    try:
        yield house
    finally:
        await house.pipeline.close()
        await house.registry.close()


async def cursor_of(house: House, query: str) -> str:
    """The cursor of an event of this subscription; it costs the first order."""
    subscriber = await house.subscribe(query)
    await house.delete("orders", 1)
    (event,) = await subscriber.events(1)
    await subscriber.close()
    cursor: str = event["extensions"]["cursor"]
    return cursor


def without_cursor(events: Sequence[Any]) -> list[Any]:
    return [{key: value for key, value in event.items() if key != "extensions"} for event in events]


def _source(collection: str) -> str:
    return next(name for name, rows in ROWS.items() if collection in rows)


def _types(rows: Mapping[str, Any]) -> dict[str, Mapping[str, ColumnType]]:
    return {collection: TYPES[collection] for collection in rows}
