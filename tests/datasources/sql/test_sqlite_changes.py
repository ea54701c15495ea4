"""The change feed of a SQLite database, and its outbox."""

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from datasources.changes import ChangeKind
from datasources.errors import SourceRefused, SourceUnavailable
from datasources.events import Hub
from datasources.lookup import Collection, Column, ColumnType
from datasources.outbox import PRUNED, Retention, TableStatus, Watched
from datasources.sql import SqliteSource, sqlite_changes
from datasources.sql.sqlite_values import to_storage
from datasources.write import Insert
from tests.datasources.contract_changes import (
    COLLECTIONS,
    TAGS,
    ChangeFeedContract,
    Door,
    Write,
    created,
    everything,
    keys,
)
from tests.datasources.sql.loading import load_sqlite

pytestmark = pytest.mark.anyio

FOREVER = 10**9
WATCHED = [Watched("things"), Watched("tags", "id")]


class SqliteDoor:
    def __init__(self, source: SqliteSource, path: Path) -> None:
        self.source = source
        self.feed = source.changes
        self.path = path

    async def write(self, *writes: Write) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            for write in writes:
                connection.execute(*statement(write))

    async def execute(self, statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as connection, connection:
            connection.executescript(statements)

    async def prune(self, keep: int) -> None:
        await self.source.outbox.prune(Retention(FOREVER, keep))


def statement(write: Write) -> tuple[str, list[Any]]:
    columns = write.collection.columns
    row = write.after or {}
    values = [to_storage(column.type, row.get(column.name)) for column in columns]
    name = write.collection.name
    if write.before is None:
        return f"INSERT INTO {name} VALUES ({', '.join('?' * len(columns))})", values
    if write.after is None:
        return f"DELETE FROM {name} WHERE id = ?", [write.before["id"]]
    settings = ", ".join(f"{column.name} = ?" for column in columns)
    return f"UPDATE {name} SET {settings} WHERE id = ?", [*values, write.before["id"]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "shop.db"
    load_sqlite(path, COLLECTIONS.values(), {"things": [], "tags": []})
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    return path


@pytest.fixture
async def source(path: Path) -> AsyncIterator[SqliteSource]:
    source = SqliteSource("shop", f"sqlite:///{path}")
    await source.open()
    yield source
    await source.close()


@pytest.fixture
async def door(source: SqliteSource, path: Path) -> SqliteDoor:
    await source.outbox.install(WATCHED)
    return SqliteDoor(source, path)


class TestContract(ChangeFeedContract):
    @pytest.fixture
    async def door(self, source: SqliteSource, path: Path) -> Door:
        await source.outbox.install(WATCHED)
        return SqliteDoor(source, path)


class TestContractWithoutWal(TestContract):
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "shop.db"
        load_sqlite(path, COLLECTIONS.values(), {"things": [], "tags": []})
        return path


@pytest.fixture
def dice() -> random.Random:
    return random.Random(1)  # noqa: S311


async def test_floats_keep_all_their_digits(door: SqliteDoor, dice: random.Random) -> None:
    head = await door.feed.head()
    floats = [0.1 + 0.2, 1e300, -5e-324, 1e15, 2.0**53 + 2, -0.0, float("inf"), float("-inf")]
    floats += [dice.uniform(-1, 1) * 10 ** dice.randrange(-300, 300) for _ in range(500)]
    await door.write(*[created(number, ratio=value) for number, value in enumerate(floats)])
    assert [(change.after or {})["ratio"] for change in await everything(door.feed, head)] == floats


async def test_values_are_those_that_lookups_answer(door: SqliteDoor) -> None:
    """Whatever SQLite has been given in a column of no such type."""
    odd = Collection("odd", "k k", (Column("k k", ColumnType.STRING), Column("v\"'", ColumnType.STRING)))
    await door.execute("""CREATE TABLE "odd" ("k k" TEXT PRIMARY KEY, "v""'")""")
    await door.source.outbox.install([Watched("odd")])
    head = await door.feed.head()
    await door.execute("INSERT INTO odd VALUES ('a', x'00ff'), ('b', 1.5), ('c', 7), ('d', ''), ('e', '{\"blob\": 1}')")
    changes, _ = await door.feed.read(head, 10, {"odd": odd})
    values = [(change.key, (change.after or {})["v\"'"]) for change in changes]
    assert values == [("a", b"\x00\xff"), ("b", 1.5), ("c", 7), ("d", ""), ("e", '{"blob": 1}')]


async def test_a_value_that_is_none_tells_null_and_stops_nothing(
    door: SqliteDoor, caplog: pytest.LogCaptureFixture
) -> None:
    head = await door.feed.head()
    await door.execute("INSERT INTO things (id, at) VALUES (1, 'yesterday'), (2, '2026-01-31')")
    changes = await everything(door.feed, head)
    assert [(change.after or {})["at"] for change in changes] == [None, datetime(2026, 1, 31, tzinfo=UTC)]
    assert [record.message for record in caplog.records] == [
        "datasource 'shop' holds a value in 'things.at' that is none; its change tells null"
    ]


async def test_what_is_rolled_back_was_never_there(door: SqliteDoor) -> None:
    head = await door.feed.head()
    with closing(sqlite3.connect(door.path)) as connection:
        connection.execute("INSERT INTO tags VALUES (1, 'a')")
        connection.rollback()
        connection.execute("SAVEPOINT inner")
        connection.execute("INSERT INTO tags VALUES (2, 'b')")
        connection.execute("ROLLBACK TO inner")
        connection.execute("INSERT INTO tags VALUES (3, 'c')")
        connection.commit()
    assert keys(await everything(door.feed, head)) == [3]


async def test_cascades_upserts_and_replacements(door: SqliteDoor) -> None:
    await door.execute("""
        CREATE TABLE parents (id INTEGER PRIMARY KEY);
        CREATE TABLE children (id INTEGER PRIMARY KEY, parent INTEGER REFERENCES parents ON DELETE CASCADE);
        INSERT INTO parents VALUES (1);
        INSERT INTO children VALUES (1, 1);
    """)
    key = (Column("id", ColumnType.BIGINT),)
    family = {name: Collection(name, "id", key) for name in ("parents", "children")}
    await door.source.outbox.install([Watched(name) for name in family])
    head = await door.feed.head()
    await door.execute("PRAGMA foreign_keys = ON; DELETE FROM parents")
    changes, _ = await door.feed.read(head, 10, family)
    told = sorted((change.collection, change.kind) for change in changes)
    assert told == [("children", ChangeKind.DELETED), ("parents", ChangeKind.DELETED)]

    head = await door.feed.head()
    await door.execute("""
        INSERT INTO tags VALUES (1, 'a');
        INSERT INTO tags VALUES (1, 'b') ON CONFLICT DO UPDATE SET label = excluded.label;
        INSERT OR IGNORE INTO tags VALUES (1, 'c');
        INSERT OR REPLACE INTO tags VALUES (1, 'd');
        PRAGMA recursive_triggers = ON;
        REPLACE INTO tags VALUES (1, 'e');
    """)
    assert [(change.kind, (change.after or {}).get("label")) for change in await everything(door.feed, head)] == [
        (ChangeKind.CREATED, "a"),
        (ChangeKind.UPDATED, "b"),
        (ChangeKind.CREATED, "d"),
        (ChangeKind.DELETED, None),
        (ChangeKind.CREATED, "e"),
    ]


WRITER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
for number in range(100):
    connection.execute("BEGIN IMMEDIATE")
    connection.execute("INSERT INTO tags VALUES (?, ?)", (int(sys.argv[2]) + number, "t"))
    connection.execute("UPDATE things SET big = big + 1 WHERE id = 1")
    connection.execute("ROLLBACK" if number % 5 == 4 else "COMMIT")
"""


async def test_readers_see_every_commit_of_other_processes_once_and_in_order(door: SqliteDoor) -> None:
    await door.write(created(1, big=0))
    hub = Hub(door.feed, COLLECTIONS.values(), window=20)
    start = await door.feed.head()
    followers = [await hub.follow(), await hub.follow(start)]
    writers = [
        await asyncio.create_subprocess_exec(sys.executable, "-c", WRITER, str(door.path), str(first))
        for first in (0, 1000, 2000)
    ]
    for follower in followers:
        tags, counter = list[Any](), list[Any]()
        async with asyncio.timeout(60):
            while len(tags) + len(counter) < 480:
                for change in (await follower.take()).changes:
                    if change.collection == "tags":
                        tags.append(change.key)
                    else:
                        counter.append(((change.before or {})["big"], (change.after or {})["big"]))
        follower.close()
        assert counter == [(number, number + 1) for number in range(240)]
        assert sorted(tags) == [first + n for first in (0, 1000, 2000) for n in range(100) if n % 5 != 4]
        assert all(
            [tag for tag in tags if tag // 1000 == each] == sorted(tag for tag in tags if tag // 1000 == each)
            for each in range(3)
        )
    assert [await writer.wait() for writer in writers] == [0, 0, 0]
    assert len(await everything(door.feed, start)) == 480


async def test_hears_of_a_plain_write_soon(door: SqliteDoor) -> None:
    hub = Hub(door.feed, COLLECTIONS.values())
    follower = await hub.follow()
    latencies = []
    for number in range(20):
        taking = asyncio.create_task(follower.take())
        await asyncio.sleep(0.01)
        await door.write(created(number))
        written = time.perf_counter()
        assert keys((await asyncio.wait_for(taking, 5)).changes) == [number]
        latencies.append(time.perf_counter() - written)
    follower.close()
    assert sorted(latencies)[10] < 0.2, latencies


async def test_hears_of_its_own_writes_at_once(door: SqliteDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite_changes, "POLL_SECONDS", 60)
    follower = await Hub(door.feed, COLLECTIONS.values()).follow()
    taking = asyncio.create_task(follower.take())
    await asyncio.sleep(0.01)
    async with door.source.transaction() as transaction:
        await transaction.write(Insert(TAGS, ("id", "label"), ((1, "a"),)))
    assert keys((await asyncio.wait_for(taking, 5)).changes) == [1]
    follower.close()


class TestOutbox:
    async def test_is_installed_once(self, source: SqliteSource, door: SqliteDoor) -> None:
        assert await source.outbox.install(WATCHED) == []
        assert await source.outbox.script(WATCHED) == ""
        head = await door.feed.head()
        await door.write(created(1))
        assert len(await everything(door.feed, head)) == 1

    async def test_the_script_does_the_same(self, source: SqliteSource, path: Path) -> None:
        script = await source.outbox.script(WATCHED)
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'trigger'").fetchone() == (0,)
            connection.executescript(script)
        assert await source.outbox.script(WATCHED) == ""
        assert (await source.outbox.status(WATCHED)).tables == [TableStatus("tags"), TableStatus("things")]

    async def test_says_when_a_table_has_changed_since(self, source: SqliteSource, door: SqliteDoor) -> None:
        await door.execute("ALTER TABLE tags ADD COLUMN colour TEXT; ALTER TABLE things RENAME COLUMN big TO large")
        changed = "its columns have changed since: install it again"
        assert (await source.outbox.status([])).tables == [TableStatus(each, changed) for each in ("tags", "things")]
        assert await source.outbox.install([*WATCHED]) == ["things", "tags"]
        head = await door.feed.head()
        await door.execute("INSERT INTO tags VALUES (1, 'a', 'red')")
        columns = (*TAGS.columns, Column("colour", ColumnType.STRING))
        changes, _ = await door.feed.read(head, 10, {"tags": Collection("tags", "id", columns)})
        assert changes[0].after == {"id": 1, "label": "a", "colour": "red"}

    async def test_what_a_table_had_not_is_null(self, source: SqliteSource, door: SqliteDoor) -> None:
        head = await door.feed.head()
        await door.execute("INSERT INTO tags VALUES (1, 'a')")
        columns = (*TAGS.columns, Column("colour", ColumnType.STRING))
        changes, _ = await door.feed.read(head, 10, {"tags": Collection("tags", "id", columns)})
        assert changes[0].after == {"id": 1, "label": "a", "colour": None}

    async def test_status(self, source: SqliteSource, path: Path) -> None:
        kept = "its changes are not kept: install it"
        assert (await source.outbox.status(WATCHED)).tables == [
            TableStatus("tags", kept),
            TableStatus("things", kept),
        ]
        await source.outbox.install([Watched("things")])
        door = SqliteDoor(source, path)
        await door.write(created(1), created(2))
        status = await source.outbox.status([Watched("tags")])
        assert status.tables == [TableStatus("tags", kept), TableStatus("things")]
        assert status.changes == 2
        assert status.oldest is not None
        assert abs(datetime.now(UTC) - status.oldest) < timedelta(seconds=10)

    async def test_uninstall(self, source: SqliteSource, door: SqliteDoor) -> None:
        head = await door.feed.head()
        await door.write(created(1), Write(TAGS, None, {"id": 1, "label": "a"}))
        assert await source.outbox.uninstall(["things"]) == ["things"]
        await door.write(created(2), Write(TAGS, None, {"id": 2, "label": "a"}))
        changes = await everything(door.feed, head)
        assert [(change.collection, change.key) for change in changes] == [("things", 1), ("tags", 1), ("tags", 2)]
        assert await source.outbox.uninstall() == ["tags"]
        await door.write(created(3))
        with closing(sqlite3.connect(door.path)) as connection:
            left = connection.execute("SELECT name FROM sqlite_master WHERE name LIKE 'gateway%'").fetchall()
        assert left == []
        with pytest.raises(SourceRefused, match=r"^datasource 'shop' keeps no changes; run `gateway changes install`$"):
            await door.feed.head()
        with pytest.raises(SourceRefused, match="run `gateway changes install`"):
            await source.outbox.prune(Retention(1, 1))

    @pytest.mark.parametrize(
        ("watched", "message"),
        [
            pytest.param(Watched("nothing"), "has no table 'nothing'", id="no-table"),
            pytest.param(Watched("seen"), "cannot keep the changes of 'seen': it is a view, not a table", id="view"),
            pytest.param(Watched("pairs"), "'pairs': it has no primary key of one column", id="composite"),
            pytest.param(Watched("bare"), "'bare': it has no primary key of one column", id="no-key"),
            pytest.param(Watched("tags", "nr"), "cannot keep the changes of 'tags': it has no column 'nr'", id="key"),
        ],
    )
    async def test_refuses(self, source: SqliteSource, door: SqliteDoor, watched: Watched, message: str) -> None:
        await door.execute("""
            CREATE VIEW seen AS SELECT id FROM tags;
            CREATE TABLE pairs (a, b, PRIMARY KEY (a, b));
            CREATE TABLE bare (a)
        """)
        with pytest.raises(SourceRefused) as error:
            await source.outbox.install([watched])
        assert str(error.value).endswith(message)
        problem = [state.problem for state in (await source.outbox.status([watched])).tables if state.problem]
        assert problem == [str(error.value)]

    async def test_a_table_of_many_columns(self, source: SqliteSource, door: SqliteDoor) -> None:
        names = ", ".join(f"c{number}" for number in range(300))
        await door.execute(f"CREATE TABLE wide (id INTEGER PRIMARY KEY, {names})")
        await source.outbox.install([Watched("wide")])
        head = await door.feed.head()
        await door.execute("INSERT INTO wide (id, c299) VALUES (1, 'x')")
        wide = Collection("wide", "id", (Column("id", ColumnType.BIGINT), Column("c299", ColumnType.STRING)))
        changes, _ = await door.feed.read(head, 1, {"wide": wide})
        assert changes[0].after == {"id": 1, "c299": "x"}

    async def test_prunes_by_count_and_by_age_some_at_a_time(self, source: SqliteSource, door: SqliteDoor) -> None:
        head = await door.feed.head()
        await door.write(*[created(number) for number in range(PRUNED + 10)])
        assert await source.outbox.prune(Retention(FOREVER, FOREVER)) == 0
        assert await source.outbox.prune(Retention(FOREVER, 5)) == PRUNED
        assert await source.outbox.prune(Retention(FOREVER, 5)) == 5
        await door.execute("UPDATE gateway_changes SET at = at - 3600 WHERE seq < 1010")
        assert await source.outbox.prune(Retention(3700, 5)) == 0
        assert await source.outbox.prune(Retention(3500, 5)) == 4
        assert (await source.outbox.status([])).changes == 1
        feed = head.partition(".")[0]
        assert keys(await everything(door.feed, f"{feed}.1009")) == [1009]

    async def test_a_locked_database_is_told(
        self, source: SqliteSource, door: SqliteDoor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("datasources.sql.sqlite_outbox.BUSY_SECONDS", 0.05)
        with closing(sqlite3.connect(door.path, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            with pytest.raises(Exception, match="is locked"):
                await source.outbox.install([Watched("things")])


async def test_a_missing_file_is_told(tmp_path: Path) -> None:
    source = SqliteSource("shop", f"sqlite:///{tmp_path / 'none.db'}")
    await source.open()
    for ask in (source.changes.head, source.changes.wait, lambda: source.outbox.install([])):
        with pytest.raises(SourceUnavailable):
            await ask()
    await source.close()
