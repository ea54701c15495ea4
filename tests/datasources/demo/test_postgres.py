"""The demo in a real PostgreSQL."""

import json
from collections.abc import AsyncIterator, Iterator
from itertools import groupby

import asyncpg
import pytest

from datasources.demo import DemoNotLoaded, load_postgres
from datasources.demo.fields import fields_of
from datasources.demo.records import COUNTS
from datasources.demo.tables import CRM, ERP
from datasources.errors import CursorExpired
from datasources.lookup import Collection, Column, ColumnType
from datasources.sql import PostgresSource
from tests.datasources.demo.conftest import Demo
from tests.support.postgres import Postgres, connected, running_postgres
from tests.support.server import free_port

pytestmark = pytest.mark.anyio

TABLES = [*CRM.tables, *ERP.tables]
Report = tuple[str, int, int]


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def reports() -> list[Report]:
    """What the load in `url` reported."""
    return []


@pytest.fixture(scope="module")
async def url(server: Postgres, reports: list[Report]) -> AsyncIterator[str]:
    """A database with the demo, which tests leave as it is."""
    async with server.database() as url:
        await load_postgres(url, lambda *report: reports.append(report))
        yield url


@pytest.mark.parametrize("table", TABLES)
async def test_loads_every_row(url: str, demo: Demo, table: str) -> None:
    async with connected(url) as connection:
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        loaded = await connection.fetch(f"SELECT * FROM public.{table} ORDER BY id")
    assert [tuple(row) for row in loaded] == [tuple(row) for row in demo.rows[table]]
    assert list(loaded[0].keys()) == [field.name for field in fields_of(table)]


async def test_columns_have_proper_types(url: str) -> None:
    query = """
        SELECT attname, format_type(atttypid, atttypmod), attnotnull, attidentity::text FROM pg_attribute
        WHERE attrelid = ANY(ARRAY['customers', 'invoices', 'products']::regclass[]) AND attnum > 0
    """
    async with connected(url) as connection:
        found = {tuple(row) for row in await connection.fetch(query)}
    assert found >= {
        ("id", "bigint", True, "d"),
        ("public_id", "uuid", True, ""),
        ("name", "text", True, ""),
        ("phone", "text", False, ""),
        ("credit_limit", "numeric(12,2)", False, ""),
        ("preferences", "jsonb", False, ""),
        ("created_at", "timestamp with time zone", True, ""),
        ("account_manager_id", "bigint", False, ""),
        ("issued_on", "date", True, ""),
        ("ledger_entry", "bigint", True, ""),
        ("weight_kg", "double precision", False, ""),
        ("discontinued", "boolean", True, ""),
    }


async def test_has_statistics(url: str) -> None:
    async with connected(url) as connection:
        analyzed = await connection.fetch("SELECT DISTINCT tablename FROM pg_stats WHERE schemaname = 'public'")
        estimate = await connection.fetchval("SELECT reltuples::int FROM pg_class WHERE relname = 'order_lines'")
    assert {row["tablename"] for row in analyzed} == set(TABLES)
    assert estimate == COUNTS["order_lines"]


async def test_later_rows_get_the_next_ids(url: str) -> None:
    async with connected(url) as connection:
        transaction = connection.transaction()
        await transaction.start()
        inserted = await connection.fetchval(
            "INSERT INTO contacts (customer_id, name, email, created_at)"
            " VALUES (1, 'Ada', 'a@b.example', now()) RETURNING id"
        )
        await transaction.rollback()
    assert inserted == COUNTS["contacts"] + 1


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        pytest.param("UPDATE orders SET status = 'LOST'", asyncpg.CheckViolationError, id="enum"),
        pytest.param("UPDATE orders SET number = 'SO-1'", asyncpg.UniqueViolationError, id="natural-key"),
        pytest.param("DELETE FROM customers", asyncpg.ForeignKeyViolationError, id="reference"),
        pytest.param("UPDATE customers SET name = NULL", asyncpg.NotNullViolationError, id="null"),
    ],
)
async def test_refuses_nonsense(url: str, statement: str, error: type[Exception]) -> None:
    async with connected(url) as connection:
        with pytest.raises(error):
            await connection.execute(statement)


