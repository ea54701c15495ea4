"""Makes Strawberry types at run time, whose fields may refer to types that are made later."""

import types
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.base import StrawberryList, StrawberryOptional
from strawberry.types.field import StrawberryField
from strawberry.types.lazy_type import LazyType
from strawberry.types.unset import UNSET
from strawberry.utils.str_converters import to_camel_case


@dataclass(frozen=True)
class Deferred(LazyType[Any, Any]):
    """A type that is made when the schema asks for it: entities refer to each other in circles."""

    make: Callable[[], Any] = lambda: None

    def resolve_type(self) -> Any:
        return self.make()


def deferred(name: str, make: Callable[[], Any]) -> Deferred:
    return Deferred(type_name=name, module=__name__, make=make)


def optional(annotation: Any) -> Any:
    return StrawberryOptional(of_type=annotation)


def list_of(annotation: Any) -> Any:
    return StrawberryList(of_type=annotation)


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of a type that is made at run time, or an argument."""

    name: str
    """In Python; GraphQL sees it in camelCase, unless `graphql_name` says otherwise."""
    annotation: Any
    description: str | None = None
    graphql_name: str | None = None

    def as_field(self, default: object = UNSET) -> StrawberryField:
        return StrawberryField(
            python_name=self.name,
            graphql_name=self.graphql_name,
            type_annotation=StrawberryAnnotation(self.annotation),
            description=self.description,
            default=default,
        )

    def as_argument(self) -> StrawberryArgument:
        return StrawberryArgument(
            python_name=self.name,
            graphql_name=None,
            type_annotation=StrawberryAnnotation(self.annotation),
            description=self.description,
        )


def new_class(name: str, fields: Sequence[StrawberryField]) -> type:
    """A class with these fields, for `strawberry.type` or `strawberry.input`."""
    namespace: dict[str, Any] = {field.python_name: field for field in fields}
    namespace["__annotations__"] = {field.python_name: field.type for field in fields}
    return types.new_class(name, (), {}, lambda ns: ns.update(namespace))


def object_type(
    name: str, fields: Sequence[FieldSpec | StrawberryField], description: str, directives: Sequence[object] = ()
) -> type:
    """An output type whose instances are made with keyword arguments; absent ones are None."""
    made = [spec.as_field(default=None) if isinstance(spec, FieldSpec) else spec for spec in fields]
    return strawberry.type(new_class(name, made), name=name, description=description, directives=directives)


def input_type(name: str, fields: Sequence[FieldSpec], description: str, *, one_of: bool = False) -> type:
    """An input type whose value reaches resolvers as the mapping that graphql-core coerced."""
    cls = strawberry.input(
        new_class(name, [spec.as_field() for spec in fields]), name=name, description=description, one_of=one_of
    )
    cls.__strawberry_definition__.from_input = _as_mapping  # type: ignore[attr-defined]
    return cls


def _as_mapping(_cls: type, value: Mapping[str, Any], _context: object) -> Mapping[str, Any]:
    return value


def is_mapping(definition: Any) -> bool:
    """Whether it is that of an input type whose values are such mappings."""
    made = getattr(definition, "from_input", None)
    return getattr(made, "__func__", made) is _as_mapping


def camel(name: str) -> str:
    return to_camel_case(name)


def upper_first(name: str) -> str:
    return name[:1].upper() + name[1:]


def lower_first(name: str) -> str:
    return name[:1].lower() + name[1:]
