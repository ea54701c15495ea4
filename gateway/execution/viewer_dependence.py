"""Whether an operation's answer may depend on who asks, beyond what policies and row rules make of it."""

from collections.abc import Iterable

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    visit,
)
from strawberry.types.field import StrawberryField

from gateway.execution.plain import is_attribute
from resolvers.changes import ChangesField, EntityChangedField
from resolvers.computed import Computed
from resolvers.fields import EnumField, IdField, RelationAggregateField, RelationField
from resolvers.guards import other_extensions
from resolvers.query import AggregateField, ConnectionField, EntityField, NaturalKeyField, NodeField, NodesField

READING = (
    *(EntityField, NaturalKeyField, ConnectionField, AggregateField, NodeField, NodesField),
    *(EntityChangedField, ChangesField, RelationField, RelationAggregateField, IdField, EnumField),
)
"""Fields that are read from datasources, the same for whoever asks."""


def sees_viewer(
    schema: strawberry.Schema, operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]
) -> bool:
    """True unless all that is selected is read from datasources, or computed from rows alone.

    Python code that is called with `info` can look at the viewer, so it is taken to do so.
    """
    if schema.extensions:
        return True
    finder = _Finder(schema._schema)
    for definition in (operation, *fragments):
        visit(definition, TypeInfoVisitor(finder.types, finder))
    return finder.found


class _Finder(Visitor):
    def __init__(self, schema: GraphQLSchema) -> None:
        super().__init__()
        self.types = TypeInfo(schema)
        self.found = False
        self._schema = schema

    def enter_field(self, node: FieldNode, *_: object) -> None:
        name, parent = node.name.value, self.types.get_parent_type()
        if parent is None or name.startswith("__"):
            return
        types = self._schema.get_possible_types(parent) if isinstance(parent, GraphQLInterfaceType) else (parent,)
        objects = [each for each in types if isinstance(each, GraphQLObjectType)]
        if not all(_is_blind(each.fields[name]) for each in objects if name in each.fields):
            self.found = True


def _is_blind(definition: GraphQLField) -> bool:
    """Whether the field's value is the same for everybody."""
    field: StrawberryField | None = definition.extensions.get("strawberry-definition")
    if field is None:
        return False
    if type(field) in READING:
        return not other_extensions(field)
    if type(field) is Computed:
        return not other_extensions(field) and is_function_of_row(field)
    return is_attribute(definition) is not None


def is_function_of_row(field: StrawberryField) -> bool:
    """Whether its resolver is called with the row, and nothing that leads to the context."""
    resolver = field.base_resolver
    if resolver is None:
        return False
    others = (resolver.info_parameter, resolver.root_parameter, resolver.parent_parameter)
    return resolver.self_parameter is not None and not any(others)
