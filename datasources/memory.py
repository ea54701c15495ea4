"""A datasource of plain Python rows: the reference of the contract, plain rather than fast."""

import operator as compare
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter
from typing import Any
from uuid import UUID

from datasources.base import EVERYTHING_CAPABLE, Capabilities, required
from datasources.errors import SourceRefused, SourceUnavailable
from datasources.filters import And, Compare, Exists, Filter, Not, Operator, Or, Order, seek
from datasources.lookup import Aggregate, AggregateLookup, ColumnType, Function, Lookup, Row, Rows
from datasources.wire import TO_WIRE

Values = Mapping[str, Any]
"""A row, by column."""

Predicate = Callable[[Values], bool]

_TYPES: Mapping[type, ColumnType] = {
    str: ColumnType.STRING,
    int: ColumnType.BIGINT,
    float: ColumnType.FLOAT,
    bool: ColumnType.BOOLEAN,
    Decimal: ColumnType.DECIMAL,
    datetime: ColumnType.DATETIME,
    date: ColumnType.DATE,
    UUID: ColumnType.UUID,
    dict: ColumnType.JSON,
    list: ColumnType.JSON,
}


class MemorySource:
    """Rows are mappings of native values; a column that a row lacks is null there.

    `columns` says the types of collections' columns, for `describe` and where the rows do not tell that there are any.
    """

    def __init__(
        self,
        name: str,
        collections: Mapping[str, Sequence[Values]],
        *,
        columns: Mapping[str, Mapping[str, ColumnType]] | None = None,
        capabilities: Capabilities = EVERYTHING_CAPABLE,
    ) -> None:
        declared = columns or {}
        self._name = name
        self._capabilities = capabilities
        self._tables = {
            collection: _Table(collection, collections.get(collection, ()), declared.get(collection, {}))
            for collection in {**collections, **declared}
        }
        self._is_open = False

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
        self._expect(table, (*lookup.columns, *(term.column for term in lookup.order)))
        remains = None if lookup.after is None else self._predicate(table, seek(lookup.order, lookup.after))
        written = [(column, _writer(table, lookup, column)) for column in lookup.columns]
        rows: list[Row] = []
        counts: dict[Any, int] = {}
        for key, found in self._found(table, lookup):
            if lookup.count:
                counts[key] = len(found)
            remaining = found if remains is None else list(filter(remains, found))
            for row in _ordered(remaining, lookup.order)[: lookup.limit]:
                values = tuple(row[column] if write is None else write(row[column]) for column, write in written)
                rows.append(values if lookup.key is None else (key, *values))
        return Rows(lookup.columns, rows, counts)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        table = await self._accepting(lookup)
        self._expect(table, (*lookup.group_by, *(each.column for each in lookup.aggregates if each.column is not None)))
        names = tuple(aggregate.name for aggregate in lookup.aggregates)
        selects = self._predicate(_Table(table.collection, (), dict.fromkeys(names)), lookup.having)
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

    async def _accepting(self, lookup: Lookup | AggregateLookup) -> "_Table":
        await self.check()
        lacking = required(lookup).beyond(self._capabilities)
        if lacking:
            raise SourceRefused(self._name, f"cannot do this for '{lookup.collection.name}': {', '.join(lacking)}")
        return self._table(lookup.collection.name)

    def _table(self, collection: str) -> "_Table":
        table = self._tables.get(collection)
        if table is None:
            raise SourceRefused(self._name, f"has no '{collection}'")
        return table

    def _expect(self, table: "_Table", columns: Iterable[str]) -> None:
        for column in columns:
            if column not in table.columns:
                raise SourceRefused(self._name, f"has no {column!r} in '{table.collection}'")

    def _found(self, table: "_Table", lookup: Lookup | AggregateLookup) -> Iterator[tuple[Any, list[Values]]]:
        """The rows that satisfy the lookup's filter: of each of its keys, or of None where there are no keys."""
        selects = self._predicate(table, lookup.filter)
        if lookup.key is None:
            yield None, list(filter(selects, table.rows))
            return
        for key in dict.fromkeys(lookup.keys):
            yield key, list(filter(selects, self._of_key(table, lookup, key)))

    def _of_key(self, table: "_Table", lookup: Lookup | AggregateLookup, key: Any) -> Iterable[Values]:
        through, column = lookup.through, lookup.key or ""
        if through is None:
            self._expect(table, [column])
            return table.where(column, key)
        junction = self._table(through.collection.name)
        self._expect(junction, (through.key, through.target))
        self._expect(table, [through.column])
        targets = dict.fromkeys(link[through.target] for link in junction.where(through.key, key))
        return [row for target in targets for row in table.where(through.column, target)]

    def _predicate(self, table: "_Table", tree: Filter) -> Predicate:
        match tree:
            case And(filters):
                every = [self._predicate(table, inner) for inner in filters]
                return lambda row: all(holds(row) for holds in every)
            case Or(filters):
                some = [self._predicate(table, inner) for inner in filters]
                return lambda row: any(holds(row) for holds in some)
            case Not(inner):
                unwanted = self._predicate(table, inner)
                return lambda row: not unwanted(row)
            case Exists(local, collection, column, inner):
                other = self._table(collection.name)
                self._expect(table, [local])
                self._expect(other, [column])
                wanted = self._predicate(other, inner)
                return lambda row: any(wanted(each) for each in other.where(column, row[local]))
            case Compare(column, operator, value):
                self._expect(table, [column])
                return lambda row: _compares(operator, row[column], value)


