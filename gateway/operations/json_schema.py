"""JSON Schemas of what operations take and answer: https://json-schema.org/draft/2020-12"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLOutputType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SelectionSetNode,
    is_abstract_type,
    is_composite_type,
    is_required_input_field,
)

Schema = dict[str, Any]
Fragments = Mapping[str, FragmentDefinitionNode]

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


@dataclass(frozen=True, slots=True)
class _Selected:
    """A field, where it was found."""

    node: FieldNode
    parent: GraphQLCompositeType
    always: bool
    """Whether it is there whatever variables and types turn out to be."""


class _Selections(NamedTuple):
    """What is selected of one object."""

    selection_set: SelectionSetNode
    always: bool


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

    def of_operation(self, operation: OperationDefinitionNode, fragments: Fragments) -> Schema:
        """The data that an operation answers, if it answers any."""
        root = self._schema.get_root_type(operation.operation)
        assert root is not None  # noqa: S101 - the document is valid
        return self._of_object(root, [_Selections(operation.selection_set, always=True)], fragments)

    def _of_object(
        self, type_: GraphQLCompositeType, selections: Iterable[_Selections], fragments: Fragments
    ) -> Schema:
        found: dict[str, list[_Selected]] = {}
        for each in selections:
            for selected in self._selected(type_, type_, each, fragments):
                node = selected.node
                found.setdefault(node.alias.value if node.alias else node.name.value, []).append(selected)
        return {
            "type": "object",
            "properties": {key: self._of_field(fields, fragments) for key, fields in found.items()},
            "required": [key for key, fields in found.items() if any(each.always for each in fields)],
        }

    def _selected(
        self, whole: GraphQLCompositeType, type_: GraphQLCompositeType, selections: _Selections, fragments: Fragments
    ) -> Iterator[_Selected]:
        """The fields of an object of type `whole`, in a selection of those that are `type_`, too."""
        for node in selections.selection_set.selections:
            switched = any(each.name.value in ("skip", "include") for each in node.directives or ())
            always = selections.always and not switched
            if isinstance(node, FieldNode):
                yield _Selected(node, type_, always)
                continue
            fragment: Any = fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
            name = fragment.type_condition.name.value if fragment.type_condition else type_.name
            inner: Any = self._schema.type_map[name]
            if inner is whole or (is_abstract_type(inner) and self._is_within(whole, inner)):
                yield from self._selected(whole, inner, _Selections(fragment.selection_set, always), fragments)
            elif is_abstract_type(whole):
                yield from self._selected(whole, inner, _Selections(fragment.selection_set, always=False), fragments)

    def _is_within(self, type_: GraphQLCompositeType, abstract: GraphQLInterfaceType | GraphQLUnionType) -> bool:
        return self._schema.is_sub_type(abstract, type_)

    def _of_field(self, fields: Sequence[_Selected], fragments: Fragments) -> Schema:
        """One field may be of several types, where its object is."""
        found: dict[str, tuple[GraphQLField, list[_Selected]]] = {}
        for each in fields:
            definition = self._schema.get_field(each.parent, each.node.name.value)
            assert definition is not None  # noqa: S101 - the document is valid
            found.setdefault(str(definition.type), (definition, []))[1].append(each)
        made = [
            {**self._of_output(field.type, _inner(same), fragments), **_described(field.description)}
            for field, same in found.values()
        ]
        return made[0] if len(made) == 1 else {"anyOf": made}

    def _of_output(self, type_: GraphQLOutputType, selections: Sequence[_Selections], fragments: Fragments) -> Schema:
        if isinstance(type_, GraphQLNonNull):
            return self._of_value(type_.of_type, selections, fragments)
        return _nullable(self._of_value(type_, selections, fragments))

    def _of_value(self, type_: Any, selections: Sequence[_Selections], fragments: Fragments) -> Schema:
        if isinstance(type_, GraphQLList):
            return {"type": "array", "items": self._of_output(type_.of_type, selections, fragments)}
        if is_composite_type(type_):
            return self._of_object(type_, selections, fragments)
        return self._leaf(type_)


def _inner(fields: Sequence[_Selected]) -> list[_Selections]:
    """What is selected of a field's objects: of one field all that is, of several what each that is there selects."""
    return [
        _Selections(each.node.selection_set, each.always or len(fields) == 1)
        for each in fields
        if each.node.selection_set is not None
    ]


def _nullable(schema: Schema) -> Schema:
    if not schema:
        return schema
    if isinstance(schema.get("type"), str):
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, NULL]}


def _described(description: str | None) -> Schema:
    return {"description": description} if description else {}
