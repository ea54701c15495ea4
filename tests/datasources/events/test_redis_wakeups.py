"""Wake-ups over a Redis that comes and goes."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from redis.asyncio import Redis

from datasources.events import redis_wakeups
from datasources.events.redis_wakeups import RedisWakeUps
from datasources.memory_changes import MemoryChanges
from tests.support.redis import RedisServer, running_redis

pytestmark = pytest.mark.anyio

OUTAGE = "Redis wakes nobody, and changes may be told later"


class Feed(MemoryChanges):
    """Counts its nudges."""

    def __init__(self) -> None:
        super().__init__("shop")
        self.nudges = 0

    def nudge(self) -> None:
        super().nudge()
        self.nudges += 1


class Process:
    """What one process has of them."""

    def __init__(self, url: str, *sources: str) -> None:
        self.feeds = {source: Feed() for source in sources or ("shop",)}
        self.wakeups = RedisWakeUps(url, self.feeds)

    def announce(self, source: str = "shop") -> None:
        self.wakeups.announce(source)

    async def woken(self, source: str = "shop") -> None:
        await asyncio.wait_for(self.feeds[source].wait(), 10)


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@pytest.fixture
def redis(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> RedisServer:
    """Running, whatever the test before did to it; it is tried again soon."""
    monkeypatch.setattr(redis_wakeups, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(redis_wakeups, "LONGEST_PAUSE", 0.05)
    if not server.is_running:
        server.start()
    return server


@asynccontextmanager
async def processes(url: str, *sources: str, count: int = 2) -> AsyncIterator[list[Process]]:
    """Running, but perhaps not connected yet."""
    async with AsyncExitStack() as stack:
        made = [Process(url, *sources) for _ in range(count)]
        for process in made:
            await stack.enter_async_context(process.wakeups.running())
        yield made


@asynccontextmanager
async def connected(url: str, *sources: str, count: int = 2) -> AsyncIterator[list[Process]]:
    """The same after each has told that it is there, and has heard that of all."""
    async with processes(url, *sources, count=count) as made:
        await settled(*made)
        yield made


async def settled(*made: Process) -> None:
    """Each hears what it says itself, and then nobody says anything for a while."""
    feeds = [feed for process in made for feed in process.feeds.values()]
    async with asyncio.timeout(10):
        seen = [0]
        while 0 in seen or seen != [feed.nudges for feed in feeds]:
            seen = [feed.nudges for feed in feeds]
            await asyncio.sleep(0.1)
    for feed in feeds:
        feed.nudges = 0
        feed.nudge()  # what `wait` has not seen of those
        await feed.wait()
        feed.nudges = 0


def counts(*made: Process) -> list[dict[str, int]]:
    return [{source: feed.nudges for source, feed in process.feeds.items()} for process in made]


async def test_what_one_writes_wakes_all(redis: RedisServer) -> None:
    async with connected(redis.url, "crm", "erp", count=3) as [one, two, three]:
        one.announce("erp")
        for process in (one, two, three):
            await process.woken("erp")
        assert counts(one, two, three) == [{"crm": 0, "erp": 1}] * 3
        two.announce("crm")
        for process in (one, two, three):
            await process.woken("crm")
        assert counts(one, two, three) == [{"crm": 1, "erp": 1}] * 3


async def test_many_writes_are_told_together(redis: RedisServer) -> None:
    async with connected(redis.url) as [one, two]:
        for _ in range(20):
            for _ in range(50):
                one.announce()
            await asyncio.sleep(0)
        await two.woken()
        await asyncio.sleep(0.1)
        assert 1 <= two.feeds["shop"].nudges <= 3


async def test_what_is_said_there_does_not_matter(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(redis.url) as [one, two], Redis.from_url(redis.url) as client:
        for garbage in (b"\xff\x00\r\n*3\r\n$7\r\nmessage", b"", b"x" * 1_000_000, b'{"source": 1}'):
            assert await client.publish("gateway:changes:shop", garbage) == 2
            await one.woken()
            await two.woken()
        assert await client.publish("gateway:changes:other", b"") == 0
        two.announce()
        await one.woken()
    assert caplog.messages == []


async def test_redis_that_dies_is_waited_for(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(redis.url) as [one, two]:
        for _ in range(2):
            caplog.clear()
            redis.stop()
            one.announce()
            await asyncio.sleep(0.3)
            one.announce()
            assert [message.partition(":")[0] for message in caplog.messages] == [OUTAGE] * 2  # of each process
            assert counts(one, two) == [{"shop": 0}] * 2
            redis.start()
            await two.woken()  # by what was written while it was away
            await settled(one, two)
            two.announce()
            await one.woken()
            await settled(one, two)
            assert len(caplog.messages) == 2


async def test_redis_that_is_not_there_yet(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    redis.stop()
    async with processes(redis.url, count=1) as [one]:
        one.announce()
        await asyncio.sleep(0.2)
        assert len(caplog.messages) == 1
        redis.start()
        await one.woken()
        await settled(one)
        one.announce()
        await one.woken()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


async def test_redis_that_lets_nobody_publish_is_told_once(
    redis: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    async with Redis.from_url(redis.url) as client:
        await client.acl_setuser("deaf", enabled=True, passwords="+secret", channels="*", commands=["+subscribe"])
    async with processes(redis.url.replace("//", "//deaf:secret@"), count=1) as [one]:
        for _ in range(30):
            one.announce()
            await asyncio.sleep(0.01)
    [message] = caplog.messages
    assert message.startswith(f"{OUTAGE}: this user has no permissions to run the 'publish' command")


async def test_what_is_no_redis_is_told_once(redis: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with processes(f"redis://127.0.0.1:{port}", count=1) as [one]:
            one.announce()
            await asyncio.sleep(0.3)
    assert len(caplog.messages) == 1


async def test_ends_while_redis_is_silent(redis: RedisServer) -> None:
    """One that takes connections and answers nothing neither delays who writes nor the end."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with asyncio.timeout(2), processes(f"redis://127.0.0.1:{port}", count=1) as [one]:
            one.announce()
            await asyncio.sleep(0.05)


async def test_ends_whatever_redis_is_about(redis: RedisServer) -> None:
    """Clients have lost cancellations that came while they connected, or were refused something."""
    async with Redis.from_url(redis.url) as client:
        await client.acl_setuser("mute", enabled=True, passwords="+secret", channels="*", commands=["+subscribe"])
    for number in range(40):
        user = "mute:secret@" if number % 2 else ""
        async with asyncio.timeout(5), processes(redis.url.replace("//", f"//{user}"), count=1) as [one]:
            for _ in range(number // 2):
                one.announce()
                await asyncio.sleep(0.001)


@pytest.mark.parametrize("options", ["tea=hot", "protocol=9", "socket_timeout=soon"])
async def test_options_that_make_no_sense(options: str) -> None:
    with pytest.raises(ValueError, match=r"^has options that Redis clients do not know$"):
        RedisWakeUps(f"redis://127.0.0.1?{options}", {})
