"""SQLite as a datasource."""

import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from datasources.base import Datasource
from datasources.errors import DatasourceError, SourceMisbehaved, SourceRefused, SourceTimeout, SourceUnavailable
from datasources.filters import Compare, Operator, Or, Order
from datasources.lookup import Aggregate, AggregateLookup, Collection, Column, ColumnType, Function, Lookup
from datasources.sql import SqliteSource, sqlite_pool
from datasources.sql.sqlite_pool import SqlitePool
from datasources.wire import TO_WIRE
from tests.datasources.contract import DatasourceContract
from tests.datasources.contract_writes import WritesContract
from tests.datasources.dataset import COLLECTIONS, NUMBERS, PEOPLE, ROWS
from tests.datasources.sql.loading import create_written, load_sqlite

pytestmark = pytest.mark.anyio

ENDLESS = "WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n) SELECT id FROM n"
THINGS = Collection(
    "things",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("at", ColumnType.DATETIME),
        Column("amount", ColumnType.DECIMAL, scale=2),
        Column("big", ColumnType.BIGINT),
        Column("data", ColumnType.JSON),
    ),
)


class TestContract(DatasourceContract):
    indexed = True

    @pytest.fixture(scope="class")
    async def source(self, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Datasource]:
        path = tmp_path_factory.mktemp("sqlite") / "contract.db"
        load_sqlite(path, COLLECTIONS.values(), ROWS, indexed=self.indexed)
        async with opened(path) as source:
            yield source


class TestContractWithoutIndexes(TestContract):
    """Windows per key take another way."""

    indexed = False


class TestWrites(WritesContract):
    @pytest.fixture
    async def source(self, tmp_path: Path) -> AsyncIterator[Datasource]:
        async with opened(create_written(tmp_path / "written.db")) as source:
            yield source


@asynccontextmanager
async def opened(path: Path, *, pool_size: int = 4) -> AsyncIterator[SqliteSource]:
    source = SqliteSource("shop", f"sqlite:///{path}", pool_size=pool_size)
    await source.open()
    try:
        yield source
    finally:
        await source.close()


