"""What a mailbox keeps, and how it ends."""

import asyncio

import pytest

from gateway.errors import RequestError, SubscriberTooSlow
from gateway.subscriptions.stream import Event, Mailbox

pytestmark = pytest.mark.anyio

FIRST, SECOND, THIRD = (Event(str(number).encode()) for number in (1, 2, 3))


async def test_what_is_put_is_taken_at_once() -> None:
    mailbox = Mailbox(10)
    mailbox.put(FIRST)
    mailbox.put(SECOND)
    assert list(await mailbox.take()) == [FIRST, SECOND]
    mailbox.put(THIRD)
    assert list(await mailbox.take()) == [THIRD]


async def test_who_takes_waits_for_the_first() -> None:
    mailbox = Mailbox(10)
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put(FIRST)
    mailbox.put(SECOND)
    assert list(await taking) == [FIRST, SECOND]


async def test_is_handed_over_only_while_somebody_waits() -> None:
    handed: list[Event] = []
    is_ready = True

    def hand(event: Event) -> bool:
        if is_ready:
            handed.append(event)
        return is_ready

    mailbox = Mailbox(10)
    mailbox.hand_over(hand)
    mailbox.put(FIRST)
    assert (handed, list(await mailbox.take())) == ([], [FIRST])
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    mailbox.put(FIRST)
    assert handed == [FIRST]
    is_ready = False
    mailbox.put(SECOND)
    is_ready = True
    mailbox.put(THIRD)
    assert (handed, list(await taking)) == ([FIRST], [SECOND, THIRD])


async def test_nothing_is_handed_over_once_the_taker_is_cancelled() -> None:
    mailbox = Mailbox(10)
    mailbox.hand_over(lambda event: True)
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    taking.cancel()
    mailbox.put(FIRST)
    await asyncio.gather(taking, return_exceptions=True)
    assert list(await mailbox.take()) == [FIRST]


async def test_ends_behind_what_is_kept() -> None:
    mailbox = Mailbox(10)
    mailbox.put(FIRST)
    mailbox.end()
    mailbox.put(SECOND)
    assert [list(await mailbox.take()) for _ in range(3)] == [[FIRST], [], []]


@pytest.mark.parametrize("is_waiting", [False, True], ids=["later", "while-somebody-waits"])
async def test_fails_behind_what_is_kept(*, is_waiting: bool) -> None:
    mailbox, error = Mailbox(10), RequestError("no more")
    if is_waiting:
        taking = asyncio.create_task(mailbox.take())
        await asyncio.sleep(0)
        mailbox.end(error)
    else:
        mailbox.put(FIRST)
        mailbox.end(error)
        assert list(await mailbox.take()) == [FIRST]
        taking = asyncio.create_task(mailbox.take())
    with pytest.raises(RequestError) as caught:
        await taking
    assert caught.value is error


async def test_one_too_many_ends_it_behind_what_is_kept() -> None:
    closed: list[None] = []
    mailbox = Mailbox(2, lambda: closed.append(None))
    for event in (FIRST, SECOND, THIRD, FIRST):
        mailbox.put(event)
    assert closed == [None]
    assert list(await mailbox.take()) == [FIRST, SECOND]
    with pytest.raises(SubscriberTooSlow, match="More than 2 events waited to be taken"):
        await mailbox.take()
    await mailbox.close()
    assert closed == [None]


async def test_a_taker_that_is_cancelled_leaves_what_comes() -> None:
    mailbox = Mailbox(10)
    taking = asyncio.create_task(mailbox.take())
    await asyncio.sleep(0)
    taking.cancel()
    mailbox.put(FIRST)
    await asyncio.gather(taking, return_exceptions=True)
    assert list(await mailbox.take()) == [FIRST]
