"""Filters, evaluated on rows in memory."""

import operator as compare
from collections.abc import Callable, Mapping
from typing import Any

from datasources.filters import And, Compare, Exists, Filter, Not, Operator, Or

Predicate = Callable[[Mapping[str, Any]], bool]
"""Whether a row, by column, satisfies a filter."""


def predicate(tree: Filter, exists: Callable[[Exists], Predicate]) -> Predicate:
    """What tells the rows that satisfy `tree`; `exists` does so for conditions on other collections' rows."""
    match tree:
        case And(filters):
            every = [predicate(inner, exists) for inner in filters]
            return every[0] if len(every) == 1 else lambda row: all(holds(row) for holds in every)
        case Or(filters):
            some = [predicate(inner, exists) for inner in filters]
            return lambda row: any(holds(row) for holds in some)
        case Not(inner):
            unwanted = predicate(inner, exists)
            return lambda row: not unwanted(row)
        case Exists():
            return exists(tree)
        case Compare(column, operator, value):
            return _comparison(column, operator, value)


def _comparison(column: str, operator: Operator, value: Any) -> Predicate:
    """Made once for each filter, so that of a row only its value is looked at."""
    match operator:
        case Operator.IS_NULL:
            return lambda row: (row[column] is None) is value
        case Operator.EQ:
            return lambda row: bool(row[column] == value)
        case Operator.NE:
            return lambda row: bool(row[column] != value)
        case Operator.IN:
            return lambda row: row[column] is not None and row[column] in value
        case Operator.NOT_IN:
            return lambda row: row[column] is None or row[column] not in value
    if value is None:
        return lambda row: False
    compares = _COMPARISONS[operator]
    return lambda row: row[column] is not None and compares(row[column], value)


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
