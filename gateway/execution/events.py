"""Makes events of changes, with what their rows lead to: all of a batch at once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import Path

from datasources.changes import Change, ChangeKind
from gateway.execution.change_plan import ChangePlan, WatchPlan
from gateway.execution.levels import complete
from gateway.execution.outcome import Failure, Outcome
from gateway.execution.plan import ObjectPlan
from gateway.execution.roots import in_order
from gateway.execution.run import Run
from gateway.execution.shapes import Layout, Place
from resolvers.changes import Watch
from resolvers.ids import encode_id


@dataclass(frozen=True, slots=True)
class Seen:
    """A change as a subscriber sees it."""

    watch: Watch
    kind: ChangeKind
    change: Change


@dataclass(frozen=True, slots=True)
class Told:
    """One event's data, which still lacks its cursor."""

    data: dict[str, Any]
    errors: Sequence[GraphQLError]
    event: dict[str, Any]
    cursor_keys: Sequence[str]

    def with_cursor(self, cursor: str) -> dict[str, Any]:
        for key in self.cursor_keys:
            self.event[key] = cursor
        return self.data


async def tell(run: Run, plan: WatchPlan, seen: Sequence[Seen]) -> list[Told]:
    """An event for each change, in order."""
    entities = dict.fromkeys(each.watch.entity for each in seen)
    told: list[Told | None] = [None] * len(seen)

    async def of_entity(change_plan: ChangePlan, indexes: Sequence[int]) -> None:
        events = await _events(run, plan, change_plan, [seen[index] for index in indexes])
        for index, event in zip(indexes, events, strict=True):
            told[index] = event

    await asyncio.gather(
        *(
            of_entity(plan.of(entity), [index for index, each in enumerate(seen) if each.watch.entity is entity])
            for entity in entities
        )
    )
    return [each for each in told if each is not None]


async def _events(run: Run, plan: WatchPlan, changes: ChangePlan, seen: Sequence[Seen]) -> list[Told]:
    there = [index for index, each in enumerate(seen) if each.kind is not ChangeKind.DELETED]
    rows = [changes.read(after) for index in there if (after := seen[index].change.after) is not None]
    positions = {index: position for position, index in enumerate(there)}
    base = Path(None, plan.place.key, plan.place.parent.name)

    def completed(place: Place, node: ObjectPlan) -> Any:
        paths = [Path(base, place.key, changes.type.name)] * len(rows) if node.traced else None
        return complete(run, node, rows, Layout(changes.shape.wire), paths)

    outcomes = await asyncio.gather(*(completed(place, node) for place, node in changes.nodes)) if rows else ()
    nodes = {place.key: outcome for (place, _), outcome in zip(changes.nodes, outcomes, strict=False)}
    return [_event(plan, changes, each, nodes, positions.get(index)) for index, each in enumerate(seen)]


def _event(plan: WatchPlan, changes: ChangePlan, seen: Seen, nodes: dict[str, Outcome], position: int | None) -> Told:
    event: dict[str, Any] = {}
    failures: list[Failure] = []
    cursor_keys: list[str] = []
    key = plan.place.key
    for inner, name in changes.fields:
        match name:
            case "kind":
                event[inner] = seen.kind.value
            case "key":
                event[inner] = encode_id(seen.watch.entity.name, seen.change.key)
            case "changedFields":
                event[inner] = seen.watch.changed_fields(seen.kind, seen.change)
            case "cursor":
                cursor_keys.append(inner)
                event[inner] = None
            case "node":
                event[inner] = None if position is None else nodes[inner].values[position]
                if position is not None:
                    failures += [each.under((key, inner)) for each in nodes[inner].failures.get(position, ())]
            case _:
                event[inner] = changes.type.name
    data = {key: event}
    return Told(data, in_order(data, [failure.located() for failure in failures]), event, cursor_keys)
