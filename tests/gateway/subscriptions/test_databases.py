"""Databases whose triggers keep their changes: they tell the same as memory does."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from datasources.lookup import Lookup, Rows
from datasources.outbox import Watched
from datasources.sql import PostgresSource, SqliteSource
from datasources.write import Insert
from tests.datasources.sql.loading import load_postgres, load_sqlite
from tests.gateway.execution.test_example import explained
from tests.gateway.subscriptions.watched import COLLECTIONS, ROWS, House, cursor_of, opened, order, without_cursor
from tests.support.postgres import Postgres, running_postgres

pytestmark = pytest.mark.anyio

Open = Callable[[str], AbstractAsyncContextManager[House]]
ERP = [COLLECTIONS[name] for name in ROWS["erp"]]
WATCHED = [Watched("orders", "id")]

DOCUMENT = """
subscription Orders($filter: OrderFilter) {
  orderChanged(filter: $filter) {
    kind key changedFields
    node { id number status total placedAt label customerId customer { name } lines { nodes { quantity } } }
  }
}
"""
FILTER = {"and": [{"total": {"gte": "5"}}, {"placedAt": {"lt": "2027-01-01T00:00:00Z"}}, {"status": {"eq": "OPEN"}}]}


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def open_house(tmp_path: Path, request: pytest.FixtureRequest) -> Open:
    @asynccontextmanager
    async def opening(kind: str) -> AsyncIterator[House]:
        if kind == "memory":
            async with opened() as house:
                yield house
        elif kind == "sqlite":
            path = tmp_path / "erp.sqlite"
            load_sqlite(path, ERP, ROWS["erp"])
            with closing(sqlite3.connect(path)) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
            sqlite = SqliteSource("erp", f"sqlite:///{path}")
            await sqlite.outbox.install(WATCHED)
            async with opened(erp=sqlite) as house:
                yield house
        else:
            server: Postgres = request.getfixturevalue("postgres")
            async with server.database() as url:
                await load_postgres(url, ERP, ROWS["erp"])
                source = PostgresSource("erp", url)
                await source.outbox.install(WATCHED)
                async with opened(erp=source) as house:
                    yield house

    return opening


async def _told(house: House) -> list[Any]:
    """Events of a few writes, of all orders and of those in a filter; some of them resumed."""
    everything = await house.subscribe(DOCUMENT)
    some = await house.subscribe(DOCUMENT, {"filter": FILTER})
    await house.insert("orders", order(7, customer_id=2, total=Decimal("1234567.80")), order(8, total=Decimal("0.10")))
    await house.update("orders", 7, status="DONE", total=Decimal("7.00"))
    await house.update("orders", 8, number="ünïcode 'quoted' \\", total=Decimal("5.00"), customer_id=None)
    await house.update("orders", 1, number="SO-1")
    first = await everything.events(3)
    await house.delete("orders", 7)
    await house.delete("orders", 3)
    resumed = await house.subscribe(DOCUMENT, resume_from=first[0]["extensions"]["cursor"])
    again = await resumed.events(5)
    assert again[:2] == first[1:]
    rest = await everything.events(3)
    assert again[2:] == rest
    await house.update("orders", 2, status="DONE")
    return without_cursor([*first, *rest, *await some.events(4)])


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_events_are_those_of_memory(kind: str, open_house: Open) -> None:
    async with open_house("memory") as house, asyncio.timeout(20):
        expected = await _told(house)
    async with open_house(kind) as house, asyncio.timeout(20):
        assert await _told(house) == expected
    assert [event["data"]["orderChanged"]["kind"] for event in expected] == [
        *("CREATED", "CREATED", "UPDATED", "UPDATED", "DELETED", "DELETED"),
        *("CREATED", "DELETED", "CREATED", "DELETED"),
    ]


@pytest.mark.parametrize("kind", ["memory", "sqlite", "postgres"])
async def test_a_copy(kind: str, open_house: Open) -> None:
    document = """
    query ($since: String) {
      sync(since: $since, first: 2) {
        upserts { id ... on Order { total placedAt label } } tombstones { entity id } hasMore cursor
      }
    }"""
    async with open_house(kind) as house, asyncio.timeout(20):
        pages: list[Any] = []
        cursor = None
        for _ in range(4):
            if len(pages) == 3:
                await house.update("orders", 1, total=Decimal("12.00"))
                await house.delete("orders", 2)
            page = (await house.query(document, {"since": cursor}))["data"]["sync"]
            cursor = page.pop("cursor")
            pages.append(page)
        last = (await house.query(document, {"since": cursor}))["data"]["sync"]
    placed = "2026-01-31T08:30:00+00:00"
    orders = [
        {"id": f"Order:{n}", "total": "10.50", "placedAt": placed, "label": f"SO-{n}: 10.50"} for n in range(1, 4)
    ]
    changed = {**orders[0], "total": "12.00", "label": "SO-1: 12.00"}
    assert pages == [
        {"upserts": [{"id": "Customer:1"}, {"id": "Customer:2"}], "tombstones": [], "hasMore": True},
        {"upserts": orders[:2], "tombstones": [], "hasMore": True},
        {"upserts": orders[2:], "tombstones": [], "hasMore": True},
        {"upserts": [changed], "tombstones": [{"entity": "ORDER", "id": "Order:2"}], "hasMore": True},
    ]
    assert (last["upserts"], last["tombstones"], last["hasMore"]) == ([], [], False)


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_is_tried_out_as_in_memory(kind: str, open_house: Open) -> None:
    async with open_house("memory") as house, asyncio.timeout(20):
        expected = await explained(house, DOCUMENT, {"filter": FILTER})
    async with open_house(kind) as house, asyncio.timeout(20):
        assert await explained(house, DOCUMENT, {"filter": FILTER}) == expected
    assert expected[0]["fields"][0]["feed"] == {
        "source": "erp",
        "collection": "orders",
        "filter": "total gte 5 and placed_at lt 2027-01-01 00:00:00+00:00 and status eq 'OPEN'",
        "example": "Order:1",
    }


async def test_who_resumes_gets_once_what_its_group_was_told_in_another_order(open_house: Open) -> None:
    """A group is told in the order of the commits; who was away longer reads in that of the sequence."""
    async with open_house("postgres") as house, asyncio.timeout(20):
        erp: Any = house.registry["erp"]
        cursor = await cursor_of(house, DOCUMENT)
        held, goes_on, read = asyncio.Event(), asyncio.Event(), asyncio.Event()
        find, read_changes = house.memory["crm"].lookup, erp.changes.read

        async def lookup(asked: Lookup) -> Rows:
            if not held.is_set():
                held.set()
                await goes_on.wait()
            return await find(asked)

        async def read_and_tell(*arguments: Any) -> Any:
            answer = await read_changes(*arguments)
            if len(arguments) == 4:  # the hub itself has no goal
                read.set()
            return answer

        async with erp.transaction() as late:
            columns = tuple(order(20))
            await late.write(Insert(COLLECTIONS["orders"], columns, (tuple(order(20).values()),)))
            witness = await house.subscribe(DOCUMENT)
            await house.insert("orders", order(21))
            seen = await witness.events(1)
            house.memory["crm"].lookup = lookup  # type: ignore[assignment, method-assign]
        await held.wait()
        erp.changes.read = read_and_tell
        resumed = asyncio.create_task((await house.subscribe(DOCUMENT, resume_from=cursor)).events(2))
        await read.wait()
        goes_on.set()
        seen += await witness.events(1)
        assert [event["data"]["orderChanged"]["key"] for event in seen] == ["Order:21", "Order:20"]
        assert [event["data"]["orderChanged"]["key"] for event in await resumed] == ["Order:20", "Order:21"]
