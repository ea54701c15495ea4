"""One operation through its named stages, from its text to its answer; every wire format calls this."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import strawberry
from graphql import ExecutionResult, OperationDefinitionNode, OperationType
from graphql.execution import Executor

from gateway.answers import Answer, executed, refused
from gateway.errors import BadRequest, MethodNotAllowed, OperationTimeout, RequestError
from gateway.execution.standard import bind, core_schema, run
from gateway.operations.documents import DocumentCache
from gateway.operations.request import OperationRequest
from gateway.settings import LimitSettings


class OperationContext(Protocol):
    """What resolvers find in `info.context`."""

    def cancel(self) -> None:
        """Give up what is under way, when nobody waits for the operation any more."""


class Pipeline:
    """Executes operations over one graph."""

    def __init__(
        self, graph: strawberry.Schema, make_context: Callable[[], OperationContext], limits: LimitSettings
    ) -> None:
        """`make_context` is called for each operation."""
        self._graph = graph
        self._make_context = make_context
        self._seconds = limits.seconds
        self._documents = DocumentCache(core_schema(graph), limits.documents, limits.tokens)

    async def run(self, request: OperationRequest, correlation_id: str) -> Answer:
        """The answer; whatever the client did wrong is in it."""
        try:
            prepared = self._documents.load(request.query)
            operation = prepared.operation(request.operation_name)
            _check_kind(operation, request)
            context = self._make_context()
            bound = bind(self._graph, prepared.document, request.operation_name, request.variables, context)
            result = await self._execute(bound, context)
        except RequestError as error:
            return refused(error)
        except TimeoutError:
            return refused(OperationTimeout(f"The operation was given up after {self._seconds:g} s."))
        return executed(result.data, result.errors, correlation_id)

    async def _execute(self, bound: Executor[Any], context: OperationContext) -> ExecutionResult:
        try:
            async with asyncio.timeout(self._seconds):
                return await run(bound)
        except BaseException:
            context.cancel()
            raise


def _check_kind(operation: OperationDefinitionNode, request: OperationRequest) -> None:
    if operation.operation is OperationType.SUBSCRIPTION:
        raise BadRequest("A subscription needs a transport that streams; this one answers once.")
    if operation.operation is OperationType.MUTATION and request.read_only:
        raise MethodNotAllowed("Mutations change data: send them by POST.", allow="POST")
