"""The same question to three engines: Strawberry's own, the drop-in, and the plan as the pipeline runs it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode, parse, validate
from strawberry.schema.config import StrawberryConfig

import gateway
from gateway.execution.operation import Operation
from gateway.execution.schema import run_operation
from gateway.execution.written import Written
from resolvers.scalars import SCALARS
from resolvers.viewer import ANONYMOUS

Answer = tuple[Any, list[Any]]
"""Data, and errors in the order of their places."""


def describe(errors: list[GraphQLError] | None) -> list[Any]:
    """What there is to an error."""
    return [
        (error.path, error.message, type(error.original_error).__name__, error.locations, error.extensions)
        for error in errors or []
    ]


def alike(errors: list[Any]) -> list[Any]:
    """Errors, whose order is each engine's own."""
    return sorted(errors, key=repr)


@dataclass
class Engines:
    """One graph in three engines."""

    query: type
    mutation: type | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    standard: strawberry.Schema = field(init=False)
    planned: gateway.Schema = field(init=False)

    def __post_init__(self) -> None:
        config = StrawberryConfig(scalar_map=SCALARS)
        self.standard = strawberry.Schema(query=self.query, mutation=self.mutation, config=config, **self.options)
        self.planned = gateway.Schema(query=self.query, mutation=self.mutation, config=config, **self.options)

    async def ask(
        self, document: str, make_context: Callable[[], Any], variables: Mapping[str, Any] | None = None
    ) -> Answer:
        """The answer, which is the same whoever gives it."""
        values = dict(variables or {})
        expected = await self.standard.execute(document, variable_values=values, context_value=make_context())
        for _ in range(2):  # the second time with what was prepared at the first
            dropped_in = await self.planned.execute(document, variable_values=values, context_value=make_context())
            assert dropped_in.data == expected.data, (dropped_in.data, expected.data)
            assert alike(describe(dropped_in.errors)) == alike(describe(expected.errors)), (
                describe(dropped_in.errors),
                describe(expected.errors),
            )
        operation = self.operation(document)
        for _ in range(2):
            data, errors = await self.run(operation, make_context(), values)
            assert data == expected.data
            assert alike(errors) == alike(describe(expected.errors))
        return data, errors

    def operation(self, document: str) -> Operation:
        parsed = parse(document)
        assert validate(self.planned._schema, parsed) == [], document
        node = next(each for each in parsed.definitions if isinstance(each, OperationDefinitionNode))
        return Operation(self.planned, parsed, node)

    async def run(self, operation: Operation, context: Any, variables: Mapping[str, Any] | None = None) -> Answer:
        """As the pipeline does."""
        coerced = operation.coerce(variables)
        assert not isinstance(coerced, list), coerced
        data, errors = await run_operation(operation, coerced, context)
        assert not isinstance(data, Written)
        return data, describe(errors)

    def is_planned(self, document: str) -> bool:
        """Whether the whole operation is one plan."""
        operation = self.operation(document)
        coerced = operation.coerce({})
        assert not isinstance(coerced, list)
        planner = operation.planner(coerced, ANONYMOUS)
        return planner is not None and planner.plan is not None
