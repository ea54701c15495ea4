"""One collection in memory: its columns' types, an index for each column that is asked by value, and its filter."""

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

Row = Mapping[str, Any]

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
PARSERS: Mapping[type, Callable[[Any], Any]] = {
    str: str,
    int: int,
    float: float,
    Decimal: lambda value: Decimal(str(value)),
    bool: lambda value: {"true": True, "false": False}[value],
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    UUID: UUID,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """`operator` is one of in, ne, null, lt, lte, gt, gte; the value of `in` is a dict of values, of `null` a bool."""

    column: str
    operator: str
    value: Any

    def holds(self, row: Row) -> bool:
        found = row[self.column]
        if self.operator == "null":
            return bool(self.value) is (found is None)
        if self.operator == "ne":
            return bool(found != self.value)
        if found is None:
            return False
        if self.operator == "in":
            return found in self.value
        return bool(COMPARISONS[self.operator](found, self.value))


class Table:
    """Rows that do not change."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.rows = rows
        self.columns = tuple(rows[0]) if rows else ()
        self.key = "id" if "id" in self.columns else next(iter(self.columns), "id")
        self._kinds = {column: _kind(row[column] for row in rows) for column in self.columns}
        self._indexes: dict[str, dict[Any, list[Row]]] = {}

    def sortable(self, column: str) -> bool:
        return self._kinds.get(column, object) is not None

    def parse(self, column: str, value: Any) -> Any:
        """`value`, as JSON or a URL has it, in the type of `column`. Raises ValueError."""
        kind = self._kinds.get(column, object)
        if kind is None or not isinstance(value, (str, int, float)):
            raise ValueError
        if kind is object or type(value) is kind:
            return value
        if isinstance(value, bool) or not (isinstance(value, str) or kind in (float, Decimal)):
            raise ValueError
        try:
            parsed = PARSERS[kind](value)
        except (ArithmeticError, KeyError):
            raise ValueError from None
        if kind is datetime and parsed.tzinfo is None:
            raise ValueError
        return parsed

    def select(self, where: Sequence[Condition]) -> list[Row]:
        """The rows that satisfy all conditions, in no particular order."""
        candidates: Sequence[Row] = self.rows
        for condition in where:
            if condition.operator == "in":
                found = self._indexed(condition)
                candidates = found if len(found) <= len(candidates) else candidates
        return [row for row in candidates if all(condition.holds(row) for condition in where)]

    def _indexed(self, condition: Condition) -> list[Row]:
        index = self._indexes.get(condition.column)
        if index is None:
            index = self._indexes[condition.column] = {}
            for row in self.rows:
                index.setdefault(row[condition.column], []).append(row)
        return [row for value in condition.value for row in index.get(value, ())]


def _kind(values: Iterable[Any]) -> type | None:
    """What a column holds: `object` when nothing, None when values are of several types or cannot be compared."""
    kinds = {type(value) for value in values if value is not None}
    if kinds == {int, float}:
        return float
    if not kinds:
        return object
    kind = kinds.pop()
    return kind if not kinds and kind in PARSERS else None
