"""PostgreSQL as a datasource."""

import asyncio
import inspect
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import anyio
import anyio.to_thread
import asyncpg
import pytest

from datasources.base import Datasource
from datasources.errors import DatasourceError, SourceMisbehaved, SourceRefused, SourceTimeout, SourceUnavailable
from datasources.filters import NOTHING, Compare, Operator, Or, Order
from datasources.lookup import Aggregate, AggregateLookup, Collection, Column, ColumnType, Function, Lookup
from datasources.sql import PostgresSource, postgres_pool
from datasources.sql.postgres_errors import VENDOR, mapped
from datasources.wire import TO_WIRE
from tests.datasources.contract import DatasourceContract
from tests.datasources.contract_writes import WritesContract
from tests.datasources.dataset import COLLECTIONS, NUMBERS, PEOPLE, ROWS
from tests.datasources.sql.loading import create_written_postgres, load_postgres
from tests.support.postgres import Postgres, connected, running_postgres
from tests.support.server import free_port

pytestmark = pytest.mark.anyio

ODD_TABLES = """
CREATE SCHEMA sales;
CREATE TYPE sales.status AS ENUM ('open', 'shipped', 'closed');
CREATE DOMAIN sales.money_amount AS numeric(12, 2);
CREATE TABLE sales."Orders" (
  id smallint PRIMARY KEY, status sales.status, placed timestamp, due date, code char(4), label varchar(9),
  total sales.money_amount, ratio real, quantity integer, token text, data json, big bigint
);
INSERT INTO sales."Orders" VALUES
  (1, 'open', '2024-02-29 12:00', '2024-03-01', 'ab', 'x', 1.5, 0.5, 3,
   '00000000-0000-4000-8000-000000000001', '[1]', 9223372036854775807),
  (2, 'closed', '2024-02-29 13:00', '2024-03-02', 'abcd', 'y', 2, 0.25, 4,
   '00000000-0000-4000-8000-000000000002', '{"a": null}', 9223372036854775807);
"""
STUBBORN = """
CREATE FUNCTION sleep_on() RETURNS integer LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_sleep(60);
  RETURN 1;
EXCEPTION WHEN query_canceled THEN
  PERFORM pg_sleep(60);
  RETURN 2;
END $$;
CREATE VIEW stubborn AS SELECT id FROM sleep_on() AS id;
"""
"""A view that is not impressed by being cancelled."""
SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
"""How many statements sleep: their state alone would not tell that they have begun."""
ORDERS = Collection(
    "sales.Orders",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("status", ColumnType.STRING),
        Column("placed", ColumnType.DATETIME),
        Column("due", ColumnType.DATETIME),
        Column("code", ColumnType.STRING),
        Column("label", ColumnType.STRING),
        Column("total", ColumnType.DECIMAL),
        Column("ratio", ColumnType.FLOAT),
        Column("quantity", ColumnType.DECIMAL),
        Column("token", ColumnType.UUID),
        Column("data", ColumnType.JSON),
        Column("big", ColumnType.BIGINT),
    ),
)
FIRST = (
    1,
    "open",
    datetime(2024, 2, 29, 12, tzinfo=UTC),
    datetime(2024, 3, 1, tzinfo=UTC),
    "ab",
    "x",
    Decimal("1.50"),
    0.5,
    Decimal(3),
    UUID("00000000-0000-4000-8000-000000000001"),
    [1],
    2**63 - 1,
)


class TestContract(DatasourceContract):
    @pytest.fixture(scope="class")
    async def source(self, url: str) -> AsyncIterator[Datasource]:
        async with opened(url) as source:
            yield source


class TestContractWithoutIndexes(DatasourceContract):
    """Windows per key take another way."""

    @pytest.fixture(scope="class")
    async def source(self, postgres: Postgres) -> AsyncIterator[Datasource]:
        async with postgres.database() as url, opened(url) as source:
            await load_postgres(url, COLLECTIONS.values(), ROWS, indexed=False)
            yield source


