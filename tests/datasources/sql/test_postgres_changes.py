"""The change feed of a PostgreSQL database."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime
from decimal import Decimal

import asyncpg
import pytest

from datasources.changes import Change, ChangeKind
from datasources.errors import SourceRefused, SourceUnavailable
from datasources.events import Follower, Hub, hub
from datasources.lookup import Collection, Column, ColumnType, Lookup
from datasources.outbox import Retention, Watched
from datasources.sql import PostgresSource, postgres_changes
from tests.datasources.contract_changes import (
    COLLECTIONS,
    TAGS,
    THINGS,
    ChangeFeedContract,
    Door,
    Write,
    created,
    everything,
    keys,
    tag,
)
from tests.datasources.sql.loading import load_postgres
from tests.support.postgres import Postgres, connected, running_postgres

pytestmark = pytest.mark.anyio

FOREVER = 10**9
WATCHED = [Watched("things"), Watched("tags", "id")]
EMPTY = "TRUNCATE things, tags; TRUNCATE gateway_changes"


class PostgresDoor:
    def __init__(self, source: PostgresSource, connection: asyncpg.Connection) -> None:
        self.source = source
        self.feed = source.changes
        self.connection = connection

    async def write(self, *writes: Write) -> None:
        async with self.connection.transaction():
            for write in writes:
                await run(self.connection, write)

    async def prune(self, keep: int) -> None:
        await self.source.outbox.prune(Retention(FOREVER, keep))


async def run(connection: asyncpg.Connection, write: Write) -> None:
    columns = write.collection.columns
    row = write.after or {}
    values = [row.get(column.name) for column in columns]
    name, places = write.collection.name, [f"${number}" for number in range(1, len(columns) + 1)]
    if write.before is None:
        await connection.execute(f"INSERT INTO {name} VALUES ({', '.join(places)})", *values)
    elif write.after is None:
        await connection.execute(f"DELETE FROM {name} WHERE id = $1", write.before["id"])
    else:
        settings = ", ".join(f"{column.name} = {place}" for column, place in zip(columns, places, strict=True))
        key = f"${len(columns) + 1}"
        await connection.execute(f"UPDATE {name} SET {settings} WHERE id = {key}", *values, write.before["id"])


async def connect(stack: AsyncExitStack, url: str) -> asyncpg.Connection:
    connection = await stack.enter_async_context(connected(url))
    await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
    return connection


@pytest.fixture(scope="module")
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as url:
        await load_postgres(url, COLLECTIONS.values(), {"things": [], "tags": []})
        yield url


@pytest.fixture
async def source(url: str) -> AsyncIterator[PostgresSource]:
    source = PostgresSource("shop", url)
    await source.open()
    yield source
    await source.close()


@pytest.fixture
async def door(source: PostgresSource, url: str) -> AsyncIterator[PostgresDoor]:
    await source.outbox.install(WATCHED)
    async with AsyncExitStack() as stack:
        connection = await connect(stack, url)
        await connection.execute(EMPTY)
        yield PostgresDoor(source, connection)


class TestContract(ChangeFeedContract):
    @pytest.fixture
    async def door(self, source: PostgresSource, url: str) -> AsyncIterator[Door]:
        await source.outbox.install(WATCHED)
        async with AsyncExitStack() as stack:
            connection = await connect(stack, url)
            await connection.execute(EMPTY)
            yield PostgresDoor(source, connection)


async def taken(follower: Follower, count: int) -> list[Change]:
    found: list[Change] = []
    async with asyncio.timeout(20):
        while len(found) < count:
            found += (await follower.take()).changes
    assert len(found) == count
    return found


async def test_nobody_misses_who_commits_late(door: PostgresDoor, url: str) -> None:
    """Transaction A takes the earlier sequence number, and commits after B; readers have read B before."""
    live = await Hub(door.feed, COLLECTIONS.values()).follow()
    start = await door.feed.head()
    async with AsyncExitStack() as stack:
        a, b, c = [await connect(stack, url) for _ in range(3)]
        late = a.transaction()
        await late.start()
        await run(a, tag(1))
        await run(b, tag(2))
        assert keys(await taken(live, 1)) == [2]
        changes, between = await door.feed.read(start, 10, COLLECTIONS)
        assert keys(changes) == [2]
        await run(c, tag(3))
        await late.commit()
        await run(b, tag(4))
    assert sorted(keys(await taken(live, 3))) == [1, 3, 4]
    assert keys(await everything(door.feed, between)) == [1, 3, 4]
    assert keys(await everything(door.feed, changes[0].cursor, limit=1)) == [1, 3, 4]
    assert keys(await everything(door.feed, start)) == [1, 2, 3, 4]
    live.close()


async def test_changes_of_a_row_are_told_as_they_were_committed(door: PostgresDoor, url: str) -> None:
    """A has the older transaction, and yet writes the row after B has committed."""
    await run(door.connection, tag(1))
    start = await door.feed.head()
    async with AsyncExitStack() as stack:
        a, b = [await connect(stack, url) for _ in range(2)]
        late = a.transaction()
        await late.start()
        await run(a, tag(2))
        await b.execute("UPDATE tags SET label = 'b' WHERE id = 1")
        await a.execute("UPDATE tags SET label = label || 'a' WHERE id = 1")
        await late.commit()
    for limit in (1, 2, 10):
        told = [(c.key, (c.after or {})["label"]) for c in await everything(door.feed, start, limit=limit)]
        assert told == [(2, "t"), (1, "b"), (1, "ba")]


async def test_a_transaction_that_runs_for_long_holds_nobody_back(door: PostgresDoor, url: str) -> None:
    async with connected(url) as other:
        running = other.transaction()
        await running.start()
        await other.execute("SELECT pg_current_xact_id()")
        head = await door.feed.head()
        await door.write(tag(1), tag(2))
        changes = await everything(door.feed, head)
        assert keys(changes) == [1, 2]
        await door.prune(0)
        assert keys(await everything(door.feed, head)) == [1, 2], "what others may not have seen yet is kept"
        await running.rollback()
    assert keys(await everything(door.feed, head, limit=1)) == [1, 2]
    assert keys(await everything(door.feed, changes[0].cursor)) == [2]
    await door.prune(0)
    assert keys(await everything(door.feed, await door.feed.head())) == []


@pytest.mark.parametrize("seed", range(3))
async def test_the_union_of_what_readers_read_is_what_was_committed(door: PostgresDoor, url: str, seed: int) -> None:
    """Random writers, whose transactions overlap and roll back; readers that come and go while they commit."""
    dice, committed, last, rounds, writers = random.Random(seed), {99}, 99, 25, 8  # noqa: S311
    await door.write(*[tag(number) for number in range(5)])
    start = await door.feed.head()
    shared = Hub(door.feed, COLLECTIONS.values(), window=7)
    numbers = iter(range(100, 10**6))

    async def write(connection: asyncpg.Connection) -> None:
        for _ in range(rounds):
            transaction = connection.transaction()
            await transaction.start()
            made = []
            if dice.random() < 0.5:
                await connection.execute("SELECT pg_current_xact_id()")
            for _ in range(dice.randrange(1, 4)):
                if dice.random() < 0.3:
                    await asyncio.sleep(dice.random() / 200)
                if dice.random() < 0.5:
                    made.append(next(numbers))
                    await run(connection, tag(made[-1]))
            # the last, for rows that are locked in another order would be a deadlock
            await connection.execute("UPDATE tags SET label = label || 'x' WHERE id = $1", dice.randrange(5))
            if dice.random() < 0.2:
                await transaction.rollback()
            else:
                await transaction.commit()
                committed.update(made)

    async def follow() -> list[Change]:
        cursor, seen = start, list[Change]()
        while last not in keys(seen):
            follower = await shared.follow(cursor)
            for _ in range(dice.randrange(1, 6)):
                batch = await follower.take()
                count = dice.randrange(len(batch.changes) + 1) if dice.random() < 0.3 else len(batch.changes)
                seen += batch.changes[:count]
                cursor = batch.changes[count - 1].cursor if 0 < count < len(batch.changes) else cursor
                if count < len(batch.changes):
                    break
                cursor = batch.cursor
                if last in keys(seen):
                    break
            follower.close()
        return seen

    async def read() -> list[Change]:
        cursor, seen = start, list[Change]()
        while last not in keys(seen):
            changes, cursor = await door.feed.read(cursor, dice.choice([1, 2, 5, 100]), COLLECTIONS)
            seen += changes
        return seen

    async with AsyncExitStack() as stack, asyncio.timeout(60):
        connections = [await connect(stack, url) for _ in range(writers)]
        readers = [asyncio.create_task(each) for each in (*[follow() for _ in range(4)], *[read() for _ in range(2)])]
        await asyncio.gather(*map(write, connections))
        await door.write(tag(last))
        seen = await asyncio.gather(*readers)

    labels = {row["id"]: row["label"] for row in await door.connection.fetch("SELECT id, label FROM tags")}
    for changes in seen:
        new = [change.key for change in changes if change.kind is ChangeKind.CREATED]
        assert sorted(new) == sorted(committed)
        assert len({change.cursor for change in changes}) == len(changes)
        for number in range(5):
            states = [change for change in changes if change.key == number]
            assert [(s.before or {})["label"] for s in states] == ["t" + "x" * n for n in range(len(states))]
            assert "t" + "x" * len(states) == labels[number]


ODD = """
DROP TABLE IF EXISTS odd;
CREATE TABLE odd (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(), small real, double double precision, exact numeric, naive timestamp,
  moment timestamptz, day date, code char(4), raw bytea, list text[], data json, inner_data jsonb, enabled boolean
);
"""
ODD_COLUMNS = {
    "id": ColumnType.UUID,
    "small": ColumnType.FLOAT,
    "double": ColumnType.FLOAT,
    "exact": ColumnType.DECIMAL,
    "naive": ColumnType.DATETIME,
    "moment": ColumnType.DATETIME,
    "day": ColumnType.DATE,
    "code": ColumnType.STRING,
    "raw": ColumnType.STRING,
    "data": ColumnType.JSON,
    "inner_data": ColumnType.JSON,
    "enabled": ColumnType.BOOLEAN,
}
ODD_ROWS = [
    "0.1, 0.1::float8 + 0.2, 12345678901234567890.10, '2024-02-29 12:00', '2024-02-29 12:00:00.123456+05:30',"
    " '2024-02-29', 'ab', '\\x00ff', '{a}', '[1, 2.50, 1e-3]', '{\"a\": [1.5, 12345678901234567890]}', true",
    "'NaN', '-Infinity', 0, '1900-01-01', 'infinity', '-infinity', 'abcd', '', '{}', 'null', '\"x\"', false",
    "1e-40, 5e-324, 0.000000000000000000001, NULL, '-infinity', 'infinity', '', NULL, NULL, '{}', 'null', NULL",
    "3.4e38, 1.7976931348623157e308, 1e30, NULL, '0001-01-01 00:00:00+00', '9999-12-31', NULL, NULL, NULL, NULL, NULL,"
    " NULL",
]
SESSIONS = {
    "plain": "SELECT 1",
    "odd": "SET TimeZone = 'Asia/Kathmandu'; SET DateStyle = 'German'; SET extra_float_digits = -5;"
    " SET bytea_output = 'escape'; SET IntervalStyle = 'iso_8601'; SET search_path = pg_catalog",
}


@pytest.mark.parametrize("session", SESSIONS)
async def test_values_are_those_that_lookups_answer(door: PostgresDoor, url: str, session: str) -> None:
    odd = Collection("odd", "id", tuple(Column(name, kind) for name, kind in ODD_COLUMNS.items()))
    await door.connection.execute(ODD)
    await door.source.outbox.install([Watched("odd")])
    head = await door.feed.head()
    async with connected(url) as writer:
        await writer.execute(SESSIONS[session])
        for row in ODD_ROWS:
            await writer.execute(f"INSERT INTO public.odd VALUES (gen_random_uuid(), {row})")
    changes, _ = await door.feed.read(head, 10, {"odd": odd})
    rows = (await door.source.lookup(Lookup(odd, tuple(ODD_COLUMNS)))).rows
    expected = {row[0]: dict(zip(ODD_COLUMNS, row, strict=True)) for row in rows}
    found = {change.key: dict(change.after or {}) for change in changes}
    for values in (*expected.values(), *found.values()):
        values["small"] = repr(values["small"])  # NaN is not equal to itself
    assert found == expected
    first = found[changes[0].key]
    del first["id"]
    assert first == {
        "small": "0.10000000149011612",
        "double": 0.1 + 0.2,
        "exact": Decimal("12345678901234567890.10"),
        "naive": datetime(2024, 2, 29, 12, tzinfo=UTC),
        "moment": datetime(2024, 2, 29, 6, 30, 0, 123456, UTC),
        "day": date(2024, 2, 29),
        "code": "ab",
        "raw": "\\x00ff",
        "data": [1, 2.5, 0.001],
        "inner_data": {"a": [1.5, 12345678901234567890]},
        "enabled": True,
    }


async def test_savepoints_that_are_rolled_back_were_never_there(door: PostgresDoor) -> None:
    head = await door.feed.head()
    async with door.connection.transaction():
        inner = door.connection.transaction()
        await inner.start()
        await run(door.connection, tag(1))
        await inner.rollback()
        async with door.connection.transaction():
            await run(door.connection, tag(2))
    assert keys(await everything(door.feed, head)) == [2]


async def test_truncating_deletes_every_row(door: PostgresDoor) -> None:
    await door.write(tag(1), tag(2))
    head = await door.feed.head()
    await door.connection.execute("TRUNCATE tags")
    changes = await everything(door.feed, head)
    assert [(change.kind, change.key, change.before) for change in changes] == [
        (ChangeKind.DELETED, number, {"id": number, "label": "t"}) for number in (1, 2)
    ]


async def test_partitions_cascades_and_copies(door: PostgresDoor) -> None:
    await door.connection.execute("""
        DROP TABLE IF EXISTS parts, parents CASCADE;
        CREATE TABLE parents (id bigint PRIMARY KEY);
        CREATE TABLE parts (id bigint PRIMARY KEY, parent bigint REFERENCES parents ON DELETE CASCADE)
          PARTITION BY RANGE (id);
        CREATE TABLE parts_low PARTITION OF parts FOR VALUES FROM (0) TO (100);
        INSERT INTO parents VALUES (1), (2);
    """)
    family = {
        "parents": Collection("parents", "id", (Column("id", ColumnType.BIGINT),)),
        "parts": Collection("parts", "id", (Column("id", ColumnType.BIGINT), Column("parent", ColumnType.BIGINT))),
    }
    await door.source.outbox.install([Watched("parts"), Watched("parents")])
    head = await door.feed.head()
    await door.connection.execute("CREATE TABLE parts_high PARTITION OF parts FOR VALUES FROM (100) TO (200)")
    await door.connection.copy_records_to_table("parts", records=[(1, 1), (150, 2)])
    await door.connection.execute("INSERT INTO parts_low VALUES (2, 1)")
    await door.connection.execute("UPDATE parts SET id = 151 WHERE id = 1")
    await door.connection.execute("DELETE FROM parents WHERE id = 2")
    changes, _ = await door.feed.read(head, 10, family)
    assert [(change.collection, change.kind, change.key) for change in changes] == [
        ("parts", ChangeKind.CREATED, 1),
        ("parts", ChangeKind.CREATED, 150),
        ("parts", ChangeKind.CREATED, 2),
        ("parts", ChangeKind.DELETED, 1),
        ("parts", ChangeKind.CREATED, 151),
        ("parents", ChangeKind.DELETED, 2),
        ("parts", ChangeKind.DELETED, 150),
    ]


async def test_columns_that_come_later_are_told_without_further_ado(door: PostgresDoor) -> None:
    await door.connection.execute("CREATE TABLE growing (id int PRIMARY KEY)")
    await door.source.outbox.install([Watched("growing")])
    head = await door.feed.head()
    await door.connection.execute("INSERT INTO growing VALUES (1)")
    await door.connection.execute("ALTER TABLE growing ADD COLUMN colour text")
    await door.connection.execute("INSERT INTO growing VALUES (2, 'red')")
    growing = Collection("growing", "id", (Column("id", ColumnType.INTEGER), Column("colour", ColumnType.STRING)))
    changes, _ = await door.feed.read(head, 10, {"growing": growing})
    assert [change.after for change in changes] == [{"id": 1, "colour": None}, {"id": 2, "colour": "red"}]


async def test_those_who_write_need_no_rights_to_the_outbox(door: PostgresDoor, url: str) -> None:
    head = await door.feed.head()
    await door.connection.execute("CREATE ROLE clerk; GRANT INSERT ON tags TO clerk")
    async with connected(url) as clerk:
        await clerk.execute("SET ROLE clerk; INSERT INTO tags VALUES (1, 'a')")
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await clerk.execute("INSERT INTO gateway_changes (collection, kind) VALUES ('tags', 'CREATED')")
    assert keys(await everything(door.feed, head)) == [1]
    await door.connection.execute("DROP OWNED BY clerk; DROP ROLE clerk")


async def test_hears_of_a_plain_write_at_once(door: PostgresDoor) -> None:
    follower = await Hub(door.feed, COLLECTIONS.values()).follow()
    latencies = []
    for number in range(20):
        taking = asyncio.create_task(follower.take())
        await asyncio.sleep(0.01)
        await door.write(created(number))
        written = time.perf_counter()
        assert keys((await asyncio.wait_for(taking, 5)).changes) == [number]
        latencies.append(time.perf_counter() - written)
    follower.close()
    assert sorted(latencies)[10] < 0.5, latencies


async def test_a_wake_up_that_is_lost_only_delays(door: PostgresDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres_changes, "POLL_SECONDS", 0.1)
    follower = await Hub(door.feed, COLLECTIONS.values()).follow()
    await door.connection.execute("ALTER TABLE tags DISABLE TRIGGER gateway_changes_notify")
    await door.write(tag(1))
    assert keys(await taken(follower, 1)) == [1]
    await door.connection.execute("ALTER TABLE tags ENABLE TRIGGER gateway_changes_notify")
    follower.close()


async def test_a_connection_that_is_lost_is_made_anew(door: PostgresDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "FIRST_PAUSE", 0.02)
    follower = await Hub(door.feed, COLLECTIONS.values()).follow()
    for number in range(5):
        await door.connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE query LIKE '%gateway_changes%' AND pid <> pg_backend_pid()"
        )
        await door.write(tag(number))
        assert keys(await taken(follower, 1)) == [number]
    follower.close()


async def test_a_server_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "FIRST_PAUSE", 0.05)
    with running_postgres() as server:
        async with server.database() as url:
            await load_postgres(url, [TAGS], {"tags": []})
            source = PostgresSource("shop", url)
            await source.open()
            await source.outbox.install([Watched("tags")])
            follower = await Hub(source.changes, [TAGS]).follow()
            async with connected(url) as connection:
                await run(connection, tag(1))
            assert keys(await taken(follower, 1)) == [1]
            server.stop()
            with pytest.raises(SourceUnavailable):
                await source.changes.head()
            server.start()
            async with connected(url) as connection:
                await run(connection, tag(2))
            assert keys(await taken(follower, 1)) == [2]
            follower.close()
            await source.close()


async def test_a_database_without_an_outbox_says_so(postgres: Postgres) -> None:
    async with postgres.database() as url:
        source = PostgresSource("shop", url)
        await source.open()
        with pytest.raises(SourceRefused, match=r"^datasource 'shop' keeps no changes; run `gateway changes install`$"):
            await source.changes.head()
        await source.close()


async def test_many_changes_are_read_in_steps_of_their_own(door: PostgresDoor) -> None:
    head = await door.feed.head()
    await door.connection.execute("INSERT INTO tags SELECT n, 't' FROM generate_series(1, 5000) n")
    await door.write(*[tag(number) for number in range(5001, 5011)])
    assert keys(await everything(door.feed, head, limit=700)) == list(range(1, 5011))


def test_things_are_of_every_type() -> None:
    assert {column.type for column in THINGS.columns} >= set(ColumnType) - {ColumnType.INTEGER}
