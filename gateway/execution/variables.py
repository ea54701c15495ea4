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
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from gateway.execution.leaves import nullable_of

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
class Variable:
    """One variable."""

    signature: GraphQLVariableSignature
    type: Any
    """Without its `!`,"""
    required: bool
    """if it has one."""


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of an operation."""

    variables: tuple[Variable, ...]
    sound: bool
    """Whether all of their types are input types."""

    @classmethod
    def of(cls, schema: GraphQLSchema, operation: OperationDefinitionNode) -> "Variables":
        variables = []
        for node in operation.variable_definitions or ():
            signature = get_variable_signature(schema, node)
            if isinstance(signature, GraphQLError):
                return cls((), False)
            type_, nullable = nullable_of(signature.type)
            variables.append(Variable(signature, type_, not nullable))
        return cls(tuple(variables), True)

    def simple(self, values: Mapping[str, Any]) -> VariableValues | None:
        """The values as graphql-core coerces them; None where it takes graphql-core to do so, or to refuse them."""
        if not self.sound:
            return None
        sources: dict[str, VariableValueSource] = {}
        coerced: dict[str, Any] = {}
        for variable in self.variables:
            signature = variable.signature
            name = signature.name
            value = values.get(name, Undefined)
            if value is Undefined:
                if variable.required or signature.default is not None:
                    return None
                sources[name] = VariableValueSource(signature)
                continue
            if variable.required if value is None else not is_value(variable.type, value):
                return None
            sources[name] = VariableValueSource(signature, value)
            coerced[name] = value
        return VariableValues(sources, coerced)
