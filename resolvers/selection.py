"""What a field's selection set asks for, with fragments, `@skip` and `@include` taken into account."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    is_abstract_type,
)

from resolvers.definition import Entity


class Scope(Protocol):
    """What a selection set is read in; an `info` is one."""

    @property
    def schema(self) -> GraphQLSchema: ...
    @property
    def fragments(self) -> Mapping[str, FragmentDefinitionNode]: ...
    @property
    def variable_values(self) -> Any: ...


Selections = Mapping[str, list[FieldNode]]
"""The selected fields by name; one that is selected twice, under aliases, has two nodes."""


def selections(scope: Scope, nodes: Iterable[FieldNode], type_name: str) -> Selections:
    """The fields that `nodes` select of the object type `type_name`."""
    found: dict[str, list[FieldNode]] = {}
    for node in nodes:
        if node.selection_set is None:
            continue
        for field in _fields(scope, node.selection_set, type_name):
            found.setdefault(field.name.value, []).append(field)
    return found


def _fields(scope: Scope, selection_set: SelectionSetNode, type_name: str) -> Iterator[FieldNode]:
    for node in selection_set.selections:
        if not _included(scope, node):
            continue
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            if node.type_condition is None or _applies(scope, node.type_condition.name.value, type_name):
                yield from _fields(scope, node.selection_set, type_name)
        elif isinstance(node, FragmentSpreadNode):
            fragment = scope.fragments[node.name.value]
            if _applies(scope, fragment.type_condition.name.value, type_name):
                yield from _fields(scope, fragment.selection_set, type_name)


def _included(scope: Scope, node: SelectionNode) -> bool:
    for directive in node.directives or ():
        if directive.name.value in ("skip", "include"):
            condition = directive.arguments[0].value if directive.arguments else None
            if _boolean(scope, condition) is (directive.name.value == "skip"):
                return False
    return True


def _boolean(scope: Scope, value: ValueNode | None) -> bool:
    """What `if:` says; not by `get_directive_values`, as Strawberry replaces the variables by a plain dict."""
    if isinstance(value, VariableNode):
        variables: Any = scope.variable_values
        return bool(getattr(variables, "coerced", variables)[value.name.value])
    return isinstance(value, BooleanValueNode) and value.value


def _applies(scope: Scope, condition: str, type_name: str) -> bool:
    if condition == type_name:
        return True
    abstract, concrete = scope.schema.get_type(condition), scope.schema.get_type(type_name)
    if not is_abstract_type(abstract) or not isinstance(concrete, GraphQLObjectType):
        return False
    narrowed: GraphQLAbstractType = abstract
    return scope.schema.is_sub_type(narrowed, concrete)


def needed_columns(entity: Entity, selected: Iterable[str]) -> tuple[str, ...]:
    """The columns that instances must have for the selected fields: the key is always among them."""
    wanted = {entity.key, *field_columns(entity, selected)}
    return tuple(name for name in entity.column_names if name in wanted)


def field_columns(entity: Entity, selected: Iterable[str]) -> set[str]:
    """The columns that the selected fields need."""
    wanted: set[str] = set()
    for name in selected:
        if not name.startswith("__"):
            wanted.update(entity.needs.get(name, entity.column_names))
    return wanted
