"""Subscriptions to changes: those that ask the same are a group, whose events are made once for all of its members."""

import asyncio
from collections.abc import Callable, Hashable, Iterable
from functools import partial

import orjson
from graphql import located_error
from graphql.execution.values import VariableValues

from datasources.changes import feed_of
from datasources.errors import SourceRefused
from datasources.events import Hub
from datasources.registry import Registry
from gateway.execution.change_plan import WatchPlan
from gateway.execution.operation import Operation
from gateway.subscriptions.evaluation import Evaluation
from gateway.subscriptions.group import Counts, Group
from gateway.subscriptions.stream import Stream
from resolvers.change_cursors import decode_position
from resolvers.context import Context
from resolvers.definition import Entity
from resolvers.errors import InvalidCursor
from resolvers.policies import OPEN, Sight
from resolvers.viewer import ANONYMOUS, Viewer


class Subscriptions:
    """The subscriptions to changes of one process."""

    def __init__(
        self,
        entities: Iterable[Entity],
        sources: Registry,
        make_context: Callable[[Viewer], Context],
        *,
        queue: int,
        seconds: float,
    ) -> None:
        """`queue` is how many events wait for a subscriber, `seconds` how long making those of one batch may take."""
        self._watched = [entity for entity in entities if entity.watched]
        self._sources = sources
        self._make_context = make_context
        self._queue = queue
        self.seconds = seconds
        self._hubs: dict[str, Hub] = {}
        self.groups: dict[Hashable, Group] = {}
        self.counts = Counts()

    async def open(
        self,
        operation: Operation,
        variables: VariableValues,
        plan: WatchPlan,
        resume_from: str | None = None,
        viewer: Viewer = ANONYMOUS,
    ) -> Stream:
        """The events of one subscriber: behind the cursor, or from now on.

        Events in which nothing else depends on who asks are the same for all viewers who see the same.
        Raises GatewayErrors, and a located GraphQLError for arguments that make no sense.
        """
        sight = operation.sight_of(viewer)
        asks = viewer if operation.sees_viewer else sight
        key = (operation, orjson.dumps(variables.coerced, default=repr, option=orjson.OPT_SORT_KEYS), asks)
        group = self.groups.get(key)
        if group is None:
            group = self.groups[key] = self._group(
                key, operation, variables, plan, ANONYMOUS if asks is OPEN else viewer
            )
        try:
            group.enter()
            await group.ready()
            return group.join(self._queue, _known(resume_from, group.sources, sight))
        except BaseException:
            group.leave()
            raise

    async def close(self) -> None:
        """Ends the reading; subscribers have left by now, or wait in vain."""
        ending = [task for group in list(self.groups.values()) for task in group.close()]
        await asyncio.gather(*ending, return_exceptions=True)
        for hub in self._hubs.values():
            await hub.close()

    def _group(
        self, key: Hashable, operation: Operation, variables: VariableValues, plan: WatchPlan, viewer: Viewer
    ) -> Group:
        try:
            watches = plan.field.watches(plan.arguments.bind(variables), viewer)
        except Exception as error:
            raise located_error(error, plan.place.nodes, [plan.place.key]) from error
        evaluation = Evaluation(operation, variables, plan, watches, partial(self._make_context, viewer), self.seconds)
        hubs = {source: self._hub(source) for source in evaluation.sources}
        return Group(evaluation, hubs, self.counts, lambda group: self._forget(key, group))

    def _hub(self, source: str) -> Hub:
        if source not in self._hubs:
            feed = feed_of(self._sources[source])
            if feed is None:
                raise SourceRefused(source, "keeps no changes")
            self._hubs[source] = Hub(feed, [each.collection for each in self._watched if each.source == source])
        return self._hubs[source]

    def _forget(self, key: Hashable, group: Group) -> None:
        """Others may ask the same by now."""
        if self.groups.get(key) is group:
            del self.groups[key]


def _known(cursor: str | None, sources: Iterable[str], sight: Sight) -> dict[str, str] | None:
    """What the holder of a cursor knows of each source. Raises InvalidCursor and CursorExpired."""
    if cursor is None:
        return None
    position = decode_position(cursor)
    position.expect(sight.digest)
    if position.place is not None:
        raise InvalidCursor("Not all rows have been read: go on with sync until hasMore is false, then subscribe.")
    return position.of(list(sources))