async def test_reports_its_steps_one_after_the_other(url: str, reports: list[Report]) -> None:
    steps = {step: [report[1:] for report in group] for step, group in groupby(reports, key=lambda report: report[0])}
    assert {step: states[-1] for step, states in steps.items()} == {
        "Making the data": (sum(COUNTS.values()),) * 2,
        "Loading the CRM": (10_000, 10_000),
        "Loading the ERP": (98_540, 98_540),
    }
    assert all(states == sorted(states) for states in steps.values())


async def test_loading_again_replaces_the_tables_or_leaves_them_whole(server: Postgres) -> None:
    async with server.database() as url, connected(url) as connection:
        await load_postgres(url)
        await connection.execute("UPDATE orders SET version = 77 WHERE id = 1")
        await load_postgres(url)
        assert await connection.fetchval("SELECT version FROM orders WHERE id = 1") == 4
        assert await connection.fetchval("SELECT count(*) FROM orders") == COUNTS["orders"]

        await connection.execute("CREATE VIEW countries AS SELECT DISTINCT country FROM customers")
        with pytest.raises(DemoNotLoaded, match="did not take the demo: cannot drop"):
            await load_postgres(url)
        assert await connection.fetchval("SELECT count(*) FROM countries") == 16
        assert await connection.fetchval("SELECT count(*) FROM customers") == COUNTS["customers"]


async def test_changes_are_kept_and_loading_again_begins_another_feed(server: Postgres) -> None:
    columns = Column("id", ColumnType.BIGINT), Column("version", ColumnType.INTEGER)
    orders = {"orders": Collection("orders", "id", columns)}
    async with server.database() as url, connected(url) as connection:
        source = PostgresSource("erp", url)
        await source.open()
        await load_postgres(url)
        head = await source.changes.head()
        await connection.execute("UPDATE orders SET version = 77 WHERE id = 1")
        changes, after = await source.changes.read(head, 10, orders)
        assert [(change.key, change.after) for change in changes] == [(1, {"id": 1, "version": 77})]
        status = await source.outbox.status([])
        assert {table.table for table in status.tables if table.problem is None} == set(TABLES)

        await load_postgres(url)
        with pytest.raises(CursorExpired):
            await source.changes.read(after, 10, orders)
        assert (await source.changes.read(await source.changes.head(), 10, orders))[0] == []
        await source.close()


async def test_leaves_tables_of_others_alone(server: Postgres) -> None:
    async with server.database() as url, connected(url) as connection:
        await connection.execute("CREATE TABLE orders (id int); CREATE VIEW products AS SELECT 1 AS one")
        with pytest.raises(DemoNotLoaded, match="tables of its own that are called orders, products; give the demo"):
            await load_postgres(url)
        tables = await connection.fetch("SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace")
    assert {row["relname"] for row in tables} == {"orders", "products"}


@pytest.mark.parametrize(
    ("address", "message"),
    [
        pytest.param("postgres", "The address of a database looks like postgresql", id="no-url"),
        pytest.param("mysql://root@host/db", "mysql:// leads to something else", id="another-database"),
        pytest.param(f"postgresql+asyncpg://me:secret@127.0.0.1:{free_port()}/db", "cannot be reached", id="no-server"),
        pytest.param("postgresql+asyncpg://me:secret@127.0.0.1:1/db?ssl=maybe", "cannot be reached", id="bad-option"),
    ],
)
async def test_says_what_is_wrong_with_an_address(address: str, message: str) -> None:
    with pytest.raises(DemoNotLoaded, match=message) as caught:
        await load_postgres(address)
    assert "secret" not in str(caught.value)
