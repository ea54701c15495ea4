"""A lookup in the words of the REST convention: the conditions and controls of one request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from datasources.filters import And, Compare, Filter, Operator, Or, Order
from datasources.rest.values import Json, to_json, to_text

_RANGES = {Operator.NE, Operator.LT, Operator.LTE, Operator.GT, Operator.GTE}


class CannotAsk(Exception):
    """A filter, order or value that the convention has no words for; the message says which."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """All must hold: `lists` of allowed values by column, and comparisons by `column[operator]`."""

    lists: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    comparisons: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    impossible: bool = False
    """No row can satisfy them; there is nothing to ask."""

    def among(self, column: str, values: Iterable[Any]) -> "Conditions":
        """The same, and `column` is one of `values`."""
        wanted = tuple(dict.fromkeys(value for value in values if value is not None))
        if column in self.lists:
            allowed = frozenset(self.lists[column])
            wanted = tuple(value for value in wanted if value in allowed)
        return replace(self, lists={**self.lists, column: wanted}, impossible=self.impossible or not wanted)

    def compared(self, name: str, value: Any) -> "Conditions":
        return replace(self, comparisons={**self.comparisons, name: (*self.comparisons.get(name, ()), value)})


def to_conditions(tree: Filter, conditions: Conditions | None = None) -> Conditions:
    """Adds `tree` to `conditions`. Raises CannotAsk."""
    made = conditions or Conditions()
    match tree:
        case And(filters):
            for inner in filters:
                made = to_conditions(inner, made)
            return made
        case Or(()):
            return replace(made, impossible=True)
        case Compare(column, Operator.EQ, None):
            return made.compared(f"{column}[null]", True)
        case Compare(column, Operator.NE, None):
            return made.compared(f"{column}[null]", False)
        case Compare(column, Operator.IS_NULL, value):
            return made.compared(f"{column}[null]", value)
        case Compare(column, Operator.EQ, value):
            return made.among(column, (value,))
        case Compare(column, Operator.IN, values):
            return made.among(column, values)
        case Compare(_, operator, None) if operator in _RANGES:
            return replace(made, impossible=True)
        case Compare(column, operator, value) if operator in _RANGES:
            return made.compared(f"{column}[{operator}]", value)
        case Compare(_, operator, _):
            raise CannotAsk(f"cannot compare with {operator}")
    raise CannotAsk(f"cannot filter with {type(tree).__name__}")


def to_sort(order: Sequence[Order], key: str, nullable: Mapping[str, bool]) -> tuple[str, ...]:
    """The terms of `sort=`; the key breaks ties. Raises CannotAsk where nulls would have to be the smallest values."""
    for term in order:
        if term.puts_nulls_first is not term.descending and nullable.get(term.column, True):
            raise CannotAsk(f"cannot order {term.column} with nulls as the smallest values")
    terms = tuple(f"-{term.column}" if term.descending else term.column for term in order)
    return terms if any(term.column == key for term in order) else (*terms, key)


@dataclass(frozen=True, slots=True)
class Query:
    """One request to a collection."""

    conditions: Conditions
    fields: tuple[str, ...]
    sort: tuple[str, ...]
    limit: int
    after: tuple[Json, ...] | None = None
    per: str | None = None
    count: bool = False

    @property
    def most(self) -> int:
        """Items that the answer may have."""
        return self.limit if self.per is None else self.limit * len(self.conditions.lists[self.per])

    def parameters(self) -> str:
        """As the query string of a GET. Raises CannotAsk."""
        pairs: list[tuple[str, str]] = []
        for column, values in self.conditions.lists.items():
            texts = [to_text(value) for value in values]
            if any("," in text for text in texts):
                pairs += [(column, text) for text in texts * (2 if len(texts) == 1 else 1)]
            else:
                pairs.append((column, ",".join(texts)))
        for name, values in self.conditions.comparisons.items():
            pairs += [(name, to_text(value)) for value in values]
        pairs += [("sort", ",".join(self.sort)), ("limit", str(self.limit)), ("fields", ",".join(self.fields))]
        if self.after is not None:
            pairs.append(("after", _json(self.after).decode()))
        if self.per is not None:
            pairs.append(("per", self.per))
        if self.count:
            pairs.append(("count", "true"))
        try:
            return urlencode(pairs, quote_via=quote, safe=",:[]")
        except UnicodeEncodeError as error:
            raise CannotAsk("a string is not Unicode") from error

    def body(self) -> bytes:
        """As the JSON body of a POST. Raises CannotAsk."""
        where: dict[str, Any] = {
            name: [to_json(value) for value in values]
            for name, values in (*self.conditions.lists.items(), *self.conditions.comparisons.items())
        }
        body: dict[str, Any] = {"where": where, "sort": self.sort, "limit": self.limit, "fields": self.fields}
        if self.after is not None:
            body["after"] = self.after
        if self.per is not None:
            body["per"] = self.per
        if self.count:
            body["count"] = True
        return _json(body)


def _json(content: Any) -> bytes:
    try:
        return orjson.dumps(content)
    except orjson.JSONEncodeError as error:
        raise CannotAsk(f"a value has no JSON form: {error}") from error
