"""Automatic persisted queries that the processes of one gateway share over Redis."""

import logging
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from datasources.redis_client import redis_client
from gateway.operations.automatic import digest_of

PREFIX = "gateway:apq:"
PATIENCE_SECONDS = 0.5
"""For which a request waits for Redis: without it, its client just sends the text again."""
PAUSE_SECONDS = 5.0
"""For which a Redis that failed is left alone."""

logger = logging.getLogger("gateway.operations")


class RedisTexts:
    """See SharedTexts. What another process has put there is taken only if it has the hash that it stands under."""

    def __init__(self, url: str, seconds: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Texts are kept for so many seconds after they were last put. Raises ValueError for a senseless URL."""
        self._redis = redis_client(url, PATIENCE_SECONDS)
        self._seconds = seconds
        self._clock = clock
        self._away_until = float("-inf")

    async def get(self, digest: str) -> str | None:
        if self._clock() < self._away_until:
            return None
        try:
            found = await self._redis.get(PREFIX + digest)
        except (RedisError, OSError) as error:
            self._leave_alone(error)
            return None
        text = found.decode(errors="replace") if isinstance(found, bytes) else None
        return text if text is not None and digest_of(text) == digest else None

    async def put(self, digest: str, text: str) -> None:
        if self._clock() < self._away_until:
            return
        try:
            await self._redis.set(PREFIX + digest, text.encode(errors="surrogatepass"), ex=self._seconds)
        except (RedisError, OSError) as error:
            self._leave_alone(error)

    async def close(self) -> None:
        await self._redis.aclose()

    def _leave_alone(self, error: Exception) -> None:
        logger.warning("Redis keeps no texts of operations for now, each process has its own: %s", error)
        self._away_until = self._clock() + PAUSE_SECONDS
