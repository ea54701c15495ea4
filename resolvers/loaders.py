"""Request-scoped loaders: every load of one kind that is made in one turn of the event loop is one lookup."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiodataloader import DataLoader
from strawberry.types import Info

from datasources.filters import EVERYTHING, Filter
from datasources.lookup import Aggregate, AggregateLookup, Function, Lookup, Row
from resolvers.context import Context
from resolvers.definition import entity_of
from resolvers.errors import SchemaError

BatchLoader = DataLoader[Any, Any]
Batch = Callable[[list[Any]], Awaitable[list[Any]]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup found under one key; rows begin with that key."""

    rows: Sequence[Row]
    count: int = 0


def batch_loader(context: Context, batch: Batch, get_cache_key: Callable[[Any], Hashable] | None = None) -> BatchLoader:
    """A loader whose batches end with the operation."""

    async def run(keys: list[Any]) -> list[Any]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiodataloader runs each batch in a task
        context.batches.add(task)
        try:
            return await batch(keys)
        finally:
            context.batches.discard(task)

    return DataLoader(run, get_cache_key=get_cache_key)


def lookup_loader(context: Context, source_name: str, template: Lookup) -> BatchLoader:
    """Loads `Found` by key; `template` is the lookup without its keys."""

    def make() -> BatchLoader:
        source = context.sources[source_name]

        async def batch(keys: list[Any]) -> list[Found]:
            answer = await source.lookup(replace(template, keys=tuple(keys)))
            return _by_key(keys, answer.rows, answer.counts)

        return batch_loader(context, batch)

    return context.once((source_name, template), make)


def aggregate_loader(context: Context, source_name: str, template: AggregateLookup) -> BatchLoader:
    """Loads `Found` by key, whose rows are groups; `template` is the lookup without its keys."""

    def make() -> BatchLoader:
        source = context.sources[source_name]

        async def batch(keys: list[Any]) -> list[Found]:
            answer = await source.aggregate(replace(template, keys=tuple(keys)))
            return _by_key(keys, answer.rows, {})

        return batch_loader(context, batch)

    return context.once((source_name, template), make)


async def aggregate_by(
    info: Info, cls: type, function: Function, column: str, *, by: str, keys: Sequence[Any], filter: Filter = EVERYTHING
) -> dict[Any, Any]:
    """`function` of the entity's `column`, over the rows whose column `by` is each of `keys`, by key; one lookup.

    For batched computed fields. Keys without a row are absent.
    """
    entity = entity_of(cls)
    if entity is None:
        raise SchemaError(f"aggregate_by: {cls.__name__} is not an entity.")
    lookup = AggregateLookup(entity.collection, (Aggregate(function, column),), key=by, keys=tuple(keys), filter=filter)
    answer = await info.context.sources[entity.source].aggregate(lookup)
    return dict(answer.rows)


def _by_key(keys: list[Any], rows: Sequence[Row], counts: Any) -> list[Found]:
    grouped: dict[Any, list[Row]] = {key: [] for key in keys}
    for row in rows:
        grouped[row[0]].append(row)
    return [Found(grouped[key], counts.get(key, 0)) for key in keys]
