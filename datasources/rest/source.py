"""A REST service as a datasource: a lookup becomes as few requests as its resource allows."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

import httpx

from datasources.base import Capabilities
from datasources.errors import SourceMisbehaved, SourceRefused, SourceUnavailable
from datasources.lookup import AggregateLookup, Column, ColumnType, Lookup, Rows
from datasources.rest.answer import Answer, Nonsense, expect_keys, read_answer, to_rows
from datasources.rest.client import Client
from datasources.rest.query import CannotAsk, Query, to_conditions, to_sort
from datasources.rest.resource import REST_CAPABILITIES, Batch, Resource
from datasources.rest.values import to_json, to_native, to_text, to_wire

MAXIMUM_URL = 7500
"""Bytes of path and parameters; many servers and proxies refuse request lines beyond 8 kB."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Found:
    """Items as they came, and counts by native key."""

    items: Sequence[Any]
    counts: Mapping[Any, int]


class RestSource:
    """Collections without a resource of their own are reached by the convention, at `/{collection}`."""

    def __init__(
        self,
        name: str,
        base_url: str,
        resources: Mapping[str, Resource] | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = 10.0,
        concurrency: int = 20,
        health: str = "/health",
    ) -> None:
        """`timeout` in seconds without a sign of life; `concurrency` requests at once; `health` is asked by `check`."""
        self._name = name
        self._health = health
        self._resources = resources or {}
        self._make_client = partial(Client, name, base_url, headers or {}, transport, timeout, concurrency)
        self._client: Client | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return REST_CAPABILITIES

    async def open(self) -> None:
        self._client = self._make_client()

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def check(self) -> None:
        await self._open_client().check(self._health)

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        columns = self._resource(collection).columns
        return {column.name: column.type for column in columns} if columns else None

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        raise SourceRefused(self._name, f"cannot aggregate '{lookup.collection.name}'")

    async def lookup(self, lookup: Lookup) -> Rows:
        collection = lookup.collection.name
        keyed = () if lookup.key is None else (lookup.key,)
        try:
            query = self._query(lookup)
            found = await self._read(lookup, query)
            columns = [(name, to_native) for name in keyed]
            columns += [(name, to_wire if name in lookup.wire else to_native) for name in lookup.columns]
            rows = to_rows(found.items, [(name, self._column(lookup, name).type, way) for name, way in columns])
            if lookup.key is None:
                return Rows(lookup.columns, rows, found.counts)
            sizes = Counter(row[0] for row in rows)
            expect_keys(sizes, lookup.keys, lookup.limit)
        except CannotAsk as error:
            raise SourceRefused(self._name, f"cannot be asked for '{collection}': {error}") from error
        except Nonsense as error:
            raise SourceMisbehaved(self._name, f"answered '{collection}' {error}") from error

        return Rows(lookup.columns, rows, sizes if lookup.count and _is_whole(lookup) else found.counts)

    def _query(self, lookup: Lookup) -> Query:
        """The lookup's query without its keys."""
        if lookup.through is not None:
            raise CannotAsk("it has no junctions")
        resource = self._resource(lookup.collection.name)
        fields = dict.fromkeys((*([lookup.key] if lookup.key else ()), *lookup.columns)) or (resource.key,)
        return Query(
            to_conditions(lookup.filter),
            tuple(fields),
            to_sort(lookup.order, resource.key, {c.name: c.nullable for c in lookup.collection.columns}),
            resource.page if lookup.limit is None else min(lookup.limit, resource.page),
            None if lookup.after is None else tuple(map(to_json, lookup.after)),
            count=lookup.count and not (lookup.key is not None and _is_whole(lookup)),
        )

    async def _read(self, lookup: Lookup, query: Query) -> _Found:
        resource = self._resource(lookup.collection.name)
        if query.conditions.impossible or (lookup.limit == 0 and not lookup.count):
            return _Found((), {None: 0} if lookup.count and lookup.key is None else {})
        if lookup.key is None:
            return await self._pages(resource, query, lookup.limit, None)

        column = lookup.key
        keys = query.conditions.among(column, lookup.keys).lists[column]
        fits = lookup.limit is not None and lookup.limit <= resource.page
        if resource.batch is Batch.EACH or not (_is_whole(lookup) or (fits and resource.per)):
            return await self._merged(
                self._pages(resource, _with_keys(query, column, (key,)), lookup.limit, key) for key in keys
            )
        if _is_whole(lookup):
            chunks = self._chunks(resource, query, column, keys)
            return await self._merged(self._pages(resource, chunk, None, None) for chunk in chunks)
        chunks = self._chunks(resource, replace(query, per=column), column, keys)
        return await self._merged(self._windows(resource, chunk) for chunk in chunks)

    def _chunks(self, resource: Resource, query: Query, column: str, keys: Sequence[Any]) -> Iterator[Query]:
        """The query for so many of the keys at a time as the resource takes."""
        for start in range(0, len(keys), resource.chunk):
            chunk = keys[start : start + resource.chunk]
            made = _with_keys(query, column, chunk)
            if resource.batch is Batch.LIST and len(chunk) > 1 and _too_long(resource, made.parameters()):
                yield from self._chunks(replace(resource, chunk=(len(chunk) + 1) // 2), query, column, chunk)
            else:
                yield made

    async def _merged(self, parts: Iterable[Awaitable[_Found]]) -> _Found:
        found = await _together(parts)
        if len(found) == 1:
            return found[0]
        counts = {key: count for part in found for key, count in part.counts.items()}
        return _Found([item for part in found for item in part.items], counts)

    async def _pages(self, resource: Resource, query: Query, limit: int | None, key: Any) -> _Found:
        """All pages of the query, or so many as hold `limit` items; the count stands under `key`."""
        answer = await self._ask(resource, query)
        counts = {key: answer.counts[""]} if query.count else {}
        items = list(answer.items)
        while answer.next is not None and (limit is None or len(items) < limit):
            page = resource.page if limit is None else min(limit - len(items), resource.page)
            query = replace(query, after=answer.next, limit=page, count=False)
            answer = await self._ask(resource, query)
            items += answer.items
        return _Found(items, counts)

    async def _windows(self, resource: Resource, query: Query) -> _Found:
        """The query's window for each of its keys."""
        answer = await self._ask(resource, query)
        keys = {to_text(key): key for key in query.conditions.lists[query.per or ""]}
        if not answer.counts.keys() <= keys.keys():
            raise Nonsense("with counts of keys that were not asked for")
        return _Found(answer.items, {keys[text]: count for text, count in answer.counts.items()})

    async def _ask(self, resource: Resource, query: Query) -> Answer:
        client = self._open_client()
        if resource.batch is not Batch.POST:
            parameters = query.parameters()
            if resource.batch is not Batch.AUTO or not _too_long(resource, parameters):
                return read_answer(await client.get(resource.path, parameters), query)
        return read_answer(await client.post(f"{resource.path}/query", query.body()), query)

    def _open_client(self) -> Client:
        if self._client is None:
            raise SourceUnavailable(self._name, "is not open")
        return self._client

    def _resource(self, collection: str) -> Resource:
        return self._resources.get(collection) or Resource(f"/{collection}")

    def _column(self, lookup: Lookup, name: str) -> Column:
        declared = self._resource(lookup.collection.name).columns
        column = lookup.collection.by_name.get(name) or next((c for c in declared if c.name == name), None)
        if column is None:
            raise CannotAsk(f"the type of {name!r} is not declared")
        return column


def _is_whole(lookup: Lookup) -> bool:
    """Whether all rows of every key are asked for, so that keys need no window of their own."""
    return lookup.limit is None and lookup.after is None


def _with_keys(query: Query, column: str, keys: Sequence[Any]) -> Query:
    return replace(query, conditions=query.conditions.among(column, keys))


def _too_long(resource: Resource, parameters: str) -> bool:
    return len(resource.path) + 1 + len(parameters) > MAXIMUM_URL


async def _together(awaitables: Iterable[Awaitable[T]]) -> list[T]:
    """The results of all, awaited concurrently; when one fails, the others are cancelled."""
    tasks = [asyncio.ensure_future(each) for each in awaitables]
    try:
        return await asyncio.gather(*tasks)
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
