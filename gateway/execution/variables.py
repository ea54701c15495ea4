"""Variables of the built-in scalars, whose values nearly always are what they should be."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLError,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    is_non_null_type,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

NO_VARIABLES = VariableValues({}, {})


def is_value(scalar: Any, value: Any) -> bool:
    """Whether the value, which came as JSON, is one of a built-in scalar that input coercion leaves as it is."""
    if scalar is GraphQLString or scalar is GraphQLID:
        return type(value) is str
    if scalar is GraphQLInt:
        return type(value) is int and -(2**31) <= value < 2**31
    if scalar is GraphQLBoolean:
        return type(value) is bool
    return scalar is GraphQLFloat and type(value) is float and isfinite(value)


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of an operation."""

    signatures: tuple[GraphQLVariableSignature, ...]
    sound: bool
    """Whether all of their types are input types."""

    @classmethod
    def of(cls, schema: GraphQLSchema, operation: OperationDefinitionNode) -> "Variables":
        found = [get_variable_signature(schema, node) for node in operation.variable_definitions or ()]
        signatures = tuple(each for each in found if not isinstance(each, GraphQLError))
        return cls(signatures, len(signatures) == len(found))

    def simple(self, values: Mapping[str, Any]) -> VariableValues | None:
        """The values as graphql-core coerces them; None where it takes graphql-core to do so, or to refuse them."""
        if not self.sound:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for signature in self.signatures:
            name, type_ = signature.name, signature.type
            required = is_non_null_type(type_)
            value = values.get(name, Undefined)
            if value is Undefined:
                if required or signature.default is not None:
                    return None
                sources[name] = VariableValueSource(signature)
                continue
            if value is None:
                if required:
                    return None
            elif not is_value(type_.of_type if required else type_, value):  # type: ignore[union-attr]
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return VariableValues(sources, coerced)
