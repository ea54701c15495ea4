"""For how long the answer to an operation may be kept."""

from collections.abc import Iterable

import strawberry
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    Visitor,
    get_named_type,
    is_composite_type,
    visit,
)
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

from resolvers.caching import max_age
from resolvers.fields import RelationAggregateField, RelationField
from resolvers.query import AggregateField, ConnectionField, EntityField


def least_age(
    schema: strawberry.Schema, operation: OperationDefinitionNode, fragments: Iterable[FragmentDefinitionNode]
) -> int:
    """Seconds: the least that is said of anything selected.

    Root fields, fields that lead to entities and fields that Python makes objects for have to say something, or their
    types have to; else it is 0. All others are kept as long as the object that they are of, unless they say less.
    """
    finder = _Finder(TypeInfo(schema._schema))
    for definition in (operation, *fragments):
        visit(definition, TypeInfoVisitor(finder.types, finder))
    return min(finder.ages, default=0)


class _Finder(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.ages: list[int] = []

    def enter_field(self, node: FieldNode, *_: object) -> None:
        definition, parent = self.types.get_field_def(), self.types.get_parent_type()
        if definition is None or node.name.value == "__typename":
            return
        age = _age(definition)
        if age is None and parent is self.types._schema.query_type:
            age = 0
        if age is not None:
            self.ages.append(age)


def _age(definition: GraphQLField) -> int | None:
    """None where that of the object counts."""
    field: StrawberryField | None = definition.extensions.get("strawberry-definition")
    if field is None:
        return 0
    said = max_age(field.directives)
    if said is not None:
        return said
    if isinstance(field, EntityField | ConnectionField | AggregateField):
        return _age_of(get_object_definition(field.entity.cls)) or 0
    if isinstance(field, RelationField | RelationAggregateField):
        return _age_of(get_object_definition(field.relation.target().cls)) or 0
    type_ = get_named_type(definition.type)
    if not is_composite_type(type_):
        return None
    found = _age_of(type_.extensions.get("strawberry-definition"))
    return 0 if found is None and field.base_resolver is not None else found


def _age_of(type_: StrawberryObjectDefinition | None) -> int | None:
    return None if type_ is None else max_age(type_.directives or ())
