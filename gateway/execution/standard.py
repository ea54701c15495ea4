"""Execution by graphql-core, of a document that is parsed and valid."""

from collections.abc import Mapping
from typing import Any

import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLSchema
from graphql.execution import Executor

from gateway.errors import VariablesInvalid


def core_schema(schema: strawberry.Schema) -> GraphQLSchema:
    """The graphql-core schema inside."""
    return schema._schema


def bind(
    schema: strawberry.Schema,
    document: DocumentNode,
    operation_name: str | None,
    variables: Mapping[str, Any] | None,
    context: object,
) -> Executor[Any]:
    """The operation with its variables, ready to run. Raises VariablesInvalid."""
    bound = schema.execution_context_class.build(
        core_schema(schema),
        document,
        raw_variable_values=dict(variables or {}),
        operation_name=operation_name,
        context_value=context,
    )
    if isinstance(bound, list):
        raise VariablesInvalid(bound[0].message, bound)
    return bound


async def run(executor: Executor[Any]) -> ExecutionResult:
    """Runs a bound operation to its end."""
    result = executor.execute_operation()
    if isinstance(result, ExecutionResult):
        return result
    answer: ExecutionResult = await result  # type: ignore[misc]
    return answer
