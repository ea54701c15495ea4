"""A datasource of plain Python rows: the reference of the contract, plain rather than fast."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from copy import copy
from operator import itemgetter
from typing import Any

from datasources.base import EVERYTHING_CAPABLE, Capabilities, required
from datasources.errors import SourceRefused, SourceUnavailable
from datasources.evaluation import Predicate, predicate
from datasources.filters import Exists, Filter, Order, own_columns, seek
from datasources.lookup import Aggregate, AggregateLookup, Collection, ColumnType, Function, Lookup, Row, Rows
from datasources.memory_changes import MemoryChanges
from datasources.memory_tables import UNCONSTRAINED, Constraints, Table, Values
from datasources.memory_writes import Idempotency, MemoryTransaction
from datasources.wire import TO_WIRE
from datasources.write import Insert, Recorded, Transaction, Write


class MemorySource:
    """Rows are mappings of native values; a column that a row lacks is null there.

    `columns` says the types of collections' columns, for `describe` and where the rows do not tell that there are any;
    `constraints` what may be written to them. Transactions come one after the other.
    """

    def __init__(
        self,
        name: str,
        collections: Mapping[str, Sequence[Values]],
        *,
        columns: Mapping[str, Mapping[str, ColumnType]] | None = None,
        constraints: Mapping[str, Constraints] | None = None,
        capabilities: Capabilities = EVERYTHING_CAPABLE,
    ) -> None:
        declared = columns or {}
        self._name = name
        self._capabilities = capabilities
        self._tables = {
            collection: Table(
                collection,
                collections.get(collection, ()),
                declared.get(collection, {}),
                (constraints or {}).get(collection, UNCONSTRAINED),
            )
            for collection in {**collections, **declared}
        }
        self._is_open = False
        self._writing = asyncio.Lock()
        self._idempotency = Idempotency()
        self.changes = MemoryChanges(name)

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def open(self) -> None:
        self._is_open = True

    async def close(self) -> None:
        self._is_open = False

    async def check(self) -> None:
        if not self._is_open:
            raise SourceUnavailable(self._name, "is not open")

    async def describe(self, collection: str) -> dict[str, ColumnType | None]:
        table = self._tables.get(collection)
        return dict(table.columns) if table else {}

    async def lookup(self, lookup: Lookup) -> Rows:
        table = await self._accepting(lookup)
        self.expect(table, (*lookup.columns, *(term.column for term in lookup.order)))
        remains = None if lookup.after is None else self._predicate(table, seek(lookup.order, lookup.after))
        read = self.reading(table, lookup.collection, lookup.columns, lookup.wire)
        rows: list[Row] = []
        counts: dict[Any, int] = {}
        for key, found in self._found(table, lookup):
            if lookup.count:
                counts[key] = len(found)
            remaining = found if remains is None else list(filter(remains, found))
            values = map(read, _ordered(remaining, lookup.order)[: lookup.limit])
            rows += values if lookup.key is None else [(key, *row) for row in values]
        return Rows(lookup.columns, rows, counts)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        table = await self._accepting(lookup)
        self.expect(table, (*lookup.group_by, *(each.column for each in lookup.aggregates if each.column is not None)))
        names = tuple(aggregate.name for aggregate in lookup.aggregates)
        selects = self._predicate(Table(table.collection, (), dict.fromkeys(names)), lookup.having)
        order = tuple(Order(column) for column in lookup.group_by)
        rows: list[Row] = []
        for key, found in self._found(table, lookup):
            groups: dict[Row, list[Values]] = {(): []} if lookup.key is None and not lookup.group_by else {}
            for row in _ordered(found, order):
                groups.setdefault(tuple(row[column] for column in lookup.group_by), []).append(row)
            for group, members in groups.items():
                figures = tuple(_figure(aggregate, members) for aggregate in lookup.aggregates)
                if selects(dict(zip(names, figures, strict=True))):
                    rows.append((*group, *figures) if lookup.key is None else (key, *group, *figures))
        return Rows((*lookup.group_by, *names), rows[: lookup.limit])

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._writing:
            await self.check()
            inside = copy(self)
            inside._tables = dict(self._tables)
            transaction = MemoryTransaction(inside, inside._tables, self._idempotency)
            yield transaction
            transaction.expect_whole()
            self._tables = inside._tables
            self._idempotency.keep(transaction.recorded)
            for collection, before, after in transaction.written:
                self.changes.record(collection, before, after)

    async def write(self, write: Write) -> Rows:
        async with self.transaction() as transaction:
            return await transaction.write(write)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        async with self.transaction() as transaction:
            return await transaction.insert_with(parent, column, children)

    async def recorded(self, key: str) -> Recorded | None:
        await self.check()
        return self._idempotency.find(key)

    def reading(
        self, table: Table, collection: Collection, columns: Sequence[str], wire: frozenset[str]
    ) -> Callable[[Values], Row]:
        """How rows become those of an answer."""
        writers = [(column, _writer(table, collection, column) if column in wire else None) for column in columns]
        return lambda row: tuple([row[column] if write is None else write(row[column]) for column, write in writers])

    async def _accepting(self, lookup: Lookup | AggregateLookup) -> Table:
        await self.check()
        lacking = required(lookup).beyond(self._capabilities)
        if lacking:
            raise SourceRefused(self._name, f"cannot do this for '{lookup.collection.name}': {', '.join(lacking)}")
        return self.table(lookup.collection.name)

    def table(self, collection: str) -> Table:
        table = self._tables.get(collection)
        if table is None:
            raise SourceRefused(self._name, f"has no '{collection}'")
        return table

    def expect(self, table: Table, columns: Iterable[str]) -> None:
        for column in columns:
            if column not in table.columns:
                raise SourceRefused(self._name, f"has no {column!r} in '{table.collection}'")

    def _found(self, table: Table, lookup: Lookup | AggregateLookup) -> Iterator[tuple[Any, list[Values]]]:
        """The rows that satisfy the lookup's filter: of each of its keys, or of None where there are no keys."""
        selects = self._predicate(table, lookup.filter)
        if lookup.key is None:
            yield None, list(filter(selects, table.rows))
            return
        for key in dict.fromkeys(lookup.keys):
            yield key, list(filter(selects, self._of_key(table, lookup, key)))

    def _of_key(self, table: Table, lookup: Lookup | AggregateLookup, key: Any) -> Iterable[Values]:
        through, column = lookup.through, lookup.key or ""
        if through is None:
            self.expect(table, [column])
            return table.where(column, key)
        junction = self.table(through.collection.name)
        self.expect(junction, (through.key, through.target))
        self.expect(table, [through.column])
        targets = dict.fromkeys(link[through.target] for link in junction.where(through.key, key))
        return [row for target in targets for row in table.where(through.column, target)]

    def _predicate(self, table: Table, tree: Filter) -> Predicate:
        self.expect(table, own_columns(tree))
        return predicate(tree, self._exists)

    def _exists(self, tree: Exists) -> Predicate:
        other, local, column = self.table(tree.collection.name), tree.local, tree.column
        self.expect(other, [column])
        wanted = self._predicate(other, tree.filter)
        return lambda row: any(wanted(each) for each in other.where(column, row[local]))