def write(path: Path, statements: str, rows: Sequence[Sequence[Any]] = ()) -> Path:
    """Runs `statements`, and inserts `rows` into `things`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(statements)
        for row in rows:
            connection.execute(f"INSERT INTO things VALUES ({', '.join('?' * len(row))})", row)
    return path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    load_sqlite(tmp_path / "shop.db", (PEOPLE, NUMBERS), ROWS)
    return tmp_path / "shop.db"


async def test_reads_what_other_writers_wrote(tmp_path: Path) -> None:
    rows = [
        (1, "2024-02-29 12:00:00.500000", 12.3, 1, "[1]"),
        (2, "2024-02-29T12:00:00Z", 12, 2, '"a"'),
        (3, "2024-02-29T14:00:00+02:00", "0.005", 3, "null"),
        (4, "2024-02-29", None, 4, "1.5"),
        (5, "2024-02-29T12:00:00.5+0000", None, 5, None),
    ]
    write(tmp_path / "a.db", "CREATE TABLE things (id INTEGER PRIMARY KEY, at, amount NUMERIC, big INT, data)", rows)
    async with opened(tmp_path / "a.db") as source:
        answer = await source.lookup(Lookup(THINGS, ("id", "at", "amount", "data"), order=(Order("id"),)))
        assert answer.rows == [
            (1, datetime(2024, 2, 29, 12, 0, 0, 500000, UTC), Decimal("12.30"), [1]),
            (2, datetime(2024, 2, 29, 12, tzinfo=UTC), Decimal("12.00"), "a"),
            (3, datetime(2024, 2, 29, 12, tzinfo=UTC), Decimal("0.01"), None),
            (4, datetime(2024, 2, 29, tzinfo=UTC), None, 1.5),
            (5, datetime(2024, 2, 29, 12, 0, 0, 500000, UTC), None, None),
        ]


STORED: list[tuple[ColumnType, int | None, list[Any]]] = [
    (ColumnType.DECIMAL, 2, [12.3, 12, -0.001, 2**62, -3, 1e20, "0.005", 9e999, -9e999, 0.1 + 0.2]),
    (ColumnType.DECIMAL, 0, [12.5, 12, -0.1]),
    (ColumnType.DECIMAL, None, [12.3, 12, 1e20, "1e-7"]),
    (ColumnType.DATE, None, ["2024-02-29", "20240229", "2024-W09-4"]),
    (
        ColumnType.DATETIME,
        None,
        [
            "2024-02-29 12:00:00.500000",
            "2024-02-29 12:00:00.000000",
            "0001-01-01 00:00:00.000001",
            "2024-02-29T12:00:00Z",
            "2024-02-29T14:00:00.25+02:00",
            "2024-02-29",
            "2024-02-29 12:00:00.5+0000",
            "2024-02-29 12:00:00.12345Z",
            "2024-02-29 120000.12345678",
            "2024-02-29_12:00:00.500000",
            "2024-W09-4 12:00:00.500000",
            "2024-02-29 12:00:00,500000",
        ],
    ),
    (ColumnType.UUID, None, ["123e4567-e89b-42d3-a456-426614174000", "123E4567E89B42D3A456426614174000"]),
    (ColumnType.BIGINT, None, [2**62, -1]),
]


@pytest.mark.parametrize(("column_type", "scale", "values"), STORED, ids=lambda value: str(value)[:10])
async def test_writes_what_it_reads(
    tmp_path: Path, column_type: ColumnType, scale: int | None, values: list[Any]
) -> None:
    write(tmp_path / "a.db", "CREATE TABLE things (id)", [(value,) for value in values])
    lookup = Lookup(Collection("things", "id", (Column("id", column_type, scale=scale),)), ("id",))
    async with opened(tmp_path / "a.db") as source:
        native = (await source.lookup(lookup)).rows
        written = (await source.lookup(replace(lookup, wire=frozenset({"id"})))).rows
    assert written == [(TO_WIRE[column_type](value),) for (value,) in native]


async def test_sums_decimals_exactly(tmp_path: Path) -> None:
    rows = [(number, None, 0.1, 2**62, None) for number in range(3)]
    write(tmp_path / "a.db", "CREATE TABLE things (id, at, amount NUMERIC(9, 2), big BIGINT, data)", rows)
    figures = tuple(Aggregate(function, "amount") for function in (Function.SUM, Function.MIN))
    lookup = AggregateLookup(THINGS, figures, having=Compare("sum_amount", Operator.EQ, Decimal("0.3")))
    async with opened(tmp_path / "a.db") as source:
        assert (await source.aggregate(lookup)).rows == [(Decimal("0.30"), Decimal("0.10"))]
        with pytest.raises(SourceRefused, match="the sum is beyond 64 bits"):
            await source.aggregate(AggregateLookup(THINGS, (Aggregate(Function.SUM, "big"),)))


async def test_describes_the_declared_types_that_say_what_a_column_holds(tmp_path: Path) -> None:
    write(
        tmp_path / "a.db",
        "CREATE TABLE things (a INTEGER, b VARCHAR(9), c TIMESTAMP, d DECIMAL(9, 2), e, f DOUBLE PRECISION, g BOOL)",
    )
    async with opened(tmp_path / "a.db") as source:
        assert await source.describe("nothing") == {}
        assert await source.describe("things") == {
            "a": None,
            "b": None,
            "c": ColumnType.DATETIME,
            "d": ColumnType.DECIMAL,
            "e": None,
            "f": ColumnType.FLOAT,
            "g": ColumnType.BOOLEAN,
        }


async def test_takes_more_keys_than_there_may_be_parameters(path: Path) -> None:
    keys = tuple(range(40_000))
    async with opened(path) as source:
        whole = await source.lookup(Lookup(NUMBERS, ("bucket",), "id", keys, count=True))
        assert sorted(whole.rows) == [(number, number % 10) for number in range(1, 5501)]
        assert whole.counts == dict.fromkeys(range(1, 5501), 1)
        window = await source.lookup(Lookup(NUMBERS, ("id",), "bucket", keys, order=(Order("id"),), limit=1))
        assert window.rows == [(0, 10), *((bucket, bucket) for bucket in range(1, 10))]
        chosen = Lookup(NUMBERS, ("id",), filter=Compare("id", Operator.IN, keys), limit=0, count=True)
        assert (await source.lookup(chosen)).counts == {None: 5500}


async def test_lookups_of_one_shape_share_a_statement(path: Path) -> None:
    lookup = Lookup(PEOPLE, ("id",), filter=Compare("age", Operator.GT, 1), order=(Order("id"),), after=(1,), limit=1)
    async with opened(path) as source:
        cache = source.reader.cache
        for age, position, limit in [(0, 2, 3), (41, 0, 9), (-5, 6, 1)]:
            values = Compare("age", Operator.GT, age)
            await source.lookup(replace(lookup, filter=values, after=(position,), limit=limit))
        assert (cache.hits, cache.misses) == (2, 1)
        for other in (
            replace(lookup, after=(None,)),
            replace(lookup, filter=Compare("age", Operator.GT, None)),
            replace(lookup, filter=Compare("age", Operator.GT, 2**64)),
            replace(lookup, count=True),
            replace(lookup, limit=None),
        ):
            await source.lookup(other)
        assert (cache.hits, cache.misses) == (2, 6)


async def test_a_cancelled_lookup_frees_its_connection(path: Path) -> None:
    write(path, f"CREATE VIEW endless AS {ENDLESS}")
    endless = Collection("endless", "id", (Column("id", ColumnType.INTEGER),))
    async with opened(path, pool_size=1) as source:
        for _ in range(3):
            with anyio.move_on_after(0.05) as scope:
                await source.lookup(Lookup(endless, ("id",), filter=Compare("id", Operator.EQ, -1)))
            assert scope.cancelled_caught
        with anyio.fail_after(5):
            assert (await source.lookup(Lookup(PEOPLE, ("id",), "id", (1,)))).rows == [(1, 1)]


async def test_a_cancelled_job_is_interrupted_between_statements_too(path: Path) -> None:
    pool = SqlitePool(path, 1)
    reached, go_on = threading.Event(), threading.Event()

    def job(connection: sqlite3.Connection) -> None:
        reached.set()
        go_on.wait()
        for _ in connection.execute(ENDLESS):
            pass

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(pool.run, job)
        await anyio.to_thread.run_sync(reached.wait)
        tasks.cancel_scope.cancel()
    go_on.set()
    with anyio.fail_after(5):
        assert await pool.run(lambda connection: connection.execute("SELECT 1").fetchone()) == (1,)
        await pool.close()


async def test_only_reads(path: Path) -> None:
    pool = SqlitePool(path, 1)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await pool.run(lambda connection: connection.execute("DELETE FROM people"))
    await pool.close()


async def test_a_missing_file_is_unavailable_until_it_is_there(tmp_path: Path) -> None:
    async with opened(tmp_path / "shop.db") as source:
        with pytest.raises(SourceUnavailable, match=r"^datasource 'shop' cannot be read$"):
            await source.check()
        assert not (tmp_path / "shop.db").exists()
        load_sqlite(tmp_path / "shop.db", (PEOPLE,), ROWS)
        await source.check()
        assert (await source.lookup(Lookup(PEOPLE, ("id",), "id", (1,)))).rows == [(1, 1)]


async def test_a_file_that_is_no_database_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "shop.db").write_text("id,name\n" * 200)
    async with opened(tmp_path / "shop.db") as source:
        with pytest.raises(SourceUnavailable):
            await source.check()


async def test_a_closed_source_is_unavailable(path: Path) -> None:
    source = SqliteSource("shop", f"sqlite:///{path}")
    with pytest.raises(SourceUnavailable, match="is not open"):
        await source.lookup(Lookup(PEOPLE, ("id",)))


async def test_a_locked_database_is_a_timeout(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_pool, "BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript("PRAGMA journal_mode = WAL; PRAGMA locking_mode = EXCLUSIVE; DELETE FROM numbers;")
        async with opened(path) as source:
            with pytest.raises(SourceTimeout, match="is locked"):
                await source.lookup(Lookup(PEOPLE, ("id",)))


REFUSALS = [
    pytest.param(Lookup(replace(PEOPLE, name="nothing"), ("id",)), SourceRefused, "has no 'nothing'", id="collection"),
    pytest.param(Lookup(PEOPLE, ("id", "color")), SourceRefused, "has no 'color' in 'people'", id="column"),
    pytest.param(
        Lookup(PEOPLE, ("id",), filter=Compare("color", Operator.EQ, 1)),
        SourceRefused,
        "has no 'color' in 'people'",
        id="filter-column",
    ),
    pytest.param(
        AggregateLookup(
            PEOPLE, (Aggregate(Function.COUNT),), having=Compare("sum_age", Operator.GT, 1), group_by=("nick",)
        ),
        SourceRefused,
        "is not asked for the aggregate 'sum_age' that is compared",
        id="having",
    ),
    pytest.param(
        Lookup(PEOPLE, ("id",), filter=Compare("name", Operator.EQ, "\ud800")),
        SourceRefused,
        "cannot compare 'people' with such a value",
        id="surrogate",
    ),
    pytest.param(
        Lookup(PEOPLE, ("id",), "name", ("\ud800",)),
        SourceRefused,
        "cannot compare 'people' with such a value",
        id="surrogate-key",
    ),
    pytest.param(
        Lookup(PEOPLE, ("id",), filter=Compare("balance", Operator.LT, Decimal("NaN"))),
        SourceRefused,
        "cannot compare 'people' with such a value",
        id="not-a-number",
    ),
    pytest.param(
        Lookup(PEOPLE, ("id",), order=(Order("id"),), after=(2**70,)),
        SourceRefused,
        "cannot compare 'people' with such a value",
        id="giant-position",
    ),
]


@pytest.mark.parametrize(("lookup", "error", "message"), REFUSALS)
async def test_refuses(
    path: Path, lookup: Lookup | AggregateLookup, error: type[DatasourceError], message: str
) -> None:
    async with opened(path) as source:
        with pytest.raises(error) as raised:
            await (source.lookup(lookup) if isinstance(lookup, Lookup) else source.aggregate(lookup))
    assert str(raised.value) == f"datasource 'shop' {message}"


async def test_a_filter_of_too_many_comparisons(path: Path) -> None:
    any_age = Or(tuple(Compare("age", Operator.EQ, age) for age in range(3_000)))
    async with opened(path) as source:
        with pytest.raises(SourceRefused, match="is asked too much of 'people' at once"):
            await source.lookup(Lookup(PEOPLE, ("id",), filter=any_age))


@pytest.mark.parametrize("wire", [frozenset(), frozenset(THINGS.by_name)], ids=["native", "wire"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("at", "yesterday", id="datetime"),
        pytest.param("at", "2024-02-30 12:00:00.000000", id="day-that-is-none"),
        pytest.param("amount", "much", id="decimal"),
        pytest.param("data", "{", id="json"),
        pytest.param("at", 1709208000, id="number-for-datetime"),
    ],
)
async def test_a_value_of_another_type_makes_no_sense(
    tmp_path: Path, column: str, value: Any, wire: frozenset[str]
) -> None:
    write(tmp_path / "shop.db", f"CREATE TABLE things ({column})", [(value,)])
    async with opened(tmp_path / "shop.db") as source:
        with pytest.raises(SourceMisbehaved, match="holds a value in 'things' that is none"):
            await source.lookup(Lookup(THINGS, (column,), wire=wire))


async def test_sees_that_a_table_has_changed(path: Path) -> None:
    async with opened(path) as source:
        await source.lookup(Lookup(PEOPLE, ("id", "nick"), "id", (1,)))
        write(path, "DROP INDEX people_3; ALTER TABLE people DROP COLUMN nick")
        with pytest.raises(SourceMisbehaved, match=r"^datasource 'shop' failed to read 'people'$"):
            await source.lookup(Lookup(PEOPLE, ("id", "nick"), "id", (1,)))
        with pytest.raises(SourceRefused, match="has no 'nick' in 'people'"):
            await source.lookup(Lookup(PEOPLE, ("id", "nick"), "id", (1,)))


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_needs_a_file(url: str) -> None:
    with pytest.raises(ValueError, match="datasource 'shop': url must name a file"):
        SqliteSource("shop", url)


FORMS = {
    "written": ["2026-01-02 00:00:00.000000", "2026-01-01 10:00:00.500000", "2026-01-01 10:00:00.000000"],
    "current_timestamp": ["2026-01-02 00:00:00", "2026-01-01 10:00:01", "2026-01-01 10:00:00"],
    "iso": ["2026-01-02T00:00:00Z", "2026-01-01T10:00:00.5+00:00", "2026-01-01T12:00:00+02:00"],
    "mixed": ["2026-01-02 00:00:00", "2026-01-01T10:00:00.500000Z", "2026-01-01 10:00:00.000000"],
}


@pytest.mark.parametrize("form", FORMS)
async def test_moments_compare_in_whichever_form_they_are_kept(tmp_path: Path, form: str) -> None:
    rows = ", ".join(f"({number}, '{text}')" for number, text in enumerate(FORMS[form], 1))
    write(
        tmp_path / "a.db",
        f"CREATE TABLE things (id INTEGER PRIMARY KEY, at DATETIME); INSERT INTO things VALUES {rows}",
    )
    ten = datetime(2026, 1, 1, 10, tzinfo=UTC)
    order = (Order("at"), Order("id"))
    async with opened(tmp_path / "a.db") as source:
        assert (await source.lookup(Lookup(THINGS, ("id",), order=order))).rows == [(3,), (2,), (1,)]
        after = Lookup(THINGS, ("id",), order=order, after=(ten, 3), limit=5)
        assert (await source.lookup(after)).rows == [(2,), (1,)]
        equal = Lookup(THINGS, ("id",), filter=Compare("at", Operator.EQ, ten))
        assert (await source.lookup(equal)).rows == [(3,)]


@pytest.mark.parametrize("values", ["9.5, 10.25, 100, 2", "'9.5', '10.25', '100', '2'"], ids=["numbers", "text"])
async def test_decimals_compare_in_whichever_form_they_are_kept(tmp_path: Path, values: str) -> None:
    rows = ", ".join(f"({number}, {value})" for number, value in enumerate(values.split(", "), 1))
    write(tmp_path / "a.db", f"CREATE TABLE things (id INTEGER PRIMARY KEY, amount); INSERT INTO things VALUES {rows}")
    above = Compare("amount", Operator.GT, Decimal(5))
    async with opened(tmp_path / "a.db") as source:
        found = await source.lookup(Lookup(THINGS, ("id",), filter=above, order=(Order("amount"),)))
    assert found.rows == [(1,), (2,), (3,)]


async def test_decimals_of_more_digits_page_by_what_is_shown_of_them(tmp_path: Path) -> None:
    write(
        tmp_path / "a.db",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, amount NUMERIC);"
        "INSERT INTO things VALUES (1, 1.004), (2, 1.001), (3, 1.009), (4, 2)",
    )
    order = (Order("amount"), Order("id"))
    async with opened(tmp_path / "a.db") as source:
        everything = (await source.lookup(Lookup(THINGS, ("amount", "id"), order=order))).rows
        pages: list[tuple[Any, ...]] = []
        after = None
        while page := (await source.lookup(Lookup(THINGS, ("amount", "id"), order=order, after=after, limit=1))).rows:
            pages += page
            after = tuple(page[-1])
    assert pages == list(everything)
    assert [row[1] for row in pages] == [1, 2, 3, 4]
