"""What changes are to everyone who asks the same: filtered, completed and written once."""

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from graphql.execution.values import VariableValues

from datasources.changes import Change
from gateway.answers import encode, executed
from gateway.execution.change_plan import WatchPlan
from gateway.execution.events import Seen, Told, tell
from gateway.execution.executor import PlanExecutor
from gateway.execution.operation import Operation
from gateway.execution.run import Run
from gateway.subscriptions.stream import Event
from resolvers.change_cursors import Position, encode_position
from resolvers.changes import Watch
from resolvers.context import Context


@dataclass(frozen=True)
class Evaluation:
    """An operation with its variables."""

    operation: Operation
    variables: VariableValues
    plan: WatchPlan
    watches: Collection[Watch]
    make_context: Callable[[], Context]
    seconds: float
    """That the events of one batch may take."""

    @cached_property
    def sources(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(watch.entity.source for watch in self.watches))

    @cached_property
    def _by_collection(self) -> Mapping[tuple[str, str], Watch]:
        return {(watch.entity.source, watch.entity.collection_name): watch for watch in self.watches}

    @cached_property
    def _told_whole(self) -> Collection[str] | None:
        """The entities that subscribers are told everything of."""
        if not all(watch.is_whole for watch in self.watches):
            return None
        return [watch.entity.name for watch in self.watches]

    @cached_property
    def _digest(self) -> str | None:
        return next((watch.sight.digest for watch in self.watches), None)

    def see(self, source: str, changes: Iterable[Change]) -> list[tuple[int, Seen]]:
        """Those that are events to the subscribers, each with its number among all."""
        watches, seen = self._by_collection, []
        for number, change in enumerate(changes, 1):
            watch = watches.get((source, change.collection))
            kind = None if watch is None else watch.kind_of(change)
            if watch is not None and kind is not None:
                seen.append((number, Seen(watch, kind, change)))
        return seen

    async def tell(self, seen: Sequence[Seen]) -> list[Told]:
        """Their data, read in a context of their own: never older than the changes. Raises TimeoutError."""
        context = self.make_context()
        run = Run(context, self.variables, False, lambda run: PlanExecutor.of(self.operation, run))
        try:
            async with asyncio.timeout(self.seconds):
                return await tell(run, self.plan, seen)
        except BaseException:
            context.cancel()
            raise

    def write(self, told: Told, cursors: Mapping[str, str]) -> Event:
        """The event, for those who know each source up to these cursors once they have it."""
        cursor = encode_position(Position(cursors, self._told_whole, sight=self._digest))
        answer = executed(told.with_cursor(cursor), told.errors, secrets.token_hex(8) if told.errors else "")
        return Event(encode({**answer.content, "extensions": {"cursor": cursor}}), cursor)
