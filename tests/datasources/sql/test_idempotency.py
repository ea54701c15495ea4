"""What is recorded survives the process that recorded it, and only what was committed."""

import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import PIPE, Popen

import pytest

from datasources.lookup import Lookup
from datasources.sql import PostgresSource, SqliteSource
from datasources.write import Recorded
from tests.datasources.sql.loading import create_written, create_written_postgres
from tests.datasources.written import PAPERS
from tests.support.postgres import Postgres

pytestmark = pytest.mark.anyio

WRITER = """
import asyncio, sys, time

from datasources.sql import PostgresSource, SqliteSource
from datasources.write import Insert
from tests.datasources.written import PAPERS

url, when = sys.argv[1:]

def tell_and_wait():
    print("now", flush=True)
    time.sleep(60)

async def main():
    source = (PostgresSource if url.startswith("postgres") else SqliteSource)("shop", url)
    await source.open()
    async with source.transaction() as transaction:
        assert await transaction.claim("key", b"digest") is None
        await transaction.write(Insert(PAPERS, ("id", "number"), ((1, "a"),)))
        await transaction.record("key", b"answer")
        if when == "before":
            tell_and_wait()
    tell_and_wait()

asyncio.run(main())
"""


@contextmanager
def killed(url: str, when: str) -> Iterator[None]:
    """A process that writes, and is killed before its commit, or between it and its answer."""
    process = Popen([sys.executable, "-c", WRITER, url, when], stdout=PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "now\n"
        process.send_signal(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        yield
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(params=["sqlite", "postgres"])
async def url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{create_written(tmp_path / 'written.db')}"
        return
    postgres: Postgres = request.getfixturevalue("postgres")
    async with postgres.database() as url:
        await create_written_postgres(url)
        yield url


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_process_is_killed(url: str, when: str) -> None:
    source = PostgresSource("shop", url) if url.startswith("postgres") else SqliteSource("shop", url)
    await source.open()
    try:
        with killed(url, when):
            async with source.transaction() as transaction:
                recorded = await transaction.claim("key", b"digest")
            papers = (await source.lookup(Lookup(PAPERS, ("number",)))).rows
        assert recorded == (Recorded(b"digest", b"answer") if when == "after" else None)
        assert [tuple(row) for row in papers] == ([("a",)] if when == "after" else [])
    finally:
        await source.close()
