"""How the servers that the gateway is measured against hear of changes: from the same outbox, in one reader."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Generic, TypeVar

from bench.data import TABLES
from datasources.changes import Change
from datasources.events import Hub
from datasources.lookup import Collection, Column
from datasources.sql.postgres import PostgresSource

T = TypeVar("T")

ORDERS = Collection("orders", "id", tuple(Column(name, type) for name, type in TABLES["orders"].items()))


class Broadcaster(Generic[T]):
    """Makes something of each changed order, once, for all who follow its customer."""

    def __init__(self, make: Callable[[Change], T]) -> None:
        self._make = make
        self._queues: dict[int, set[asyncio.Queue[T]]] = defaultdict(set)

    @contextmanager
    def following(self, customer_id: int) -> Iterator[asyncio.Queue[T]]:
        """What comes from now on."""
        queue: asyncio.Queue[T] = asyncio.Queue()
        queues = self._queues[customer_id]
        queues.add(queue)
        try:
            yield queue
        finally:
            queues.discard(queue)

    def publish(self, change: Change) -> None:
        row = change.after or change.before or {}
        queues = self._queues.get(row["customer_id"])
        if queues:
            made = self._make(change)
            for queue in queues:
                queue.put_nowait(made)

    @asynccontextmanager
    async def running(self, url: str) -> AsyncIterator[None]:
        """Publishes the changes of orders."""
        source = PostgresSource("shop", url)
        await source.open()
        hub = Hub(source.changes, [ORDERS])
        follower = await hub.follow()

        async def pump() -> None:
            while True:
                for change in (await follower.take()).changes:
                    self.publish(change)

        task = asyncio.create_task(pump())
        try:
            yield
        finally:
            task.cancel()
            await hub.close()
            await source.close()
