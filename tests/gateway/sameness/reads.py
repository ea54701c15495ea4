"""How often an operation may ask its sources at most, when each field that reads is one lookup for all its parents."""

from collections.abc import Iterable
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    get_named_type,
    is_abstract_type,
    is_composite_type,
    parse,
)
from strawberry.types.field import StrawberryField

from resolvers.computed import Computed
from resolvers.fields import GraphField, RelationAggregateField
from resolvers.query import AggregateField, NodeField


def most_reads(schema: GraphQLSchema, text: str, operation_name: str | None) -> int | None:
    """The most lookups that are justified; None where resolvers return entities, each in its own time."""
    document = parse(text)
    walk = _Walk(schema, document)
    operation = next(
        each
        for each in document.definitions
        if isinstance(each, OperationDefinitionNode)
        and (operation_name is None or (each.name and each.name.value == operation_name))
    )
    root = schema.get_root_type(operation.operation)
    assert root is not None
    return walk.reads(root, operation.selection_set.selections, is_scattered=False)


class _Scattered(Exception):
    """A field that reads, below a resolver that returns its objects in its own time."""


class _Walk:
    def __init__(self, schema: GraphQLSchema, document: DocumentNode) -> None:
        self.schema = schema
        self.fragments = {
            each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
        }

    def reads(self, on: GraphQLObjectType, selections: Iterable[SelectionNode], *, is_scattered: bool) -> int | None:
        try:
            return self._reads(on, list(selections), is_scattered)
        except _Scattered:
            return None

    def _reads(self, on: GraphQLObjectType, selections: list[SelectionNode], is_scattered: bool) -> int:
        total = 0
        for nodes in self._collected(on, selections).values():
            definition = on.fields.get(nodes[0].name.value)
            if definition is None:
                continue
            field: StrawberryField | None = definition.extensions.get("strawberry-definition")
            cost = self._cost(field)
            if cost and is_scattered:
                raise _Scattered
            total += cost
            scattered = is_scattered or (field is not None and field.base_resolver is not None)
            inner = get_named_type(definition.type)
            if not is_composite_type(inner):
                continue
            below = [each for node in nodes if node.selection_set for each in node.selection_set.selections]
            types: Iterable[Any] = self.schema.get_possible_types(inner) if is_abstract_type(inner) else [inner]
            total += sum(self._reads(each, below, scattered) for each in types)
        return total

    def _cost(self, field: StrawberryField | None) -> int:
        if isinstance(field, NodeField):
            return len(field.entities)
        if isinstance(field, (AggregateField, RelationAggregateField)):
            return 2
        return int(isinstance(field, GraphField) and not isinstance(field, Computed))

    def _collected(self, on: GraphQLObjectType, selections: Iterable[SelectionNode]) -> dict[str, list[FieldNode]]:
        found: dict[str, list[FieldNode]] = {}
        for node in selections:
            if isinstance(node, FieldNode):
                found.setdefault((node.alias or node.name).value, []).append(node)
                continue
            fragment = node if isinstance(node, InlineFragmentNode) else self.fragments[node.name.value]  # type: ignore[attr-defined]
            if fragment.type_condition is None or self._applies(fragment.type_condition.name.value, on):
                for name, nodes in self._collected(on, fragment.selection_set.selections).items():
                    found.setdefault(name, []).extend(nodes)
        return found

    def _applies(self, condition: str, on: GraphQLObjectType) -> bool:
        abstract = self.schema.get_type(condition)
        return condition == on.name or (is_abstract_type(abstract) and self.schema.is_sub_type(abstract, on))
