"""The tables of the memory source, and the rules for their rows."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from datasources.lookup import ColumnType

Values = Mapping[str, Any]
"""A row, by column."""

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


@dataclass(frozen=True, slots=True)
class Constraints:
    """What is written to a collection must be like this. Keys are unique, and never null, in any case."""

    defaults: Mapping[str, Callable[[], Any]] | None = None
    not_null: frozenset[str] = frozenset()
    unique: tuple[tuple[str, ...], ...] = ()
    references: Mapping[str, tuple[str, str]] | None = None
    """By column: the collection and its column where every value but null must be found."""
    checks: Mapping[str, tuple[tuple[str, ...], Callable[[Values], bool]]] | None = None
    """By name: the columns that a condition is about, and the condition."""


UNCONSTRAINED = Constraints()


class Table:
    """Rows, with an index of each column that was asked for."""

    def __init__(
        self,
        collection: str,
        rows: Iterable[Values],
        declared: Mapping[str, ColumnType | None],
        constraints: Constraints = UNCONSTRAINED,
    ) -> None:
        given = list(rows)
        columns = dict.fromkeys((*declared, *(column for row in given for column in row)))
        self.collection = collection
        self.columns = {column: declared.get(column) or _type(given, column) for column in columns}
        self.constraints = constraints
        self._rows: dict[int, Values] = {}
        """By their identity, for that rows are never changed, but replaced."""
        self._indexes: dict[str, dict[Any, list[Values]]] = {}
        for row in given:
            self.add({column: row.get(column) for column in columns})

    @property
    def rows(self) -> Iterable[Values]:
        return self._rows.values()

    def where(self, column: str, value: Any) -> list[Values]:
        """The rows whose `column` equals `value`; none when it is null."""
        if value is None:
            return []
        index = self._indexes.get(column)
        if index is None:
            index = self._indexes[column] = {}
            for row in self.rows:
                index.setdefault(row[column], []).append(row)
        return index.get(value, [])

    def matching(self, columns: tuple[str, ...], values: Values) -> Values | None:
        """A row with the same values in `columns`, none of them null."""
        wanted = [(column, values[column]) for column in columns]
        if any(value is None for _, value in wanted):
            return None
        found = self.where(*wanted[0])
        return next((row for row in found if all(row[column] == value for column, value in wanted)), None)

    def add(self, row: Values) -> None:
        self._rows[id(row)] = row
        for column, index in self._indexes.items():
            index.setdefault(row[column], []).append(row)

    def remove(self, row: Values) -> None:
        del self._rows[id(row)]
        for column, index in self._indexes.items():
            index[row[column]] = [other for other in index[row[column]] if other is not row]

    def copy(self) -> "Table":
        """With the same rows."""
        made = Table(self.collection, (), self.columns, self.constraints)
        made._rows = dict(self._rows)
        return made


def _type(rows: list[Values], column: str) -> ColumnType | None:
    return next((_TYPES.get(type(row[column])) for row in rows if row.get(column) is not None), None)
