"""Changes as clients hear of them: the types of events, the rows that somebody follows, and the subscription type."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache, cached_property
from typing import Any, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import get_object_definition

from datasources.changes import Change, ChangeKind, Values
from datasources.evaluation import Predicate, predicate
from datasources.filters import EVERYTHING, Exists, Filter, nodes
from datasources.lookup import Row
from datasources.wire import TO_WIRE
from resolvers.binding import bind
from resolvers.context import ResolveInfo
from resolvers.definition import Entity
from resolvers.errors import BadUserInput, SchemaError
from resolvers.fields import GraphField
from resolvers.filters import filter_input, to_filter
from resolvers.node import Node
from resolvers.policies import OPEN, Sight, sight_of, unauthorized
from resolvers.types import FieldSpec, camel, deferred, list_of, lower_first, new_class, object_type, optional
from resolvers.viewer import Viewer

F = TypeVar("F", bound="WatchField")

strawberry.enum(ChangeKind, description="What became of a row, as far as the subscriber may and wants to see it.")


@strawberry.interface(name="Change", description="A committed write of one row.")
class ChangeEvent:
    """What all events have."""

    kind: ChangeKind
    cursor: str = strawberry.field(description="Where to resume behind this event; `sync` takes it, too.")
    changed_fields: list[str] = strawberry.field(
        description="The fields whose values differ, if the row was UPDATED; otherwise all. Without computed ones."
    )
    key: strawberry.ID = strawberry.field(description="The row's id, also of one that is gone.")
    node: Node | None = strawberry.field(description="The row as this write left it; null when it was DELETED.")


@cache
def change_type(entity: Entity) -> type:
    """`OrderChange`."""
    common = {field.python_name: field for field in get_object_definition(ChangeEvent, strict=True).fields}
    specs = [
        FieldSpec(name, optional(entity.cls) if name == "node" else field.type, field.description)
        for name, field in common.items()
    ]
    made = object_type(f"{entity.name}Change", specs, f"A committed write of one of {entity.plural}.")
    definition = get_object_definition(made, strict=True)
    definition.interfaces.append(get_object_definition(ChangeEvent, strict=True))
    return made


@cache
def watched_enum(entities: tuple[Entity, ...]) -> Any:
    """`WatchedEntity`: ORDER_LINE is the entity called OrderLine."""
    members = {_CAPITAL.sub("_", entity.name).upper(): entity.name for entity in entities}
    made = Enum("WatchedEntity", members)  # type: ignore[misc]
    return strawberry.enum(made, description="The entities whose changes are told.")


_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def watched(entities: Iterable[Entity]) -> tuple[Entity, ...]:
    """Those whose changes are told. Raises SchemaError where changes would come twice."""
    found = tuple(entity for entity in entities if entity.watched)
    owners: dict[tuple[str, str], Entity] = {}
    for entity in found:
        owner = owners.setdefault((entity.source, entity.collection_name), entity)
        if owner is not entity:
            raise SchemaError(
                f"{owner.name} and {entity.name} are both watched, and are rows of the same "
                f"{entity.source}.{entity.collection_name}: watch one of them."
            )
    return found


def known_fields(entity: Entity, sight: Sight) -> Mapping[str, str]:
    """The GraphQL name of each column that is seen."""
    return {
        name: camel(column.attribute)
        for name, column in entity.by_column.items()
        if sight.allows(entity.policy + column.required)
    }


@dataclass(frozen=True)
class Watch:
    """The rows of an entity that somebody follows."""

    entity: Entity
    filter: Filter = EVERYTHING
    sight: Sight = OPEN

    @property
    def is_whole(self) -> bool:
        """Whether they are all that the viewer sees."""
        return self.filter == self.sight.rows(self.entity)

    @cached_property
    def _holds(self) -> Predicate:
        return predicate(self.filter, _refused)

    @cached_property
    def _fields(self) -> Mapping[str, str]:
        return known_fields(self.entity, self.sight)

    def kind_of(self, change: Change) -> ChangeKind | None:
        """What the change is to somebody who sees no other rows than these; None where that is nothing."""
        was = change.before is not None and self._holds(change.before)
        now = change.after is not None and self._holds(change.after)
        if was and now:
            return None if change.changed.isdisjoint(self._fields) else ChangeKind.UPDATED
        if was:
            return ChangeKind.DELETED
        return ChangeKind.CREATED if now else None

    def changed_fields(self, kind: ChangeKind, change: Change) -> list[str]:
        if kind is not ChangeKind.UPDATED:
            return list(self._fields.values())
        return [field for column, field in self._fields.items() if column in change.changed]


def _refused(tree: Exists) -> Predicate:
    raise BadUserInput(
        "Conditions on related rows cannot be followed: their own changes would go unnoticed. "
        "Filter by the row's own fields, such as the id of what it belongs to."
    )


def image_reader(entity: Entity, columns: Sequence[str], wire: frozenset[str]) -> Callable[[Values], Row]:
    """What makes of a row's image what a lookup of `columns` answers, without a key; see `Lookup.wire`."""
    by_name = entity.collection.by_name
    writers = [(name, TO_WIRE.get(by_name[name].type) if name in wire else None) for name in columns]

    def read(image: Values) -> Row:
        return tuple(
            [image[name] if write is None or image[name] is None else write(image[name]) for name, write in writers]
        )

    return read


