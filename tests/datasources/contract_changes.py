"""What every change feed promises; see `datasources.changes.ChangeFeed`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Protocol
from uuid import UUID

import pytest

from datasources.changes import Change, ChangeFeed, ChangeKind, Values
from datasources.errors import CursorExpired, UnknownCursor
from datasources.lookup import Collection, Column, ColumnType

THINGS = Collection(
    "things",
    "id",
    (
        Column("id", ColumnType.BIGINT, nullable=False),
        Column("name", ColumnType.STRING),
        Column("amount", ColumnType.DECIMAL, scale=2),
        Column("ratio", ColumnType.FLOAT),
        Column("big", ColumnType.BIGINT),
        Column("active", ColumnType.BOOLEAN),
        Column("at", ColumnType.DATETIME),
        Column("day", ColumnType.DATE),
        Column("uid", ColumnType.UUID),
        Column("data", ColumnType.JSON),
    ),
)
TAGS = Collection("tags", "id", (Column("id", ColumnType.BIGINT, nullable=False), Column("label", ColumnType.STRING)))
COLLECTIONS = {each.name: each for each in (THINGS, TAGS)}

BLANK: Values = dict.fromkeys(THINGS.by_name)
FULL: Values = {
    "id": 1,
    "name": 'Zoë "Quote" \\ O\'Hara\n\u2028\U0001f600',
    "amount": Decimal("1234.50"),
    "ratio": 0.1 + 0.2,
    "big": 2**63 - 1,
    "active": True,
    "at": datetime(2026, 1, 31, 8, 30, 0, 123456, UTC),
    "day": date(2026, 1, 31),
    "uid": UUID("123e4567-e89b-42d3-a456-426614174000"),
    "data": {"a": [1, 2.5, None, "x"], "b": {"c": False}},
}


@dataclass(frozen=True)
class Write:
    """A row as it was and as it is."""

    collection: Collection
    before: Values | None
    after: Values | None


class Door(Protocol):
    """A feed, and a way to write behind its back."""

    @property
    def feed(self) -> ChangeFeed: ...

    async def write(self, *writes: Write) -> None:
        """In one transaction."""

    async def prune(self, keep: int) -> None:
        """Keep only the last changes, of this number."""


def thing(number: int, **values: Any) -> Values:
    return {**BLANK, "id": number, **values}


def created(number: int, **values: Any) -> Write:
    return Write(THINGS, None, thing(number, **values))


def tag(number: int) -> Write:
    return Write(TAGS, None, {"id": number, "label": "t"})


async def everything(feed: ChangeFeed, after: str, *, limit: int = 1000, until: str | None = None) -> list[Change]:
    """What is behind the cursor, `limit` at a time."""
    found: list[Change] = []
    while True:
        changes, after = await feed.read(after, limit, COLLECTIONS, until)
        assert len(changes) <= limit
        found += changes
        if len(changes) < limit:
            assert until is None or after == until
            return found


def keys(changes: Sequence[Change]) -> list[Any]:
    return [change.key for change in changes]


class ChangeFeedContract:
    @pytest.fixture
    async def door(self) -> Any:
        raise NotImplementedError

    async def test_tells_what_became_of_a_row(self, door: Door) -> None:
        head = await door.feed.head()
        less = {**FULL, "amount": None, "name": "less"}
        await door.write(Write(THINGS, None, FULL))
        await door.write(Write(THINGS, FULL, less))
        await door.write(Write(THINGS, less, None))
        changes = await everything(door.feed, head)
        every = frozenset(FULL)
        assert [(c.collection, c.kind, c.key, c.changed, c.before, c.after) for c in changes] == [
            ("things", ChangeKind.CREATED, 1, every, None, FULL),
            ("things", ChangeKind.UPDATED, 1, {"amount", "name"}, FULL, less),
            ("things", ChangeKind.DELETED, 1, every, less, None),
        ]
        assert [type(value) for value in (changes[0].after or {}).values()] == [type(v) for v in FULL.values()]

    async def test_nulls_are_told(self, door: Door) -> None:
        head = await door.feed.head()
        await door.write(created(1))
        assert [change.after for change in await everything(door.feed, head)] == [thing(1)]

    async def test_another_key_is_another_row(self, door: Door) -> None:
        await door.write(created(1))
        head = await door.feed.head()
        await door.write(Write(THINGS, thing(1), thing(2)))
        changes = await everything(door.feed, head, limit=1)
        assert [(change.kind, change.key) for change in changes] == [
            (ChangeKind.DELETED, 1),
            (ChangeKind.CREATED, 2),
        ]

    async def test_a_write_that_changes_nothing_is_no_change(self, door: Door) -> None:
        await door.write(created(1, name="a"))
        head = await door.feed.head()
        await door.write(Write(THINGS, thing(1, name="a"), thing(1, name="a")))
        await door.write(Write(THINGS, thing(1, name="a"), thing(1, name="A")))
        assert [change.changed for change in await everything(door.feed, head)] == [{"name"}]

    async def test_only_the_columns_of_the_collection_are_told(self, door: Door) -> None:
        head = await door.feed.head()
        await door.write(created(1, name="a", big=1))
        await door.write(Write(THINGS, thing(1, name="a", big=1), thing(1, name="a", big=2)))
        await door.write(Write(THINGS, thing(1, name="a", big=2), thing(1, name="b", big=2)))
        small = Collection("things", "id", (THINGS.by_name["id"], THINGS.by_name["name"]))
        changes, _ = await door.feed.read(head, 2, {"things": small})
        assert [(change.before, change.after) for change in changes] == [
            (None, {"id": 1, "name": "a"}),
            ({"id": 1, "name": "a"}, {"id": 1, "name": "b"}),
        ]

    async def test_other_collections_are_passed_over(self, door: Door) -> None:
        head = await door.feed.head()
        await door.write(tag(1), tag(2), tag(3))
        changes, after = await door.feed.read(head, 2, {"things": THINGS})
        assert (changes, after) == ([], await door.feed.head())
        await door.write(created(1), tag(4), created(2))
        changes, after = await door.feed.read(after, 2, {"things": THINGS})
        assert keys(changes) == [1, 2]

    @pytest.mark.parametrize("limit", [1, 2, 3, 100])
    async def test_every_cursor_leads_to_what_comes_behind_it(self, door: Door, limit: int) -> None:
        head = await door.feed.head()
        for start in (0, 3, 5):
            await door.write(*[created(start + each) for each in range(3 if start == 0 else 2)])
        changes = await everything(door.feed, head, limit=limit)
        assert keys(changes) == list(range(7))
        assert len({change.cursor for change in changes}) == 7
        for change in changes:
            assert keys(await everything(door.feed, change.cursor, limit=limit)) == list(range(change.key + 1, 7))

    async def test_ends_exactly_at_a_later_cursor(self, door: Door) -> None:
        start = await door.feed.head()
        await door.write(*[created(each) for each in range(4)])
        until = await door.feed.head()
        await door.write(*[created(each) for each in range(4, 8)])
        changes = await everything(door.feed, start)
        assert keys(await everything(door.feed, start, until=until, limit=3)) == [0, 1, 2, 3]
        assert keys(await everything(door.feed, start, until=until, limit=4)) == [0, 1, 2, 3]
        assert keys(await everything(door.feed, changes[1].cursor, until=until)) == [2, 3]
        assert keys(await everything(door.feed, until, until=until)) == []
        assert keys(await everything(door.feed, until)) == [4, 5, 6, 7]

    async def test_a_cursor_stays_good_while_nothing_behind_it_is_dropped(self, door: Door) -> None:
        head = await door.feed.head()
        await door.write(*[created(each) for each in range(5)])
        changes = await everything(door.feed, head)
        await door.prune(2)
        assert keys(await everything(door.feed, changes[2].cursor)) == [3, 4]
        assert keys(await everything(door.feed, changes[4].cursor)) == []
        for cursor in (head, changes[0].cursor, changes[1].cursor):
            with pytest.raises(CursorExpired) as error:
                await door.feed.read(cursor, 10, COLLECTIONS)
            assert error.value.code == "CURSOR_EXPIRED"
        await door.prune(0)
        assert keys(await everything(door.feed, changes[4].cursor)) == []
        with pytest.raises(CursorExpired):
            await door.feed.read(changes[3].cursor, 10, COLLECTIONS)

    async def test_cursors_of_another_feed_have_expired(self, door: Door) -> None:
        head = await door.feed.head()
        other = ("00000000" if not head.startswith("0000") else "11111111") + head[8:]
        with pytest.raises(CursorExpired):
            await door.feed.read(other, 10, COLLECTIONS)

    async def test_cursors_ahead_of_the_feed_have_expired(self, door: Door) -> None:
        """As they are where a database has been restored from a backup."""
        head = await door.feed.head()
        feed, _, position = head.partition(".")
        position = position.partition("-")[0]
        with pytest.raises(CursorExpired):
            await door.feed.read(f"{feed}.{int(position) + 1000}", 10, COLLECTIONS)

    @pytest.mark.parametrize(
        "cursor", ["", "x", "12", "{feed}.", "{feed}.x", "{feed}.9999999999999999999999", "{feed}.-1", "{feed}.٣"]
    )
    async def test_refuses_what_is_no_cursor(self, door: Door, cursor: str) -> None:
        feed = (await door.feed.head()).partition(".")[0]
        with pytest.raises(UnknownCursor) as error:
            await door.feed.read(cursor.format(feed=feed), 10, COLLECTIONS)
        assert error.value.code == "INVALID_CURSOR"

    async def test_wakes_when_something_was_written(self, door: Door) -> None:
        await self.settled(door.feed)
        waiting = asyncio.create_task(door.feed.wait())
        await door.write(created(1))
        await asyncio.wait_for(waiting, 5)

    async def test_what_was_written_before_the_waiting_began_wakes_too(self, door: Door) -> None:
        await self.settled(door.feed)
        await door.write(created(1))
        await asyncio.wait_for(door.feed.wait(), 5)

    async def test_wakes_when_nudged(self, door: Door) -> None:
        await self.settled(door.feed)
        waiting = asyncio.create_task(door.feed.wait())
        await asyncio.sleep(0)
        door.feed.nudge()
        await asyncio.wait_for(waiting, 5)
        door.feed.nudge()
        await asyncio.wait_for(door.feed.wait(), 5)

    async def test_waiting_may_be_given_up(self, door: Door) -> None:
        await self.settled(door.feed)
        waiting = asyncio.create_task(door.feed.wait())
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await door.write(created(1))
        await asyncio.wait_for(door.feed.wait(), 5)

    async def settled(self, feed: ChangeFeed) -> None:
        """Waits in vain as often as a feed may that has just begun."""
        while True:
            try:
                async with asyncio.timeout(0.1):
                    await feed.wait()
            except TimeoutError:
                return
