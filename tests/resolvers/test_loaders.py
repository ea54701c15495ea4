"""Loaders: one key for a resolver, all keys of a level for a plan, and each key once for both."""

import asyncio
import gc
from typing import Any

import pytest

from datasources.errors import SourceUnavailable
from datasources.lookup import Collection, Lookup, Rows
from datasources.registry import Registry
from resolvers import loaders
from resolvers.context import Context
from resolvers.loaders import RowLoader, Template, shared

pytestmark = pytest.mark.anyio


class Asked:
    """Finds two rows for each key, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.keys: list[tuple[Any, ...]] = []
        self.fails = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.arrived = asyncio.Event()

    async def __call__(self, keys: tuple[Any, ...]) -> Rows:
        self.keys.append(keys)
        self.arrived.set()
        await self.gate.wait()
        if self.fails:
            raise SourceUnavailable("s", "is away")
        return Rows(("n",), [(key, n) for n in range(2) for key in keys], dict.fromkeys(keys, 7))


def loader_of(asked: Asked) -> tuple[RowLoader, Context]:
    context = Context(Registry({}))
    return RowLoader(context, asked), context


async def test_what_is_asked_in_one_turn_is_one_lookup() -> None:
    asked = Asked()
    loader, _ = loader_of(asked)
    one, level, other = await asyncio.gather(loader.load(1), loader.load_level([2, 3]), loader.load_level([3, 4]))
    assert asked.keys == [(1, 2, 3, 4)]
    assert (one.rows, one.count) == ([(1, 0), (1, 1)], 7)
    assert [level.of(key).rows for key in (2, 3)] == [[(2, 0), (2, 1)], [(3, 0), (3, 1)]]
    assert list(other.of_all([4, 3])) == [(4, 0), (4, 1), (3, 0), (3, 1)]


@pytest.mark.parametrize("alone", [True, False])
async def test_a_key_is_looked_up_once(alone: bool) -> None:
    asked = Asked()
    loader, _ = loader_of(asked)
    await loader.load_level([1, 2], alone=alone)
    level = await loader.load_level([2, 3], alone=alone)
    assert asked.keys == [(1, 2), (3,)]
    assert list(level.of_all([3, 2])) == [(3, 0), (3, 1), (2, 0), (2, 1)]
    assert level.of(9).rows == ()
    assert (await loader.load(1)).rows == [(1, 0), (1, 1)]
    assert len(asked.keys) == 2


@pytest.mark.parametrize("alone", [True, False])
async def test_a_lookup_that_failed_is_forgotten(alone: bool) -> None:
    asked = Asked()
    loader, _ = loader_of(asked)
    asked.fails = True
    with pytest.raises(SourceUnavailable):
        await loader.load_level([1], alone=alone)
    asked.fails = False
    assert (await loader.load(1)).count == 7


async def test_who_gives_up_does_not_take_the_rows_from_others() -> None:
    asked = Asked()
    asked.gate.clear()
    loader, context = loader_of(asked)
    impatient, patient = (asyncio.ensure_future(loader.load(1)) for _ in range(2))
    await asked.arrived.wait()
    impatient.cancel()
    asked.gate.set()
    assert (await patient).count == 7
    assert impatient.cancelled()
    assert not context.batches


async def test_a_cancelled_context_cancels_what_is_under_way() -> None:
    asked = Asked()
    asked.gate.clear()
    loader, context = loader_of(asked)
    waiting = asyncio.ensure_future(loader.load(1))
    await asked.arrived.wait()
    context.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


def test_equal_templates_are_one_as_long_as_somebody_has_it() -> None:
    def template(column: str) -> Template:
        return shared(Template("erp", Lookup(Collection("orders", "id", ()), (column,), key="id")))

    one, other = template("number"), template("status")
    assert template("number") is one
    assert template("status") is other
    gc.collect()
    kept = len(loaders._TEMPLATES)
    del one
    gc.collect()
    assert len(loaders._TEMPLATES) == kept - 1
