"""What a field's selection set asks for, with fragments, `@skip` and `@include` taken into account."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from graphql import (
    BooleanValueNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLObjectType,
    InlineFragmentNode,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
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


def _included(info: ResolveInfo, node: SelectionNode) -> bool:
    for directive in node.directives or ():
        if directive.name.value in ("skip", "include"):
            condition = directive.arguments[0].value if directive.arguments else None
            if _boolean(info, condition) is (directive.name.value == "skip"):
                return False
    return True


def _boolean(info: ResolveInfo, value: ValueNode | None) -> bool:
    """What `if:` says; not by `get_directive_values`, as Strawberry replaces the variables by a plain dict."""
    if isinstance(value, VariableNode):
        variables: Any = info.variable_values
        return bool(getattr(variables, "coerced", variables)[value.name.value])
    return isinstance(value, BooleanValueNode) and value.value


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