class TestWrites(WritesContract):
    @pytest.fixture(scope="class")
    async def written_url(self, postgres: Postgres) -> AsyncIterator[str]:
        async with postgres.database() as url:
            await create_written_postgres(url)
            yield url

    @pytest.fixture
    async def source(self, written_url: str) -> AsyncIterator[Datasource]:
        async with connected(written_url) as connection:
            await connection.execute("TRUNCATE teams, papers, keys RESTART IDENTITY")
            await connection.execute("DROP TABLE IF EXISTS gateway_idempotency")
        async with opened(written_url) as source:
            yield source


@asynccontextmanager
async def opened(url: str, **settings: Any) -> AsyncIterator[PostgresSource]:
    source = PostgresSource("shop", url, **settings)
    await source.open()
    try:
        yield source
    finally:
        await source.close()


@pytest.fixture(scope="module")
async def url(postgres: Postgres) -> AsyncIterator[str]:
    """A database with the contract's dataset, and `sales.Orders`."""
    async with postgres.database() as url:
        await load_postgres(url, COLLECTIONS.values(), ROWS)
        async with connected(url) as connection:
            await connection.execute(ODD_TABLES)
        yield url


@pytest.fixture(scope="module")
async def source(url: str) -> AsyncIterator[PostgresSource]:
    async with opened(url) as source:
        yield source


async def test_columns_of_other_types_answer_in_native_ones(source: PostgresSource) -> None:
    columns = tuple(ORDERS.by_name)
    found = await source.lookup(Lookup(ORDERS, columns, order=(Order("id"),), limit=1))
    assert found.rows == [FIRST]
    assert [type(value) for value in FIRST] == [
        UUID if isinstance(value, UUID) else type(value) for value in found.rows[0]
    ]


async def test_columns_of_other_types_are_written(source: PostgresSource) -> None:
    columns = tuple(ORDERS.by_name)
    for limit in (None, 1):
        lookup = Lookup(ORDERS, columns, order=(Order("id"),), limit=limit, wire=frozenset(columns))
        found = await source.lookup(lookup)
        assert found.rows[0] == tuple(
            TO_WIRE[column.type](value) if column.type in TO_WIRE else value
            for column, value in zip(ORDERS.columns, FIRST, strict=True)
        )


VALUES = Collection(
    "odd_values",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("amount", ColumnType.DECIMAL),
        Column("day", ColumnType.DATE),
        Column("moment", ColumnType.DATETIME),
    ),
)
WIRE = frozenset(VALUES.by_name)


@pytest.fixture(scope="module")
async def odd_values(url: str) -> None:
    numbers = ("NaN", "Infinity", "-Infinity", "0.000", "1e20", "1e-20", "-0.10", f"{'9' * 30}.5", "1000000")
    days = ("infinity", "-infinity", "0001-01-01", "9999-12-31", "0999-02-03")
    times = ("00:00Z", "23:59:59.999999Z", "12:00:00.5Z", "07:00:00.001+07")
    moments = ("infinity", "-infinity", *(f"{day} {time}" for day in days[2:] for time in times))
    async with connected(url) as connection:
        await connection.execute("CREATE TABLE odd_values (id serial, amount numeric, day date, moment timestamptz)")
        for column, values in {"amount": numbers, "day": days, "moment": moments}.items():
            for value in values:
                await connection.execute(f"INSERT INTO odd_values ({column}) VALUES ('{value}')")


@pytest.mark.parametrize("settings", ["", "SET TimeZone = 'Asia/Tokyo'", "SET DateStyle = 'German'"])
async def test_writes_what_the_driver_reads(postgres: Postgres, url: str, odd_values: None, settings: str) -> None:
    """Whatever the database's own settings are."""
    name = url.partition("?")[0].rpartition("/")[2]
    async with connected(url) as connection:
        await connection.execute(f"ALTER DATABASE {name} {settings or 'RESET ALL'}")
    columns = ("amount", "day", "moment")
    async with opened(url) as source:
        lookup = Lookup(VALUES, columns, order=(Order("id"),))
        native = (await source.lookup(lookup)).rows
        written = (await source.lookup(replace(lookup, wire=WIRE))).rows
    writers = [TO_WIRE[VALUES.by_name[column].type] for column in columns]
    assert [tuple(row) for row in written] == [
        tuple(None if value is None else write(value) for write, value in zip(writers, row, strict=True))
        for row in native
    ]


