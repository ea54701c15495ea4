"""What is published in a control store, in SQLite and in PostgreSQL."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr

from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.operations.store import (
    EVERYBODY,
    UNMEASURED,
    OperationStore,
    bucket_of,
    published,
)
from gateway.settings import Settings
from gateway.settings_auth import ControlSettings
from tests.support.postgres import Postgres, running_postgres

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
A = published("web", "a", "A", "query", "query A { __typename }")
B = published(EVERYBODY, "b", "B", "mutation", "mutation B { __typename }")


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgres"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[OperationStore]:
    if request.param == "sqlite":
        made = OperationStore(ControlStore(Settings(home=tmp_path)), lambda: NOW)
        yield made
        await made.close()
        return
    async with request.getfixturevalue("postgres").database() as url:
        made = OperationStore(ControlStore(Settings(control=ControlSettings(url=SecretStr(url)))), lambda: NOW)
        yield made
        await made.close()


async def test_nothing_yet(store: OperationStore) -> None:
    assert (await store.all(), await store.modes(), await store.revision(), await store.usage()) == ([], {}, None, [])


async def test_a_life(store: OperationStore) -> None:
    assert await store.publish([A, B]) == 2
    first = await store.revision()
    assert [(each.client, each.id, each.published_at, each.retired_at) for each in await store.all()] == [
        ("", "b", NOW, None),
        ("web", "a", NOW, None),
    ]
    assert [each.id for each in await store.all("web")] == ["a"]
    await store.retire([A])
    assert [each.id for each in await store.all()] == ["b"]
    assert [each.retired_at for each in await store.all("web", retired=True)] == [NOW]
    assert await store.publish([A, B]) == 1
    await store.set_mode("web", "trusted_only")
    await store.set_mode("web", "open")
    assert await store.modes() == {"web": "open"}
    assert first not in (None, await store.revision())


async def test_processes_that_publish_at_once(store: OperationStore) -> None:
    await store.publish([A])
    documents = [published("web", f"{number}", "A", "query", A.body) for number in range(10)]
    async with anyio.create_task_group() as group:
        for each in documents:
            group.start_soon(store.publish, [each])
    assert len(await store.all()) == 11


async def test_names_of_clients(store: OperationStore) -> None:
    with pytest.raises(ConfigError, match="'no name' is no client"):
        await store.publish([published("no name", "a", "A", "query", A.body)])


async def test_uses_add_up(store: OperationStore) -> None:
    quick, slow = bucket_of(0.001), bucket_of(1.0)
    await store.count({("web", "a", quick): 98, ("web", "b", UNMEASURED): 1})
    await store.count({("web", "a", quick): 1, ("web", "a", slow): 1})
    await store.count({("web", "a", slow): 1})
    a, b = await store.usage()
    assert (a.client, a.id, a.count, a.last_used_at) == ("web", "a", 101, NOW)
    assert a.p50 == pytest.approx(0.001, rel=0.2)
    assert a.p99 == pytest.approx(1.0, rel=0.2)
    assert (b.id, b.count, b.p50, b.p99) == ("b", 1, None, None)
