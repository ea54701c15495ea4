"""The hub: one reader for all who follow, without gap or duplicate."""

import asyncio
import random
from collections.abc import Mapping, Sequence

import pytest

from datasources.changes import Change
from datasources.errors import CursorExpired, SourceUnavailable, UnknownCursor
from datasources.events import Batch, Follower, Hub, hub
from datasources.lookup import Collection
from datasources.memory_changes import MemoryChanges
from tests.datasources.contract_changes import COLLECTIONS, created, keys, tag
from tests.datasources.test_memory_changes import MemoryDoor

pytestmark = pytest.mark.anyio


class Counting(MemoryChanges):
    """Counts its reads; fails while `error` is set."""

    def __init__(self) -> None:
        super().__init__("shop")
        self.reads: list[str] = []
        self.error: Exception | None = None
        self.failures = 0

    async def head(self) -> str:
        self._fail()
        return await super().head()

    async def read(
        self, after: str, limit: int, collections: Mapping[str, Collection], until: str | None = None
    ) -> tuple[Sequence[Change], str]:
        self._fail()
        self.reads.append(after)
        await asyncio.sleep(0)  # as others do, so that something may happen in the meantime
        return await super().read(after, limit, collections, until)

    async def wait(self) -> None:
        self._fail()
        await super().wait()

    def _fail(self) -> None:
        if self.error is not None:
            self.failures += 1
            raise self.error


@pytest.fixture
def feed() -> Counting:
    return Counting()


@pytest.fixture
def door(feed: Counting) -> MemoryDoor:
    return MemoryDoor(feed)


def hub_of(feed: MemoryChanges, window: int = 10_000) -> Hub:
    return Hub(feed, COLLECTIONS.values(), window=window)


async def taken(follower: Follower, count: int) -> list[Change]:
    """The next changes, exactly so many."""
    found: list[Change] = []
    async with asyncio.timeout(10):
        while len(found) < count:
            found += (await follower.take()).changes
    assert len(found) == count
    return found


async def test_tells_what_is_new_from_now_on(feed: Counting, door: MemoryDoor) -> None:
    await door.write(created(1))
    follower = await hub_of(feed).follow()
    await door.write(created(2), created(3))
    assert keys(await taken(follower, 2)) == [2, 3]
    await door.write(created(4))
    assert keys(await taken(follower, 1)) == [4]
    follower.close()


async def test_a_follower_of_a_running_hub_begins_with_what_is_new_then(feed: Counting, door: MemoryDoor) -> None:
    shared = hub_of(feed)
    early = await shared.follow()
    await door.write(created(1))
    late = await shared.follow()
    await door.write(created(2))
    assert (keys(await taken(early, 2)), keys(await taken(late, 1))) == ([1, 2], [2])
    early.close()
    late.close()


async def test_what_is_skimmed_wakes_nobody(feed: Counting, door: MemoryDoor) -> None:
    seen: asyncio.Queue[Sequence[object]] = asyncio.Queue()

    def skim(batch: Batch) -> bool:
        seen.put_nowait(keys(batch.changes))
        return keys(batch.changes) in ([1], [2])

    follower = await hub_of(feed).follow(skim=skim)
    waiting = asyncio.create_task(follower.take())
    await asyncio.sleep(0)
    for number in (1, 2, 3):
        await door.write(created(number))
        assert await asyncio.wait_for(seen.get(), 10) == [number]
    assert keys((await waiting).changes) == [3]
    await door.write(created(4))
    assert keys(await taken(follower, 1)) == [4]
    follower.close()


async def test_many_followers_are_one_reader(feed: Counting, door: MemoryDoor) -> None:
    shared = hub_of(feed)
    followers = [await shared.follow() for _ in range(50)]
    feed.reads.clear()
    for number in range(3):
        waiting = [asyncio.create_task(follower.take()) for follower in followers]
        await asyncio.sleep(0)
        await door.write(created(number))
        batches = await asyncio.gather(*waiting)
        assert all(keys(batch.changes) == [number] and batch.end == number + 1 for batch in batches)
        assert all(batch.changes[0] is batches[0].changes[0] for batch in batches)
    assert len(feed.reads) == 3
    for follower in followers:
        follower.close()


