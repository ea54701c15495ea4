"""The operations that share one connection."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from gateway.answers import Answer, broken
from gateway.errors import AlreadyExists, RequestError, TooManyOperations
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.subscriptions.stream import Event, Stream


class Channel(Protocol):
    """How the results of one operation go to its client."""

    async def events(self, events: Sequence[Event]) -> None: ...

    def hand(self, event: Event) -> bool:
        """See Hand."""

    async def end(self, answer: Answer | None) -> None:
        """The last of the operation: its one answer, or what broke its events, if anything did."""


class Operations:
    """Those of one connection, by the ids that its client gave them."""

    def __init__(
        self, pipeline: Pipeline, limit: int, give_up: Callable[[RequestError], Awaitable[None]] | None = None
    ) -> None:
        """`give_up` closes the connection for errors that have a code to close it with."""
        self._pipeline = pipeline
        self._limit = limit
        self._give_up = give_up
        self._running: dict[str, asyncio.Task[None]] = {}
        self._subscriptions: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving = False

    def start(self, name: str, request: OperationRequest, correlation_id: str, channel: Channel) -> None:
        """Executes the operation; all that becomes of it goes into the channel. Once all are leaving, does nothing.

        Raises AlreadyExists, TooManyOperations.
        """
        if name in self._running:
            raise AlreadyExists(f"An operation {name[:40]!r} is under way.")
        if len(self._running) >= self._limit:
            raise TooManyOperations(f"{self._limit} operations are under way on this connection, as many as may be.")
        if self._leaving:
            return
        task = asyncio.create_task(self._run(name, request, correlation_id, channel))
        self._running[name] = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, name: str) -> None:
        """Cancels the operation, if it is still under way."""
        task = self._running.pop(name, None)
        if task is not None:
            task.cancel()

    async def leave(self) -> None:
        """Cancels the subscriptions, whose clients go on elsewhere, and waits until everything else is answered."""
        self._leaving = True
        for task in self._subscriptions:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cancel(self) -> None:
        """Cancels all."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _run(self, name: str, request: OperationRequest, correlation_id: str, channel: Channel) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine is run by a task
        last: Answer | None = None
        try:
            outcome = await self._pipeline.subscribe(request, correlation_id)
            if isinstance(outcome, Answer):
                last = outcome
            else:
                await self._pass_on(task, outcome, channel)
        except RequestError as error:
            last = broken(error, correlation_id)
            if error.close_code is not None and self._give_up is not None:
                await self._give_up(error)
                return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told and the operator gets a log
            last = broken(error, correlation_id)
        finally:
            if self._running.get(name) is task:  # the client may use the id again before it hears of the end
                del self._running[name]
        await channel.end(last)

    async def _pass_on(self, task: asyncio.Task[None], stream: Stream, channel: Channel) -> None:
        if self._leaving:
            task.cancel()
        self._subscriptions.add(task)
        stream.hand_over(channel.hand)
        try:
            while events := await stream.take():
                await channel.events(events)
        finally:
            self._subscriptions.discard(task)
            await stream.close()