@pytest.mark.parametrize("wire", [frozenset(), WIRE], ids=["native", "wire"])
@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("day", "0001-12-31 BC"),
        ("day", "10000-01-01"),
        ("moment", "0001-12-31 23:59:59Z BC"),
        ("moment", "10000-01-01Z"),
    ],
)
async def test_years_that_python_has_not_are_no_values(
    url: str, source: PostgresSource, odd_values: None, column: str, value: str, wire: frozenset[str]
) -> None:
    async with connected(url) as connection:
        await connection.execute(f"INSERT INTO odd_values (id, {column}) VALUES (-1, '{value}')")
        try:
            for _ in range(2):
                with pytest.raises(SourceMisbehaved, match="holds a value in 'odd_values' that is none"):
                    await source.lookup(Lookup(VALUES, (column,), wire=wire))
        finally:
            await connection.execute("DELETE FROM odd_values WHERE id = -1")


async def test_writes_only_the_rows_that_it_answers(url: str, source: PostgresSource, odd_values: None) -> None:
    lookup = Lookup(NUMBERS, ("id",), order=(Order("bucket", descending=True),), limit=3, wire=frozenset({"id"}))
    big = replace(lookup, collection=replace(NUMBERS, columns=(Column("id", ColumnType.BIGINT), NUMBERS.columns[1])))
    assert len((await source.lookup(big)).rows) == 3
    async with connected(url) as connection:
        [(statement,)] = await connection.fetch(
            "SELECT query FROM pg_stat_activity WHERE query LIKE 'SELECT CAST(found.c0 AS text)%'"
        )
        plan = [line.strip() for (line,) in await connection.fetch(f"EXPLAIN (VERBOSE, COSTS OFF) {statement}", 3)]
    assert plan[:2] == ["Subquery Scan on found", "Output: (found.c0)::text"]


@pytest.mark.parametrize("column", [name for name in ORDERS.by_name if name not in ("data", "big")])
async def test_columns_of_other_types_compare(source: PostgresSource, column: str) -> None:
    value = dict(zip(ORDERS.by_name, FIRST, strict=True))[column]
    for operator in (Operator.EQ, Operator.IN, Operator.LTE):
        compared = (value,) if operator is Operator.IN else value
        found = await source.lookup(Lookup(ORDERS, ("id",), filter=Compare(column, operator, compared)))
        expected = [(2,), (1,)] if (column, operator) == ("ratio", Operator.LTE) else [(1,)]
        assert sorted(found.rows) == sorted(expected), operator
    for limit in (None, 1):
        keyed = await source.lookup(Lookup(ORDERS, ("id",), column, (value,), limit=limit))
        assert keyed.rows == [(value, 1)]
    after = await source.lookup(Lookup(ORDERS, ("id",), order=(Order(column), Order("id")), after=(value, 1)))
    assert after.rows == ([] if column == "ratio" else [(2,)])


async def test_enums_match_as_text(source: PostgresSource) -> None:
    found = await source.lookup(Lookup(ORDERS, ("id",), filter=Compare("status", Operator.ICONTAINS, "CLOS")))
    assert found.rows == [(2,)]


async def test_sums_beyond_64_bits(source: PostgresSource) -> None:
    total = Aggregate(Function.SUM, "big")
    lookup = AggregateLookup(ORDERS, (total,), having=Compare(total.name, Operator.GT, 2**63))
    assert (await source.aggregate(lookup)).rows == [(2**64 - 2,)]


async def test_describes_tables_of_schemas(source: PostgresSource) -> None:
    assert await source.describe("Orders") == {}
    assert await source.describe("nothing.Orders") == {}
    assert await source.describe("sales.Orders") == {
        "id": ColumnType.INTEGER,
        "status": ColumnType.STRING,
        "placed": ColumnType.DATETIME,
        "due": ColumnType.DATE,
        "code": ColumnType.STRING,
        "label": ColumnType.STRING,
        "total": ColumnType.DECIMAL,
        "ratio": ColumnType.FLOAT,
        "quantity": ColumnType.INTEGER,
        "token": ColumnType.STRING,
        "data": ColumnType.JSON,
        "big": ColumnType.BIGINT,
    }


