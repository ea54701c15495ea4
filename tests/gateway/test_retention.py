"""The running gateway drops what need not be kept."""

import asyncio
from collections.abc import Sequence

import pytest

from datasources.errors import DatasourceError, SourceRefused, SourceUnavailable
from datasources.memory import MemorySource
from datasources.outbox import PRUNED, Outbox, OutboxStatus, Retention, Watched
from datasources.registry import Registry
from datasources.resilience import resilient
from gateway import retention
from gateway.retention import prune, pruning
from gateway.settings import ChangeSettings
from resolvers import entity, query_type
from resolvers.query import entities_of

pytestmark = pytest.mark.anyio

OFTEN = ChangeSettings(keep_seconds=60, keep_count=5, prune_seconds=0.001)


@entity("shop.orders", watched=True)
class Order:
    """An order."""

    number: str


ENTITIES = entities_of(query_type(Order))


class Counting:
    """An outbox that holds `left` changes."""

    def __init__(self, left: int = 0, error: DatasourceError | None = None) -> None:
        self.left = left
        self.error = error
        self.asked: list[Retention] = []
        self.was_asked = asyncio.Event()

    async def prune(self, keep: Retention) -> int:
        self.asked.append(keep)
        if len(self.asked) > 2:
            self.was_asked.set()
        if self.error is not None:
            raise self.error
        pruned = min(self.left, PRUNED)
        self.left -= pruned
        return pruned

    async def script(self, tables: Sequence[Watched]) -> str:
        raise NotImplementedError

    async def install(self, tables: Sequence[Watched]) -> Sequence[str]:
        raise NotImplementedError

    async def uninstall(self, tables: Sequence[str] | None = None) -> Sequence[str]:
        raise NotImplementedError

    async def status(self, tables: Sequence[Watched]) -> OutboxStatus:
        raise NotImplementedError


class Shop(MemorySource):
    def __init__(self, outbox: Outbox) -> None:
        super().__init__("shop", {"orders": []})
        self.outbox = outbox


async def test_drops_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "BREATH", 0)
    outbox = Counting(2 * PRUNED)
    assert await prune(outbox, Retention(1, 1)) == 2 * PRUNED
    assert len(outbox.asked) == 3


async def test_prunes_again_and_again_until_the_end() -> None:
    outbox = Counting()
    async with pruning(ENTITIES, Registry({"shop": resilient(Shop(outbox))}), OFTEN):
        await asyncio.wait_for(outbox.was_asked.wait(), 5)
    asked = len(outbox.asked)
    await asyncio.sleep(0.01)
    assert len(outbox.asked) == asked
    assert set(outbox.asked) == {Retention(60, 5)}


async def test_tries_again_when_the_source_was_away() -> None:
    outbox = Counting(error=SourceUnavailable("shop", "is away"))
    async with pruning(ENTITIES, Registry({"shop": Shop(outbox)}), OFTEN):
        await asyncio.wait_for(outbox.was_asked.wait(), 5)


async def test_leaves_alone_what_refuses(caplog: pytest.LogCaptureFixture) -> None:
    outbox = Counting(error=SourceRefused("shop", "does not let this role do so"))
    async with pruning(ENTITIES, Registry({"shop": Shop(outbox)}), OFTEN):
        await asyncio.sleep(0.05)
    assert len(outbox.asked) == 1
    assert [record.message for record in caplog.records] == [
        "datasource 'shop' does not let this role do so; its changes are not pruned"
    ]


@pytest.mark.parametrize(
    ("settings", "entities"),
    [
        pytest.param(OFTEN.model_copy(update={"prune_seconds": 0}), ENTITIES, id="switched-off"),
        pytest.param(OFTEN, (), id="nothing-watched"),
    ],
)
async def test_need_not_run(settings: ChangeSettings, entities: Sequence[object]) -> None:
    outbox, before = Counting(), len(asyncio.all_tasks())
    async with pruning(ENTITIES[: len(entities)], Registry({"shop": Shop(outbox)}), settings):
        assert len(asyncio.all_tasks()) == before