def _writer(table: Table, collection: Collection, column: str) -> Callable[[Any], Any] | None:
    """How the column's values become what stands in JSON, if they are not."""
    declared = collection.by_name.get(column)
    column_type = table.columns[column] if declared is None else declared.type
    write = None if column_type is None else TO_WIRE.get(column_type)
    return None if write is None else lambda value: None if value is None else write(value)


def _ordered(rows: Sequence[Values], order: Sequence[Order]) -> Sequence[Values]:
    for term in reversed(order):
        nulls = [row for row in rows if row[term.column] is None]
        values = [row for row in rows if row[term.column] is not None]
        values.sort(key=itemgetter(term.column), reverse=term.descending)
        rows = nulls + values if term.puts_nulls_first else values + nulls
    return rows


def _figure(aggregate: Aggregate, rows: Sequence[Values]) -> Any:
    if aggregate.column is None:
        return len(rows)
    values = [row[aggregate.column] for row in rows if row[aggregate.column] is not None]
    if aggregate.function is Function.COUNT:
        return len(values)
    if not values:
        return None
    match aggregate.function:
        case Function.SUM:
            return sum(values)
        case Function.AVG:
            return float(sum(values) / len(values))
        case Function.MIN:
            return min(values)
        case Function.MAX:
            return max(values)
