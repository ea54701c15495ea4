"""What becomes of requests, sockets and streams when the process is told to stop."""

import asyncio
import json
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from tests.gateway.transport.test_websocket import COMPLETE, Client, connected, next_

pytestmark = pytest.mark.anyio

ORDERS = "{ order(id: 7) { number } }"
ANSWER = {"data": {"order": {"number": "SO-1"}}}
RING = {"query": "subscription { ring { number } }"}


@dataclass
class Process:
    """The server, and when it was told to stop."""

    process: asyncio.subprocess.Process
    url: str
    stopped_at: float = 0.0

    def stop(self) -> None:
        self.stopped_at = time.monotonic()
        self.process.send_signal(signal.SIGTERM)

    async def ended(self) -> float:
        """How long it took."""
        async with asyncio.timeout(10):
            await self.process.wait()
        return time.monotonic() - self.stopped_at


@asynccontextmanager
async def running(drain: float) -> AsyncIterator[Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.gateway.process", str(drain)),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(20):
            line = await process.stdout.readline()
        yield Process(process, line.decode().strip())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@asynccontextmanager
async def listening(client: httpx.AsyncClient, accept: str) -> AsyncIterator[httpx.Response]:
    async with client.stream("POST", "/graphql", json=RING, headers={"accept": accept}) as response:
        yield response


async def under_way(client: Client) -> None:
    """Returns when the server has read what was said before: it answers pings in turn."""
    await client.say({"type": "ping"})
    assert await client.hear() == {"type": "pong"}


async def test_what_is_under_way_finishes_and_subscribers_go_elsewhere() -> None:
    async with (
        running(drain=5) as server,
        httpx.AsyncClient(base_url=server.url) as client,
        connected(server.url.replace("http", "ws") + "/graphql") as socket,
        connected(server.url.replace("http", "ws") + "/graphql") as idle,
        listening(client, "text/event-stream") as events,
        listening(client, "multipart/mixed;subscriptionSpec=1.0") as parts,
    ):
        request = asyncio.create_task(client.post("/graphql", json={"query": ORDERS}))
        await socket.subscribe("subscription { ring { number } }", "subscription")
        await socket.subscribe(ORDERS)
        await under_way(socket)
        token = (await client.put("/graphql")).text
        server.stop()
        assert [await socket.hear(), await socket.hear()] == [next_(ANSWER), COMPLETE]
        closed = 1001, "The gateway is being stopped."
        assert (await socket.closed(), await idle.closed()) == (closed, closed)
        assert await events.aread() == b": \n\n"
        fatal = {"message": closed[1], "extensions": {"code": "SHUTTING_DOWN"}}
        assert json.dumps({"payload": None, "errors": [fatal]}, separators=(",", ":")).encode() in await parts.aread()
        response = await request
        assert (response.status_code, response.json()) == (200, ANSWER)
        with pytest.raises(httpx.ConnectError):
            async with httpx.AsyncClient() as other:
                await other.get(f"{server.url}/health/live")
        assert len(token) == 32
        assert await server.ended() < 3


async def test_what_does_not_finish_is_given_up() -> None:
    async with (
        running(drain=0.2) as server,
        httpx.AsyncClient(base_url=server.url) as client,
        connected(server.url.replace("http", "ws") + "/graphql") as socket,
    ):
        request = asyncio.create_task(client.post("/graphql", json={"query": ORDERS}))
        await socket.subscribe(ORDERS)
        await under_way(socket)
        server.stop()
        assert (await socket.closed())[0] == 1001
        assert (await request).status_code == 500
        assert await server.ended() < 3
