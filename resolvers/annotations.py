"""Reads an entity's annotations, in which other entities may be names that are not imported at run time."""

import builtins
import inspect
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ForwardRef, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

Node = TypeVar("Node")


class Connection(Generic[Node]):
    """A page of a to-many relation: `orders: Connection[Order] = has_many(by="customer_id")`."""

    def __iter__(self) -> Iterator[Node]:  # pragma: no cover - for type checkers
        raise TypeError("a connection is read through the graph")


class Shape(StrEnum):
    """How many rows a relation yields, and whether in pages."""

    ONE = "one"
    LIST = "list"
    CONNECTION = "connection"


@dataclass(frozen=True, slots=True)
class Target:
    """What a relation's annotation says."""

    name: str
    shape: Shape
    nullable: bool


class _Names(dict[str, Any]):
    """A module's names; one that is not there (imported for type checkers only) is a forward reference."""

    def __init__(self, module: str) -> None:
        super().__init__(vars(builtins))
        self.update(vars(sys.modules[module]))

    def __missing__(self, name: str) -> ForwardRef:
        return ForwardRef(name)


def annotations_of(cls: type) -> dict[str, Any]:
    """The class's own annotations, evaluated as far as they can be, in order."""
    hints = get_type_hints(cls, globalns={}, localns=_Names(cls.__module__), include_extras=True)
    return {name: hints[name] for name in inspect.get_annotations(cls)}


def return_annotation(function: Any) -> Any:
    """What a resolver's annotation says it returns; None when it says nothing."""
    annotation = function.__annotations__.get("return")
    if not isinstance(annotation, str):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"return": annotation})
    return get_type_hints(holder, globalns={}, localns=_Names(function.__module__), include_extras=True)["return"]


def strip_none(annotation: Any) -> tuple[Any, bool]:
    """The annotation without `| None`, and whether that was there."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation, False
    rest = [argument for argument in get_args(annotation) if argument is not type(None)]
    nullable = len(rest) < len(get_args(annotation))
    return (rest[0] if len(rest) == 1 else annotation), nullable


def shown(annotation: Any) -> str:
    """An annotation as its author wrote it, more or less."""
    if isinstance(annotation, ForwardRef):
        return annotation.__forward_arg__
    return annotation.__name__ if isinstance(annotation, type) else str(annotation)


def relation_target(annotation: Any) -> Target | None:
    """What a relation yields, or None when the annotation names no entity."""
    inner, nullable = strip_none(annotation)
    shape = {Connection: Shape.CONNECTION, list: Shape.LIST}.get(get_origin(inner), Shape.ONE)
    if shape is not Shape.ONE:
        (inner,) = get_args(inner)
    name = inner.__forward_arg__ if isinstance(inner, ForwardRef) else getattr(inner, "__name__", None)
    return Target(name, shape, nullable) if isinstance(name, str) else None
