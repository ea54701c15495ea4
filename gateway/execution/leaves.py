"""How the values of scalars and enums are written: as expressions of generated code, and with graphql-core's errors."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLInt, GraphQLString, Undefined, is_non_null_type
from graphql.execution import Executor

from datasources.wire import TO_WIRE
from resolvers.definition import EntityColumn, is_enum


class Irregular(Exception):
    """A value that generated code leaves to graphql-core's own completion."""


def irregular() -> Any:
    """For use in expressions."""
    raise Irregular


@dataclass(frozen=True, slots=True)
class Writing:
    """An expression that writes a value, the condition on which it does so rightly, and what their names refer to."""

    value: str
    guard: str | None = None
    names: Mapping[str, Any] = field(default_factory=dict)


def nullable_of(type_: Any) -> tuple[Any, bool]:
    """The type without its `!`, and whether that was missing."""
    return (type_.of_type, False) if is_non_null_type(type_) else (type_, True)


def can_be_wire(column: EntityColumn, type_: Any) -> bool:
    """Whether the source may write the column's value, because the graph would write it the same way."""
    leaf, _ = nullable_of(type_)
    written = TO_WIRE.get(column.column.type)
    definition = leaf.extensions.get("strawberry-definition")
    return written is not None and not column.is_id and getattr(definition, "serialize", None) is written


def column_writing(column: EntityColumn, type_: Any, v: str, *, wire: bool) -> Writing:
    """How the column's value, which is called `v`, becomes JSON; with `wire` it is already the source's text."""
    leaf, nullable = nullable_of(type_)
    present = None if nullable else f"{v} is not None"
    if wire:
        return Writing(v, present)
    if column.refers_to is not None:
        value = f'f"{column.refers_to().name}:{{{v}}}"'
        return Writing(f"None if {v} is None else {value}" if nullable else value, present)
    if is_enum(column.annotation):
        members: dict[Any, Any] = {member.value: leaf.coerce_output_value(member) for member in column.annotation}
        if nullable:
            members[None] = None
        return Writing(f"enum_{v}[{v}]", None, {f"enum_{v}": members})
    if leaf is GraphQLInt or leaf is GraphQLFloat:
        fits = f"-2147483648 <= {v} <= 2147483647" if leaf is GraphQLInt else f"-inf < {v} < inf"
        return Writing(v, f"({v} is None or {fits})" if nullable else fits, {"inf": math.inf})
    if leaf is GraphQLString or leaf is GraphQLBoolean:
        return Writing(v, present)
    value = f"write_{v}({v})"
    return Writing(f"None if {v} is None else {value}" if nullable else value, present, {f"write_{v}": writer(leaf)})


def writer(leaf: Any) -> Callable[[Any], Any]:
    """What writes values, but nulls, of a scalar or enum. Raises Irregular where nothing comes of one."""
    coerce = leaf.coerce_output_value

    def write(value: Any) -> Any:
        written = coerce(value)
        if written is None or written is Undefined:
            raise Irregular
        return written

    return write


def complete_leaf(type_: Any, value: Any, where: str) -> Any:
    """The value as graphql-core completes it, or its error; `where` is the field as its messages name it."""
    if isinstance(value, Exception):
        raise value
    leaf, nullable = nullable_of(type_)
    completed = None if value is None or value is Undefined else Executor.complete_leaf_value(leaf, value)
    if completed is None and not nullable:
        raise TypeError(f"Cannot return null for non-nullable field {where}.")
    return completed
