"""One operation through its named stages, from its text to its answer; every wire format calls this."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import strawberry
from graphql import GraphQLError, OperationType
from graphql.execution.values import VariableValues

from datasources.deadlines import Deadlines
from datasources.errors import GatewayError
from gateway.answers import Answer, broken, executed, refused
from gateway.auth.authenticator import Authenticator, NoClients
from gateway.errors import BadRequest, MethodNotAllowed, OperationTimeout, RequestError, VariablesInvalid
from gateway.execution.operation import Operation
from gateway.execution.schema import run_operation
from gateway.limits.actual import Meter
from gateway.limits.concurrency import Turns
from gateway.limits.cost import Estimator
from gateway.limits.gcra import Bucket
from gateway.limits.inputs import check_variables
from gateway.limits.rate import Charge, Rates
from gateway.operations.documents import DocumentCache
from gateway.operations.idempotency import identify
from gateway.operations.persisted import PersistedOperations
from gateway.operations.request import OperationRequest
from gateway.settings import LimitSettings
from gateway.settings_auth import AuthSettings
from gateway.settings_operations import OperationSettings
from gateway.subscriptions.generator import generate
from gateway.subscriptions.groups import Subscriptions
from gateway.subscriptions.stream import Stream
from resolvers.context import Context
from resolvers.viewer import Viewer

Execute = Callable[[Operation, VariableValues, Context], Awaitable[tuple[Any, Sequence[GraphQLError]]]]

MakeOperations = Callable[[DocumentCache], PersistedOperations]

run_for_json: Execute = partial(run_operation, nests=True)


class Pipeline:
    """Executes operations over one graph."""

    def __init__(
        self,
        graph: strawberry.Schema,
        make_context: Callable[[Viewer], Context],
        limits: LimitSettings,
        subscriptions: Subscriptions | None = None,
        authenticator: Authenticator | None = None,
        operations: MakeOperations | None = None,
        rates: Rates | None = None,
    ) -> None:
        """`make_context` is called for each operation, and for events; `subscriptions` are those to changes.

        Without an authenticator, everybody may ask, and is anonymous; without `operations`, none are stored; without
        rates, everybody may ask as often as they like.
        """
        self.graph = graph
        self._make_context = make_context
        self._limits = limits
        self._estimator = Estimator(limits)
        self._rates = rates
        self.turns = Turns(limits)
        self._seconds = limits.seconds
        self._deadlines = Deadlines(limits.seconds)
        self.subscriptions = subscriptions
        self.authenticator = authenticator or Authenticator(AuthSettings(anonymous=True), NoClients())
        self.documents = DocumentCache(graph, limits)
        make = operations or (lambda documents: PersistedOperations(documents, OperationSettings(automatic=False)))
        self.persisted = make(self.documents)

    async def close(self) -> None:
        """Events are told no longer, and credentials not looked at."""
        if self.subscriptions is not None:
            await self.subscriptions.close()
        await self.authenticator.close()
        if self._rates is not None:
            await self._rates.close()

    async def run(self, request: OperationRequest, correlation_id: str, execute: Execute = run_for_json) -> Answer:
        """The answer; whatever the client did wrong is in it."""
        try:
            if not self.persisted.lets_pass(request):
                request = await self.persisted.find(request)
            operation, variables = self.bind(request)
            started = time.perf_counter()
            buckets = self._buckets(request.viewer)
            if buckets or request.cost:
                answer, errors = await self._metered(request, operation, variables, execute, correlation_id, buckets)
            else:
                data, errors = await self._execute(request, operation, variables, execute)
                answer = executed(data, errors, correlation_id)
            self.persisted.used(request, time.perf_counter() - started)
        except RequestError as error:
            return refused(error)
        if request.trusted is None or not request.read_only:
            return answer
        return replace(answer, cache_control="no-store" if errors else _cache_control(operation, request.viewer))

    async def subscribe(self, request: OperationRequest, correlation_id: str) -> Stream | Answer:
        """The events of a subscription; of everything else, and of what cannot be subscribed to, the answer."""
        try:
            request = await self.persisted.find(request)
            operation, variables = self.bind(request)
            if operation.node.operation is OperationType.SUBSCRIPTION:
                self.persisted.used(request, None)
                await self._charge(self._buckets(request.viewer), self._estimator.check(operation, variables))
                return await self._open(operation, variables, request, correlation_id)
        except TimeoutError:
            return refused(OperationTimeout(f"The operation was given up after {self._seconds:g} s."))
        except (GatewayError, GraphQLError) as error:
            return broken(error, correlation_id)
        return await self.run(request, correlation_id)

    def bind(self, request: OperationRequest) -> tuple[Operation, VariableValues]:
        """The operation, and the values of its variables. Raises RequestError."""
        operation = self.documents.load(request.query).operation(request.operation_name)
        if operation.node.operation is OperationType.MUTATION and request.read_only:
            raise MethodNotAllowed("Mutations change data: send them by POST.", allow="POST")
        if request.variables:
            check_variables(request.variables, self._limits)
        variables = operation.coerce(request.variables, hide_suggestions=not self._limits.suggestions)
        if isinstance(variables, list):
            raise VariablesInvalid(variables[0].message, variables)
        self._estimator.check(operation, variables)
        return operation, variables

    async def _open(
        self, operation: Operation, variables: VariableValues, request: OperationRequest, correlation_id: str
    ) -> Stream:
        """Where a subscription's events come from."""
        planner = operation.planner(variables, request.viewer)
        if planner is not None and planner.watch is not None and self.subscriptions is not None:
            return await self.subscriptions.open(
                operation, variables, planner.watch, request.resume_from, request.viewer
            )
        if request.resume_from is not None:
            raise BadRequest("The events of this subscription are not kept: it cannot be resumed.")
        make_context = partial(self._make_context, request.viewer)
        return await generate(operation, variables, make_context, self._seconds, correlation_id)

    def _buckets(self, viewer: Viewer) -> Sequence[Bucket]:
        return () if self._rates is None else self._rates.buckets(viewer)

    async def _charge(self, buckets: Sequence[Bucket], estimated: int) -> Charge | None:
        return await self._rates.charge(buckets, estimated) if self._rates is not None and buckets else None

    async def _metered(
        self,
        request: OperationRequest,
        operation: Operation,
        variables: VariableValues,
        execute: Execute,
        correlation_id: str,
        buckets: Sequence[Bucket],
    ) -> tuple[Answer, Sequence[GraphQLError]]:
        """The answer of an operation whose cost is charged, or told, and what failed."""
        estimated, meter = self._estimator.check(operation, variables), Meter()
        charge = await self._charge(buckets, estimated)
        try:
            data, errors = await self._execute(request, operation, variables, execute, meter)
            answer = executed(data, errors, correlation_id)
        finally:
            actual = self._estimator.actual(operation, variables, estimated, meter.rows) if meter.used else 0
            if charge is not None:
                charge.settle(max(actual, 1))
        if request.cost:
            available = self._limits.cost if charge is None else charge.available(max(actual, 1))
            cost = {"estimated": estimated, "actual": actual, "available": available}
            answer = replace(answer, content={**answer.content, "extensions": {"cost": cost}})
        return (answer if charge is None else replace(answer, headers=charge.headers)), errors

    async def _execute(
        self,
        request: OperationRequest,
        operation: Operation,
        variables: VariableValues,
        execute: Execute,
        meter: Meter | None = None,
    ) -> tuple[Any, Sequence[GraphQLError]]:
        context = self._make_context(request.viewer)
        if meter is not None and operation.node.operation is OperationType.QUERY:
            context.sources = meter.watch(context.sources)
        if request.idempotency_key is not None:
            context.idempotency = identify(
                request.idempotency_key,
                request.query,
                request.variables,
                request.operation_name,
                request.viewer,
                operation.sight_of(request.viewer).digest,
            )
        if not self.turns.take(request.viewer):
            await self.turns.wait(request.viewer)
        if meter is not None:
            meter.used = True
        call = self._deadlines.start()
        try:
            return await execute(operation, variables, context)
        except BaseException as error:
            context.cancel()
            if isinstance(error, asyncio.CancelledError) and call.stop():
                raise OperationTimeout(f"The operation was given up after {self._seconds:g} s.") from error
            raise
        finally:
            call.stop()
            self.turns.leave(request.viewer)


def _cache_control(operation: Operation, viewer: Viewer) -> str:
    """What is answered to somebody known is for nobody else, whatever it depends on: who may ask, the gateway says."""
    if operation.least_age == 0:
        return "private, no-cache"
    kept_by = "public" if viewer.is_anonymous and not (operation.sees_viewer or operation.is_ruled) else "private"
    return f"{kept_by}, max-age={operation.least_age}"