class _Table:
    def __init__(self, collection: str, rows: Sequence[Values], declared: Mapping[str, ColumnType | None]) -> None:
        columns = dict.fromkeys((*declared, *(column for row in rows for column in row)))
        self.collection = collection
        self.rows = [{column: row.get(column) for column in columns} for row in rows]
        self.columns = {column: declared.get(column) or self._type(column) for column in columns}
        self._indexes: dict[str, dict[Any, list[Values]]] = {}

    def where(self, column: str, value: Any) -> Sequence[Values]:
        """The rows whose `column` equals `value`; none when it is null."""
        if value is None:
            return ()
        index = self._indexes.get(column)
        if index is None:
            index = self._indexes[column] = {}
            for row in self.rows:
                index.setdefault(row[column], []).append(row)
        return index.get(value, ())

    def _type(self, column: str) -> ColumnType | None:
        return next((_TYPES.get(type(row[column])) for row in self.rows if row[column] is not None), None)


def _writer(table: _Table, lookup: Lookup, column: str) -> Callable[[Any], Any] | None:
    """How the column's values become what stands in JSON, if they are to."""
    declared = lookup.collection.by_name.get(column)
    column_type = table.columns[column] if declared is None else declared.type
    write = None if column_type is None or column not in lookup.wire else TO_WIRE.get(column_type)
    return None if write is None else lambda value: None if value is None else write(value)


def _compares(operator: Operator, found: Any, value: Any) -> bool:
    match operator:
        case Operator.IS_NULL:
            return (found is None) is value
        case Operator.EQ:
            return bool(found == value)
        case Operator.NE:
            return bool(found != value)
        case Operator.IN:
            return found is not None and found in value
        case Operator.NOT_IN:
            return found is None or found not in value
    if found is None or value is None:
        return False
    return _COMPARISONS[operator](found, value)


def _folding(comparison: Callable[[str, str], bool]) -> Callable[[str, str], bool]:
    return lambda found, value: comparison(found.casefold(), value.casefold())


_COMPARISONS: Mapping[Operator, Callable[[Any, Any], bool]] = {
    Operator.LT: compare.lt,
    Operator.LTE: compare.le,
    Operator.GT: compare.gt,
    Operator.GTE: compare.ge,
    Operator.CONTAINS: compare.contains,
    Operator.STARTS_WITH: str.startswith,
    Operator.ENDS_WITH: str.endswith,
    Operator.IEQ: _folding(compare.eq),
    Operator.ICONTAINS: _folding(compare.contains),
    Operator.ISTARTS_WITH: _folding(str.startswith),
    Operator.IENDS_WITH: _folding(str.endswith),
}


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