class WatchField(GraphField):
    """A root field of a subscription that is fed by changes; the gateway runs it, many subscribers at once."""

    def watches(self, arguments: Mapping[str, Any], viewer: Viewer) -> list[Watch]:
        """What is followed. Raises BadUserInput and Unauthorized."""
        raise NotImplementedError

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        raise SchemaError(f"{self.python_name} is told by the gateway's own subscriptions, not by Strawberry's.")


class EntityChangedField(WatchField):
    """`orderChanged(filter:)`"""

    entity: Entity

    def watches(self, arguments: Mapping[str, Any], viewer: Viewer) -> list[Watch]:
        sight = sight_of(self.entity, viewer)
        sight.refuse(self.entity.policy, self.entity.name)
        filter = to_filter(self.entity, arguments.get("filter"), sight)
        for each in nodes(filter):
            if isinstance(each, Exists):
                _refused(each)
        return [Watch(self.entity, filter, sight)]


class ChangesField(WatchField):
    """`changes(entities:)`"""

    entities: tuple[Entity, ...]

    def watches(self, arguments: Mapping[str, Any], viewer: Viewer) -> list[Watch]:
        return all_of(self.entities, arguments.get("entities"), viewer)


def all_of(entities: Sequence[Entity], named: Iterable[Enum] | None, viewer: Viewer) -> list[Watch]:
    """All that the viewer sees of the entities that an argument of `WatchedEntity` names.

    Of all that it may see, where it is left out. Raises BadUserInput and Unauthorized.
    """
    if named is not None:
        names = {member.value for member in named}
        if not names:
            raise BadUserInput("entities is empty: name some, or leave it out for all.")
        entities = [entity for entity in entities if entity.name in names]
    sights = {entity: sight_of(entity, viewer) for entity in entities}
    denied = [entity for entity, sight in sights.items() if not sight.allows(entity.policy)]
    if denied and (named is not None or len(denied) == len(entities)):
        raise unauthorized(denied[0].name)
    return [Watch(entity, sight.rows(entity), sight) for entity, sight in sights.items() if entity not in denied]


def subscription_type(*classes: type, name: str = "Subscription") -> type:
    """The subscription type over these entities; inherit from it to add subscriptions of your own.

    Each entity that is watched gets `orderChanged(filter:)`; `changes(entities:)` tells of them all. Raises SchemaError
    when none is.
    """
    entities = watched(bind(classes).values())
    if not entities:
        raise SchemaError("subscription_type(…): no entity is watched; declare some with @entity(…, watched=True).")
    fields: list[WatchField] = [_entity_field(entity) for entity in entities]
    changes = _field(ChangesField, "changes", ChangeEvent, "Every change of these entities, or of all.")
    changes.entities = entities
    changes.make_arguments = lambda: [FieldSpec("entities", optional(list_of(watched_enum(entities))))]
    fields.append(changes)
    made: type = strawberry.type(new_class(name, fields), name=name, description="All that can be followed.")
    return made


def _entity_field(entity: Entity) -> EntityChangedField:
    name = f"{lower_first(entity.name)}Changed"
    field = _field(EntityChangedField, name, change_type(entity), f"Changes of {entity.plural}.")
    field.entity = entity
    filter = optional(deferred(f"{entity.name}Filter", lambda: filter_input(entity)))
    description = "Only rows that satisfy this: one that begins to is CREATED, one that ceases to is DELETED."
    field.make_arguments = lambda: [FieldSpec("filter", filter, description)]
    return field


def _field(kind: type[F], name: str, annotation: Any, description: str) -> F:
    return kind(
        python_name=name,
        graphql_name=name,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        is_subscription=True,
    )
