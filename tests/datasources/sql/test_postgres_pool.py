"""The pool of PostgreSQL connections."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import asyncpg
import pytest

from datasources.sql import postgres_pool
from datasources.sql.postgres_pool import PostgresPool
from tests.support.postgres import Postgres, connected

pytestmark = pytest.mark.anyio

LOCK = 4711
PID = "SELECT pg_backend_pid()"
HELD = f"SELECT pg_backend_pid() FROM (SELECT pg_advisory_xact_lock({LOCK})) AS held"
"""Waits while the test holds the lock."""
WAITING = """
SELECT count(*) FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()
"""


class Opened:
    """A pool, and what it connected."""

    def __init__(self, url: str, size: int) -> None:
        self.url = url
        self.connections: list[asyncpg.Connection] = []
        self.pool = PostgresPool(self._connect, size)

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(self.url.replace("+asyncpg", ""))
        self.connections.append(connection)
        return connection

    async def pid(self) -> int:
        [(pid,)] = await self.pool.fetch(PID, [])
        return int(pid)


@asynccontextmanager
async def opened(url: str, size: int) -> AsyncIterator[Opened]:
    made = Opened(url, size)
    try:
        yield made
    finally:
        await made.pool.close()


@pytest.fixture(scope="module")
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as url:
        yield url


@asynccontextmanager
async def held(url: str) -> AsyncIterator[asyncpg.Connection]:
    """Statements that are `HELD` wait in here."""
    async with connected(url) as connection:
        await connection.execute(f"SELECT pg_advisory_lock({LOCK})")
        yield connection


async def waiting(connection: asyncpg.Connection, count: int) -> None:
    with anyio.fail_after(10):
        while await connection.fetchval(WAITING) != count:
            pass


async def test_connections_are_used_again(url: str) -> None:
    async with opened(url, 3) as made:
        assert len({await made.pid() for _ in range(5)}) == 1
        with pytest.raises(asyncpg.UndefinedTableError):
            await made.pool.fetch("SELECT * FROM nothing", [])
        await made.pid()
        assert len(made.connections) == 1


async def test_there_are_at_most_so_many(url: str) -> None:
    async with opened(url, 2) as made:
        async with held(url) as connection:
            asking = [asyncio.create_task(made.pool.fetch(HELD, [])) for _ in range(7)]
            await waiting(connection, 2)
            asking[0].cancel()  # of those that run
            asking[5].cancel()  # of those that wait for a connection
        results = await asyncio.gather(*asking, return_exceptions=True)
        assert [isinstance(result, list) for result in results] == [False, True, True, True, True, False, True]
        assert len(made.connections) == 2


async def test_a_lost_connection_is_replaced(url: str) -> None:
    async with connected(url) as connection, opened(url, 1) as made:
        first = await made.pid()
        lost = asyncio.Event()
        made.connections[0].add_termination_listener(lambda _: lost.set())
        await connection.execute(f"SELECT pg_terminate_backend({first})")
        with anyio.fail_after(10):
            await lost.wait()
        assert await made.pid() != first


@pytest.mark.parametrize("turns", range(12))
async def test_a_cancelled_statement_frees_its_connection(url: str, turns: int) -> None:
    """Whenever it is cancelled: while it connects, asks, or waits."""
    async with opened(url, 1) as made:
        for _ in range(2):
            task = asyncio.create_task(made.pool.fetch(PID, []))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with anyio.fail_after(10):
                await asyncio.wait([task])
                await made.pid()


async def test_a_connection_that_cannot_be_opened_frees_its_place(url: str) -> None:
    async with opened("postgresql://nobody@/nothing?host=/nowhere", 1) as made:
        for _ in range(2):
            with pytest.raises(OSError, match="No such file"):
                await made.pid()
        made.url = url
        await made.pid()


async def test_closes_what_was_not_needed_for_long(url: str) -> None:
    async with opened(url, 3) as made:
        async with held(url) as connection:
            asking = [asyncio.create_task(made.pool.fetch(HELD, [])) for _ in range(3)]
            await waiting(connection, 3)
        await asyncio.gather(*asking)
        made.pool._sweep()
        assert [connection.is_closed() for connection in made.connections] == [False] * 3
        used = await made.pid()
        made.pool._sweep()
        assert sum(connection.is_closed() for connection in made.connections) == 2
        assert await made.pid() == used
        made.pool._sweep()
        made.pool._sweep()
        assert all(connection.is_closed() for connection in made.connections)
        await made.pid()


async def test_closing_waits_for_statements_and_refuses_others(url: str) -> None:
    async with opened(url, 2) as made:
        async with held(url) as connection:
            asking = asyncio.create_task(made.pool.fetch(HELD, []))
            await waiting(connection, 1)
            closing = asyncio.create_task(made.pool.close())
            await asyncio.sleep(0)
            assert not closing.done()
        assert len(await asking) == 1
        await closing
        assert made.connections[0].is_closed()


async def test_closing_does_not_wait_for_long(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "CLOSE_SECONDS", 0.01)
    async with held(url) as connection, opened(url, 1) as made:
        asking = [asyncio.create_task(made.pool.fetch(HELD, [])) for _ in range(2)]
        await waiting(connection, 1)
        await made.pool.close()
        results = await asyncio.gather(*asking, return_exceptions=True)
    assert all(isinstance(result, (asyncpg.InterfaceError, asyncpg.PostgresConnectionError)) for result in results)
    assert len(made.connections) == 1
