"""A Strawberry schema whose entities are read by plans."""

from collections import OrderedDict
from typing import Any

import orjson
import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode, parse
from graphql.execution.values import VariableValues
from strawberry.schema.schema import validate_document
from strawberry.types.execution import ExecutionContext

from gateway.execution.executor import PlanExecutor
from gateway.execution.operation import Operation
from gateway.execution.roots import run_plan
from gateway.execution.run import Run
from resolvers.context import Context

KEPT_OPERATIONS = 256
"""The drop-in's; those of the pipeline are kept with its documents."""
KEPT_TEXT = 64 * 1024
"""Characters of the longest document that is kept."""
KEPT_INTROSPECTIONS = 16
"""Answers of one operation, for different variables."""


class Written:
    """Data that is JSON already. No dataclass: orjson would take it apart."""

    __slots__ = ("json",)

    def __init__(self, json: bytes) -> None:
        self.json = json


class Schema(strawberry.Schema):
    """Takes the place of `strawberry.Schema`, and answers alike."""

    def __init__(self, query: type, *args: Any, **kwargs: Any) -> None:
        """The arguments are those of `strawberry.Schema`."""
        kwargs.setdefault("execution_context_class", PlanExecutor)
        self._documents: OrderedDict[str, DocumentNode] = OrderedDict()
        self._operations: OrderedDict[tuple[int, int], Operation] = OrderedDict()
        super().__init__(query, *args, **kwargs)

    def operation_of(self, document: DocumentNode, node: OperationDefinitionNode) -> Operation:
        """What was prepared for an operation, of those that were used last."""
        identity = (id(document), id(node))
        operation = self._operations.get(identity)
        if operation is None:
            operation = self._operations[identity] = Operation(self, document, node)
            if len(self._operations) > KEPT_OPERATIONS:
                self._operations.popitem(last=False)
        else:
            self._operations.move_to_end(identity)
        return operation

    def _create_execution_context(self, query: str | None, *args: Any, **kwargs: Any) -> ExecutionContext:
        context = super()._create_execution_context(query, *args, **kwargs)
        if query and len(query) <= KEPT_TEXT and not self.extensions:  # which may parse and validate otherwise
            document = self._valid(query, context)
            if document is not None:
                context.graphql_document = document
                context.validation_rules = ()
        return context

    def _valid(self, query: str, context: ExecutionContext) -> DocumentNode | None:
        """The document, if it is known to be valid or proves to be."""
        document = self._documents.get(query)
        if document is not None:
            self._documents.move_to_end(query)
            return document
        try:
            document = parse(query, **context.parse_options)
        except Exception:  # noqa: BLE001 - Strawberry finds out, and says so
            return None
        if validate_document(self._schema, document, context.validation_rules):
            return None
        self._documents[query] = document
        if len(self._documents) > KEPT_OPERATIONS:
            self._documents.popitem(last=False)
        return document


async def run_operation(
    operation: Operation, variables: VariableValues, context: Context, *, nests: bool = False
) -> tuple[Any, list[GraphQLError]]:
    """The data and errors of an operation whose variables are coerced; with `nests` parts of it may be JSON already."""
    planner = operation.planner(variables)
    if planner is None:
        return await _executed(operation, variables, context)
    if planner.plan is not None:
        run = Run(context, variables, True, lambda run: PlanExecutor.of(operation, run), nests)
        return await run_plan(run, planner.plan)
    if planner.asks_schema:
        return await _introspected(operation, variables, context)
    return await _executed(operation, variables, context)


async def _executed(
    operation: Operation, variables: VariableValues, context: Context
) -> tuple[Any, list[GraphQLError]]:
    executor = PlanExecutor.of(operation, Run(context, variables, False, lambda _: executor))
    result = executor.execute_operation()
    if not isinstance(result, ExecutionResult):
        result = await result  # type: ignore[misc]
    return result.data, result.errors or []


async def _introspected(
    operation: Operation, variables: VariableValues, context: Context
) -> tuple[Any, list[GraphQLError]]:
    """The schema does not change: what it says of itself is written once."""
    try:
        key = orjson.dumps(variables.coerced, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return await _executed(operation, variables, context)
    written = operation.introspections.get(key)
    if written is None:
        data, errors = await _executed(operation, variables, context)
        if errors:
            return data, errors
        written = orjson.dumps(data)
        if len(operation.introspections) < KEPT_INTROSPECTIONS:
            operation.introspections[key] = written
    return Written(written), []
