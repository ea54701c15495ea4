"""The variables of an operation, whose values nearly always are what they should be."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode, Undefined
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource

from gateway.execution.inputs import Coerce, coercer
from gateway.execution.leaves import nullable_of

NO_VARIABLES = VariableValues({}, {})


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable."""

    signature: GraphQLVariableSignature
    required: bool
    coerce: Coerce


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
            variables.append(Variable(signature, not nullable, coercer(type_)))
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
            sources[name] = VariableValueSource(signature, value)
            if value is None:
                if variable.required:
                    return None
                coerced[name] = None
                continue
            try:
                coerced[name] = variable.coerce(value, 0)
            except Exception:  # noqa: BLE001 - graphql-core says what is wrong, if anything is
                return None
        return VariableValues(sources, coerced)
