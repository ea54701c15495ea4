"""Answers lookups with statements that are built once for each shape of lookup."""

from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import Any

from datasources.cache import Cache
from datasources.errors import SourceMisbehaved, SourceRefused
from datasources.filters import Exists, nodes
from datasources.lookup import AggregateLookup, Collection, Lookup, Row, Rows
from datasources.nested import Nested
from datasources.observed import observing
from datasources.sql.aggregates import aggregate_statement
from datasources.sql.builder import CannotNest, Statement, Unknown
from datasources.sql.dialect import Catalog, Physical, SqlDialect
from datasources.sql.shapes import aggregate_shape, lookup_shape
from datasources.sql.statements import count_statement, rows_statement

Describe = Callable[[str], Awaitable[Mapping[str, Physical]]]
Fetch = Callable[[str, Statement, list[Any]], Awaitable[Sequence[Row]]]
"""Runs a statement with its arguments; the collection is for messages."""

Build = Callable[[SqlDialect, Catalog], tuple[Statement | None, Statement | None]]
"""Makes the statements of rows and of counts."""

CACHED_STATEMENTS = 512
STATEMENTS_BYTES = 32 * 1024 * 1024
PREPARED_BYTES, CHARACTER_BYTES = 1024, 12
"""What the statements of a shape take, and each character of them more, with the shape; measured."""

UNUSABLE = (ValueError, TypeError, ArithmeticError, AttributeError)
"""What encoders and decoders raise for values that are none."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The statements of one shape."""

    collections: tuple[Collection, ...]
    """Kept, for shapes know collections by identity."""
    rows: Statement | None
    counts: Statement | None

    @property
    def size(self) -> int:
        characters = sum(len(statement.text) for statement in (self.rows, self.counts) if statement is not None)
        return PREPARED_BYTES + CHARACTER_BYTES * characters


class Reader:
    """Reads one database; `dialect` is asked for when the first statement is built, after a `describe`."""

    def __init__(self, source: str, dialect: Callable[[], SqlDialect], describe: Describe, fetch: Fetch) -> None:
        self.cache: Cache[Hashable, Prepared] = Cache(CACHED_STATEMENTS, STATEMENTS_BYTES)
        self._source = source
        self._dialect = dialect
        self._describe = describe
        self._fetch = fetch
        self._catalog: dict[str, Mapping[str, Physical]] = {}

    def forget(self) -> None:
        """Learn the database's columns anew: they may have changed."""
        self.cache.clear()
        self._catalog.clear()

    def within(self, describe: Describe, fetch: Fetch) -> "Reader":
        """Reads in another way, with what is known already."""
        other = copy(self)
        other._describe = describe
        other._fetch = fetch
        return other

    async def prepared(self, shape: Hashable, collections: tuple[Collection, ...], build: Build) -> Prepared:
        """Statements that are no lookup's."""
        prepared = self.cache.get(shape)
        if prepared is None:
            prepared = await self._prepare(collections, build)
            self.cache.put(shape, prepared, prepared.size)
        return prepared

    async def lookup(self, lookup: Lookup) -> Rows:
        if (lookup.key is not None and not lookup.keys) or (lookup.limit == 0 and not lookup.count):
            return Rows(lookup.columns, [])
        shape, values = lookup_shape(lookup)
        prepared = self.cache.get(shape)
        if prepared is None:
            prepared = await self._prepare_lookup(lookup)
            self.cache.put(shape, prepared, prepared.size)
        rows = [] if prepared.rows is None else await self._run(lookup, prepared.rows, values)
        if prepared.counts is None:
            return Rows(lookup.columns, rows)
        if lookup.after is None and lookup.limit is None:
            return Rows(lookup.columns, rows, _counted(lookup, rows))
        if lookup.after is None and lookup.key is None and 0 < len(rows) < (lookup.limit or 0):
            return Rows(lookup.columns, rows, {None: len(rows)})
        counts = await self._run(lookup, prepared.counts, values)
        return Rows(lookup.columns, rows, {None: counts[0][0]} if lookup.key is None else dict(counts))

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        columns = (*lookup.group_by, *(aggregate.name for aggregate in lookup.aggregates))
        if lookup.key is not None and not lookup.keys:
            return Rows(columns, [])
        shape, values = aggregate_shape(lookup)
        prepared = self.cache.get(shape)
        if prepared is None:
            prepared = await self._prepare_aggregate(lookup)
            self.cache.put(shape, prepared, prepared.size)
        return Rows(columns, [] if prepared.rows is None else await self._run(lookup, prepared.rows, values))

    async def _prepare_lookup(self, lookup: Lookup) -> Prepared:
        def build(dialect: SqlDialect, catalog: Catalog) -> tuple[Statement | None, Statement | None]:
            rows = None if lookup.limit == 0 else rows_statement(dialect, catalog, lookup)
            return rows, count_statement(dialect, catalog, lookup) if lookup.count else None

        return await self._prepare(tuple(_collections(lookup)), build)

    async def _prepare_aggregate(self, lookup: AggregateLookup) -> Prepared:
        def build(dialect: SqlDialect, catalog: Catalog) -> tuple[Statement | None, Statement | None]:
            return aggregate_statement(dialect, catalog, lookup), None

        return await self._prepare(tuple(_collections(lookup)), build)

    async def _prepare(self, collections: tuple[Collection, ...], build: Build) -> Prepared:
        """Builds from what is known of the columns; where that lacks one, from what the database says now."""
        try:
            try:
                catalog = await self._known(collections)  # first, for the dialect may be learned with it
                statements = build(self._dialect(), catalog)
            except Unknown:
                self.forget()
                catalog = await self._known(collections)
                statements = build(self._dialect(), catalog)
        except (Unknown, CannotNest) as error:
            raise SourceRefused(self._source, str(error)) from error
        except RecursionError as error:
            raise SourceRefused(self._source, "cannot be asked with a filter nested so deeply") from error
        return Prepared(collections, *statements)

    async def _known(self, collections: Sequence[Collection]) -> Catalog:
        """The columns of the collections, learned now or earlier."""
        catalog: dict[str, Mapping[str, Physical]] = {}
        for collection in collections:
            name = collection.name
            catalog[name] = self._catalog.get(name) or await self._describe(name)
        self._catalog.update(catalog)
        return catalog

    async def _run(self, lookup: Lookup | AggregateLookup, statement: Statement, values: list[Any]) -> Sequence[Row]:
        collection = lookup.collection.name
        try:
            arguments = statement.arguments(values)
        except UNUSABLE as error:
            raise SourceRefused(self._source, f"cannot compare '{collection}' with such a value") from error
        try:
            return await observing(statement.text, self._fetch(collection, statement, arguments))
        except UNUSABLE as error:
            raise SourceMisbehaved(self._source, f"holds a value in '{collection}' that is none") from error


def _collections(lookup: Lookup | AggregateLookup) -> Iterator[Collection]:
    """Those that the lookup reads, and those nested in it."""
    yield lookup.collection
    if lookup.through is not None:
        yield lookup.through.collection
    for each in nodes(lookup.filter):
        if isinstance(each, Exists):
            yield each.collection
    if isinstance(lookup, Lookup):
        for inner in lookup.nested:
            yield from _nested_collections(inner)


def _nested_collections(nested: Nested) -> Iterator[Collection]:
    yield from _collections(nested.lookup)
    for member in nested.members:
        if isinstance(member, Nested):
            yield from _nested_collections(member)


def _counted(lookup: Lookup, rows: Sequence[Row]) -> Mapping[Any, int]:
    return {None: len(rows)} if lookup.key is None else Counter([row[0] for row in rows])
