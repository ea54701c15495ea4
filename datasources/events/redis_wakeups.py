"""Wake-ups over Redis: a process that has written tells all of them, whose readers look for changes at once.

They come beside those of the databases themselves, which some cannot give: PostgreSQL's NOTIFY is lost behind a pooler
that shares connections among transactions. One that is lost only delays, as readers look from time to time anyway.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

from redis.backoff import DecorrelatedJitterBackoff
from redis.exceptions import RedisError

from datasources.changes import ChangeFeed
from datasources.redis_client import redis_client

CHANNEL = "gateway:changes:"
"""What the names of sources follow, in those of channels. What is said there does not matter."""
GATHER_SECONDS = 0.01
"""For which what was written is told together, after something was told."""
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds until a Redis that is away is tried again: more each time, with jitter."""

logger = logging.getLogger("gateway.changes")


class RedisWakeUps:
    """Nudges `feeds`, which are by the names of their sources, when this process or another has written."""

    def __init__(self, url: str, feeds: Mapping[str, ChangeFeed]) -> None:
        """Raises ValueError for a URL with options that make no sense."""
        self.feeds = feeds
        self._channels = {f"{CHANNEL}{source}".encode(): feed for source, feed in feeds.items()}
        self._redis = redis_client(url)
        self._backoff = DecorrelatedJitterBackoff(LONGEST_PAUSE, FIRST_PAUSE)
        self._is_away = False
        self._untold: set[bytes] = set()
        self._news = asyncio.Event()

    def announce(self, source: str) -> None:
        """This process has written to it; that is told by and by."""
        self._tell(f"{CHANNEL}{source}".encode())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Tells and hears until the block ends, whenever Redis is there."""
        tasks = {asyncio.create_task(self._keep_at(work)) for work in (self._hear, self._publish)}
        try:
            yield
        finally:
            while tasks:  # redis-py now and then loses a cancellation
                for task in tasks:
                    task.cancel()
                _, tasks = await asyncio.wait(tasks, timeout=0.1)
            await self._redis.aclose()

    async def _keep_at(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (RedisError, OSError) as error:
                if not self._is_away:
                    logger.warning("Redis wakes nobody, and changes may be told later: %s", error)
                self._is_away = True
            await asyncio.sleep(self._backoff.compute(0))

    async def _hear(self) -> None:
        async with self._redis.pubsub() as messages:
            await messages.subscribe(*self._channels)
            async for message in messages.listen():
                channel = message["channel"]
                if message["type"] == "subscribe":
                    self._tell(channel)  # for nobody may have heard, nor told, what was written before
                else:
                    self._channels[channel].nudge()
                    self._is_away = False  # as both ways work
                    self._backoff.reset()

    async def _publish(self) -> None:
        while True:
            await self._news.wait()
            self._news.clear()
            channels, self._untold = self._untold, set()
            for channel in channels:
                await self._redis.publish(channel, b"")
            await asyncio.sleep(GATHER_SECONDS)

    def _tell(self, channel: bytes) -> None:
        self._untold.add(channel)
        self._news.set()