async def test_what_the_hub_keeps_is_not_read_again(feed: Counting, door: MemoryDoor) -> None:
    shared = hub_of(feed)
    first = await shared.follow()
    await door.write(*[created(number) for number in range(10)])
    changes = await taken(first, 10)
    feed.reads.clear()
    for change in changes:
        follower = await shared.follow(change.cursor)
        batch = await follower.take()
        assert (keys(batch.changes), batch.end) == (list(range(change.key + 1, 10)), 10)
        follower.close()
    assert feed.reads == []
    first.close()


async def test_an_older_cursor_reads_the_outbox_and_joins(feed: Counting, door: MemoryDoor) -> None:
    head = await feed.head()
    await door.write(*[created(number) for number in range(2500)])
    shared = hub_of(feed)
    follower = await shared.follow(head)
    batches = [await follower.take() for _ in range(3)]
    assert [(len(batch.changes), batch.end) for batch in batches] == [(1000, None), (1000, None), (500, 0)]
    await door.write(created(2500))
    live = await follower.take()
    assert (keys(live.changes), live.end) == ([2500], 1)
    follower.close()


async def test_the_batch_that_catches_up_may_be_empty(feed: Counting, door: MemoryDoor) -> None:
    await door.write(created(1))
    head = await feed.head()
    follower = await hub_of(feed).follow(head)
    assert await follower.take() == Batch([], head, 0, in_order=False)
    follower.close()


async def test_a_cursor_ahead_of_the_hub_waits_for_it(feed: Counting, door: MemoryDoor) -> None:
    """Another process has read further."""
    shared = hub_of(feed)
    first = await shared.follow()
    feed.error = SourceUnavailable("shop", "is away")
    await door.write(created(1))
    head = await MemoryChanges.head(feed)
    feed.error = None
    follower = await shared.follow(head)
    assert (await follower.take()).changes == []
    await door.write(created(2))
    assert keys(await taken(follower, 1)) == [2]
    assert keys(await taken(first, 2)) == [1, 2]
    first.close()
    follower.close()


async def test_a_slow_follower_reads_what_the_hub_has_dropped(feed: Counting, door: MemoryDoor) -> None:
    shared = hub_of(feed, window=10)
    slow, fast = await shared.follow(), await shared.follow()
    for number in range(100):
        await door.write(created(number))
        assert keys(await taken(fast, 1)) == [number]
    assert shared.window.end - shared.window.start <= 20
    assert keys(await taken(slow, 100)) == list(range(100))
    slow.close()
    fast.close()


@pytest.mark.parametrize("seed", range(20))
async def test_no_gap_and_no_duplicate_wherever_one_switches(seed: int) -> None:
    feed, dice = Counting(), random.Random(seed)  # noqa: S311
    door, shared, total = MemoryDoor(feed), hub_of(feed, window=dice.choice([1, 5, 50])), 300
    start = await feed.head()

    async def write() -> None:
        for number in range(total):
            await door.write(tag(number) if dice.random() < 0.2 else created(number))
            if dice.random() < 0.5:
                await asyncio.sleep(0)

    async def follow() -> list[int]:
        """Leaves at any time, and comes back with the cursor of any change that it has seen."""
        cursor, seen = start, list[int]()
        while len(seen) < total:
            follower = await shared.follow(cursor)
            for _ in range(dice.randrange(1, 5)):
                if len(seen) == total:
                    break
                batch = await follower.take()
                kept = batch.changes[: dice.randrange(len(batch.changes) + 1)] if dice.random() < 0.3 else batch.changes
                seen += keys(kept)
                if len(kept) < len(batch.changes):
                    cursor = kept[-1].cursor if kept else cursor
                    break
                cursor = batch.cursor
            follower.close()
        return seen

    async with asyncio.timeout(20):
        _, *seen = await asyncio.gather(write(), *[follow() for _ in range(8)])
    assert all(each == list(range(total)) for each in seen)


