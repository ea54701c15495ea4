"""A source that tells what is written to it."""

import pytest

from datasources.changes import feed_of
from datasources.errors import UniqueViolated
from datasources.events import Announced
from datasources.lookup import Lookup
from datasources.memory import MemorySource
from datasources.write import Insert
from tests.datasources.contract_changes import TAGS

pytestmark = pytest.mark.anyio

INSERT = Insert(TAGS, ("id", "label"), ((1, "a"),))
ALL = Lookup(TAGS, ("id", "label"))


@pytest.fixture
def source() -> MemorySource:
    return MemorySource("shop", {"tags": []}, columns={"tags": {c.name: c.type for c in TAGS.columns}})


async def write(source: Announced) -> None:
    async with source.transaction() as transaction:
        await transaction.write(INSERT)


async def test_tells_of_commits_alone(source: MemorySource) -> None:
    told: list[str] = []
    announced = Announced(source, told.append)
    await announced.open()
    await write(announced)
    assert told == ["shop"]
    with pytest.raises(UniqueViolated):
        await write(announced)
    assert told == ["shop"]
    await announced.close()


async def test_is_the_source_otherwise(source: MemorySource) -> None:
    announced = Announced(source, lambda _: None)
    await announced.open()
    await write(announced)
    assert (await announced.lookup(ALL)).rows == (await source.lookup(ALL)).rows == [(1, "a")]
    assert (announced.name, announced.capabilities) == (source.name, source.capabilities)
    assert feed_of(announced) is source.changes
    await announced.close()
