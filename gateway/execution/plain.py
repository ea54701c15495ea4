"""Completes values of ordinary types whose selected fields are attributes, by code that is generated for a selection.

Whatever is out of the ordinary, a null where none may be, a value of an unexpected type, an awaitable, raises, and
is left to graphql-core.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLObjectType,
    GraphQLString,
    is_leaf_type,
    is_list_type,
    is_object_type,
)
from graphql.execution.collect_fields import FieldDetails
from strawberry.execution import optimized_is_awaitable
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from gateway.execution.leaves import Irregular, irregular, nullable_of, writer
from resolvers.guards import guard_of, other_extensions

Complete = Callable[[Any], Any]
Collect = Callable[[GraphQLObjectType, list[FieldDetails]], dict[str, list[FieldDetails]]]

GUARDS = {
    GraphQLString.name: "{v}.__class__ is str",
    GraphQLID.name: "{v}.__class__ is str",
    GraphQLBoolean.name: "{v}.__class__ is bool",
    GraphQLInt.name: "{v}.__class__ is int and -2147483648 <= {v} <= 2147483647",
    GraphQLFloat.name: "{v}.__class__ is float and -inf < {v} < inf",
}
BASIC = StrawberryField.is_basic_field
BUILT_IN = (GraphQLString, GraphQLID, GraphQLBoolean, GraphQLInt, GraphQLFloat)


def is_plain(definition: Any) -> StrawberryField | None:
    """The Strawberry field, if all that it does is to read an attribute."""
    field = definition.extensions.get("strawberry-definition") if definition is not None else None
    if not isinstance(field, StrawberryField) or not field.is_basic_field or field.default_resolver is not getattr:
        return None
    if definition.args or definition.resolve.__name__ != "_get_basic_result":
        return None
    return field


def is_attribute(definition: Any) -> StrawberryField | None:
    """The same, also where viewers who may not see it are kept from it."""
    field = definition.extensions.get("strawberry-definition") if definition is not None else None
    if not isinstance(field, StrawberryField) or guard_of(field) is None:
        return is_plain(definition)
    attribute = not field.base_resolver and not other_extensions(field) and type(field).is_basic_field is BASIC
    return field if attribute and not definition.args and field.default_resolver is getattr else None


def completer(type_: Any, details: list[FieldDetails], collect: Collect) -> Complete | None:
    """What completes values of a type; None where a selected field does more than to read an attribute."""
    writing = _Writing(collect)
    try:
        expression = writing.value(type_, details, "v")
    except _NotPlain:
        return None
    code = f"def complete(v):\n    return {expression}"
    exec(compile(code, f"<completion of {type_}>", "exec"), writing.names)  # noqa: S102 - of names and quoted literals
    made: Complete = writing.names["complete"]
    return made


class _NotPlain(Exception):
    """The selection needs graphql-core."""


@dataclass
class _Writing:
    collect: Collect
    names: dict[str, Any] = field(default_factory=lambda: {"irregular": irregular, "inf": float("inf")})
    count: int = 0

    def name(self, value: Any) -> str:
        self.count += 1
        self.names[f"n{self.count}"] = value
        return f"n{self.count}"

    def variable(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def value(self, type_: Any, details: list[FieldDetails], source: str) -> str:
        """The expression that completes the value of the expression `source`."""
        inner, nullable = nullable_of(type_)
        v = self.variable()
        if is_leaf_type(inner):
            completed = self.leaf(inner, v)
        elif is_list_type(inner):
            item = self.variable()
            completed = f"[{self.value(inner.of_type, details, item)} for {item} in {v}]"
            completed = f"{completed} if {v}.__class__ is list or {v}.__class__ is tuple else irregular()"
        elif is_object_type(inner):
            completed = self.object(inner, details, v)
        else:
            raise _NotPlain
        missing = "None" if nullable else "irregular()"
        return f"({missing} if ({v} := {source}) is None else {completed})"

    def leaf(self, leaf: Any, v: str) -> str:
        if leaf in BUILT_IN:
            return f"{v} if {GUARDS[leaf.name].format(v=v)} else irregular()"
        if isinstance(leaf, GraphQLEnumType):
            write = writer(leaf)
            known: dict[Any, Any] = {}

            def enum(value: Any) -> Any:
                try:
                    return known[value]
                except KeyError:
                    known[value] = written = write(value)
                    return written

            members = getattr(leaf, "wrapped_cls", None)
            if members is None:
                raise _NotPlain
            return f"{self.name(enum)}({v}) if {v}.__class__ is {self.name(members)} else irregular()"
        return f"{self.name(_scalar(leaf))}({v})"

    def object(self, type_: GraphQLObjectType, details: list[FieldDetails], v: str) -> str:
        definition = type_.extensions.get("strawberry-definition")
        if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of is not None:
            raise _NotPlain
        pairs = []
        for key, fields in self.collect(type_, details).items():
            name = fields[0].node.name.value
            if name == "__typename":
                pairs.append(f"{key!r}: {type_.name!r}")
                continue
            field_definition = type_.fields.get(name)
            plain = is_plain(field_definition)
            if plain is None or field_definition is None:
                raise _NotPlain
            get = f"{v}.{plain.python_name}"
            if type(plain).get_result is not StrawberryField.get_result:
                get = f"{self.name(plain.get_result)}({v}, None, [], {{}})"
            pairs.append(f"{key!r}: {self.value(field_definition.type, fields, get)}")
        return f"{{{', '.join(pairs)}}} if {self.accepted(type_, v)} else irregular()"

    def accepted(self, type_: GraphQLObjectType, v: str) -> str:
        """Whether a value is an object of the type, and not an awaitable or an error."""
        known: set[type] = set()

        def accept(value: Any) -> bool:
            cls = value.__class__
            if issubclass(cls, Exception) or hasattr(cls, "__await__"):
                return False
            known.add(cls)
            return True

        accepted = f"({v}.__class__ in {self.name(known)} or {self.name(accept)}({v}))"
        if type_.is_type_of is None:
            return accepted
        return f"{accepted} and {self.name(type_.is_type_of)}({v}, None)"


def _scalar(leaf: Any) -> Complete:
    write = writer(leaf)

    def complete(value: Any) -> Any:
        if isinstance(value, Exception) or optimized_is_awaitable(value):
            raise Irregular
        return write(value)

    return complete
