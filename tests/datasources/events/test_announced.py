"""A source that tells what is written to it."""

from collections.abc import AsyncIterator, Awaitable, Callable

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
NONE = Insert(TAGS, ("id",), ())
ALL = Lookup(TAGS, ("id", "label"))


@pytest.fixture
async def source() -> AsyncIterator[MemorySource]:
    source = MemorySource("shop", {"tags": []}, columns={"tags": {c.name: c.type for c in TAGS.columns}})
    await source.open()
    yield source
    await source.close()


async def in_a_transaction(source: Announced) -> None:
    async with source.transaction() as transaction:
        await transaction.write(INSERT)


async def alone(source: Announced) -> None:
    await source.write(INSERT)


async def with_others(source: Announced) -> None:
    await source.insert_with(INSERT, "label", NONE)


@pytest.mark.parametrize("write", [in_a_transaction, alone, with_others])
async def test_tells_of_commits_alone(source: MemorySource, write: Callable[[Announced], Awaitable[None]]) -> None:
    told: list[str] = []
    announced = Announced(source, told.append)
    await write(announced)
    assert told == ["shop"]
    with pytest.raises(UniqueViolated):
        await write(announced)
    assert told == ["shop"]


async def test_is_the_source_otherwise(source: MemorySource) -> None:
    announced = Announced(source, lambda _: None)
    await alone(announced)
    assert (await announced.lookup(ALL)).rows == (await source.lookup(ALL)).rows == [(1, "a")]
    assert (announced.name, announced.capabilities) == (source.name, source.capabilities)
    assert feed_of(announced) is source.changes
    assert await announced.recorded("key") is None
