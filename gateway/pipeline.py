"""One operation through its named stages, from its text to its answer; every wire format calls this."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import strawberry
from graphql import GraphQLError, OperationDefinitionNode, OperationType
from graphql.execution.values import VariableValues

from datasources.deadlines import Deadlines
from gateway.answers import Answer, executed, refused
from gateway.errors import BadRequest, MethodNotAllowed, OperationTimeout, RequestError, VariablesInvalid
from gateway.execution.operation import Operation
from gateway.execution.schema import run_operation
from gateway.operations.documents import DocumentCache
from gateway.operations.request import OperationRequest
from gateway.settings import LimitSettings
from resolvers.context import Context


class Pipeline:
    """Executes operations over one graph."""

    def __init__(self, graph: strawberry.Schema, make_context: Callable[[], Context], limits: LimitSettings) -> None:
        """`make_context` is called for each operation."""
        self._graph = graph
        self._make_context = make_context
        self._seconds = limits.seconds
        self._deadlines = Deadlines(limits.seconds)
        self._documents = DocumentCache(graph, limits.documents, limits.tokens)

    async def run(self, request: OperationRequest, correlation_id: str) -> Answer:
        """The answer; whatever the client did wrong is in it."""
        try:
            operation = self._documents.load(request.query).operation(request.operation_name)
            _check_kind(operation.node, request)
            variables = operation.coerce(request.variables)
            if isinstance(variables, list):
                raise VariablesInvalid(variables[0].message, variables)
            data, errors = await self._execute(operation, variables)
        except RequestError as error:
            return refused(error)
        return executed(data, errors, correlation_id)

    async def _execute(self, operation: Operation, variables: VariableValues) -> tuple[Any, Sequence[GraphQLError]]:
        context = self._make_context()
        call = self._deadlines.start()
        try:
            return await run_operation(operation, variables, context, nests=True)
        except BaseException as error:
            context.cancel()
            if isinstance(error, asyncio.CancelledError) and call.stop():
                raise OperationTimeout(f"The operation was given up after {self._seconds:g} s.") from error
            raise
        finally:
            call.stop()


def _check_kind(operation: OperationDefinitionNode, request: OperationRequest) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise BadRequest("A subscription needs a transport that streams; this one answers once.")
    if operation.operation is OperationType.MUTATION and request.read_only:
        raise MethodNotAllowed("Mutations change data: send them by POST.", allow="POST")
