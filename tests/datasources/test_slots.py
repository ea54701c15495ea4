"""Slots, which are taken in the order of asking."""

import asyncio

import pytest

from datasources.slots import Slots

pytestmark = pytest.mark.anyio


async def test_are_taken_in_the_order_of_asking() -> None:
    slots, order = Slots(1), []

    async def one(number: int) -> None:
        await slots.wait()
        order.append(number)
        await asyncio.sleep(0)
        slots.give_back()

    assert slots.take()
    assert not slots.take()
    waiting = [asyncio.create_task(one(number)) for number in range(3)]
    await asyncio.sleep(0)
    slots.give_back()
    assert not slots.take()  # it is the first waiter's already
    await asyncio.gather(*waiting)
    assert order == [0, 1, 2]
    assert slots.take()


async def test_a_waiter_who_gives_up_leaves_its_slot_to_others() -> None:
    slots = Slots(1)
    assert slots.take()
    gone, next_one = asyncio.create_task(slots.wait()), asyncio.create_task(slots.wait())
    await asyncio.sleep(0)
    slots.give_back()
    gone.cancel()  # when it was its turn already
    with pytest.raises(asyncio.CancelledError):
        await gone
    await next_one
    last = asyncio.create_task(slots.wait())
    await asyncio.sleep(0)
    last.cancel()  # while it waited
    with pytest.raises(asyncio.CancelledError):
        await last
    slots.give_back()
    assert slots.take()
    assert not slots.take()
