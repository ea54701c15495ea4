"""Buckets in Redis, which all processes of a gateway share. While it is away, each process counts for itself."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from hashlib import sha256

import orjson
from redis.exceptions import RedisError

from datasources.redis_client import redis_client
from datasources.slots import Slots
from gateway.limits.gcra import Bucket, LocalStore, Taken

PREFIX = "gateway:rate:"
TIMEOUT = 0.25
"""Seconds that Redis may take to answer."""
CONNECTIONS = 16
"""To Redis, at most: whoever finds none free waits for one."""
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
        self._redis = redis_client(url, TIMEOUT)
        self._script = self._redis.register_script(TAKE)
        self._slots = Slots(CONNECTIONS)
        self._local = LocalStore(clock)
        self._clock = clock
        self._away_until = float("-inf")
        self._returns: set[asyncio.Task[object]] = set()

    async def take(self, buckets: Sequence[Bucket], units: int) -> Taken:
        """See Store."""
        return await self._ask(buckets, units) or self._local.take_now(buckets, units)

    def give_back(self, buckets: Sequence[Bucket], units: int) -> None:
        """See Store."""
        self._local.give_back(buckets, units)
        task = asyncio.create_task(self._ask(buckets, -units))
        self._returns.add(task)
        task.add_done_callback(self._returns.discard)

    async def close(self) -> None:
        """Once all is given back."""
        await asyncio.gather(*self._returns, return_exceptions=True)
        await self._redis.aclose()

    async def _ask(self, buckets: Sequence[Bucket], units: int) -> Taken | None:
        """What Redis says; None while it is away."""
        if self._is_away():
            return None
        keys = [PREFIX + sha256(orjson.dumps(each.key)).hexdigest() for each in buckets]
        arguments = [units, *(value for each in buckets for value in (each.rate, each.burst))]
        await self._slots.wait()
        try:
            if self._is_away():
                return None
            wait, *full_in = map(float, await self._script(keys=keys, args=arguments))
            return Taken(full_in, wait)
        except (RedisError, OSError) as error:
            if not self._is_away():
                logger.warning("Redis counts nothing, and each process for itself: %s", error)
            self._away_until = self._clock() + PAUSE
            return None
        finally:
            self._slots.give_back()

    def _is_away(self) -> bool:
        return self._clock() < self._away_until
