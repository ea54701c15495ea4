"""A request of the REST convention, from a URL's parameters or a JSON body."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasources.demo.rest_table import COMPARISONS, Condition, Row, Table

PAGE = 1000
_CONTROLS = ("sort", "limit", "after", "fields", "per", "count")
_OPERATORS = ("ne", *COMPARISONS, "null")


class BadQuery(Exception):
    """A parameter makes no sense; the message says which, and what would."""


@dataclass(frozen=True, slots=True)
class Query:
    """What is asked of a collection, in its columns' own types."""

    where: tuple[Condition, ...]
    sort: tuple[tuple[str, bool], ...]
    """Columns, and whether they descend; nulls are the largest values. The key breaks ties."""
    limit: int
    after: tuple[Any, ...] | None
    """A position: a value for each term of `sort`, or for the first of them."""
    fields: tuple[str, ...]
    per: str | None
    count: bool

    def wanted(self, column: str) -> Iterable[Any]:
        """The values that are listed for `column`."""
        return next(each.value for each in self.where if each.column == column and each.operator == "in")

    def is_after(self, row: Row) -> bool:
        for (column, descending), value in zip(self.sort, self.after or (), strict=False):
            found = row[column]
            if found == value:
                continue
            if value is None:
                return descending
            if found is None:
                return not descending
            return bool(found < value if descending else found > value)
        return False


def from_parameters(table: Table, parameters: Iterable[tuple[str, str]]) -> Query:
    """`?order_id=1,2&shipped_at[gte]=…&sort=-shipped_at,id`.

    A list is separated by commas, or given by repeating the parameter, where commas belong to the values.
    """
    where: dict[str, list[str]] = {}
    controls: dict[str, Any] = {}
    for name, value in parameters:
        if name not in _CONTROLS:
            where.setdefault(name, []).append(value)
        elif name in controls:
            raise BadQuery(f"{name} is given twice.")
        else:
            controls[name] = value
    for name in ("sort", "fields"):
        if name in controls:
            controls[name] = controls[name].split(",")
    for name in ("limit", "after", "count"):
        if name in controls:
            controls[name] = _json_value(name, controls[name])
    lists = {
        name: values[0].split(",") if len(values) == 1 and not name.endswith("]") else values
        for name, values in where.items()
    }
    return _query(table, lists, controls)


def from_body(table: Table, body: Any) -> Query:
    """The same as an object: `{"where": {"order_id": [1, 2], "shipped_at[gte]": …}, "sort": ["-shipped_at", "id"]}`."""
    if not isinstance(body, dict):
        raise BadQuery("The body must be a JSON object.")
    where = body.get("where", {})
    if not isinstance(where, dict):
        raise BadQuery("where must be an object.")
    unknown = body.keys() - {"where", *_CONTROLS}
    if unknown:
        raise BadQuery(f"Unknown: {', '.join(sorted(unknown))}; known are where, {', '.join(_CONTROLS)}.")
    lists = {name: value if isinstance(value, list) else [value] for name, value in where.items()}
    return _query(table, lists, {name: value for name, value in body.items() if name != "where"})


def _query(table: Table, where: Mapping[str, Sequence[Any]], controls: Mapping[str, Any]) -> Query:
    conditions = tuple(made for name, values in where.items() for made in _conditions(table, name, values))
    sort = _sort(table, controls.get("sort"))
    limit = controls.get("limit", PAGE)
    if type(limit) is not int or limit < 0:
        raise BadQuery("limit must be an integer that is not negative.")
    count = controls.get("count", False)
    if not isinstance(count, bool):
        raise BadQuery("count must be true or false.")
    per = controls.get("per")
    if per is not None and not any(each.column == per and each.operator == "in" for each in conditions):
        raise BadQuery(f"per={per} needs a list of values: {per}=1,2,3.")
    fields = _names(table, "fields", controls.get("fields")) or table.columns
    after = _position(table, sort, controls.get("after"))
    return Query(conditions, sort, min(limit, PAGE), after, fields, per, count)


def _conditions(table: Table, parameter: str, values: Sequence[Any]) -> Iterable[Condition]:
    column, _, rest = parameter.partition("[")
    operator = rest.removesuffix("]")
    _known(table, parameter, column)
    if not rest:
        yield Condition(column, "in", dict.fromkeys(_parse(table, parameter, column, each) for each in values))
    elif operator not in _OPERATORS:
        raise BadQuery(f"{parameter}: there is no operator {operator!r}; there are {', '.join(_OPERATORS)}.")
    elif operator == "null":
        for each in values:
            if each not in (True, False, "true", "false"):
                raise BadQuery(f"{parameter} must be true or false.")
            yield Condition(column, "null", each in (True, "true"))
    else:
        for each in values:
            yield Condition(column, operator, _parse(table, parameter, column, each))


def _parse(table: Table, parameter: str, column: str, value: Any) -> Any:
    try:
        return table.parse(column, value)
    except ValueError:
        raise BadQuery(f"{parameter}: {str(value)[:100]!r} is no value of this column.") from None


def _known(table: Table, parameter: str, column: Any) -> None:
    if table.columns and column not in table.columns:
        raise BadQuery(f"{parameter}: there is no column {column!r}; there are {', '.join(table.columns)}.")


def _names(table: Table, parameter: str, names: Any) -> tuple[str, ...]:
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise BadQuery(f"{parameter} must be a list of columns.")
    for name in names or ():
        _known(table, parameter, name.removeprefix("-") if parameter == "sort" else name)
    return tuple(names or ())


def _sort(table: Table, names: Any) -> tuple[tuple[str, bool], ...]:
    sort = {name.removeprefix("-"): name.startswith("-") for name in reversed(_names(table, "sort", names))}
    for name in sort:
        if not table.sortable(name):
            raise BadQuery(f"sort: the values of {name} have no order.")
    terms = tuple(reversed(sort.items()))
    return terms if table.key in sort else (*terms, (table.key, False))


def _position(table: Table, sort: Sequence[tuple[str, bool]], position: Any) -> tuple[Any, ...] | None:
    if position is None:
        return None
    if not isinstance(position, list) or len(position) > len(sort):
        raise BadQuery("after must be an array with a value for each term of sort.")
    return tuple(
        None if value is None else _parse(table, "after", column, value)
        for (column, _), value in zip(sort, position, strict=False)
    )


def _json_value(name: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise BadQuery(f"{name} is not JSON.") from None
