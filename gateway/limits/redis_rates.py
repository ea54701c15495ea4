"""Buckets in Redis, which all processes of a gateway share. While it is away, each process counts for itself."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

import orjson
from redis.asyncio import Redis
from redis.exceptions import RedisError

from gateway.limits.gcra import Bucket, LocalStore, Taken

PREFIX = "gateway:rate:"
TIMEOUT = 0.25
"""Seconds that Redis may take to answer."""
PAUSE = 1.0
"""Seconds for which a Redis that is away is not asked again."""

TAKE = """
local time = redis.call('TIME')
local now = tonumber(time[1]) + tonumber(time[2]) / 1000000
local units = tonumber(ARGV[1])
local before, after, wait = {}, {}, 0
for i, key in ipairs(KEYS) do
    local rate, burst = tonumber(ARGV[2 * i]), tonumber(ARGV[2 * i + 1])
    before[i] = math.max(tonumber(redis.call('GET', key) or now) - now, 0)
    after[i] = before[i] + units / rate
    if units > 0 then
        wait = math.max(wait, math.min(before[i], after[i] - burst))
    end
end
local told = {tostring(wait)}
for i, key in ipairs(KEYS) do
    if wait > 0 then
        told[i + 1] = tostring(before[i])
    elseif after[i] > 0 then
        redis.call('SET', key, string.format('%.6f', now + after[i]), 'PX', math.ceil(after[i] * 1000))
        told[i + 1] = tostring(after[i])
    else
        redis.call('DEL', key)
        told[i + 1] = '0'
    end
end
return told
"""
"""Takes units of all buckets, or of none; negative ones are given back."""

logger = logging.getLogger("gateway.limits")


class RedisStore:
    """See Store."""

    def __init__(self, url: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Raises ValueError for a URL with options that make no sense."""
        try:
            self._redis = Redis.from_url(url, protocol=2, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT)
            self._redis.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # it reads the options
        except (RedisError, TypeError, ValueError) as error:
            raise ValueError("has options that Redis clients do not know") from error
        self._script = self._redis.register_script(TAKE)
        self._local = LocalStore(clock)
        self._clock = clock
        self._away_until = float("-inf")
        self._returns: set[asyncio.Task[object]] = set()

    async def take(self, buckets: Sequence[Bucket], units: int) -> Taken:
        """See Store."""
        if self._clock() >= self._away_until:
            try:
                wait, *full_in = await self._run(buckets, units)
                return Taken(full_in, wait)
            except (RedisError, OSError) as error:
                self._away_until = self._clock() + PAUSE
                logger.warning("Redis counts nothing, and each process for itself: %s", error)
        return self._local.take_now(buckets, units)

    def give_back(self, buckets: Sequence[Bucket], units: int) -> None:
        """See Store."""
        self._local.give_back(buckets, units)
        if self._clock() >= self._away_until:
            task = asyncio.create_task(self._return(buckets, units))
            self._returns.add(task)
            task.add_done_callback(self._returns.discard)

    async def close(self) -> None:
        """Once all is given back."""
        await asyncio.gather(*self._returns, return_exceptions=True)
        await self._redis.aclose()

    async def _return(self, buckets: Sequence[Bucket], units: int) -> None:
        try:
            await self._run(buckets, -units)
        except (RedisError, OSError):
            self._away_until = self._clock() + PAUSE

    async def _run(self, buckets: Sequence[Bucket], units: int) -> list[float]:
        keys = [PREFIX + sha256(orjson.dumps(each.key)).hexdigest() for each in buckets]
        arguments = [units, *(value for each in buckets for value in (each.rate, each.burst))]
        found: list[bytes] = await self._script(keys=keys, args=arguments)
        return [float(value) for value in found]
