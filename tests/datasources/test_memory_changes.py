"""The change feed of rows in memory."""

import pytest

from datasources.memory_changes import MemoryChanges
from tests.datasources.contract_changes import COLLECTIONS, ChangeFeedContract, Door, Write, created, everything, keys

pytestmark = pytest.mark.anyio


class MemoryDoor:
    def __init__(self, feed: MemoryChanges) -> None:
        self.feed = feed

    async def write(self, *writes: Write) -> None:
        for write in writes:
            self.feed.record(write.collection, write.before, write.after)

    async def prune(self, keep: int) -> None:
        self.feed.prune(keep)


class TestContract(ChangeFeedContract):
    @pytest.fixture
    async def door(self) -> Door:
        return MemoryDoor(MemoryChanges("shop"))


async def test_keeps_a_number_of_changes() -> None:
    feed = MemoryChanges("shop", keep=3)
    head = await feed.head()
    door = MemoryDoor(feed)
    await door.write(created(1), created(2), created(3))
    changes = await everything(feed, head)
    await door.write(created(4), created(5))
    assert keys(await everything(feed, changes[1].cursor)) == [3, 4, 5]
    with pytest.raises(Exception, match=r"^The changes of 'shop' behind this cursor are no longer kept"):
        await feed.read(changes[0].cursor, 10, COLLECTIONS)
