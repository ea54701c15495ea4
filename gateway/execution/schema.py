"""A Strawberry schema whose entities are read by plans."""

import sys
from functools import partial
from typing import Any

import orjson
import strawberry
from graphql import DocumentNode, ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType, parse
from graphql.execution.values import VariableValues
from strawberry.schema.schema import validate_document
from strawberry.types.execution import ExecutionContext

from datasources.cache import Cache
from gateway.errors import BadRequest
from gateway.execution.executor import PlanExecutor
from gateway.execution.mutations import run_mutation
from gateway.execution.operation import Operation, size_of, viewer_of
from gateway.execution.roots import run_plan
from gateway.execution.run import MakeRun, Run
from gateway.execution.write_plan import TRANSACTION, refuse_unplanned, written_sources
from gateway.execution.written import Written
from resolvers.context import Context
from resolvers.definition import entity_of
from resolvers.policies import Sights, share_sights

KEPT_OPERATIONS = 256
"""The drop-in's; those of the pipeline are kept with its documents."""
KEPT_BYTES = 32 * 1024 * 1024


class Schema(strawberry.Schema):
    """Takes the place of `strawberry.Schema`, and answers alike."""

    def __init__(self, query: type, *args: Any, **kwargs: Any) -> None:
        """The arguments are those of `strawberry.Schema`."""
        kwargs.setdefault("execution_context_class", PlanExecutor)
        self._documents: Cache[str, DocumentNode] = Cache(KEPT_OPERATIONS, KEPT_BYTES)
        self._operations: Cache[tuple[int, int], Operation] = Cache(KEPT_OPERATIONS, KEPT_BYTES)
        super().__init__(query, *args, **kwargs)
        self.sights = _sights(self)
        if written_sources(self._schema):
            self._schema.directives = (*self._schema.directives, TRANSACTION)

    def operation_of(self, document: DocumentNode, node: OperationDefinitionNode) -> Operation:
        """What was prepared for an operation, of those that were used last."""
        identity = (id(document), id(node))
        operation = self._operations.get(identity)
        if operation is None:
            operation = Operation(self, document, node, partial(self._operations.grow, identity))
            self._operations.put(identity, operation, size_of(document))
        return operation

    def _create_execution_context(self, query: str | None, *args: Any, **kwargs: Any) -> ExecutionContext:
        context = super()._create_execution_context(query, *args, **kwargs)
        if query and not self.extensions:  # which may parse and validate otherwise
            document = self._valid(query, context)
            if document is not None:
                context.graphql_document = document
                context.validation_rules = ()
        return context

    def _valid(self, query: str, context: ExecutionContext) -> DocumentNode | None:
        """The document, if it is known to be valid or proves to be."""
        document = self._documents.get(query)
        if document is not None:
            return document
        try:
            document = parse(query, **context.parse_options)
        except Exception:  # noqa: BLE001 - Strawberry finds out, and says so
            return None
        if validate_document(self._schema, document, context.validation_rules):
            return None
        self._documents.put(query, document, sys.getsizeof(query) + size_of(document))
        return document


def _sights(schema: strawberry.Schema) -> Sights | None:
    """What viewers see of all entities of the schema."""
    definitions = (each.extensions.get("strawberry-definition") for each in schema._schema.type_map.values())
    entities = [entity for each in definitions if (entity := entity_of(getattr(each, "origin", None))) is not None]
    share_sights(entities)
    return entities[0].sights if entities else None


async def run_operation(
    operation: Operation, variables: VariableValues, context: Context, make_run: MakeRun = Run, *, nests: bool = False
) -> tuple[Any, list[GraphQLError]]:
    """The data and errors of an operation whose variables are coerced; with `nests` parts of it may be JSON already.

    Raises RequestErrors where nothing was executed.
    """
    if operation.node.operation is OperationType.SUBSCRIPTION:
        raise BadRequest("A subscription needs a transport that streams; this one answers once.")
    planner = operation.planner(variables, viewer_of(context))
    if planner is None:
        return await _executed(operation, variables, context, make_run)
    if planner.mutation is not None:
        return await run_mutation(
            make_run(context, variables, True, partial(PlanExecutor.of, operation), False), planner.mutation
        )
    if planner.plan is not None:
        run = make_run(context, variables, True, partial(PlanExecutor.of, operation), nests)
        return await run_plan(run, planner.plan)
    if planner.asks_schema:
        return await _introspected(operation, variables, context)
    return await _executed(operation, variables, context, make_run)


async def _executed(
    operation: Operation, variables: VariableValues, context: Context, make_run: MakeRun = Run
) -> tuple[Any, list[GraphQLError]]:
    if operation.node.operation is OperationType.MUTATION:
        refuse_unplanned(operation.node, context)
    executor = PlanExecutor.of(operation, make_run(context, variables, False, lambda _: executor, False))
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
        operation.keep_introspection(key, written)
    return Written(written), []