async def test_reads_only_while_somebody_follows(feed: Counting, door: MemoryDoor) -> None:
    shared = hub_of(feed)
    for _ in range(2):
        follower = await shared.follow()
        follower.close()
        await asyncio.sleep(0.01)
        feed.reads.clear()
        await door.write(created(1))
        await asyncio.sleep(0.01)
        assert feed.reads == []


async def test_a_source_that_is_away_is_waited_for(
    feed: Counting, door: MemoryDoor, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub, "FIRST_PAUSE", 0.02)
    follower = await hub_of(feed).follow()
    await door.write(created(1))
    assert keys(await taken(follower, 1)) == [1]
    feed.error = SourceUnavailable("shop", "is away")
    await door.write(created(2))
    await asyncio.sleep(0.3)
    assert 1 <= feed.failures <= 5
    feed.error = None
    await door.write(created(3))
    assert keys(await taken(follower, 2)) == [2, 3]
    assert [record.message for record in caplog.records] == [
        "datasource 'shop' is away; its changes wait until it is back"
    ]
    follower.close()


async def test_nobody_begins_to_follow_a_source_that_is_away(feed: Counting, door: MemoryDoor) -> None:
    shared = hub_of(feed)
    head = await feed.head()
    feed.error = SourceUnavailable("shop", "is away")
    with pytest.raises(SourceUnavailable):
        await shared.follow()
    follower = await shared.follow(head)
    with pytest.raises(SourceUnavailable):
        await follower.take()
    feed.error = None
    follower = await shared.follow(head)
    await door.write(created(1))
    assert keys(await taken(follower, 1)) == [1]
    follower.close()


@pytest.mark.parametrize(
    ("cursor", "error"), [pytest.param("nonsense", UnknownCursor, id="none"), pytest.param("", CursorExpired, id="old")]
)
async def test_a_cursor_that_is_no_good_fails_its_follower_alone(
    feed: Counting, door: MemoryDoor, cursor: str, error: type[Exception]
) -> None:
    shared, old = hub_of(feed), await feed.head()
    await door.write(created(1))
    await door.prune(0)
    good = await shared.follow()
    bad = await shared.follow(cursor or old)
    with pytest.raises(error):
        await bad.take()
    bad.close()
    await door.write(created(2))
    assert keys(await taken(good, 1)) == [2]
    good.close()


async def test_when_the_hub_falls_behind_what_is_kept_its_followers_begin_anew(
    feed: Counting, door: MemoryDoor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "FIRST_PAUSE", 0.01)
    shared = hub_of(feed)
    follower = await shared.follow()
    feed.error = SourceUnavailable("shop", "is away")
    await door.write(created(1))
    await door.prune(0)
    await asyncio.sleep(0.02)
    feed.error = None
    with pytest.raises(CursorExpired):
        await follower.take()
    again = await shared.follow()
    await door.write(created(2))
    assert keys(await taken(again, 1)) == [2]
    again.close()


async def test_a_broken_feed_fails_its_followers_and_is_logged(
    feed: Counting, door: MemoryDoor, caplog: pytest.LogCaptureFixture
) -> None:
    follower = await hub_of(feed).follow()
    feed.error = ZeroDivisionError("a bug")
    await door.write(created(1))
    with pytest.raises(ZeroDivisionError):
        await follower.take()
    assert [record.message for record in caplog.records] == ["ZeroDivisionError('a bug')"]


async def test_closing_ends_the_reading(feed: Counting) -> None:
    shared = hub_of(feed)
    await shared.follow()
    before = len(asyncio.all_tasks())
    await shared.close()
    await shared.close()
    assert len(asyncio.all_tasks()) == before - 1
