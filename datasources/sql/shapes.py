"""The shape of a lookup: all of it but its keys and values. Lookups of one shape share their statements.

Values are numbered from `FIRST_VALUE` in the order in which a walk through the filter meets them, then come those of
`having` and of `after`, then those of nested lookups, each one's limit first; a comparison with null and one with an
integer beyond 64 bits are shapes of their own.
"""

from collections.abc import Hashable
from typing import Any
from weakref import WeakKeyDictionary

from datasources.filters import EVERYTHING, Compare, Exists, Filter, Not, Operator, Or
from datasources.lookup import AggregateLookup, Lookup, Through
from datasources.nested import Nested

KEYS, LIMIT, FIRST_VALUE = 0, 1, 2
"""Where keys, limit and the first other value stand among a lookup's values."""


def lookup_shape(lookup: Lookup) -> tuple[Hashable, list[Any]]:
    """The lookup's shape, and its values."""
    values: list[Any] = [lookup.keys, lookup.limit]
    filter_shape = _filter_shape(lookup.filter, values)
    after = lookup.after
    after_shape = None
    if after is not None:
        after_shape = tuple([value is None for value in after])
        values.extend([value for value in after if value is not None])
    shape: tuple[Hashable, ...] = (
        id(lookup.collection),
        lookup.columns,
        lookup.key,
        _through_shape(lookup.through),
        filter_shape,
        lookup.order,
        after_shape,
        _limit_shape(lookup.limit),
        lookup.count,
        lookup.wire,
    )
    if lookup.nested:
        nested = [_nested_shape(each) for each in lookup.nested]
        shape += tuple(each for each, _ in nested)
        values += [value for _, own in nested for value in own]
    return shape, values


def aggregate_shape(lookup: AggregateLookup) -> tuple[Hashable, list[Any]]:
    """The lookup's shape, and its values."""
    values: list[Any] = [lookup.keys, lookup.limit]
    shape = (
        id(lookup.collection),
        lookup.aggregates,
        lookup.group_by,
        lookup.key,
        _through_shape(lookup.through),
        _filter_shape(lookup.filter, values),
        _filter_shape(lookup.having, values),
        lookup.limit is None,
    )
    return shape, values


def has_value(comparison: Compare) -> bool:
    """Whether the comparison's value is one of the lookup's values, rather than part of its shape."""
    return comparison.value is not None and comparison.operator is not Operator.IS_NULL


def beyond_64_bits(value: Any) -> int:
    """1 for integers above all 64-bit ones, -1 for those below, 0 for every other value."""
    if type(value) is not int or -(2**63) <= value < 2**63:
        return 0
    return 1 if value > 0 else -1


class _Shape:
    """A shape that is hashed once."""

    __slots__ = ("_hash", "_parts")

    def __init__(self, parts: Hashable) -> None:
        self._parts = parts
        self._hash = hash(parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Shape) and self._parts == other._parts


_known: WeakKeyDictionary[Nested, tuple[_Shape, list[Any]]] = WeakKeyDictionary()


def _nested_shape(nested: Nested) -> tuple[_Shape, list[Any]]:
    """The shape and the values of a nested lookup, found once: it has no keys, and is there for many requests."""
    known = _known.get(nested)
    if known is None:
        lookup = nested.lookup
        values: list[Any] = [] if lookup.limit is None else [lookup.limit]
        filter_shape = _filter_shape(lookup.filter, values)
        members: list[Hashable] = []
        for member in nested.members:
            if isinstance(member, Nested):
                shape, own = _nested_shape(member)
                members.append((member.name, shape))
                values += own
            else:
                members.append(member)
        parts = (
            nested.local,
            id(lookup.collection),
            lookup.key,
            _through_shape(lookup.through),
            filter_shape,
            lookup.order,
            lookup.limit is None,
            nested.many,
            nested.around,
            nested.refuses_full,
            tuple(members),
        )
        known = _known[nested] = _Shape(parts), values
    return known


def _limit_shape(limit: int | None) -> int | None:
    return limit and 1


def _through_shape(through: Through | None) -> Hashable:
    return through and (id(through.collection), through.key, through.target, through.column)


def _filter_shape(tree: Filter, values: list[Any]) -> Hashable:
    if tree is EVERYTHING:
        return None
    if isinstance(tree, Compare):
        if not has_value(tree):
            return (tree.column, tree.operator, tree.value)
        values.append(tree.value)
        return (tree.column, tree.operator, "value", beyond_64_bits(tree.value))
    if isinstance(tree, Not):
        return (Not, _filter_shape(tree.filter, values))
    if isinstance(tree, Exists):
        return (tree.local, id(tree.collection), tree.column, _filter_shape(tree.filter, values))
    kind = "or" if isinstance(tree, Or) else "and"
    return (kind, *[_filter_shape(inner, values) for inner in tree.filters])
