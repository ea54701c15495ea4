"""How long lists may be, and how deep within each other lists and objects, among arguments and variables."""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import ListValueNode, ObjectValueNode, ValueNode

from gateway.limits.errors import InputDepthExceeded, ListLengthExceeded
from gateway.limits.selections import exceeded
from gateway.settings import LimitSettings


def check_literal(value: ValueNode, limits: LimitSettings) -> None:
    """Raises ListLengthExceeded, InputDepthExceeded."""
    rest = [(value, 1)]
    while rest:
        value, depth = rest.pop()
        if isinstance(value, ListValueNode):
            inner = list(value.values)
            if len(inner) > limits.list_length:
                raise exceeded(ListLengthExceeded, _too_long(limits), value)
        elif isinstance(value, ObjectValueNode):
            inner = [field.value for field in value.fields]
        else:
            continue
        if depth > limits.input_depth:
            raise exceeded(InputDepthExceeded, _too_deep(limits), value)
        rest += [(each, depth + 1) for each in inner]


def check_variables(variables: Mapping[str, Any], limits: LimitSettings) -> None:
    """The same for values that came as JSON."""
    _check_values(variables.values(), 1, limits)


def _check_values(values: Iterable[Any], depth: int, limits: LimitSettings) -> None:
    for value in values:
        kind = value.__class__
        if kind is not dict and kind is not list:
            continue
        if depth > limits.input_depth:
            raise InputDepthExceeded(_too_deep(limits))
        if kind is list and len(value) > limits.list_length:
            raise ListLengthExceeded(_too_long(limits))
        _check_values(value.values() if kind is dict else value, depth + 1, limits)


def _too_long(limits: LimitSettings) -> str:
    return f"A list has more than {limits.list_length} values."


def _too_deep(limits: LimitSettings) -> str:
    return f"A value has more than {limits.input_depth} lists and objects within each other."
