"""What a reader knows of a database, and learns anew when that has changed."""

import sqlite3
from contextlib import closing
from itertools import combinations_with_replacement
from pathlib import Path

import pytest

from datasources.errors import SourceRefused
from datasources.filters import And, Compare, Filter, Not, Operator
from datasources.lookup import Collection, Column, ColumnType, Lookup
from datasources.sql import SqliteSource, reader

pytestmark = pytest.mark.anyio

THINGS = Collection("things", "id", (Column("id", ColumnType.INTEGER, nullable=False), Column("n", ColumnType.INTEGER)))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write(tmp_path / "things.db", "CREATE TABLE things (id INTEGER PRIMARY KEY); INSERT INTO things VALUES (1)")
    return tmp_path / "things.db"


def write(path: Path, script: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)


async def test_a_column_that_was_missing_is_found_once_it_is_there(path: Path) -> None:
    source = SqliteSource("things", f"sqlite:///{path}")
    await source.open()
    with pytest.raises(SourceRefused, match="has no 'n' in 'things'"):
        await source.lookup(Lookup(THINGS, ("n",)))
    write(path, "ALTER TABLE things ADD COLUMN n INTEGER DEFAULT 7")
    assert (await source.lookup(Lookup(THINGS, ("n",)))).rows == [(7,)]
    await source.close()


async def test_a_table_that_was_missing_is_found_once_it_is_there(path: Path) -> None:
    source = SqliteSource("things", f"sqlite:///{path}")
    await source.open()
    others = Collection("others", "id", THINGS.columns[:1])
    with pytest.raises(SourceRefused, match="has no 'others'"):
        await source.lookup(Lookup(others, ("id",)))
    write(path, "CREATE TABLE others AS SELECT id FROM things")
    assert (await source.lookup(Lookup(others, ("id",)))).rows == [(1,)]
    await source.close()


async def test_a_filter_nested_too_deeply_is_refused(path: Path) -> None:
    deep: Filter = Compare("id", Operator.GT, 0)
    for _ in range(900):
        deep = Not(deep)
    source = SqliteSource("things", f"sqlite:///{path}")
    await source.open()
    with pytest.raises(SourceRefused):
        await source.lookup(Lookup(THINGS, ("id",), filter=deep))
    assert (await source.lookup(Lookup(THINGS, ("id",)))).rows == [(1,)]
    await source.close()


SHAPES = list(combinations_with_replacement([Operator.GT, Operator.LT, Operator.EQ, Operator.NE], 12))


async def test_a_flood_of_shapes_neither_grows_memory_nor_drives_out_the_used(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "CACHED_STATEMENTS", 50)
    source = SqliteSource("things", f"sqlite:///{path}")
    await source.open()
    hot = Lookup(THINGS, ("id",), filter=Compare("id", Operator.GT, 0))
    for number, operators in enumerate(SHAPES):
        conditions = And(tuple(Compare("id", operator, 1) for operator in operators))
        await source.lookup(Lookup(THINGS, ("id",), filter=conditions))
        if number % 10 == 0:
            await source.lookup(hot)
    figures = source.reader.cache.figures
    assert (figures.misses, figures.entries) == (len(SHAPES) + 1, 50)
    await source.close()


async def test_large_statements_are_bounded_by_size(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "STATEMENTS_BYTES", 1_000_000)
    source = SqliteSource("things", f"sqlite:///{path}")
    await source.open()
    for size in (*range(100, 200), 900):
        conditions = And(tuple(Compare("id", Operator.GT, number) for number in range(size)))
        await source.lookup(Lookup(THINGS, ("id",), filter=conditions))
    figures = source.reader.cache.figures
    assert 0 < figures.bytes <= 1_000_000
    assert figures.entries < 50
    await source.close()


async def test_reading_leaves_the_file_as_it_is(path: Path) -> None:
    source = SqliteSource("things", f"sqlite:///{path}")
    await source.open()
    await source.check()
    await source.lookup(Lookup(THINGS, ("id",)))
    await source.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
