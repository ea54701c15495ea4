"""Frames that the server writes itself: whole, in order with those that wait, and none to a client that has gone."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.types import Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from gateway.transport.frames import SEND_NOW
from tests.gateway.live import live_settings
from tests.support.server import serve

pytestmark = pytest.mark.anyio

Speak = Callable[[Callable[[str], bool], Callable[[str], Awaitable[None]], Receive], Awaitable[None]]


@asynccontextmanager
async def speaking(speak: Speak) -> AsyncIterator[ClientConnection]:
    """The client of an application that says something."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})

        async def say(text: str) -> None:
            await send({"type": "websocket.send", "text": text})

        await speak(scope["extensions"][SEND_NOW]["send"], say, receive)

    async with (
        serve(app, live_settings()) as url,
        connect(url.replace("http", "ws"), compression=None, max_size=None, proxy=None) as client,
    ):
        yield client


@pytest.mark.parametrize("length", [0, 125, 126, 2**16 - 1, 2**16, 2**20])
async def test_texts_of_any_length(length: int) -> None:
    text = "ü" * (length // 2) + "u" * (length % 2)

    async def speak(now: Callable[[str], bool], say: Callable[[str], Awaitable[None]], _: Receive) -> None:
        await say(text)

    async with asyncio.timeout(10), speaking(speak) as client:
        assert await client.recv(decode=True) == text


async def test_a_client_that_does_not_read_is_waited_for() -> None:
    refused = 0

    async def speak(now: Callable[[str], bool], say: Callable[[str], Awaitable[None]], receive: Receive) -> None:
        nonlocal refused
        for number in range(500):
            text = f"{number} ".ljust(50_000)
            if not now(text):
                refused += 1
                await say(text)
        await receive()

    async with asyncio.timeout(20), speaking(speak) as client:
        await asyncio.sleep(0.2)
        heard = [await client.recv(decode=True) for _ in range(500)]
    assert [text.split()[0] for text in heard] == [str(number) for number in range(500)]
    assert refused > 0


async def test_nothing_is_sent_to_a_client_that_has_gone() -> None:
    sent: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    async def speak(now: Callable[[str], bool], say: Callable[[str], Awaitable[None]], receive: Receive) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sent.set_result(now("late"))

    async with asyncio.timeout(10), speaking(speak) as client:
        await client.close()
        assert await sent is False
