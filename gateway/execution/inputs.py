"""Coerces the values of input types, which nearly always are what they should be, by functions that are made once.

Whatever is out of the ordinary raises, and is left to graphql-core, which coerces it all the same, or tells why not.
"""

from collections.abc import Callable
from math import isfinite
from typing import Any
from weakref import WeakKeyDictionary

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInputObjectType,
    GraphQLInt,
    GraphQLString,
    Undefined,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_required_input_field,
)
from graphql.utilities.coerce_input_value import coerce_default_value

from gateway.execution.leaves import irregular, nullable_of

MAXIMUM_DEPTH = 100
"""Of nested values; graphql-core allows some more, and refuses what is deeper still."""

Coerce = Callable[[Any, int], Any]
"""Coerces a value, but no null, that stands so deep."""

_made: "WeakKeyDictionary[Any, Coerce]" = WeakKeyDictionary()


def coercer(type_: Any) -> Coerce:
    """What coerces values of an input type, without its `!`."""
    made = _made.get(type_)
    if made is None:
        made = _made[type_] = _make(type_)
    return made


def _make(type_: Any) -> Coerce:
    if is_list_type(type_):
        return _list(*nullable_of(type_.of_type))
    if is_input_object_type(type_):
        return _object(type_)
    if is_enum_type(type_):
        return _enum(type_)
    return _BUILT_IN.get(type_) or _scalar(type_)


def _string(value: Any, _: int) -> Any:
    return value if value.__class__ is str else irregular()


def _int(value: Any, _: int) -> Any:
    return value if value.__class__ is int and -(2**31) <= value < 2**31 else irregular()


def _float(value: Any, _: int) -> Any:
    return value if value.__class__ is float and isfinite(value) else irregular()


def _boolean(value: Any, _: int) -> Any:
    return value if value.__class__ is bool else irregular()


_BUILT_IN: dict[Any, Coerce] = {
    GraphQLString: _string,
    GraphQLID: _string,
    GraphQLInt: _int,
    GraphQLFloat: _float,
    GraphQLBoolean: _boolean,
}


def _scalar(type_: Any) -> Coerce:
    coerce = type_.coerce_input_value

    def scalar(value: Any, _: int) -> Any:
        made = coerce(value)
        return irregular() if made is Undefined else made

    return scalar


def _enum(type_: GraphQLEnumType) -> Coerce:
    known: dict[str, Any] = {}

    def enum(value: Any, _: int) -> Any:
        if value.__class__ is not str:
            irregular()
        try:
            return known[value]
        except KeyError:
            made = type_.coerce_input_value(value)
            known[value] = made
            return made

    return enum


def _list(item: Any, nullable: bool) -> Coerce:
    coerce = coercer(item)

    def items(values: Any, depth: int) -> Any:
        if values.__class__ is not list or depth > MAXIMUM_DEPTH:
            irregular()
        if not nullable:
            return [irregular() if value is None else coerce(value, depth + 1) for value in values]
        return [None if value is None else coerce(value, depth + 1) for value in values]

    return items


def _object(type_: GraphQLInputObjectType) -> Coerce:
    if type_.out_type is not GraphQLInputObjectType.out_type:
        return lambda _, __: irregular()
    members: list[tuple[str, str, bool, bool, Any, Coerce]] = []

    def fill() -> None:
        """When values come: input types refer to each other in circles."""
        for name, field in type_.fields.items():
            inner, nullable = nullable_of(field.type)
            default = coerce_default_value(field)
            required = is_required_input_field(field)
            members.append((name, field.out_name or name, nullable, required, default, coercer(inner)))

    def fields(values: Any, depth: int) -> Any:
        if values.__class__ is not dict or depth > MAXIMUM_DEPTH:
            irregular()
        if not members:
            fill()
        made: dict[str, Any] = {}
        count = 0
        for name, out, nullable, required, default, coerce in members:
            if name in values:
                value = values[name]
                if value is not None:
                    made[out] = coerce(value, depth + 1)
                elif nullable:
                    made[out] = None
                else:
                    irregular()
                count += 1
            elif required:
                irregular()
            elif default is not Undefined:
                made[out] = default
        if count != len(values) or (type_.is_one_of and (len(made) != 1 or None in made.values())):
            irregular()
        return made

    return fields
