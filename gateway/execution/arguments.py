"""A field's arguments: bound once where they hold no variables, else for each request."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLField,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLString,
    Node,
    Undefined,
    VariableNode,
    Visitor,
    get_named_type,
    is_non_null_type,
    print_ast,
    visit,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.execution.values import VariableValues, get_argument_values
from strawberry.schema.config import StrawberryConfig
from strawberry.types.arguments import convert_arguments
from strawberry.types.field import StrawberryField

from resolvers.types import is_mapping

BUILT_IN = (GraphQLID, GraphQLString, GraphQLInt, GraphQLFloat, GraphQLBoolean)


@dataclass(frozen=True, eq=False)
class Arguments:
    """The arguments of one field of an operation."""

    definition: GraphQLField
    field: StrawberryField
    detail: FieldDetails
    config: StrawberryConfig
    scalars: Mapping[object, Any]

    @cached_property
    def variables(self) -> frozenset[str]:
        """The names of the variables in them."""
        return frozenset(name for each in self.detail.node.arguments or () for name in variables_in(each))

    @cached_property
    def text(self) -> str:
        """Alike arguments have the same."""
        return ", ".join(sorted(print_ast(each) for each in self.detail.node.arguments or ()))

    def bind(self, variables: VariableValues) -> dict[str, Any]:
        """The values by Python name. Raises what makes the field fail."""
        if not self.variables:
            return self._constant
        if self._plain is None:
            return self._coerced(variables)
        coerced = variables.coerced
        bound = {}
        for python_name, variable, required in self._plain:
            value = coerced.get(variable, Undefined)
            if value is Undefined or (required and value is None):
                return self._coerced(variables)
            bound[python_name] = value
        return bound

    @cached_property
    def _constant(self) -> dict[str, Any]:
        return self._coerced(None)

    @cached_property
    def _plain(self) -> list[tuple[str, str, bool]] | None:
        """(Python name, variable, whether null is no value) of each, where all are variables that stay as they are."""
        nodes = {node.name.value: node.value for node in self.detail.node.arguments or ()}
        found: list[tuple[str, str, bool]] = []
        for argument in self.field.arguments:
            name = self.config.name_converter.from_argument(argument)
            definition, value = self.definition.args[name], nodes.get(name)
            if value is None:
                if definition.default is not None or definition.default_value is not Undefined:
                    return None
                continue
            required = is_non_null_type(definition.type)
            leaf = definition.type.of_type if required else definition.type  # type: ignore[union-attr]
            if not isinstance(value, VariableNode) or not _stays(leaf):
                return None
            found.append((argument.python_name, value.name.value, required))
        return found

    def _coerced(self, variables: VariableValues | None) -> dict[str, Any]:
        values = get_argument_values(self.definition, self.detail.node, variables)
        return convert_arguments(values, self.field.arguments, self.scalars, self.config)


def _stays(type_: Any) -> bool:
    """Whether Strawberry's conversion leaves coerced values of the type as they are."""
    named = get_named_type(type_)
    return named in BUILT_IN or is_mapping(named.extensions.get("strawberry-definition"))


def variables_in(node: Node) -> Iterator[str]:
    """The names of the variables that `node` uses."""
    collector = _Variables()
    visit(node, collector)
    return iter(collector.names)


class _Variables(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        self.names.append(node.name.value)
