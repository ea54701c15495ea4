"""Databases with the demo's orders, and writers that keep them busy."""

import asyncio
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from operator import itemgetter
from pathlib import Path
from typing import Any

import asyncpg
from anyio.from_thread import start_blocking_portal

from datasources.demo import load_postgres
from tests.support.postgres import connected, running_postgres
from tests.support.writers import execute_in_sqlite, order_writes, sqlite_transaction, writing

OUTBOX = "SELECT kind, key, after FROM gateway_changes WHERE collection = 'orders' ORDER BY seq"
MARK = "UPDATE orders SET version = version + 1 WHERE id = 1"

Told = tuple[str, str, str | None, str | None, int | None]
"""An event: its kind and key, and the number, the status and the version of the order afterwards."""


@dataclass(frozen=True)
class Shop:
    """A database with the demo's orders."""

    variables: Mapping[str, str]
    """The settings of a gateway that reads it."""
    writers: Sequence[AbstractContextManager[Callable[[], int]]]
    """They begin to write when they are entered, and then end when they are told to."""
    mark: Callable[[], object]
    """Changes an order that they leave alone."""
    outbox: Callable[[], Sequence[Sequence[Any]]]
    """The kind, the key and the row afterwards, as JSON, of each change, in the order in which they were written."""
    has_one_writer: bool
    """Whether there is one order of all changes, and not only of those of each row."""

    def sorted(self, events: list[Told]) -> list[Told]:
        """Events as they are to be compared: those of a row always in the order in which they came."""
        return events if self.has_one_writer else sorted(events, key=itemgetter(1))

    def committed(self) -> list[Told]:
        return [
            (kind, f"Order:{key}", *(after and json.loads(after).get(name) for name in ("number", "status", "version")))
            for kind, key, after in self.outbox()
        ]


@contextmanager
def sqlite_shop(folder: Path) -> Iterator[Shop]:
    file = folder / ".gateway" / "demo" / "erp.sqlite"
    rng = random.Random(1)  # noqa: S311 - the same in every run
    transact = partial(execute_in_sqlite, file)

    def outbox() -> Sequence[Sequence[Any]]:
        with sqlite_transaction(file) as database:
            return database.execute(OUTBOX).fetchall()

    writer = writing(lambda number: transact(order_writes(rng, number)))
    yield Shop({}, [writer], partial(transact, [MARK]), outbox, has_one_writer=True)


@contextmanager
def postgres_shop() -> Iterator[Shop]:
    """Written by two at a time, of which one commits later than it writes."""
    with running_postgres() as server, start_blocking_portal() as portal, ExitStack() as stack:
        url = stack.enter_context(portal.wrap_async_context_manager(server.database()))
        portal.call(load_postgres, url)
        one, other = (stack.enter_context(portal.wrap_async_context_manager(connected(url))) for _ in range(2))

        async def outbox() -> Sequence[Sequence[Any]]:
            return [tuple(row) for row in await one.fetch(OUTBOX)]

        async def transact(connection: asyncpg.Connection, statements: Sequence[str], seconds: float) -> None:
            async with connection.transaction():
                for statement in statements:
                    await connection.execute(statement)
                await asyncio.sleep(seconds)

        def writer(connection: asyncpg.Connection, part: int) -> AbstractContextManager[Callable[[], int]]:
            rng = random.Random(part)  # noqa: S311 - the same in every run

            def write(number: int) -> None:
                seconds = part * rng.uniform(0, 0.2)
                portal.call(transact, connection, order_writes(rng, number, part=part, parts=2), seconds)

            return writing(write)

        yield Shop(
            {"GATEWAY_SOURCES__ERP__URL": url},
            [writer(one, 0), writer(other, 1)],
            lambda: portal.call(transact, one, [MARK], 0),
            lambda: portal.call(outbox),
            has_one_writer=False,
        )
