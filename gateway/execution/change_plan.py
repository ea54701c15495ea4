"""The plans of what is told of changes: of events, and of `sync`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from graphql import GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails

from datasources.changes import Values
from datasources.lookup import Row
from gateway.execution.arguments import Arguments
from gateway.execution.plan import ObjectPlan, SyncRoot, SyncRows
from gateway.execution.reader import Reader
from gateway.execution.shapes import Place, RowShape, strawberry_field
from resolvers.changes import WatchField, image_reader
from resolvers.definition import Entity

PlanRows = Callable[[RowShape, list[FieldDetails], tuple[str | int, ...]], ObjectPlan]
Completer = Callable[[Any, list[FieldDetails]], Callable[[Any], Any] | None]


@dataclass(frozen=True, eq=False)
class ChangePlan:
    """What is selected of the changes of one entity."""

    type: GraphQLObjectType
    shape: RowShape
    fields: tuple[tuple[str, str], ...]
    """(key in the answer, name) of each,"""
    nodes: tuple[tuple[Place, ObjectPlan], ...]
    """and what is selected of each `node`."""

    @cached_property
    def read(self) -> Callable[[Values], Row]:
        """A row of the shape, of an image."""
        return image_reader(self.shape.entity, self.shape.columns, self.shape.wire)


@dataclass(frozen=True, eq=False)
class WatchPlan:
    """A subscription to changes."""

    place: Place
    field: WatchField
    arguments: Arguments
    of: Callable[[Entity], ChangePlan]


def plan_watch(reader: Reader, make_arguments: Callable[[Place], Arguments], plan_rows: PlanRows) -> WatchPlan | None:
    """The plan; None when the operation is no subscription to changes."""
    root_type, selected = reader.root
    if (
        selected is None
        or len(selected) != 1
        or root_type is None
        or root_type is not reader.scope.schema.subscription_type
    ):
        return None
    ((key, details),) = selected.items()
    place = reader.place(root_type, key, details)
    if place is None or not isinstance(strawberry_field(place), WatchField):
        return None

    @cache
    def change_plan(entity: Entity) -> ChangePlan:
        type_ = _object_type(reader, f"{entity.name}Change")
        shape = RowShape(entity, 0)
        fields: list[tuple[str, str]] = []
        nodes: list[tuple[Place, ObjectPlan]] = []
        for inner, inner_details in reader.fields(type_, details).items():
            name = inner_details[0].node.name.value
            fields.append((inner, name))
            at = reader.place(type_, inner, inner_details)
            if name == "node" and at is not None:
                nodes.append((at, plan_rows(shape, inner_details, (key, inner))))
        return ChangePlan(type_, shape, tuple(fields), tuple(nodes))

    return WatchPlan(place, strawberry_field(place), make_arguments(place), change_plan)


def plan_sync(
    reader: Reader, place: Place, arguments: Arguments, plan_rows: PlanRows, completer: Completer
) -> SyncRoot:
    parts: list[tuple[Place, Callable[[Any], Any] | None]] = []
    upserts: list[Place] = []
    type_ = _object_type(reader, "Sync")
    for key, details in reader.fields(type_, place.details).items():
        at = reader.place(type_, key, details)
        if at is None:
            continue
        complete = completer(at.definition.type, details) if at.nodes[0].name.value == "tombstones" else None
        parts.append((at, complete))
        if at.nodes[0].name.value == "upserts":
            upserts.append(at)

    @cache
    def rows_of(entity: Entity) -> SyncRows:
        shape = RowShape(entity, 0, {entity.key})
        return SyncRows(shape, [plan_rows(shape, each.details, (place.key, each.key, 0)) for each in upserts])

    return SyncRoot(place, strawberry_field(place), arguments, tuple(parts), rows_of)


def _object_type(reader: Reader, name: str) -> GraphQLObjectType:
    found = reader.scope.schema.type_map[name]
    assert isinstance(found, GraphQLObjectType)  # noqa: S101 - made with the fields that yield it
    return found
