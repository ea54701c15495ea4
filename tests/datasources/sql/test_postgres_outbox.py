"""The administration of a PostgreSQL outbox."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from datasources.errors import SourceRefused, SourceTimeout, SourceUnavailable
from datasources.lookup import Collection, Column, ColumnType
from datasources.outbox import PRUNED, Retention, TableStatus, Watched
from datasources.sql import PostgresSource, postgres_outbox
from tests.datasources.contract_changes import keys
from tests.support.postgres import Postgres, connected
from tests.support.server import free_port

pytestmark = pytest.mark.anyio

FOREVER = 10**9
KEPT_NOT = "its changes are not kept: install it"
TABLES = [Watched("tags"), Watched("sales.Orders", "nr")]
SETUP = """
CREATE TABLE tags (id bigint PRIMARY KEY, label text);
CREATE SCHEMA sales;
CREATE TABLE sales."Orders" (nr text, part int, PRIMARY KEY (nr, part));
CREATE VIEW seen AS SELECT id FROM tags;
CREATE TABLE bare (a int);
"""
TAGS = {"tags": Collection("tags", "id", (Column("id", ColumnType.BIGINT),))}
ORDERS = {"sales.Orders": Collection("sales.Orders", "nr", (Column("nr", ColumnType.STRING),))}


@pytest.fixture
async def connection(postgres: Postgres) -> AsyncIterator[asyncpg.Connection]:
    async with postgres.database() as url, connected(url) as connection:
        await connection.execute(SETUP)
        yield connection


@pytest.fixture
async def source(postgres: Postgres, connection: asyncpg.Connection) -> AsyncIterator[PostgresSource]:
    source = PostgresSource("shop", postgres.url(await connection.fetchval("SELECT current_database()")))
    await source.open()
    yield source
    await source.close()


async def test_is_installed_once(source: PostgresSource, connection: asyncpg.Connection) -> None:
    assert await source.outbox.install(TABLES) == ["tags", "sales.Orders"]
    assert await source.outbox.install(TABLES) == []
    assert await source.outbox.script(TABLES) == ""
    head = await source.changes.head()
    await connection.execute("""INSERT INTO tags VALUES (1); INSERT INTO sales."Orders" VALUES ('a', 1)""")
    assert keys((await source.changes.read(head, 10, {**TAGS, **ORDERS}))[0]) == [1, "a"]


async def test_the_script_does_the_same(source: PostgresSource, connection: asyncpg.Connection) -> None:
    script = await source.outbox.script(TABLES)
    assert await connection.fetchval("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0
    await connection.execute(script)
    assert await source.outbox.script(TABLES) == ""
    assert await source.outbox.install(TABLES) == []


async def test_status(source: PostgresSource, connection: asyncpg.Connection) -> None:
    status = await source.outbox.status(TABLES)
    assert status.tables == [TableStatus("sales.Orders", KEPT_NOT), TableStatus("tags", KEPT_NOT)]
    await source.outbox.install([Watched("tags")])
    await connection.execute("INSERT INTO tags VALUES (1), (2)")
    status = await source.outbox.status([Watched("sales.Orders", "nr")])
    assert (status.tables, status.changes) == ([TableStatus("sales.Orders", KEPT_NOT), TableStatus("tags")], 2)
    assert status.oldest is not None
    assert abs(datetime.now(UTC) - status.oldest) < timedelta(seconds=10)

    await connection.execute("ALTER TABLE tags DISABLE TRIGGER gateway_changes_record")
    amiss = [TableStatus("tags", "its triggers are not what they should be: install it again")]
    assert (await source.outbox.status([Watched("tags")])).tables == amiss
    assert await source.outbox.install([Watched("tags")]) == ["tags"]
    assert (await source.outbox.status([])).tables == [TableStatus("tags")]


async def test_another_key_is_installed_anew(source: PostgresSource) -> None:
    await source.outbox.install([Watched("tags")])
    assert await source.outbox.install([Watched("tags", "label")]) == ["tags"]
    amiss = "its triggers are not what they should be: install it again"
    assert (await source.outbox.status([])).tables == [TableStatus("tags", amiss)]


async def test_uninstall_finds_tables_that_were_renamed(source: PostgresSource, connection: asyncpg.Connection) -> None:
    await source.outbox.install(TABLES)
    await connection.execute("ALTER TABLE tags RENAME TO labels")
    assert await source.outbox.uninstall() == ["sales.Orders", "tags"]
    assert await connection.fetchval("SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal") == 0


async def test_uninstall(source: PostgresSource, connection: asyncpg.Connection) -> None:
    await source.outbox.install(TABLES)
    head = await source.changes.head()
    assert await source.outbox.uninstall(["tags"]) == ["tags"]
    await connection.execute("""INSERT INTO tags VALUES (1); INSERT INTO sales."Orders" VALUES ('a', 1)""")
    assert keys((await source.changes.read(head, 10, {**TAGS, **ORDERS}))[0]) == ["a"]
    assert await source.outbox.uninstall() == ["sales.Orders"]
    await connection.execute("""TRUNCATE tags; INSERT INTO sales."Orders" VALUES ('b', 1)""")
    left = "SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'gateway%') + count(*) FROM pg_proc"
    assert await connection.fetchval(f"{left} WHERE proname LIKE 'gateway%'") == 0
    with pytest.raises(SourceRefused, match="run `gateway changes install`"):
        await source.outbox.prune(Retention(1, 1))


@pytest.mark.parametrize(
    ("watched", "message"),
    [
        pytest.param(Watched("nothing"), "has no table 'nothing'", id="no-table"),
        pytest.param(Watched("seen"), "cannot keep the changes of 'seen': it is a view, not a table", id="view"),
        pytest.param(Watched("sales.Orders"), "'sales.Orders': it has no primary key of one column", id="composite"),
        pytest.param(Watched("bare"), "'bare': it has no primary key of one column", id="no-key"),
        pytest.param(Watched("tags", "nr"), "cannot keep the changes of 'tags': it has no column 'nr'", id="key"),
    ],
)
async def test_refuses(source: PostgresSource, watched: Watched, message: str) -> None:
    with pytest.raises(SourceRefused) as error:
        await source.outbox.install([watched])
    assert str(error.value).endswith(message)
    assert (await source.outbox.status([watched])).tables == [TableStatus(watched.table, str(error.value))]


async def test_who_may_not_is_told_why(
    source: PostgresSource, connection: asyncpg.Connection, postgres: Postgres
) -> None:
    await source.outbox.install([Watched("tags")])
    name = await connection.fetchval("SELECT current_database()")
    await connection.execute(
        f"CREATE ROLE {name}_reader LOGIN; GRANT SELECT ON gateway_changes, gateway_changes_feed TO {name}_reader"
    )
    reader = PostgresSource("shop", postgres.url(name).replace("postgres@", f"{name}_reader@"))
    await reader.open()
    assert await reader.changes.head()
    with pytest.raises(SourceRefused, match=r"does not let this role do so: permission denied for table gateway_"):
        await reader.outbox.prune(Retention(1, 1))
    with pytest.raises(SourceRefused, match=r"does not let this role do so: permission denied"):
        await reader.outbox.install([Watched("bare", "a")])
    await reader.close()


async def test_a_busy_table_is_not_held_up(
    source: PostgresSource, connection: asyncpg.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_outbox, "LOCK_SECONDS", 0.05)
    monkeypatch.setattr(postgres_outbox, "ATTEMPTS", 2)
    async with connection.transaction():
        await connection.execute("INSERT INTO tags VALUES (1)")
        with pytest.raises(SourceTimeout, match="has long transactions on 'tags' that did not end in time: try again"):
            await source.outbox.install([Watched("tags")])
    assert await source.outbox.install([Watched("tags")]) == ["tags"]


async def test_a_server_that_is_not_there_is_told() -> None:
    source = PostgresSource("shop", f"postgresql+asyncpg://me@127.0.0.1:{free_port()}/db")
    with pytest.raises(SourceUnavailable):
        await source.outbox.status([])


async def test_prunes_by_count_and_by_age_some_at_a_time(
    source: PostgresSource, connection: asyncpg.Connection
) -> None:
    await source.outbox.install([Watched("tags")])
    await connection.execute(f"INSERT INTO tags SELECT n FROM generate_series(1, {PRUNED + 10}) n")
    assert await source.outbox.prune(Retention(FOREVER, FOREVER)) == 0
    assert await source.outbox.prune(Retention(FOREVER, 5)) == PRUNED
    assert await source.outbox.prune(Retention(FOREVER, 5)) == 5
    await connection.execute("UPDATE gateway_changes SET at = at - interval '1 hour' WHERE seq < 1010")
    assert await source.outbox.prune(Retention(3700, 5)) == 0
    assert await source.outbox.prune(Retention(3500, 5)) == 4
    assert (await source.outbox.status([])).changes == 1
