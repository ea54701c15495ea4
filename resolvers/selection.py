"""What a field's selection set asks for, with fragments, `@skip` and `@include` taken into account."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLSkipDirective,
    InlineFragmentNode,
    SelectionSetNode,
    get_directive_values,
    is_abstract_type,
)

from resolvers.context import ResolveInfo
from resolvers.definition import Entity

Selections = Mapping[str, list[FieldNode]]
"""The selected fields by name; one that is selected twice, under aliases, has two nodes."""


def selections(info: ResolveInfo, nodes: Iterable[FieldNode], type_name: str) -> Selections:
    """The fields that `nodes` select of the object type `type_name`."""
    found: dict[str, list[FieldNode]] = {}
    for node in nodes:
        if node.selection_set is None:
            continue
        for field in _fields(info, node.selection_set, type_name):
            found.setdefault(field.name.value, []).append(field)
    return found


def _fields(info: ResolveInfo, selection_set: SelectionSetNode, type_name: str) -> Iterator[FieldNode]:
    for node in selection_set.selections:
        if not _included(info, node):
            continue
        if isinstance(node, FieldNode):
            yield node
        elif isinstance(node, InlineFragmentNode):
            if node.type_condition is None or _applies(info, node.type_condition.name.value, type_name):
                yield from _fields(info, node.selection_set, type_name)
        elif isinstance(node, FragmentSpreadNode):
            fragment = info.fragments[node.name.value]
            if _applies(info, fragment.type_condition.name.value, type_name):
                yield from _fields(info, fragment.selection_set, type_name)


def _included(info: ResolveInfo, node: Any) -> bool:
    if not node.directives:
        return True
    skip = get_directive_values(GraphQLSkipDirective, node, info.variable_values)
    if skip is not None and skip["if"] is True:
        return False
    include = get_directive_values(GraphQLIncludeDirective, node, info.variable_values)
    return include is None or include["if"] is not False


def _applies(info: ResolveInfo, condition: str, type_name: str) -> bool:
    if condition == type_name:
        return True
    abstract, concrete = info.schema.get_type(condition), info.schema.get_type(type_name)
    if not is_abstract_type(abstract) or not isinstance(concrete, GraphQLObjectType):
        return False
    narrowed: GraphQLAbstractType = abstract
    return info.schema.is_sub_type(narrowed, concrete)


def needed_columns(entity: Entity, selected: Iterable[str]) -> tuple[str, ...]:
    """The columns that the selected fields need, and the key, in the order of the entity's columns."""
    wanted = {entity.key}
    for name in selected:
        if name.startswith("__"):
            continue
        needs = entity.needs.get(name)
        if needs is None:
            return entity.column_names
        wanted.update(needs)
    return tuple(name for name in entity.column_names if name in wanted)
