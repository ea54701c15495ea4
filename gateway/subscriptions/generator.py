"""Subscriptions whose events a hand-written resolver generates: https://strawberry.rocks/docs/general/subscriptions"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import ExecutionResult, GraphQLError, create_source_event_stream, located_error
from graphql.execution.values import VariableValues

from gateway.answers import Answer, encode, executed, failed, refused
from gateway.errors import OperationTimeout
from gateway.execution.executor import PlanExecutor
from gateway.execution.operation import Operation
from gateway.execution.run import Run
from gateway.subscriptions.stream import Event, Hand
from resolvers.context import Context


@dataclass(frozen=True, slots=True)
class Generated:
    """The events of one subscriber's own generator, which runs no further than the subscriber takes.

    The generator sees one context as long as it runs; what is selected of each event is read in a context of its own.
    """

    operation: Operation
    variables: VariableValues
    make_context: Callable[[], Context]
    seconds: float
    """That reading one event may take."""
    correlation_id: str
    context: Context
    events: AsyncIterator[Any]

    async def take(self) -> Sequence[Event]:
        """See Stream."""
        try:
            payload = await anext(self.events)
        except StopAsyncIteration:
            return ()
        except Exception as error:
            raise located_error(error) from error
        return (Event(encode((await self._answer(payload)).content)),)

    def hand_over(self, hand: Hand) -> None:
        """See Stream. There is no event before somebody takes it."""

    async def close(self) -> None:
        """See Stream."""
        self.context.cancel()
        if isinstance(self.events, AsyncGenerator):
            try:
                await self.events.aclose()
            except Exception as error:  # noqa: BLE001 - nobody is left to be told
                failed(error, self.correlation_id)

    async def _answer(self, payload: Any) -> Answer:
        context = self.make_context()
        executor = _executor(self.operation, self.variables, context).build_per_event_executor(payload)
        try:
            async with asyncio.timeout(self.seconds):
                result: Any = executor.execute_operation()
                if executor.is_awaitable(result):
                    result = await result
        except TimeoutError:
            context.cancel()
            return refused(OperationTimeout(f"The event was given up after {self.seconds:g} s."))
        except BaseException:
            context.cancel()
            raise
        return executed(result.data, result.errors, self.correlation_id)


async def generate(
    operation: Operation,
    variables: VariableValues,
    make_context: Callable[[], Context],
    seconds: float,
    correlation_id: str,
) -> Generated:
    """The events of a subscription's resolver. Raises the GraphQLError that it failed with."""
    context = make_context()
    async with asyncio.timeout(seconds):
        source: Any = create_source_event_stream(_executor(operation, variables, context))
        if asyncio.iscoroutine(source):
            source = await source
    if isinstance(source, ExecutionResult):
        raise _error(source)
    return Generated(operation, variables, make_context, seconds, correlation_id, context, aiter(source))


def _executor(operation: Operation, variables: VariableValues, context: Context) -> PlanExecutor:
    executor = PlanExecutor.of(operation, Run(context, variables, False, lambda _: executor))
    return executor


def _error(result: ExecutionResult) -> GraphQLError:
    assert result.errors  # noqa: S101 - it would be no result otherwise
    return result.errors[0]
