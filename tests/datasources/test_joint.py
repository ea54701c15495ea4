"""Lookups that differ in their keys alone, and are asked together."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from datasources.errors import SourceMisbehaved, SourceRefused, SourceUnavailable
from datasources.joint import FEW, MOST, Joint
from datasources.lookup import Collection, Column, ColumnType, Lookup, Rows

pytestmark = pytest.mark.anyio

PEOPLE = Collection(
    "people",
    "id",
    (Column("id", ColumnType.BIGINT), Column("name", ColumnType.STRING), Column("tags", ColumnType.JSON)),
)
BY_ID = Lookup(PEOPLE, ("name",), key="id", count=True)


class Source:
    """Answers when it is allowed to: key 0 is refused, negative ones are nobody's."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []
        self.gate = asyncio.Event()
        self.failure: Exception | None = None
        self.began: list[float] = []
        """When those lookups began that are asked for anew."""

    async def again(self, lookup: Lookup, began: float) -> Rows:
        self.began.append(began)
        return await self.lookup(lookup)

    async def lookup(self, lookup: Lookup) -> Rows:
        self.asked.append(lookup.keys)
        await self.gate.wait()
        if self.failure is not None:
            raise self.failure
        if 0 in lookup.keys:
            raise SourceRefused("people", "cannot compare with 0")
        there = [key for key in dict.fromkeys(lookup.keys) if key > 0]
        return Rows(lookup.columns, [(key, f"number {key}") for key in there], dict.fromkeys(there, 1))


def expected(keys: Sequence[int]) -> Rows:
    there = [key for key in dict.fromkeys(keys) if key > 0]
    return Rows(("name",), [(key, f"number {key}") for key in there], dict.fromkeys(there, 1))


@pytest.fixture
async def source() -> Source:
    return Source()


@pytest.fixture
async def joint(source: Source) -> Joint:
    return Joint(source.lookup, source.again)


async def asked(joint: Joint, source: Source, lookups: Sequence[Lookup]) -> list[Rows | BaseException]:
    """What those find that come while another lookup is under way."""
    busy = asyncio.create_task(joint.lookup(replace(BY_ID, limit=9).of((99,))))
    await asyncio.sleep(0)
    tasks = [asyncio.create_task(joint.lookup(lookup)) for lookup in lookups]
    for _ in range(3):
        await asyncio.sleep(0)
    source.gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    await asyncio.gather(busy, return_exceptions=True)
    assert source.asked.pop(0) == (99,)
    return found


async def test_those_of_one_moment_are_one(joint: Joint, source: Source) -> None:
    keys = [(1,), (2, 1), (3,), (-1,), (4, 4, 2)]
    assert await asked(joint, source, [BY_ID.of(each) for each in keys]) == list(map(expected, keys))
    assert source.asked == [(1, 2, 3, -1, 4)]


async def test_nothing_is_waited_for_when_nothing_else_goes_on(joint: Joint, source: Source) -> None:
    source.gate.set()
    waiting = joint.lookup(BY_ID.of((1,)))
    with pytest.raises(StopIteration) as done:
        waiting.send(None)
    assert done.value.value == expected((1,))


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(replace(BY_ID, count=False).of((2,)), id="another-origin"),
        pytest.param(replace(BY_ID, keys=(2,)), id="no-origin"),
        pytest.param(BY_ID.of(tuple(range(2, 3 + FEW))), id="many-keys"),
        pytest.param(replace(BY_ID, columns=("tags",)).of((2,)), id="values-that-could-be-changed"),
    ],
)
async def test_others_are_asked_apart(joint: Joint, source: Source, others: Lookup) -> None:
    await asked(joint, source, [BY_ID.of((1,)), others])
    assert sorted(source.asked) == [(1,), others.keys]


async def test_so_many_are_asked_at_once(joint: Joint, source: Source) -> None:
    keys = [tuple(range(1 + FEW * number, 1 + FEW * (number + 1))) for number in range(2 * MOST // FEW)]
    assert await asked(joint, source, [BY_ID.of(each) for each in keys]) == list(map(expected, keys))
    assert [len(each) for each in source.asked] == [MOST, MOST]


async def test_what_one_asks_does_not_fail_others(joint: Joint, source: Source) -> None:
    first, refused, last = await asked(joint, source, [BY_ID.of((1,)), BY_ID.of((0,)), BY_ID.of((2,))])
    assert (first, last) == (expected((1,)), expected((2,)))
    assert isinstance(refused, SourceRefused)
    assert sorted(source.asked) == [(0,), (1,), (1, 0, 2), (2,)]


async def test_a_source_that_is_away_is_so_for_all(joint: Joint, source: Source) -> None:
    source.failure = SourceUnavailable("people", "is away")
    assert await asked(joint, source, [BY_ID.of((1,)), BY_ID.of((2,))]) == [source.failure] * 2
    assert source.asked == [(1, 2)]


async def test_whoever_gives_up_does_not_take_others_along(joint: Joint, source: Source) -> None:
    busy = asyncio.create_task(joint.lookup(replace(BY_ID, limit=9).of((99,))))
    await asyncio.sleep(0)
    leader, follower, last = (asyncio.create_task(joint.lookup(BY_ID.of((key,)))) for key in (1, 2, 3))
    for _ in range(3):
        await asyncio.sleep(0)
    follower.cancel()
    leader.cancel()
    cancelled_at = asyncio.get_running_loop().time()
    source.gate.set()
    found = await asyncio.gather(leader, follower, last, busy, return_exceptions=True)
    assert [type(each) for each in found[:2]] == [asyncio.CancelledError] * 2
    assert found[2] == expected((3,))
    assert source.asked == [(99,), (1, 2, 3), (3,)]
    (began,) = source.began
    assert began < cancelled_at


async def test_a_leader_that_gives_up_early_leaves_nothing_behind(joint: Joint, source: Source) -> None:
    busy = asyncio.create_task(joint.lookup(replace(BY_ID, limit=9).of((99,))))
    await asyncio.sleep(0)
    leader, follower = (asyncio.create_task(joint.lookup(BY_ID.of((key,)))) for key in (1, 2))
    await asyncio.sleep(0)
    leader.cancel()
    source.gate.set()
    assert (await asyncio.gather(leader, follower, busy, return_exceptions=True))[1] == expected((2,))
    assert await joint.lookup(BY_ID.of((5,))) == expected((5,))


async def test_answers_that_make_no_sense_are_asked_for_again(joint: Joint, source: Source) -> None:
    source.failure = SourceMisbehaved("people", "holds nonsense")
    assert await asked(joint, source, [BY_ID.of((1,)), BY_ID.of((2,))]) == [source.failure] * 2
    assert sorted(source.asked) == [(1,), (1, 2), (2,)]


async def test_rows_that_are_none_leave_nobody_waiting(source: Source) -> None:
    async def shapeless(lookup: Lookup) -> Rows:
        return Rows((await source.lookup(lookup)).columns, [()])

    joint = Joint(shapeless, source.again)
    leader, follower = await asked(joint, source, [BY_ID.of((1,)), BY_ID.of((2,))])
    assert isinstance(leader, IndexError)
    assert follower == expected((2,))
