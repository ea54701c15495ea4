"""Cost units that viewers and clients may use over time: taken by estimate, and given back by what was not used.

Headers: https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.errors import ConfigError
from gateway.limits.errors import RateLimited
from gateway.limits.gcra import Bucket, LocalStore, Store, Taken
from gateway.settings import RedisSettings
from gateway.settings_limits import RateSettings
from resolvers.viewer import Viewer

Headers = tuple[tuple[bytes, bytes], ...]

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Charge:
    """What was taken for one operation."""

    store: Store
    buckets: Sequence[Bucket]
    units: int
    taken: Taken

    def settle(self, units: int) -> None:
        """Gives back what the operation has not used."""
        if units < self.units:
            self.store.give_back(self.buckets, self.units - units)

    def available(self, units: int) -> int:
        """What is left when it is settled with so many."""
        return min(
            bucket.remaining(max(full_in - max(self.units - units, 0) / bucket.rate, 0))
            for bucket, full_in in zip(self.buckets, self.taken.full_in, strict=True)
        )

    @property
    def headers(self) -> Headers:
        return _headers(self.buckets, self.taken)


class Rates:
    """The limits of viewers and clients."""

    def __init__(self, settings: RateSettings, store: Store) -> None:
        self._settings = settings
        self._store = store

    def buckets(self, viewer: Viewer) -> Sequence[Bucket]:
        """Those that the viewer's operations are charged to; none where there is no limit."""
        settings = self._settings
        if viewer.is_anonymous:
            return self._bucket("anonymous", settings.anonymous) if settings.anonymous else ()
        buckets: tuple[Bucket, ...] = ()
        if viewer.client is not None:
            limit = settings.client if viewer.quota is None else viewer.quota
            buckets = self._bucket("client", limit, viewer.client)
        if viewer.subject is not None:
            buckets += self._bucket("viewer", settings.viewer, *viewer.identity)
        return buckets

    async def charge(self, buckets: Sequence[Bucket], estimate: int) -> Charge:
        """Takes what an operation may cost; every one costs something. Raises RateLimited."""
        units = max(estimate, 1)
        taken = await self._store.take(buckets, units)
        if taken.wait > 0:
            message = f"The operation may cost {units}, for which there will be enough in {math.ceil(taken.wait)} s."
            raise RateLimited(message, math.ceil(taken.wait), _headers(buckets, taken))
        return Charge(self._store, buckets, units, taken)

    async def close(self) -> None:
        await self._store.close()

    def _bucket(self, kind: str, limit: int, *key: str | None) -> tuple[Bucket, ...]:
        return (Bucket(kind, (kind, *key), limit / MINUTE, self._settings.burst),) if limit else ()


def make_rates(settings: RateSettings, redis: RedisSettings) -> Rates:
    """Raises ConfigError."""
    if redis.url is None:
        return Rates(settings, LocalStore())
    from gateway.limits.redis_rates import RedisStore  # which takes longer to load than all the rest

    try:
        return Rates(settings, RedisStore(redis.url.get_secret_value()))
    except ValueError as error:
        raise ConfigError(f"redis.url {error}.") from None


def _headers(buckets: Sequence[Bucket], taken: Taken) -> Headers:
    policies = ", ".join(f'"{each.kind}";q={each.capacity};w={math.ceil(each.burst)}' for each in buckets)
    states = ", ".join(
        f'"{each.kind}";r={each.remaining(full_in)};t={math.ceil(full_in)}'
        for each, full_in in zip(buckets, taken.full_in, strict=True)
    )
    return (b"ratelimit-policy", policies.encode()), (b"ratelimit", states.encode())
