"""Buckets that processes share, and what becomes of them when Redis is away."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

import gateway.limits.redis_rates as redis_rates
from gateway.errors import ConfigError
from gateway.limits.gcra import Bucket
from gateway.limits.rate import make_rates
from gateway.limits.redis_rates import RedisStore
from gateway.settings import RedisSettings
from gateway.settings_limits import RateSettings
from tests.support.redis import RedisServer, running_redis

pytestmark = pytest.mark.anyio

CLIENT = Bucket("client", ("client", "app"), rate=0.01, burst=6000)
VIEWER = Bucket("viewer", ("viewer", "ada"), rate=0.01, burst=600)


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_rates, "TIMEOUT", 10)  # machines that run tests are busy


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@asynccontextmanager
async def stores(server: RedisServer, count: int = 2) -> AsyncIterator[list[RedisStore]]:
    made = [RedisStore(server.url) for _ in range(count)]
    try:
        yield made
    finally:
        for store in made:
            await store.close()


async def test_processes_count_together(redis: RedisServer) -> None:
    async with stores(redis) as (one, other):
        assert (await one.take([CLIENT], 40)).full_in[0] == pytest.approx(4000, abs=1)
        assert (await other.take([CLIENT], 20)).wait == 0
        refused = await one.take([CLIENT], 10)
        assert [*refused.full_in, refused.wait] == pytest.approx([6000, 1000], abs=1)


async def test_of_several_all_or_none(redis: RedisServer) -> None:
    other_client = Bucket("client", ("client", "other"), rate=0.01, burst=6000)
    async with stores(redis, 1) as (store,):
        assert (await store.take([other_client, VIEWER], 6)).wait == 0
        assert (await store.take([other_client, VIEWER], 1)).wait == pytest.approx(100, abs=1)
        assert (await store.take([other_client], 54)).wait == 0


async def test_what_was_not_used_comes_back_even_of_a_debt(redis: RedisServer) -> None:
    bucket = Bucket("client", ("client", "third"), rate=0.01, burst=6000)
    async with stores(redis) as (one, other):
        assert (await one.take([bucket], 1000)).wait == 0
        one.give_back([bucket], 800)
        await asyncio.gather(*one._returns)
        assert (await other.take([bucket], 1)).full_in[0] == pytest.approx(20_000, abs=1)
        other.give_back([bucket], 1000)
        await asyncio.gather(*other._returns)
        assert (await one.take([bucket], 60)).full_in[0] == pytest.approx(6000, abs=1)


async def test_a_crowd_takes_no_more_connections_than_there_are(redis: RedisServer) -> None:
    bucket = Bucket("client", ("client", "crowd"), rate=0.01, burst=200_000)
    async with stores(redis) as (one, other):
        taken = await asyncio.gather(*(store.take([bucket], 10) for store in (one, other) for _ in range(150)))
    assert sum(each.wait == 0 for each in taken) == 200


async def test_while_redis_is_away_each_process_counts_for_itself(caplog: pytest.LogCaptureFixture) -> None:
    with running_redis() as server:
        async with stores(server) as (one, other):
            await one.take([CLIENT], 60)
            server.stop()
            for store in (one, other):
                assert (await store.take([CLIENT], 60)).wait == 0
                assert (await store.take([CLIENT], 60)).wait > 0
                store.give_back([CLIENT], 60)
            assert len(caplog.messages) == 2  # one of each, not one of each operation
            server.start()
            one._away_until = 0
            assert (await one.take([CLIENT], 60)).wait == 0


def test_an_option_that_makes_no_sense_stops_the_start() -> None:
    settings = RedisSettings(url="redis://127.0.0.1:6379?what=1")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"redis\.url has options that Redis clients do not know\."):
        make_rates(RateSettings(), settings)
