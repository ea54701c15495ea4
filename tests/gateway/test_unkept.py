"""Watched entities whose changes nobody keeps are told of when the gateway starts."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from datasources.outbox import Watched
from datasources.registry import Registry
from datasources.sql import SqliteSource
from gateway.unkept import looking_for_unkept, tell_unkept
from resolvers import entity, query_type
from resolvers.query import entities_of

pytestmark = pytest.mark.anyio


@entity("shop.orders", watched=True)
class Order:
    """An order."""

    number: str


@entity("shop.tags", watched=True)
class Tag:
    """A tag."""

    label: str


@entity("shop.notes")
class Note:
    """Nobody watches it."""

    text: str


ENTITIES = entities_of(query_type(Order, Tag, Note))


@pytest.fixture
def source(tmp_path: Path) -> SqliteSource:
    file = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, number text); CREATE TABLE notes (id INTEGER PRIMARY KEY);"
            "CREATE TABLE tags (id INTEGER PRIMARY KEY, label text)"
        )
    return SqliteSource("shop", f"sqlite:///{file}")


async def test_tells_of_what_is_not_kept(source: SqliteSource, caplog: pytest.LogCaptureFixture) -> None:
    sources = Registry({"shop": source})
    await source.outbox.install([Watched("orders")])
    await tell_unkept(ENTITIES, sources)
    told = "shop.tags is watched: its changes are not kept: install it; see `gateway changes`"
    assert [record.getMessage() for record in caplog.records] == [told]
    await source.outbox.install([Watched("tags")])
    await tell_unkept(ENTITIES, sources)
    assert len(caplog.records) == 1


async def test_a_source_that_is_away_is_left_alone(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = len(asyncio.all_tasks())
    away = SqliteSource("shop", f"sqlite:///{tmp_path / 'gone.sqlite'}")
    async with looking_for_unkept(ENTITIES, Registry({"shop": away})):
        assert len(asyncio.all_tasks()) == before + 1
    assert len(asyncio.all_tasks()) == before
    assert caplog.records == []
