"""Writes to PostgreSQL, beyond the contract."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import anyio
import asyncpg
import pytest

from datasources.errors import (
    CheckViolated,
    ConstraintViolated,
    DatasourceError,
    ForeignKeyViolated,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
    TransactionConflict,
    UniqueViolated,
)
from datasources.lookup import Collection, Column, ColumnType, Lookup, Row
from datasources.resilience import Resilience, resilient
from datasources.sql import PostgresSource, postgres_idempotency
from datasources.write import Delete, Insert, Recorded, Update, Write, writable
from tests.datasources.sql.test_postgres import opened
from tests.support.postgres import Postgres, connected

pytestmark = pytest.mark.anyio

TABLES = """
CREATE SCHEMA sales;
CREATE TYPE sales.status AS ENUM ('open', 'closed');
CREATE DOMAIN sales.percent AS numeric(5, 2) CONSTRAINT percent_range CHECK (VALUE BETWEEN 0 AND 100);
CREATE TABLE sales."Odd things" (
  id smallint PRIMARY KEY, status sales.status, placed timestamp, due date, code char(4), label varchar(3),
  share sales.percent, ratio real, quantity integer, token text, data json, tag char(4) UNIQUE, "p0" text,
  twice integer GENERATED ALWAYS AS (quantity * 2) STORED
);
CREATE UNIQUE INDEX by_code ON sales."Odd things" (lower(code), label) WHERE quantity > 0;
CREATE TABLE sales.parts (
  id integer PRIMARY KEY, thing_id smallint REFERENCES sales."Odd things" DEFERRABLE INITIALLY DEFERRED
);
CREATE TABLE events (id integer, day date, name text NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
CREATE TABLE events_2024 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE sums (id integer PRIMARY KEY, total integer);
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret'; END $$;
CREATE TABLE changing (id integer PRIMARY KEY, total integer);
CREATE VIEW sleepy AS SELECT 1 AS id FROM pg_sleep(60);
CREATE TABLE guarded (id integer PRIMARY KEY);
CREATE TRIGGER guard BEFORE INSERT ON guarded FOR EACH ROW EXECUTE FUNCTION refuse();
CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN NEW; END $$;
CREATE TABLE slow (id integer PRIMARY KEY);
CREATE TRIGGER slow BEFORE INSERT ON slow FOR EACH ROW WHEN (NEW.id = 1) EXECUTE FUNCTION dawdle();
CREATE VIEW counted AS SELECT count(*) AS id FROM sums;
"""
EMPTIED = """
TRUNCATE sales."Odd things", sales.parts, events, sums, guarded, slow, changing;
DROP TABLE IF EXISTS gateway_idempotency;
INSERT INTO sums VALUES (1, 0), (2, 0);
"""

THINGS = Collection(
    "sales.Odd things",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("status", ColumnType.STRING),
        Column("placed", ColumnType.DATETIME),
        Column("due", ColumnType.DATETIME),
        Column("code", ColumnType.STRING),
        Column("label", ColumnType.STRING),
        Column("share", ColumnType.DECIMAL),
        Column("ratio", ColumnType.FLOAT),
        Column("quantity", ColumnType.DECIMAL),
        Column("token", ColumnType.UUID),
        Column("data", ColumnType.JSON),
        Column("tag", ColumnType.STRING),
        Column("p0", ColumnType.STRING),
        Column("twice", ColumnType.INTEGER),
    ),
)
ID = Column("id", ColumnType.INTEGER, nullable=False)
PARTS = Collection("sales.parts", "id", (ID, Column("thing_id", ColumnType.INTEGER)))
EVENTS = Collection("events", "id", (ID, Column("day", ColumnType.DATE), Column("name", ColumnType.STRING)))
SUMS = Collection("sums", "id", (ID, Column("total", ColumnType.INTEGER)))
GUARDED, SLOW, COUNTED = (Collection(name, "id", (ID,)) for name in ("guarded", "slow", "counted"))

SLEEPING = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"

ROW: dict[str, Any] = {
    "id": 1,
    "status": "open",
    "placed": datetime(2024, 2, 29, 12, tzinfo=UTC),
    "due": datetime(2024, 3, 1, tzinfo=UTC),
    "code": "ab",
    "label": "xyz",
    "share": Decimal("12.50"),
    "ratio": 0.5,
    "quantity": Decimal(3),
    "token": UUID("00000000-0000-4000-8000-000000000001"),
    "data": [[1, 2], {"a": None}],
    "tag": "T",
    "p0": "p",
}


@pytest.fixture(scope="module")
async def database(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as url:
        async with connected(url) as connection:
            await connection.execute(TABLES)
        yield url


@pytest.fixture
async def url(database: str) -> str:
    """With the tables empty but for two sums."""
    async with connected(database) as connection:
        await connection.execute(EMPTIED)
    return database


@pytest.fixture
async def source(url: str) -> AsyncIterator[PostgresSource]:
    async with opened(url) as source:
        yield source


async def sleeping(connection: asyncpg.Connection) -> None:
    """Returns when a statement sleeps."""
    with anyio.fail_after(10):
        while await connection.fetchval(SLEEPING) == 0:
            pass


async def write(source: PostgresSource, *writes: Write) -> list[Row]:
    rows: list[Row] = []
    async with source.transaction() as transaction:
        for each in writes:
            rows = [tuple(row) for row in (await transaction.write(each)).rows]
    return rows


def things(*rows: dict[str, Any]) -> Insert:
    return Insert(THINGS, tuple(rows[0]), tuple(tuple(row.values()) for row in rows))


@pytest.mark.parametrize("count", [1, 2])
async def test_writes_columns_of_every_kind(source: PostgresSource, count: int) -> None:
    rows = [{**ROW, "id": id, "code": f"c{id}", "tag": f"t{id}"} for id in range(1, count + 1)]
    columns = (*ROW, "twice")
    insert = Insert(THINGS, tuple(ROW), tuple(tuple(row.values()) for row in rows), columns)
    expected = [(row["id"], *row.values(), 6) for row in rows]
    assert await write(source, insert) == expected
    emptied = Update(THINGS, tuple(ROW)[1:], tuple((row["id"], *[None] * 12) for row in rows), ("quantity", "data"))
    assert await write(source, emptied) == [(row["id"], None, None) for row in rows]
    again = Update(THINGS, tuple(ROW)[1:], tuple(tuple(row.values()) for row in rows), columns)
    assert await write(source, again) == expected
    assert await write(source, Delete(THINGS, tuple(row["id"] for row in rows), columns)) == expected


@pytest.mark.parametrize(
    ("failing", "error", "collection", "columns", "constraint", "row"),
    [
        pytest.param(
            things({**ROW, "id": 2, "tag": "T "}),
            UniqueViolated,
            "sales.Odd things",
            ("tag",),
            "Odd things_tag_key",
            0,
            id="padded",
        ),
        pytest.param(
            things({**ROW, "id": 2, "tag": "a", "code": "xx"}, {**ROW, "id": 3, "code": "AB", "tag": "b"}),
            UniqueViolated,
            "sales.Odd things",
            ("code", "label", "quantity"),
            "by_code",
            None,
            id="index-of-expressions",
        ),
        pytest.param(
            things({**ROW, "id": 2, "share": Decimal(101)}),
            CheckViolated,
            "sales.Odd things",
            ("share",),
            "percent_range",
            0,
            id="domain",
        ),
        pytest.param(
            Insert(EVENTS, ("id", "day", "name"), ((2, date(2024, 1, 1), "b"), (1, date(2024, 5, 5), "again"))),
            UniqueViolated,
            "events",
            ("id", "day"),
            "events_2024_pkey",
            None,
            id="partition",
        ),
    ],
)
async def test_tells_which_constraint_is_violated(
    source: PostgresSource,
    failing: Write,
    error: type[ConstraintViolated],
    collection: str,
    columns: tuple[str, ...],
    constraint: str,
    row: int | None,
) -> None:
    await write(source, things(ROW), Insert(EVENTS, ("id", "day", "name"), ((1, date(2024, 5, 5), "a"),)))
    with pytest.raises(ConstraintViolated) as raised:
        await write(source, failing)
    found = raised.value
    assert (type(found), found.collection, found.columns, found.constraint) == (error, collection, columns, constraint)
    assert found.row in (row, 1)


async def test_a_constraint_may_be_checked_at_the_commit(source: PostgresSource) -> None:
    with pytest.raises(ForeignKeyViolated) as error:
        await write(source, Insert(PARTS, ("id", "thing_id"), ((1, 9),)))
    assert (error.value.collection, error.value.columns) == ("parts", ("thing_id",))
    assert await write(source, Insert(PARTS, ("id", "thing_id"), ((1, 1),)), things(ROW)) == [(1,)]


@pytest.mark.parametrize(
    ("refused", "message"),
    [
        pytest.param(things({"id": 2, "status": "none"}), "cannot keep such a value in 'sales.Odd things'", id="enum"),
        pytest.param(things({"id": 2, "label": "long"}), "cannot keep such a value in 'sales.Odd things'", id="long"),
        pytest.param(things({"id": 40_000}), "cannot keep such a value in 'sales.Odd things'", id="large"),
        pytest.param(things({"id": 2**70}), "cannot keep such a value in 'sales.Odd things'", id="giant"),
        pytest.param(things({"id": 2, "p0": "\0"}), "cannot keep such a value in 'sales.Odd things'", id="nul"),
        pytest.param(things({"id": 2, "p0": "\ud800"}), "cannot keep such a value in 'sales.Odd things'", id="lone"),
        pytest.param(things({"id": "x"}), "cannot keep such a value in 'sales.Odd things'", id="text-for-number"),
        pytest.param(things({"id": 2, "data": {1}}), "cannot keep such a value in 'sales.Odd things'", id="no-json"),
        pytest.param(
            things({"id": 2, "twice": 4}), "does not let 'sales.Odd things' be written like that", id="generated"
        ),
        pytest.param(Insert(COUNTED, ("id",), ((1,),)), "does not let 'counted' be written like that", id="view"),
        pytest.param(
            Insert(GUARDED, ("id",), ((1,),)), "has a trigger that refuses the write to 'guarded'", id="trigger"
        ),
        pytest.param(
            Insert(SUMS, ("id", "total"), ((1, 1),), conflict=("total",)),
            "has no such unique key in 'sums'",
            id="conflict",
        ),
        pytest.param(
            Insert(THINGS, ("id", "tag"), ((1, "a"), (2, "a ")), conflict=("tag",), update=("id",)),
            "is to write a row of 'sales.Odd things' twice at once",
            id="twice",
        ),
    ],
)
async def test_refuses(source: PostgresSource, refused: Write, message: str) -> None:
    with pytest.raises(SourceRefused) as error:
        await write(source, refused)
    assert str(error.value) == f"datasource 'shop' {message}"


async def test_of_a_deadlock_one_transaction_goes_on(source: PostgresSource) -> None:
    both = asyncio.Barrier(2)

    async def add(first: int, second: int) -> None:
        async with source.transaction() as transaction:
            await transaction.write(Update(SUMS, ("total",), ((first, 1),)))
            await both.wait()
            await transaction.write(Update(SUMS, ("total",), ((second, 2),)))

    ended = await asyncio.gather(add(1, 2), add(2, 1), return_exceptions=True)
    failed = [error for error in ended if error is not None]
    assert [type(error) for error in failed] == [TransactionConflict]
    sums = await source.lookup(Lookup(SUMS, ("total",)))
    assert sorted(tuple(row) for row in sums.rows) == [(1,), (2,)]


async def test_the_statement_of_a_cancelled_transaction_is_cancelled(source: PostgresSource, url: str) -> None:
    async def stall() -> None:
        async with source.transaction() as transaction:
            await transaction.write(Insert(SLOW, ("id",), ((2,),)))
            await transaction.write(Insert(SLOW, ("id",), ((1,),)))

    async with connected(url) as connection:
        task = asyncio.create_task(stall())
        await sleeping(connection)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await write(source, Insert(SLOW, ("id",), ((2,),)))
        assert await connection.fetchval(SLEEPING) == 0
        assert await connection.fetchval("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in%'") == 0


async def test_a_transaction_has_a_deadline(source: PostgresSource, url: str) -> None:
    hasty = resilient(source, Resilience(deadline=0.2))

    async def stall() -> None:
        async with writable(hasty).transaction() as transaction:
            await transaction.write(Insert(SLOW, ("id",), ((1,),)))

    with pytest.raises(SourceTimeout, match=r"did not answer within 0\.2 s"):
        await stall()
    async with connected(url) as connection:
        assert await write(source, Insert(SLOW, ("id",), ((2,),))) == [(2,)]
        assert await connection.fetchval(SLEEPING) == 0


async def test_transactions_give_their_connections_back(url: str) -> None:
    async with opened(url, pool_size=1) as source:
        for _ in range(3):
            await write(source, Insert(SUMS, ("total", "id"), ((1, 3),), conflict=("id",), update=("total",)))
            for failing in (things({"id": 2**70}), Insert(SUMS, ("id",), ((1,),)), Insert(GUARDED, ("id",), ((1,),))):
                with pytest.raises(SourceRefused):
                    await write(source, failing)
        assert len((await source.lookup(Lookup(SUMS, ("id",)))).rows) == 3


async def test_a_lookup_in_a_transaction_that_is_cancelled_leaves_it_as_it_was(
    source: PostgresSource, url: str
) -> None:
    async with connected(url) as connection:
        async with source.transaction() as transaction:
            await transaction.write(Insert(SUMS, ("id",), ((3,),)))
            task = asyncio.create_task(transaction.lookup(Lookup(Collection("sleepy", "id", (ID,)), ("id",))))
            await sleeping(connection)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await transaction.write(Insert(SUMS, ("id",), ((4,),)))
        assert await connection.fetchval("SELECT count(*) FROM sums") == 4


async def test_a_lost_connection_is_no_commit(source: PostgresSource, url: str) -> None:
    async def lose() -> None:
        async with source.transaction() as transaction:
            await transaction.write(Insert(SUMS, ("id",), ((3,),)))
            async with connected(url) as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'"
                )

    with pytest.raises(SourceUnavailable):
        await lose()
    assert await write(source, Insert(SUMS, ("id",), ((3,),))) == [(3,)]


async def test_columns_may_change_between_transactions(source: PostgresSource, url: str) -> None:
    changing = Collection("changing", "id", SUMS.columns)
    assert await write(source, Insert(changing, ("id",), ((3,),), ("total",))) == [(3, None)]
    async with connected(url) as connection:
        await connection.execute("ALTER TABLE changing ALTER COLUMN total TYPE bigint")
    for _ in range(2):
        try:
            rows = await write(source, Insert(changing, ("id",), ((4,),), ("total",)))
        except DatasourceError as error:
            assert isinstance(error, TransactionConflict)  # noqa: PT017
        else:
            break
    assert rows == [(4, None)]


async def test_tells_how_the_table_of_keys_is_made_where_it_may_not_make_it(url: str) -> None:
    async with connected(url) as connection:
        await connection.execute("CREATE ROLE poor LOGIN; GRANT ALL ON sums TO poor")
    async with opened(url.replace("postgres@", "poor@")) as source:
        for _ in range(2):
            with pytest.raises(SourceRefused, match="lacks the table 'gateway_idempotency'") as error:
                async with source.transaction() as transaction:
                    await transaction.claim("k", b"")
        assert "CREATE TABLE IF NOT EXISTS gateway_idempotency" in "".join(error.value.__cause__.__notes__)  # type: ignore[union-attr]
        async with connected(url) as connection:
            await postgres_idempotency.install_idempotency(connection)
            await connection.execute("GRANT ALL ON gateway_idempotency TO poor")
        async with source.transaction() as transaction:
            assert await transaction.claim("k", b"") is None


async def test_answers_are_kept_for_a_day(source: PostgresSource, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_idempotency, "RECORDED", 1)
    for key in ("young", "old", "older"):
        async with source.transaction() as transaction:
            await transaction.claim(key, b"1")
            await transaction.record(key, b"answer")
    async with connected(url) as connection:
        for key, age in (("young", "23 hours"), ("old", "25 hours"), ("older", "26 hours")):
            await connection.execute(
                "UPDATE gateway_idempotency SET at = now() - $2::text::interval WHERE key = $1", key, age
            )
        async with source.transaction() as transaction:
            assert await transaction.claim("young", b"2") == Recorded(b"1", b"answer")
            assert await transaction.claim("old", b"2") is None
            await transaction.record("old", b"new")
        kept = await connection.fetch("SELECT key, digest, answer FROM gateway_idempotency ORDER BY key")
    assert [tuple(row) for row in kept] == [("old", b"2", b"new"), ("young", b"1", b"answer")]


async def test_many_processes_may_make_the_table_of_keys_at_once(url: str) -> None:
    start = asyncio.Barrier(6)

    async def install() -> None:
        async with connected(url) as connection:
            await start.wait()
            await postgres_idempotency.install_idempotency(connection)

    await asyncio.gather(*(install() for _ in range(6)))


FAMILIES = """
DROP TABLE IF EXISTS members, families;
CREATE TABLE families (code varchar(8) PRIMARY KEY, name text);
CREATE TABLE members (id serial PRIMARY KEY, family varchar(8) REFERENCES families, name text, of text);
CREATE OR REPLACE FUNCTION name_family() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  SELECT name INTO NEW.of FROM families WHERE code = NEW.family;
  RETURN NEW;
END $$;
CREATE TRIGGER name_family BEFORE INSERT ON members FOR EACH ROW EXECUTE FUNCTION name_family();
"""
FAMILY = Collection("families", "code", (Column("code", ColumnType.STRING), Column("name", ColumnType.STRING)))
MEMBERS = Collection(
    "members", "id", (Column("id", ColumnType.INTEGER), *(Column(n, ColumnType.STRING) for n in ("name", "of")))
)


async def test_triggers_of_children_see_their_parent(source: PostgresSource, url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(FAMILIES)
    parent = Insert(FAMILY, ("code", "name"), (("m", "Müller"),), ("name",))
    children = Insert(MEMBERS, ("name",), (("a",), ("b",)), ("name", "of"))
    made, born = await source.insert_with(parent, "family", children)
    assert [tuple(row) for row in made.rows] == [("m", "Müller")]
    assert [tuple(row[1:]) for row in born.rows] == [("a", "Müller"), ("b", "Müller")]
    refused = Insert(FAMILY, ("code", "name"), (("much too long", "x"),))
    with pytest.raises(SourceRefused):
        await source.insert_with(refused, "family", children)
    assert (await source.lookup(Lookup(FAMILY, ("code",)))).rows == [("m",)]


KINSHIP = """
DROP SCHEMA IF EXISTS kin CASCADE;
CREATE SCHEMA kin;
CREATE TYPE kin.mood AS ENUM ('good', 'bad');
CREATE DOMAIN kin.positive AS integer CONSTRAINT is_positive CHECK (VALUE > 0);
CREATE TABLE kin.parents (id text PRIMARY KEY, name text);
CREATE TABLE kin.children (id serial PRIMARY KEY, parent text REFERENCES kin.parents, age integer);
CREATE TABLE kin.seen (id text);
CREATE FUNCTION kin.is_there(wanted text) RETURNS boolean LANGUAGE sql STABLE
  AS $$ SELECT EXISTS (SELECT FROM kin.parents WHERE id = wanted) $$;
CREATE FUNCTION kin.how_many() RETURNS integer LANGUAGE sql STABLE AS 'SELECT count(*)::integer FROM kin.parents';
CREATE FUNCTION kin.see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  INSERT INTO kin.seen VALUES (NEW.id);
  RETURN NULL;
END $$;
CREATE FUNCTION kin.expect() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  SELECT NEW.age + count(*) INTO NEW.age FROM kin.seen WHERE id = NEW.parent;
  RETURN NEW;
END $$;
"""
PARENTS = Collection("kin.parents", "id", (Column("id", ColumnType.STRING), Column("name", ColumnType.STRING)))
CHILDREN = Collection(
    "kin.children", "id", (ID, Column("parent", ColumnType.STRING), Column("age", ColumnType.INTEGER))
)


@pytest.mark.parametrize(
    ("key", "ddl", "written"),
    [
        pytest.param("good", "", [1, 2], id="plain"),
        pytest.param(
            "good",
            "CREATE RULE noted AS ON INSERT TO kin.children DO ALSO INSERT INTO kin.seen VALUES ('x')",
            [1, 2],
            id="rule",
        ),
        pytest.param(
            "good",
            "ALTER TABLE kin.children RENAME TO those;"
            "CREATE VIEW kin.children AS SELECT * FROM kin.those WHERE kin.is_there(parent) WITH CHECK OPTION",
            [1, 2],
            id="view",
        ),
        pytest.param(
            "good", "ALTER TABLE kin.children ADD CHECK (kin.is_there(parent))", [1, 2], id="check-that-looks"
        ),
        pytest.param(
            "good",
            "ALTER TABLE kin.children ADD present integer DEFAULT kin.how_many()",
            [1, 2],
            id="default-that-looks",
        ),
        pytest.param(
            "good",
            "CREATE TRIGGER see AFTER INSERT ON kin.parents FOR EACH ROW EXECUTE FUNCTION kin.see();"
            "CREATE TRIGGER expect BEFORE INSERT ON kin.children FOR EACH ROW EXECUTE FUNCTION kin.expect()",
            [2, 3],
            id="trigger-that-looks",
        ),
        pytest.param(
            "00000000-0000-4000-8000-000000000001",
            "ALTER TABLE kin.children DROP CONSTRAINT children_parent_fkey, ALTER parent TYPE uuid USING NULL",
            [1, 2],
            id="uuid-of-text",
        ),
        pytest.param(
            "good",
            "ALTER TABLE kin.children DROP CONSTRAINT children_parent_fkey, ALTER parent TYPE kin.mood USING NULL",
            [1, 2],
            id="enum-of-text",
        ),
    ],
)
async def test_rows_come_with_their_parent_whatever_their_table(
    source: PostgresSource, url: str, key: str, ddl: str, written: list[int]
) -> None:
    async with connected(url) as connection:
        await connection.execute(f"{KINSHIP}{ddl}")
    parent = Insert(PARENTS, ("id", "name"), ((key, "x"),), ("name",))
    made, born = await source.insert_with(parent, "parent", Insert(CHILDREN, ("age",), ((1,), (2,)), ("parent", "age")))
    assert [tuple(row) for row in made.rows] == [(key, "x")]
    assert [tuple(row[1:]) for row in born.rows] == [(key, age) for age in written]
    async with connected(url) as connection:
        rows = await connection.fetch(
            "SELECT to_jsonb(c) AS child FROM kin.children c WHERE to_jsonb(c) ->> 'present' = '0'"
        )
    assert rows == []  # the default saw the parent


async def test_rows_come_with_their_parent_where_the_database_rules_on_rows(source: PostgresSource, url: str) -> None:
    async with connected(url) as connection:
        await connection.execute(
            f"{KINSHIP} DROP ROLE IF EXISTS clerk; CREATE ROLE clerk LOGIN; GRANT USAGE ON SCHEMA kin TO clerk;"
            "GRANT ALL ON ALL TABLES IN SCHEMA kin TO clerk; GRANT ALL ON ALL SEQUENCES IN SCHEMA kin TO clerk"
        )
    async with opened(url.replace("//postgres@", "//clerk@")) as clerk:
        parent = Insert(PARENTS, ("id",), (("a",),))
        children = Insert(CHILDREN, ("age",), ((1,),), ("parent",))
        await clerk.insert_with(parent, "parent", children)
        async with connected(url) as connection:
            await connection.execute(
                "ALTER TABLE kin.children ENABLE ROW LEVEL SECURITY; CREATE POLICY theirs ON kin.children TO clerk "
                "USING (EXISTS (SELECT FROM kin.parents p WHERE p.id = parent))"
            )
        parent = Insert(PARENTS, ("id",), (("b",),))
        with pytest.raises(SourceRefused):  # once, of what was planned before
            await clerk.insert_with(parent, "parent", children)
        _, born = await clerk.insert_with(parent, "parent", children)
        assert [tuple(row[1:]) for row in born.rows] == [("b",)]


@pytest.mark.parametrize(
    ("ddl", "expected"),
    [
        pytest.param("ALTER TABLE kin.children ALTER age TYPE kin.positive", "kin.children", id="domain"),
        pytest.param(
            "ALTER TABLE kin.children RENAME TO old; CREATE SCHEMA others;"
            "CREATE TABLE others.parents (id serial PRIMARY KEY, parent text, age integer CHECK (age > 0))",
            "others.parents",
            id="table-of-the-same-name",
        ),
    ],
)
async def test_rows_that_came_with_their_parent_are_blamed(
    source: PostgresSource, url: str, ddl: str, expected: str
) -> None:
    async with connected(url) as connection:
        await connection.execute(f"{KINSHIP} DROP SCHEMA IF EXISTS others CASCADE; {ddl}")
    children = Collection(expected, "id", CHILDREN.columns)
    with pytest.raises(CheckViolated) as raised:
        await source.insert_with(
            Insert(PARENTS, ("id",), (("a",),)), "parent", Insert(children, ("age",), ((1,), (-1,)))
        )
    assert (raised.value.collection, raised.value.columns) == (expected, ("age",))


@pytest.mark.parametrize("table", ["parents", "children"])
async def test_all_rows_come_with_their_parent_or_none(source: PostgresSource, url: str, table: str) -> None:
    async with connected(url) as connection:
        await connection.execute(
            f"{KINSHIP} CREATE FUNCTION kin.skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
            f"CREATE TRIGGER skip BEFORE INSERT ON kin.{table} FOR EACH ROW EXECUTE FUNCTION kin.skip()"
        )
    with pytest.raises(SourceRefused, match=f"has a trigger that refuses the write to 'kin.{table}'"):
        await source.insert_with(
            Insert(PARENTS, ("id",), (("a",),)), "parent", Insert(CHILDREN, ("age",), ((1,), (2,)))
        )
    assert (await source.lookup(Lookup(PARENTS, ("id",)))).rows == []


async def test_parents_may_be_in_partitions(source: PostgresSource, url: str) -> None:
    events = Collection("events", "id", (Column("id", ColumnType.INTEGER), Column("day", ColumnType.DATE)))
    parent = Insert(events, ("id", "day", "name"), ((1, date(2024, 2, 3), None),))
    children = Insert(Collection("sums", "id", (Column("id", ColumnType.INTEGER),)), ("id",), ((1,),))
    with pytest.raises(ConstraintViolated) as raised:
        await source.insert_with(parent, "total", children)
    assert (raised.value.collection, raised.value.columns) == ("events", ("name",))
