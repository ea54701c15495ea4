"""JSON Schemas of what operations take and answer: https://json-schema.org/draft/2020-12"""

from collections.abc import Iterable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    InlineFragmentNode,
    SelectionSetNode,
    is_abstract_type,
    is_composite_type,
    is_required_input_field,
)

Schema = dict[str, Any]

SCALARS: Mapping[str, Schema] = {
    "Int": {"type": "integer", "format": "int32"},
    "Float": {"type": "number"},
    "String": {"type": "string"},
    "ID": {"type": "string"},
    "Boolean": {"type": "boolean"},
    "Decimal": {"type": "string"},
    "BigInt": {"type": "string"},
    "Date": {"type": "string", "format": "date"},
    "DateTime": {"type": "string", "format": "date-time"},
    "UUID": {"type": "string", "format": "uuid"},
}
"""By name; of others, nothing is known."""
NULL: Schema = {"type": "null"}

Selected = dict[str, tuple[list[FieldNode], GraphQLCompositeType, bool]]
"""By key: the fields, what they are selected of, and whether the key is always there."""


class Schemas:
    """Those of one graph; what is named there is named in `components`, too."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.components: dict[str, Schema] = {}

    def of_input(self, type_: GraphQLInputType) -> Schema:
        if isinstance(type_, GraphQLNonNull):
            return self._of_input(type_.of_type)
        return _nullable(self._of_input(type_))

    def _of_input(self, type_: Any) -> Schema:
        if isinstance(type_, GraphQLList):
            return {"type": "array", "items": self.of_input(type_.of_type)}
        if isinstance(type_, GraphQLInputObjectType):
            return self._named(type_.name, lambda: self._input_object(type_))
        return self._leaf(type_)

    def _input_object(self, type_: GraphQLInputObjectType) -> Schema:
        made: Schema = {
            "type": "object",
            "properties": {
                name: {**self.of_input(field.type), **_described(field.description)}
                for name, field in type_.fields.items()
            },
            "additionalProperties": False,
            **_described(type_.description),
        }
        required = [name for name, field in type_.fields.items() if is_required_input_field(field)]
        if required:
            made["required"] = required
        if type_.is_one_of:
            made |= {"minProperties": 1, "maxProperties": 1}
        return made

    def _leaf(self, type_: Any) -> Schema:
        if isinstance(type_, GraphQLEnumType):
            return self._named(
                type_.name, lambda: {"type": "string", "enum": [*type_.values], **_described(type_.description)}
            )
        return dict(SCALARS.get(type_.name, {}))

    def _named(self, name: str, make: Any) -> Schema:
        if name not in self.components:
            self.components[name] = {}  # which ends recursion
            self.components[name] = make()
        return {"$ref": f"#/components/schemas/{name}"}

    def of_selection(
        self,
        type_: GraphQLCompositeType,
        selections: Iterable[SelectionSetNode],
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Schema:
        """The object that an answer has for these selections."""
        selected: Selected = {}
        for each in selections:
            self._collect(type_, type_, each, fragments, selected, always=True)
        return {
            "type": "object",
            "properties": {
                key: self._of_field(parent, nodes, fragments) for key, (nodes, parent, _) in selected.items()
            },
            "required": [key for key, (_, _, always) in selected.items() if always],
        }

    def _collect(
        self,
        whole: GraphQLCompositeType,
        type_: GraphQLCompositeType,
        selection_set: SelectionSetNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        found: Selected,
        *,
        always: bool,
    ) -> None:
        for node in selection_set.selections:
            certain = always and not any(each.name.value in ("skip", "include") for each in node.directives or ())
            if isinstance(node, FieldNode):
                key = node.alias.value if node.alias else node.name.value
                nodes, parent, before = found.get(key, ([], type_, False))
                found[key] = ([*nodes, node], parent, before or certain)
                continue
            if isinstance(node, FragmentSpreadNode):
                fragment: FragmentDefinitionNode | InlineFragmentNode = fragments[node.name.value]
            else:
                assert isinstance(node, InlineFragmentNode)  # noqa: S101 - there are no other selections
                fragment = node
            name = fragment.type_condition.name.value if fragment.type_condition else type_.name
            inner: Any = self._schema.type_map[name]
            if isinstance(whole, GraphQLObjectType) and is_abstract_type(inner):
                if not self._schema.is_sub_type(inner, whole):
                    continue
            elif isinstance(whole, GraphQLObjectType) and inner is not whole:
                continue
            holds = inner is whole or (is_abstract_type(inner) and self._is_within(whole, inner))
            self._collect(whole, inner, fragment.selection_set, fragments, found, always=certain and holds)

    def _is_within(self, type_: GraphQLCompositeType, abstract: GraphQLInterfaceType | GraphQLUnionType) -> bool:
        return self._schema.is_sub_type(abstract, type_)

    def _of_field(
        self,
        parent: GraphQLCompositeType,
        nodes: list[FieldNode],
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Schema:
        field = self._schema.get_field(parent, nodes[0].name.value)
        assert field is not None  # noqa: S101 - the document is valid
        selections = [node.selection_set for node in nodes if node.selection_set is not None]
        return {**self._of_output(field.type, selections, fragments), **_described(field.description)}

    def _of_output(
        self,
        type_: GraphQLOutputType,
        selections: list[SelectionSetNode],
        fragments: Mapping[str, FragmentDefinitionNode],
    ) -> Schema:
        if not isinstance(type_, GraphQLNonNull):
            return _nullable(self._of_value(type_, selections, fragments))
        return self._of_value(type_.of_type, selections, fragments)

    def _of_value(
        self, type_: Any, selections: list[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
    ) -> Schema:
        if isinstance(type_, GraphQLList):
            return {"type": "array", "items": self._of_output(type_.of_type, selections, fragments)}
        if is_composite_type(type_):
            return self.of_selection(type_, selections, fragments)
        return self._leaf(type_)


def _nullable(schema: Schema) -> Schema:
    if not schema:
        return schema
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, NULL]}


def _described(description: str | None) -> Schema:
    return {"description": description} if description else {}
