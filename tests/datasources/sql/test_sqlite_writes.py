"""Writes to SQLite, beyond the contract."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import pytest

from datasources.errors import (
    CheckViolated,
    ConstraintViolated,
    ForeignKeyViolated,
    SourceRefused,
    SourceTimeout,
    UniqueViolated,
)
from datasources.filters import Compare, Operator
from datasources.lookup import Collection, Column, ColumnType, Lookup, Row
from datasources.sql import SqliteSource, sqlite_pool
from datasources.write import Delete, Insert, Recorded, Update, Write
from tests.datasources.sql.test_sqlite import opened

pytestmark = pytest.mark.anyio

TABLES = """
CREATE TABLE things (
  id INTEGER PRIMARY KEY, at, amount NUMERIC, price TEXT, name TEXT, size INTEGER, "twice" INTEGER AS (size * 2),
  CHECK (size > 0 AND name <> 'amount'), CONSTRAINT "big things" CHECK (size < 100 OR (name IN ('a)', 'b') AND id))
);
CREATE UNIQUE INDEX by_name ON things (lower(name), size) WHERE size IS NOT NULL;
CREATE UNIQUE INDEX by_price ON things (price);
CREATE TABLE parts (id INTEGER PRIMARY KEY, thing_id INTEGER REFERENCES things ON DELETE RESTRICT);
CREATE TABLE notes (id INTEGER PRIMARY KEY, thing_id INTEGER REFERENCES things DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE pairs (id INTEGER PRIMARY KEY, other INTEGER REFERENCES pairs);
CREATE TABLE guarded (id INTEGER PRIMARY KEY);
CREATE TRIGGER guard BEFORE INSERT ON guarded BEGIN SELECT RAISE(ABORT, 'secret'); END;
CREATE VIEW counted AS SELECT count(*) AS id FROM things;
CREATE TABLE endless (id INTEGER PRIMARY KEY);
CREATE TRIGGER endless AFTER INSERT ON endless WHEN NEW.id = 1 BEGIN
  INSERT INTO endless WITH RECURSIVE n(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n;
END;
"""
ID = Column("id", ColumnType.INTEGER, nullable=False)
THINGS = Collection(
    "things",
    "id",
    (
        ID,
        Column("at", ColumnType.DATETIME),
        Column("amount", ColumnType.DECIMAL, scale=2),
        Column("price", ColumnType.DECIMAL, scale=2),
        Column("name", ColumnType.STRING),
        Column("size", ColumnType.INTEGER),
        Column("twice", ColumnType.INTEGER),
    ),
)
PARTS, NOTES = (Collection(name, "id", (ID, Column("thing_id", ColumnType.INTEGER))) for name in ("parts", "notes"))
PAIRS = Collection("pairs", "id", (ID, Column("other", ColumnType.INTEGER)))
GUARDED, COUNTED, ENDLESS = (Collection(name, "id", (ID,)) for name in ("guarded", "counted", "endless"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "things.db")) as connection:
        connection.executescript(TABLES)
    return tmp_path / "things.db"


@pytest.fixture
async def source(path: Path) -> AsyncIterator[SqliteSource]:
    async with opened(path) as source:
        yield source


def run(path: Path, statement: str) -> list[Any]:
    """What the statement returns, on a connection of its own."""
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


async def write(source: SqliteSource, *writes: Write) -> list[Row]:
    rows: list[Row] = []
    async with source.transaction() as transaction:
        for each in writes:
            rows = [tuple(row) for row in (await transaction.write(each)).rows]
    return rows


MOMENT = datetime(2024, 2, 29, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("there", "moment", "kept"),
    [
        pytest.param([], MOMENT, "2024-02-29 12:00:00.000000", id="none"),
        pytest.param(["2024-01-01 00:00:00.000000"], MOMENT, "2024-02-29 12:00:00.000000", id="as-usual"),
        pytest.param(["2024-01-01T00:00:00Z"], MOMENT, "2024-02-29T12:00:00Z", id="iso-z"),
        pytest.param(["2024-01-01T00:00:00+00:00"], MOMENT, "2024-02-29T12:00:00+00:00", id="iso-offset"),
        pytest.param(["2024-01-01 00:00:00"], MOMENT, "2024-02-29 12:00:00", id="seconds"),
        pytest.param(["2024-01-01 00:00:00.000"], MOMENT, "2024-02-29 12:00:00.000", id="milliseconds"),
        pytest.param(
            ["2024-01-01 00:00:00"], MOMENT.replace(microsecond=5), "2024-02-29 12:00:00.000005", id="more-digits"
        ),
        pytest.param(["2024-01-01T00:00:00Z", "2024-01-01 00:00:00"], MOMENT, "2024-02-29 12:00:00.000000", id="mixed"),
        pytest.param(["2024-01-01"], MOMENT, "2024-02-29 12:00:00.000000", id="dates"),
    ],
)
async def test_keeps_moments_in_the_form_of_those_that_are_there(
    path: Path, there: list[str], moment: datetime, kept: str
) -> None:
    for value in there:
        run(path, f"INSERT INTO things (at) VALUES ('{value}')")
    async with opened(path) as source:
        assert await write(source, Insert(THINGS, ("id", "at"), ((9, moment),), ("at",))) == [(9, moment)]
        found = await source.lookup(Lookup(THINGS, ("id",), filter=Compare("at", Operator.EQ, moment)))
        assert found.rows == [(9,)]
    assert run(path, "SELECT at FROM things WHERE id = 9") == [(kept,)]


async def test_keeps_decimals_as_those_that_are_there(path: Path) -> None:
    run(path, "INSERT INTO things (price, amount) VALUES ('1.00', 1)")
    columns = ("id", "price", "amount")
    async with opened(path) as source:
        values = (9, Decimal("2.5"), Decimal("12.345"))
        assert await write(source, Insert(THINGS, columns, (values,), columns[1:])) == [
            (9, Decimal("2.50"), Decimal("12.35"))
        ]
    assert run(path, "SELECT price, amount FROM things WHERE id = 9") == [("2.50", 12.35)]


async def test_returns_what_the_database_makes(source: SqliteSource) -> None:
    assert await write(source, Insert(THINGS, ("size",), ((2,),), ("size", "twice"))) == [(1, 2, 4)]


@pytest.mark.parametrize(
    ("failing", "error", "collection", "columns", "constraint"),
    [
        pytest.param(
            Insert(THINGS, ("size", "name"), ((-1, "x"),)),
            CheckViolated,
            "things",
            ("name", "size"),
            None,
            id="unnamed",
        ),
        pytest.param(
            Insert(THINGS, ("size", "name"), ((100, "x"),)),
            CheckViolated,
            "things",
            ("id", "name", "size"),
            "big things",
            id="named",
        ),
        pytest.param(
            Insert(THINGS, ("size", "name"), ((1, "A"),)),
            UniqueViolated,
            "things",
            ("name", "size"),
            "by_name",
            id="index-of-expressions",
        ),
        pytest.param(
            Insert(THINGS, ("price",), ((Decimal(1),),)), UniqueViolated, "things", ("price",), "by_price", id="index"
        ),
        pytest.param(Delete(THINGS, (1,)), ForeignKeyViolated, "parts", ("thing_id",), None, id="restrict"),
        pytest.param(
            Insert(PARTS, ("thing_id",), ((1,), (9,))), ForeignKeyViolated, "parts", ("thing_id",), None, id="missing"
        ),
        pytest.param(Insert(NOTES, ("thing_id",), ((9,),)), ForeignKeyViolated, "notes", (), None, id="at-the-commit"),
    ],
)
async def test_tells_which_constraint_is_violated(
    source: SqliteSource,
    failing: Write,
    error: type[ConstraintViolated],
    collection: str,
    columns: tuple[str, ...],
    constraint: str | None,
) -> None:
    there = Insert(THINGS, ("id", "name", "size", "price"), ((1, "a", 1, Decimal(1)),))
    await write(source, there, Insert(PARTS, ("thing_id",), ((1,),)))
    with pytest.raises(ConstraintViolated) as raised:
        await write(source, failing)
    found = raised.value
    assert (type(found), found.collection, found.columns, found.constraint) == (error, collection, columns, constraint)


async def test_foreign_keys_are_checked_after_each_write_once_one_was_deferred(source: SqliteSource) -> None:
    async def failing() -> None:
        async with source.transaction() as transaction:
            await transaction.write(Insert(PAIRS, ("id", "other"), ((1, 2), (2, 1))))
            await transaction.write(Update(PAIRS, ("other",), ((1, 1), (2, None))))
            await transaction.write(Update(PAIRS, ("other",), ((2, 1), (1, 7))))

    with pytest.raises(ForeignKeyViolated) as error:
        await failing()
    assert (error.value.collection, error.value.columns, error.value.row) == ("pairs", ("other",), 1)


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        pytest.param(
            Insert(THINGS, ("amount",), ((Decimal("12345678901234567.89"),),)),
            "cannot keep such a value in 'things'",
            id="digits",
        ),
        pytest.param(Insert(THINGS, ("size",), ((2**70,),)), "cannot keep such a value in 'things'", id="giant"),
        pytest.param(Insert(THINGS, ("name",), (("\ud800",),)), "cannot keep such a value in 'things'", id="lone"),
        pytest.param(Insert(THINGS, ("id",), (("x",),)), "cannot keep such a value in 'things'", id="text-as-key"),
        pytest.param(Insert(THINGS, ("twice",), ((1,),)), "does not let 'things' be written like that", id="generated"),
        pytest.param(Insert(COUNTED, ("id",), ((1,),)), "does not let 'counted' be written like that", id="view"),
        pytest.param(
            Insert(GUARDED, ("id",), ((1,),)), "has a trigger that refuses the write to 'guarded'", id="trigger"
        ),
        pytest.param(
            Insert(THINGS, ("size",), ((1,),), conflict=("size",)), "has no such unique key in 'things'", id="conflict"
        ),
    ],
)
async def test_refuses(source: SqliteSource, refused: Write, message: str) -> None:
    with pytest.raises(SourceRefused) as error:
        await write(source, refused)
    assert str(error.value) == f"datasource 'shop' {message}"


async def test_waits_for_other_processes_without_holding_anyone_up(source: SqliteSource, path: Path) -> None:
    await write(source, Insert(THINGS, ("id",), ((1,),)))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(write(source, Insert(THINGS, ("id",), ((2,),))))
        for _ in range(20):
            assert (await source.lookup(Lookup(THINGS, ("id",)))).rows == [(1,)]
        assert not writing.done()
        other.execute("COMMIT")
        assert await writing == [(2,)]


async def test_gives_up_when_another_process_does_not_finish(
    source: SqliteSource, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_pool, "BUSY_SECONDS", 0.05)
    await write(source, Insert(THINGS, ("id",), ((1,),)))
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(SourceTimeout, match="is locked; it could not be written in time"):
            await write(source, Insert(THINGS, ("id",), ((2,),)))
    assert await write(source, Insert(THINGS, ("id",), ((2,),))) == [(2,)]


async def test_the_statement_of_a_cancelled_transaction_is_interrupted(source: SqliteSource, path: Path) -> None:
    begun = asyncio.Event()

    async def stall() -> None:
        async with source.transaction() as transaction:
            await transaction.write(Insert(ENDLESS, ("id",), ((9,),)))
            asyncio.get_running_loop().call_soon(begun.set)
            await transaction.write(Insert(ENDLESS, ("id",), ((1,),)))

    task = asyncio.create_task(stall())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with anyio.fail_after(5):
        assert await write(source, Insert(ENDLESS, ("id",), ((3,),))) == [(3,)]
    assert run(path, "SELECT id FROM endless") == [(3,)]


async def test_a_write_that_is_cancelled_alone_spoils_the_transaction(source: SqliteSource, path: Path) -> None:
    begun = asyncio.Event()

    async def spoil() -> None:
        async with source.transaction() as transaction:
            await transaction.write(Insert(ENDLESS, ("id",), ((9,),)))
            asyncio.get_running_loop().call_soon(begun.set)
            stalled = asyncio.create_task(transaction.write(Insert(ENDLESS, ("id",), ((1,),))))
            await begun.wait()
            stalled.cancel()
            await asyncio.wait([stalled])
            with pytest.raises(SourceRefused, match="in which a write failed"):
                await transaction.write(Insert(ENDLESS, ("id",), ((3,),)))

    with pytest.raises(SourceRefused, match="in which a write failed"):
        await spoil()
    await write(source, Insert(ENDLESS, ("id",), ((4,),)))
    assert run(path, "SELECT id FROM endless") == [(4,)]


async def test_answers_are_kept_for_a_day(source: SqliteSource, path: Path) -> None:
    for key in ("young", "old", "older"):
        async with source.transaction() as transaction:
            await transaction.claim(key, b"1")
            await transaction.record(key, b"answer")
    for key, hours in (("young", 23), ("old", 25), ("older", 26)):
        run(path, f"UPDATE gateway_idempotency SET at = at - 3600 * {hours} WHERE key = '{key}'")
    async with source.transaction() as transaction:
        assert await transaction.claim("young", b"2") == Recorded(b"1", b"answer")
        assert await transaction.claim("old", b"2") is None
        await transaction.record("old", b"new")
    kept = run(path, "SELECT key, digest, answer FROM gateway_idempotency ORDER BY key")
    assert kept == [("old", b"2", b"new"), ("young", b"1", b"answer")]
