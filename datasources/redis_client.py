"""Clients of Redis, which is what processes of one gateway share things by."""

from redis.asyncio import Redis
from redis.exceptions import RedisError


def redis_client(url: str, patience: float | None = None) -> Redis:
    """Connects when it is first used. With `patience`, it has so many seconds to connect and to answer, once.

    Raises ValueError for a URL with options that make no sense.
    """
    try:
        if patience is None:
            client = Redis.from_url(url, protocol=2)
        else:
            client = Redis.from_url(
                url, protocol=2, socket_timeout=patience, socket_connect_timeout=patience, retry=None
            )
        client.connection_pool.make_connection()  # type: ignore[no-untyped-call]  # it reads the options
    except (RedisError, TypeError, ValueError) as error:
        raise ValueError("has options that Redis clients do not know") from error
    return client
