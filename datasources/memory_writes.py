"""Writes to rows in memory, in transactions: one at a time, on copies of the tables."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from decimal import ROUND_HALF_UP, Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from datasources.errors import (
    CheckViolated,
    ForeignKeyViolated,
    NotNullViolated,
    SourceRefused,
    UniqueViolated,
)
from datasources.lookup import AggregateLookup, Collection, ColumnType, Lookup, Row, Rows
from datasources.memory_tables import Table, Values
from datasources.write import KEPT_SECONDS, Delete, Insert, Recorded, Update, Write, insert_in_turn, refuse_repeated

if TYPE_CHECKING:
    from datasources.memory import MemorySource

Written = tuple[Collection, Values | None, Values | None]
"""A row as it was and as it is."""

_INTEGERS = (ColumnType.INTEGER, ColumnType.BIGINT)


class Idempotency:
    """The answers that were recorded."""

    def __init__(self) -> None:
        self._recorded: dict[str, tuple[float, Recorded]] = {}

    def find(self, key: str) -> Recorded | None:
        at, recorded = self._recorded.get(key, (0.0, None))
        return recorded if at > monotonic() - KEPT_SECONDS else None

    def keep(self, recorded: Mapping[str, Recorded]) -> None:
        for key, answer in recorded.items():
            self._recorded.pop(key, None)  # so that the oldest stand first
            self._recorded[key] = (monotonic(), answer)
        while self._recorded and next(iter(self._recorded.values()))[0] <= monotonic() - KEPT_SECONDS:
            del self._recorded[next(iter(self._recorded))]


class MemoryTransaction:
    """`source` is a copy, whose tables are replaced by copies as they are written."""

    def __init__(self, source: "MemorySource", tables: dict[str, Table], idempotency: Idempotency) -> None:
        self.written: list[Written] = []
        self.recorded: dict[str, Recorded] = {}
        self._source = source
        self._tables = tables
        self._copied: set[str] = set()
        self._claimed: dict[str, bytes] = {}
        self._untouched = dict(tables)
        self._idempotency = idempotency
        self._has_failed = False

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self._source.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self._source.aggregate(lookup)

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        self._claimed[key] = digest
        return self._idempotency.find(key)

    async def undo(self) -> None:
        self._tables.update(self._untouched)
        self._copied.clear()
        self.written.clear()
        self._has_failed = False

    async def record(self, key: str, answer: bytes) -> None:
        self.recorded[key] = Recorded(self._claimed[key], answer)

    async def write(self, write: Write) -> Rows:
        self.expect_whole()
        self._has_failed = True  # until it has not
        refuse_repeated(self._source.name, write)
        table = self._copied_table(write)
        before = len(self.written)
        rows: list[Values | None]
        match write:
            case Insert():
                rows = [self._insert(table, write, number) for number in range(len(write.rows))]
            case Update():
                rows = [self._update(table, write, number) for number in range(len(write.rows))]
            case Delete():
                rows = [self._delete(table, write, number) for number in range(len(write.keys))]
        numbers = [number for number, row in enumerate(rows) if row is not None]
        for number, (_, old, new) in zip(numbers, self.written[before:], strict=True):
            self._check_references(table, old, new, number)
        self._has_failed = False
        return Rows(write.returning, self._returned(table, write, [row for row in rows if row is not None]))

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        return await insert_in_turn(self._source.name, self, parent, column, children)

    def expect_whole(self) -> None:
        """Raises SourceRefused once a write has failed."""
        if self._has_failed:
            raise SourceRefused(self._source.name, "rolls a transaction back in which a write failed")

    def _copied_table(self, write: Write) -> Table:
        name = write.collection.name
        table = self._source.table(name)
        columns = [write.collection.key, *write.returning]
        if not isinstance(write, Delete):
            columns += write.columns
        if isinstance(write, Insert):
            columns += write.conflict
        self._source.expect(table, columns)
        if name not in self._copied:
            self._copied.add(name)
            table = self._tables[name] = table.copy()
        return table

    def _insert(self, table: Table, write: Insert, number: int) -> Values:
        collection = write.collection
        given = _kept(collection, dict(zip(write.columns, write.rows[number], strict=True)))
        defaults = table.constraints.defaults or {}
        made = {column: defaults[column]() for column in defaults if column not in given}
        row = {**dict.fromkeys(table.columns), **made, **given}
        if row[collection.key] is None:
            row[collection.key] = _new_key(table, collection)
        self._check(table, collection, row, number)
        if write.conflict and sorted(write.conflict) not in map(sorted, _unique(table, collection)):
            columns = ", ".join(write.conflict)
            raise SourceRefused(self._source.name, f"has no unique key of {columns} in '{collection.name}'")
        there = table.matching(write.conflict, row) if write.conflict else None
        if there is not None:
            updated = {column: row[column] for column in write.update}
            return self._replace(table, collection, there, updated, write.version, number)
        self._check_unique(table, collection, row, number)
        table.add(row)
        self.written.append((collection, None, row))
        return row

    def _update(self, table: Table, write: Update, number: int) -> Values | None:
        key, *values = write.rows[number]
        there = _expected(table, write, key, number)
        if there is None:
            return None
        given = _kept(write.collection, dict(zip(write.columns, values, strict=True)))
        return self._replace(table, write.collection, there, given, write.version, number)

    def _delete(self, table: Table, write: Delete, number: int) -> Values | None:
        there = _expected(table, write, write.keys[number], number)
        if there is not None:
            table.remove(there)
            self.written.append((write.collection, there, None))
        return there

    def _replace(
        self, table: Table, collection: Collection, there: Values, given: Values, version: str | None, number: int
    ) -> Values:
        counted = {} if version is None else {version: (there[version] or 0) + 1}
        row = {**there, **given, **counted}
        self._check(table, collection, row, number)
        table.remove(there)
        self._check_unique(table, collection, row, number)
        table.add(row)
        self.written.append((collection, there, row))
        return row

    def _check(self, table: Table, collection: Collection, row: Values, number: int) -> None:
        source, name, constraints = self._source.name, table.collection, table.constraints
        for column in (collection.key, *sorted(constraints.not_null)):
            if row[column] is None:
                raise NotNullViolated(source, name, (column,), row=number)
        for constraint, (columns, holds) in (constraints.checks or {}).items():
            if not holds(row):
                raise CheckViolated(source, name, columns, constraint, number)

    def _check_unique(self, table: Table, collection: Collection, row: Values, number: int) -> None:
        for columns in _unique(table, collection):
            if table.matching(columns, row) is not None:
                name = table.collection
                constraint = f"{name}_pkey" if columns == (collection.key,) else f"{name}_{'_'.join(columns)}_key"
                raise UniqueViolated(self._source.name, name, columns, constraint, number)

    def _check_references(self, table: Table, before: Values | None, after: Values | None, number: int) -> None:
        """After the whole write, for its rows may refer to one another."""
        for child, column, parent, target in self._references():
            values = [after[column]] if child is table and after is not None else []
            if parent is table and before is not None and child.where(column, before[target]):
                values.append(before[target])
            if any(value is not None and not parent.where(target, value) for value in values):
                constraint = f"{child.collection}_{column}_fkey"
                raise ForeignKeyViolated(self._source.name, child.collection, (column,), constraint, number)

    def _references(self) -> Iterator[tuple[Table, str, Table, str]]:
        for child in self._tables.values():
            for column, (collection, target) in (child.constraints.references or {}).items():
                yield child, column, self._source.table(collection), target

    def _returned(self, table: Table, write: Write, rows: Sequence[Values]) -> list[Row]:
        read = self._source.reading(table, write.collection, write.returning, write.wire)
        key = write.collection.key
        return [(row[key], *read(row)) for row in rows]


def _expected(table: Table, write: Update | Delete, key: Any, number: int) -> Values | None:
    """The row of this key, if it is there in the version that it is to have."""
    there = next(iter(table.where(write.collection.key, key)), None)
    if there is None or not write.expected or write.version is None:
        return there
    return there if there[write.version] == write.expected[number] else None


def _unique(table: Table, collection: Collection) -> tuple[tuple[str, ...], ...]:
    return ((collection.key,), *table.constraints.unique)


def _new_key(table: Table, collection: Collection) -> Any:
    declared = collection.by_name.get(collection.key)
    column_type = table.columns[collection.key] if declared is None else declared.type
    if column_type in _INTEGERS:
        return max((row[collection.key] for row in table.rows), default=0) + 1
    return uuid4() if column_type is ColumnType.UUID else None


def _kept(collection: Collection, values: dict[str, Any]) -> dict[str, Any]:
    """The values as they are read again: moments in UTC, decimals with the column's digits."""
    for name, value in values.items():
        column = collection.by_name.get(name)
        if value is None or column is None:
            continue
        if column.type is ColumnType.DATETIME:
            values[name] = value.astimezone(UTC)
        if column.type is ColumnType.DECIMAL and column.scale is not None:
            values[name] = Decimal(value).quantize(Decimal(1).scaleb(-column.scale), ROUND_HALF_UP)
    return values
