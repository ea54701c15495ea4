"""Request-scoped loaders: every load of one kind that is made in one turn of the event loop is one lookup."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiodataloader import DataLoader
from strawberry.types import Info

from datasources.errors import GatewayError
from datasources.filters import EVERYTHING, Filter
from datasources.lookup import Aggregate, AggregateLookup, Function, Lookup, Row
from resolvers.context import Context
from resolvers.definition import entity_of
from resolvers.errors import SchemaError, TooManyGroups

Batch = Callable[[list[Any]], Awaitable[list[Any]]]


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup found under one key; rows begin with that key."""

    rows: Sequence[Row]
    count: int = 0


class Loader(DataLoader[Any, Any]):
    """Loads by key, each key once in an operation."""

    def get(self, key: Any) -> Any:
        """The key's value where it is there already, else an awaitable of it, for one field's value.

        Other fields wait for the same key, and graphql-core cancels the siblings of a field that fails: hence the
        shield.
        """
        future = self.load(key)
        return future.result() if future.done() else asyncio.shield(future)


def batch_loader(context: Context, batch: Batch) -> Loader:
    """A loader whose batches end with the operation."""

    async def run(keys: list[Any]) -> list[Any]:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - aiodataloader runs each batch in a task
        context.batches.add(task)
        try:
            return await batch(keys)
        finally:
            context.batches.discard(task)

    return Loader(run)


def lookup_loader(context: Context, source_name: str, template: Lookup) -> Loader:
    """Loads `Found` by key; `template` is the lookup without its keys."""

    def make() -> Loader:
        source = context.sources[source_name]

        async def batch(keys: list[Any]) -> list[Found]:
            answer = await source.lookup(replace(template, keys=tuple(keys)))
            grouped = _by_key(keys, answer.rows)
            return [Found(grouped[key], answer.counts.get(key, 0)) for key in keys]

        return batch_loader(context, batch)

    return context.once((source_name, template), make)


def aggregate_loader(context: Context, source_name: str, template: AggregateLookup) -> Loader:
    """Loads `Found` by key, whose rows are groups; `template` is the lookup without its keys.

    Its limit is that of all keys together; loads fail with TooManyGroups when it is reached.
    """

    def make() -> Loader:
        source = context.sources[source_name]

        async def batch(keys: list[Any]) -> list[Found]:
            answer = await source.aggregate(replace(template, keys=tuple(keys)))
            if template.limit is not None and len(answer.rows) >= template.limit:
                raise TooManyGroups(
                    f"There are more than {template.limit - 1} groups over all parents together; "
                    "narrow them down with filter or having, or group by less."
                )
            grouped = _by_key(keys, answer.rows)
            return [Found(grouped[key]) for key in keys]

        return batch_loader(context, batch)

    return context.once((source_name, template), make)


def derived_loader(context: Context, loaders: Sequence[Loader], finish: Callable[..., Any]) -> Loader:
    """Loads what `finish` makes of the values that each of `loaders` has for a key, made once for each key."""

    async def batch(keys: list[Any]) -> list[Any]:
        found = await asyncio.gather(*(_load_all(loader, keys) for loader in loaders))
        by_key = zip(*found, strict=True) if found else [()] * len(keys)
        return [_attempt(finish, values) for values in by_key]

    return batch_loader(context, batch)


async def _load_all(loader: Loader, keys: Sequence[Any]) -> list[Any]:
    return await asyncio.gather(*map(loader.load, keys), return_exceptions=True)


def _attempt(finish: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    """The value, or the error that this key, and no other, is to fail with."""
    for value in values:
        if isinstance(value, BaseException):
            return value
    try:
        return finish(*values)
    except GatewayError as error:
        return error


def _by_key(keys: list[Any], rows: Sequence[Row]) -> dict[Any, list[Row]]:
    grouped: dict[Any, list[Row]] = {key: [] for key in keys}
    for row in rows:
        grouped[row[0]].append(row)
    return grouped


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
