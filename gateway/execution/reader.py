"""Reads what an operation selects, by graphql-core's own rules of merging, fragments and directives."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from graphql import FragmentDefinitionNode, GraphQLObjectType, GraphQLSchema, OperationDefinitionNode
from graphql.execution.collect_fields import FieldDetails, FragmentDetails, collect_fields, collect_subfields
from graphql.execution.values import VariableValues

from gateway.execution.shapes import Place

Selected = dict[str, list[FieldDetails]]
"""Fields by their keys in the answer."""


@dataclass(frozen=True, eq=False)
class Scope:
    """What selections are read in: `variable_values` are those that directives look at."""

    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variable_values: VariableValues


@dataclass(frozen=True, eq=False)
class Reader:
    """Reads one operation."""

    scope: Scope
    operation: OperationDefinitionNode

    @cached_property
    def _fragments(self) -> dict[str, FragmentDetails]:
        return {name: FragmentDetails(node) for name, node in self.scope.fragments.items()}

    @cached_property
    def root(self) -> tuple[GraphQLObjectType | None, Selected | None]:
        """The operation's type, and the fields that it selects; None where graphql-core has to say what is wrong."""
        scope = self.scope
        root_type = scope.schema.get_root_type(self.operation.operation)
        if root_type is None:
            return None, None
        try:
            collected = collect_fields(scope.schema, self._fragments, scope.variable_values, root_type, self.operation)
        except RecursionError:
            return root_type, None
        return root_type, collected.grouped_field_set

    def fields(self, type_: GraphQLObjectType, details: list[FieldDetails]) -> Selected:
        """What `details` select of an object of this type."""
        scope = self.scope
        return collect_subfields(
            scope.schema, self._fragments, scope.variable_values, self.operation, type_, details
        ).grouped_field_set

    def place(self, parent: GraphQLObjectType, key: str, details: list[FieldDetails]) -> Place | None:
        definition = self.scope.schema.get_field(parent, details[0].node.name.value)
        return None if definition is None else Place(key, parent, definition, details)