@pytest.mark.parametrize("locale", ["LOCALE 'C'", "LOCALE 'C.UTF-8'", ""])
async def test_folds_case_in_every_locale(postgres: Postgres, locale: str) -> None:
    texts = ["ÉLODIE", "Élodie", "elodie", "ΣΊΣΥΦΟΣ", "Straße"]
    people = Collection("names", "name", (Column("name", ColumnType.STRING),))
    async with postgres.database(options=locale) as url, opened(url) as source:
        await load_postgres(url, (people,), {"names": [{"name": text} for text in texts]})
        for operator, value, expected in [
            (Operator.IEQ, "élodie", ["ÉLODIE", "Élodie"]),
            (Operator.ICONTAINS, "LODI", ["ÉLODIE", "Élodie", "elodie"]),
            (Operator.ISTARTS_WITH, "σίσ", ["ΣΊΣΥΦΟΣ"]),
            (Operator.IENDS_WITH, "φος", ["ΣΊΣΥΦΟΣ"]),
            (Operator.IEQ, "STRASSE", ["Straße"]),
        ]:
            found = await source.lookup(Lookup(people, ("name",), filter=Compare("name", operator, value)))
            assert [name for (name,) in found.rows] == expected


async def test_windows_of_nothing(source: PostgresSource) -> None:
    nothing = Lookup(PEOPLE, (), "id", (1, 2), filter=NOTHING, order=(Order("id"),), limit=1, count=True)
    answer = await source.lookup(nothing)
    assert (answer.rows, answer.counts) == ([], {})


async def test_takes_many_keys(source: PostgresSource) -> None:
    keys = tuple(range(40_000))
    whole = await source.lookup(Lookup(NUMBERS, ("bucket",), "id", keys, count=True))
    assert sorted(whole.rows) == [(number, number % 10) for number in range(1, 5501)]
    assert whole.counts == dict.fromkeys(range(1, 5501), 1)
    window = await source.lookup(Lookup(NUMBERS, ("bucket",), "id", keys, order=(Order("bucket"),), limit=1))
    assert sorted(window.rows) == sorted(whole.rows)


async def test_lookups_of_one_shape_share_a_statement(url: str) -> None:
    lookup = Lookup(PEOPLE, ("id",), "manager_id", (1,), order=(Order("age"), Order("id")), after=(0, 1), limit=1)
    async with opened(url) as source:
        for keys, after, limit in [((1, 2), (1, 1), 3), ((), (1, 2), 1), ((3,), (5, 6), 2), ((2**70,), (1, 1), 1)]:
            await source.lookup(replace(lookup, keys=keys, after=after, limit=limit))
        assert (source.reader.cache.hits, source.reader.cache.misses) == (2, 1)


async def test_a_page_of_a_sorted_index_is_read_from_it(url: str, source: PostgresSource) -> None:
    """Keyset pages by unique columns cost as much as they return."""
    async with connected(url) as connection:
        await connection.execute("CREATE INDEX ON numbers (bucket, id); ANALYZE numbers")
        lookup = Lookup(NUMBERS, ("id",), order=(Order("bucket"), Order("id")), after=(5, 3000), limit=3)
        assert (await source.lookup(lookup)).rows == [(3005,), (3015,), (3025,)]
        [(statement,)] = await connection.fetch(
            "SELECT query FROM pg_stat_activity WHERE query LIKE 'SELECT t0.id%(t0.bucket, t0.id)%'"
        )
        plan = await connection.fetch(f"EXPLAIN (COSTS OFF) {statement}", 5, 3000, 3)
        assert [line for (line,) in plan] == [
            "Limit",
            "  ->  Index Only Scan using numbers_bucket_id_idx on numbers t0",
            "        Index Cond: (ROW(bucket, id) > ROW('5'::bigint, '3000'::bigint))",
        ]


