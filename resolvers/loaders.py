"""Request-scoped loaders: every load of one kind that is made in one turn of the event loop is one lookup."""

from collections.abc import Sequence
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


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup found under one key; rows begin with that key."""

    rows: Sequence[Row]
    count: int = 0


def lookup_loader(context: Context, source_name: str, template: Lookup) -> BatchLoader:
    """Loads `Found` by key; `template` is the lookup without its keys."""

    def make() -> BatchLoader:
        source = context.sources[source_name]

        async def batch(keys: list[Any]) -> list[Found]:
            answer = await source.lookup(replace(template, keys=tuple(keys)))
            return _by_key(keys, answer.rows, answer.counts)

        return DataLoader(batch)

    return context.once((source_name, template), make)


def aggregate_loader(context: Context, source_name: str, template: AggregateLookup) -> BatchLoader:
    """Loads `Found` by key, whose rows are groups; `template` is the lookup without its keys."""

    def make() -> BatchLoader:
        source = context.sources[source_name]

        async def batch(keys: list[Any]) -> list[Found]:
            answer = await source.aggregate(replace(template, keys=tuple(keys)))
            return _by_key(keys, answer.rows, {})

        return DataLoader(batch)

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
