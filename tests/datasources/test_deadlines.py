"""Deadlines of calls, which one timer serves."""

import asyncio

import pytest

from datasources.deadlines import Call, Deadlines

pytestmark = pytest.mark.anyio


async def until_cancelled(deadlines: Deadlines) -> bool:
    """Whether the deadline ended the wait; a cancellation by others goes on."""
    call = deadlines.start()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        if call.stop():
            return True
        raise
    return False


async def test_ends_calls_one_after_the_other() -> None:
    deadlines, ended = Deadlines(0.01), []

    async def one(number: int) -> None:
        await until_cancelled(deadlines)
        ended.append(number)

    for round in range(2):
        first = asyncio.create_task(one(3 * round))
        await asyncio.sleep(0.005)
        await asyncio.gather(first, one(3 * round + 1), one(3 * round + 2))
    assert ended == [0, 1, 2, 3, 4, 5]


async def test_leaves_what_has_ended_alone() -> None:
    deadlines = Deadlines(0.005)
    for _ in range(2):
        call = deadlines.start()
        assert not call.stop()
        assert not call.stop()
    assert await until_cancelled(deadlines)
    await asyncio.sleep(0.01)
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_another_cancellation_is_no_deadline() -> None:
    task = asyncio.create_task(until_cancelled(Deadlines(60)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_at_the_deadline_goes_on() -> None:
    deadlines = Deadlines(60)
    calls: list[Call] = []

    async def both() -> None:
        calls.append(deadlines.start())
        try:
            await asyncio.Event().wait()
        finally:
            assert not calls[0].stop()

    task = asyncio.create_task(both())
    await asyncio.sleep(0)
    task.cancel()
    calls[0].expire()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_outer_timeout_stays_one() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.005):
            await until_cancelled(Deadlines(60))


async def test_a_deadline_that_the_answer_just_met_leaves_nothing_behind() -> None:
    call = Deadlines(60).start()
    call.expire()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    assert call.stop()
    async with asyncio.timeout(60):  # which would take a cancellation that is left for its own
        await asyncio.sleep(0)


def test_is_for_tasks() -> None:
    with pytest.raises(RuntimeError):
        Deadlines(1).start()