async def test_cancelling_a_lookup_cancels_its_statement(url: str) -> None:
    slow = Collection("slow", "id", (Column("id", ColumnType.INTEGER),))
    async with connected(url) as connection, opened(url, pool_size=1) as source:
        await connection.execute("CREATE VIEW slow AS SELECT 1 AS id FROM pg_sleep(60)")
        task = asyncio.create_task(source.lookup(Lookup(slow, ("id",))))
        with anyio.fail_after(10):
            while await connection.fetchval(SLEEPING) == 0:
                pass
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            while await connection.fetchval(SLEEPING) == 1:
                pass
            assert (await source.lookup(Lookup(PEOPLE, ("id",), "id", (1,)))).rows == [(1, 1)]


async def test_a_statement_that_outlives_its_cancellation(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "CANCEL_SECONDS", 0.01)
    stubborn = Collection("stubborn", "id", (Column("id", ColumnType.INTEGER),))
    async with connected(url) as connection, opened(url, pool_size=1) as source:
        await connection.execute(STUBBORN)
        task = asyncio.create_task(source.lookup(Lookup(stubborn, ("id",))))
        with anyio.fail_after(10):
            while await connection.fetchval(SLEEPING) == 0:
                pass
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await source.lookup(Lookup(PEOPLE, ("id",), "id", (1,)))).rows == [(1, 1)]
            while await connection.fetchval(SLEEPING) == 1:
                pass


async def test_a_server_that_goes_away_and_comes_back(anyio_backend: str) -> None:
    lookup = Lookup(PEOPLE, ("id",), "id", (1,))
    with running_postgres() as server:
        await load_postgres(server.url(), (PEOPLE,), ROWS)
        async with opened(server.url()) as source:
            assert (await source.lookup(lookup)).rows == [(1, 1)]
            await anyio.to_thread.run_sync(server.stop)
            with pytest.raises(SourceUnavailable, match=r"^datasource 'shop' cannot be reached$"):
                await source.lookup(lookup)
            await anyio.to_thread.run_sync(server.start)
            assert (await source.lookup(lookup)).rows == [(1, 1)]


async def test_a_source_that_cannot_be_reached_opens(postgres: Postgres) -> None:
    for url in (
        f"postgresql://user:hunter2@127.0.0.1:{free_port()}/shop",
        postgres.url("no_such_database"),
        postgres.url().replace("postgres@", "no_such_user@"),
    ):
        async with opened(url) as source:
            with pytest.raises(SourceUnavailable) as raised:
                await source.check()
            assert str(raised.value) == "datasource 'shop' cannot be reached"
            assert raised.value.__cause__ is not None


async def test_a_closed_source_is_unavailable(url: str) -> None:
    with pytest.raises(SourceUnavailable, match="is not open"):
        await PostgresSource("shop", url).check()


async def test_statement_timeouts_and_privileges(url: str) -> None:
    slow = Collection("slower", "id", (Column("id", ColumnType.INTEGER),))
    async with connected(url) as connection:
        await connection.execute("CREATE VIEW slower AS SELECT 1 AS id FROM pg_sleep(60)")
        await connection.execute("CREATE ROLE hasty LOGIN; ALTER ROLE hasty SET statement_timeout = 50")
        await connection.execute("GRANT SELECT ON slower TO hasty")
    async with opened(url.replace("postgres@", "hasty@")) as source:
        with pytest.raises(SourceTimeout, match="gave up on 'slower': it took too long"):
            await source.lookup(Lookup(slow, ("id",)))
        with pytest.raises(SourceRefused, match="does not let the gateway read 'people'"):
            await source.lookup(Lookup(PEOPLE, ("id",)))


