"""Request-scoped loaders: every load of one kind that is made in one turn of the event loop is one lookup."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast
from weakref import ReferenceType, WeakKeyDictionary, ref

from aiodataloader import DataLoader
from strawberry.types import Info

from datasources.errors import GatewayError
from datasources.filters import EVERYTHING, Filter
from datasources.lookup import Aggregate, AggregateLookup, Function, Lookup, Row, Rows
from resolvers.context import Context
from resolvers.definition import entity_of
from resolvers.errors import SchemaError, TooManyGroups
from resolvers.policies import both, sight_of

Batch = Callable[[list[Any]], Awaitable[list[Any]]]
Fetch = Callable[[tuple[Any, ...]], Awaitable[Rows]]
Future = asyncio.Future["Level"]


@dataclass(frozen=True, slots=True)
class Found:
    """What a lookup found under one key; rows begin with that key."""

    rows: Sequence[Row]
    count: int = 0


class Level:
    """What a lookup found under many keys."""

    __slots__ = ("_rows", "answer", "counts", "size")

    def __init__(self, answer: Sequence[Row], counts: Mapping[Any, int], size: int) -> None:
        """`answer` is the rows, which begin with their key, of `size` keys."""
        self.answer = answer
        self.counts = counts
        self.size = size
        self._rows: dict[Any, list[Row]] | None = None

    @property
    def rows(self) -> Mapping[Any, Sequence[Row]]:
        """The rows of each key; those of keys that have none are absent."""
        if self._rows is None:
            rows: defaultdict[Any, list[Row]] = defaultdict(list)
            for row in self.answer:
                rows[row[0]].append(row)
            self._rows = rows
        return self._rows

    def of(self, key: Any) -> Found:
        return Found(self.rows.get(key, ()), self.counts.get(key, 0))

    def of_all(self, keys: Collection[Any]) -> Sequence[Row]:
        """The rows of `keys`, which are among those that were looked up; keys come in any order."""
        if len(keys) == self.size:
            return self.answer
        rows = self.rows
        return [row for key in keys for row in rows.get(key, ())]


class RowLoader:
    """Loads rows by key, each key once in an operation: one key for a resolver, or all keys of a level of a plan.

    What is asked for in one turn of the event loop is one lookup. A lookup that failed is forgotten.
    """

    def __init__(self, context: Context, fetch: Fetch) -> None:
        self._context = context
        self._fetch = fetch
        self._batches: dict[Any, _Batch] = {}
        self._gathering: _Batch | None = None

    async def load(self, key: Any) -> Found:
        """What is found under one key."""
        return (await self.load_level((key,))).of(key)

    async def load_level(self, keys: Collection[Any], *, alone: bool = False) -> Level:
        """What is found under each of `keys`, which are distinct and not null.

        `alone` says that nobody else in the operation loads anything meanwhile, so that there is nobody to wait for.
        """
        batches = self._batches_of(keys)
        gathering = self._gathering
        if gathering is not None and gathering.level is None:
            if alone:
                await self._run(gathering)
            else:
                self._schedule(gathering)
        found = [batch.found or await batch.wait() for batch in batches]
        if len(found) == 1:
            return found[0]
        answer = [row for level in found for row in level.answer]
        counts = {key: count for level in found for key, count in level.counts.items()}
        return Level(answer, counts, sum(level.size for level in found))

    def know(self, keys: Sequence[Any], answer: Sequence[Row], counts: Mapping[Any, int]) -> None:
        """What would be found under these keys, of which nothing was loaded: they need not be."""
        known = _Batch(list(keys), Level(answer, counts, len(keys)))
        self._batches |= dict.fromkeys(keys, known)

    def _batches_of(self, keys: Collection[Any]) -> Collection["_Batch"]:
        """The batches that `keys` are in, or are now."""
        known = self._batches
        if not known:
            batch = self._gather()
            batch.keys += keys
            self._batches = dict.fromkeys(keys, batch)
            return (batch,)
        batches: dict[_Batch, None] = {}
        for key in keys:
            found = known.get(key)
            if found is None:
                found = self._gathering or self._gather()
                found.keys.append(key)
                known[key] = found
            batches[found] = None
        return batches

    def _gather(self) -> "_Batch":
        batch = self._gathering = _Batch([])
        return batch

    def _schedule(self, batch: "_Batch") -> None:
        loop = asyncio.get_running_loop()
        batch.level = loop.create_future()
        loop.call_soon(self._start, batch)

    def _start(self, batch: "_Batch") -> None:
        task = asyncio.ensure_future(self._settle(batch))
        self._context.batches.add(task)
        task.add_done_callback(self._context.batches.discard)

    async def _settle(self, batch: "_Batch") -> None:
        """Runs the batch in a task of its own, which a caller that gives up does not take from others."""
        level = batch.level
        assert level is not None  # noqa: S101 - scheduled batches have one
        try:
            await self._run(batch)
        except Exception as error:  # noqa: BLE001 - whoever waits gets it
            level.set_exception(error)
            level.exception()  # and when nobody does, that is no reason to complain
        except BaseException:
            level.cancel()
            raise
        else:
            level.set_result(cast("Level", batch.found))

    async def _run(self, batch: "_Batch") -> None:
        self._gathering = None
        try:
            answer = await self._fetch(tuple(batch.keys))
            batch.found = Level(answer.rows, answer.counts, len(batch.keys))
        except BaseException:
            for key in batch.keys:
                del self._batches[key]
            raise


@dataclass(eq=False, slots=True)
class _Batch:
    keys: list[Any]
    found: Level | None = None
    level: Future | None = None

    async def wait(self) -> Level:
        level = self.level
        assert level is not None  # noqa: S101 - what is not yet found is under way
        return await asyncio.shield(level)


class Loader(DataLoader[Any, Any]):
    """Loads values that are made of a key, each key once in an operation."""

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


class Template:
    """A lookup that still lacks its keys, and its source; equal ones have the same loader in an operation."""

    __slots__ = ("__weakref__", "_hash", "lookup", "source")

    def __init__(self, source: str, lookup: Lookup | AggregateLookup) -> None:
        self.source = source
        self.lookup = lookup
        self._hash = hash((source, lookup))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Template) and (self.source, self.lookup) == (other.source, other.lookup)


_TEMPLATES: WeakKeyDictionary[Template, ReferenceType[Template]] = WeakKeyDictionary()


def shared(template: Template) -> Template:
    """The one of all that are equal: what is alike in different documents can then be asked for together."""
    known = _TEMPLATES.get(template)
    found = None if known is None else known()
    if found is None:
        _TEMPLATES[template] = ref(template)
        return template
    return found


def lookup_loader(context: Context, template: Template) -> RowLoader:
    """Loads the rows, or the groups, that `template` finds."""
    loader = context.memory.get(template)
    if loader is None:
        loader = context.memory[template] = RowLoader(context, _fetch(context, template))
    return cast("RowLoader", loader)


def _fetch(context: Context, template: Template) -> Fetch:
    lookup = template.lookup

    async def rows(keys: tuple[Any, ...]) -> Rows:
        return await context.sources[template.source].lookup(cast("Lookup", lookup).of(keys))

    async def groups(keys: tuple[Any, ...]) -> Rows:
        wanted = cast("AggregateLookup", lookup)
        answer = await context.sources[template.source].aggregate(replace(wanted, keys=keys))
        if wanted.limit is not None and len(answer.rows) >= wanted.limit:
            raise TooManyGroups(
                f"There are more than {wanted.limit - 1} groups over all parents together; "
                "narrow them down with filter or having, or group by less."
            )
        return answer

    return rows if isinstance(lookup, Lookup) else groups


def derived_loader(context: Context, loaders: Sequence[RowLoader], finish: Callable[..., Any]) -> Loader:
    """Loads what `finish` makes of what each of `loaders` finds under a key, made once for each key."""

    async def batch(keys: list[Any]) -> list[Any]:
        levels = await asyncio.gather(*(loader.load_level(keys) for loader in loaders))
        return [_attempt(finish, [level.of(key) for level in levels]) for key in keys]

    return batch_loader(context, batch)


def _attempt(finish: Callable[..., Any], found: Sequence[Found]) -> Any:
    """The value, or the error that this key, and no other, is to fail with."""
    try:
        return finish(*found)
    except GatewayError as error:
        return error


async def aggregate_by(
    info: Info, cls: type, function: Function, column: str, *, by: str, keys: Sequence[Any], filter: Filter = EVERYTHING
) -> dict[Any, Any]:
    """`function` of the entity's `column`, over the rows whose column `by` is each of `keys`, by key; one lookup.

    For batched computed fields, over the rows that the viewer sees. Keys without a row are absent. Raises Unauthorized.
    """
    entity = entity_of(cls)
    if entity is None:
        raise SchemaError(f"aggregate_by: {cls.__name__} is not an entity.")
    sight = sight_of(entity, info.context.viewer)
    for looked_at in (entity.policy, entity.by_column[column].required, entity.by_column[by].required):
        sight.refuse(looked_at, entity.name)
    seen = both(sight.rows(entity), filter)
    lookup = AggregateLookup(entity.collection, (Aggregate(function, column),), key=by, keys=tuple(keys), filter=seen)
    answer = await info.context.sources[entity.source].aggregate(lookup)
    return dict(answer.rows)