@pytest.mark.parametrize(
    ("lookup", "message"),
    [
        pytest.param(Lookup(replace(PEOPLE, name="nothing"), ("id",)), "has no 'nothing'", id="collection"),
        pytest.param(Lookup(PEOPLE, ("id", "color")), "has no 'color' in 'people'", id="column"),
        pytest.param(
            Lookup(PEOPLE, ("id",), filter=Compare("name", Operator.EQ, "a\0")),
            "cannot compare 'people' with such a value",
            id="nul",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), filter=Compare("name", Operator.CONTAINS, "\ud800")),
            "cannot compare 'people' with such a value",
            id="surrogate",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), filter=Compare("balance", Operator.LT, Decimal("NaN"))),
            "cannot compare 'people' with such a value",
            id="not-a-number",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), order=(Order("id"),), after=(2**70,)),
            "cannot compare 'people' with such a value",
            id="giant-position",
        ),
        pytest.param(
            Lookup(ORDERS, ("id",), filter=Compare("status", Operator.EQ, "lost")),
            "cannot compare 'sales.Orders' with such a value",
            id="unknown-label",
        ),
    ],
)
async def test_refuses(source: PostgresSource, lookup: Lookup, message: str) -> None:
    with pytest.raises(SourceRefused) as raised:
        await source.lookup(lookup)
    assert str(raised.value) == f"datasource 'shop' {message}"


@pytest.mark.parametrize("comparisons", [3_000, 33_000])
async def test_a_filter_of_many_comparisons(source: PostgresSource, comparisons: int) -> None:
    any_age = Or(tuple(Compare("age", Operator.EQ, age) for age in range(comparisons)))
    lookup = Lookup(PEOPLE, ("id",), filter=any_age, order=(Order("id"),))
    if comparisons < 32767:
        assert (await source.lookup(lookup)).rows == [(2,), (4,), (5,)]
        return
    with pytest.raises(SourceRefused, match="is asked too much of 'people' at once"):
        await source.lookup(lookup)


async def test_closing_does_not_wait_for_slow_lookups(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_pool, "CLOSE_SECONDS", 0.01)
    idle = Collection("idle", "id", (Column("id", ColumnType.INTEGER),))
    async with connected(url) as connection, opened(url) as source:
        await connection.execute("CREATE VIEW idle AS SELECT 1 AS id FROM pg_sleep(60)")
        task = asyncio.create_task(source.lookup(Lookup(idle, ("id",))))
        with anyio.fail_after(10):
            while await connection.fetchval(SLEEPING) == 0:
                pass
            await source.close()
            with pytest.raises(SourceUnavailable):
                await task


async def test_sees_that_a_table_has_changed(postgres: Postgres) -> None:
    lookup = Lookup(PEOPLE, ("id", "nick", "age"), "id", (1,))
    async with postgres.database() as url, opened(url, pool_size=1) as source:
        await load_postgres(url, (PEOPLE,), ROWS)
        assert (await source.lookup(lookup)).rows == [(1, 1, "ada", -1)]
        async with connected(url) as connection:
            await connection.execute("ALTER TABLE people ALTER COLUMN id TYPE text")
            with pytest.raises(SourceMisbehaved, match=r"^datasource 'shop' failed to read 'people'$"):
                await source.lookup(lookup)
            assert (await source.lookup(lookup)).rows == [(1, 1, "ada", -1)]
            await connection.execute("ALTER TABLE people DROP COLUMN nick")
            with pytest.raises(SourceMisbehaved):
                await source.lookup(lookup)
            with pytest.raises(SourceRefused, match="has no 'nick' in 'people'"):
                await source.lookup(lookup)


def _vendor_exceptions() -> list[type[Exception]]:
    found = [each for _, each in inspect.getmembers(asyncpg.exceptions, inspect.isclass)]
    return [each for each in found if issubclass(each, Exception) and not issubclass(each, Warning)]


@pytest.mark.parametrize("vendor", [*_vendor_exceptions(), OSError, ConnectionResetError, TimeoutError])
def test_every_vendor_exception_is_mapped(vendor: type[Exception]) -> None:
    error = vendor("SELECT secret FROM people")
    assert isinstance(error, VENDOR)
    failure = mapped("shop", "people", error)
    assert isinstance(failure, DatasourceError)
    assert "secret" not in str(failure)


async def test_a_day_is_a_date(source: PostgresSource) -> None:
    days = replace(ORDERS, columns=(Column("id", ColumnType.INTEGER), Column("due", ColumnType.DATE)))
    found = await source.lookup(Lookup(days, ("due",), filter=Compare("due", Operator.GT, date(2024, 3, 1))))
    assert found.rows == [(date(2024, 3, 2),)]
