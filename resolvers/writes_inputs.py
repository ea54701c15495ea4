"""The input types by which an entity's rows are written.

`OrderInput` makes one, `OrderPatch` changes what is in it of one, `OrderUpdate` says of which. Of a relation that is
written together with its owner: `OrderLinesCreations` in the input, `OrderLinesChanges` in the patch, and in these
`OrderLinesCreate`, `OrderLinesUpdate` and `OrderLinesPatch`, which leave out the id of the owner.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

import strawberry
from strawberry.types.base import get_object_definition

from resolvers.definition import Entity, EntityColumn, Relation
from resolvers.types import FieldSpec, camel, deferred, input_type, list_of, optional, upper_first
from resolvers.writes_checks import is_written_by_clients


@cache
def create_input(entity: Entity) -> type:
    """`OrderInput`."""
    specs = [*_new(entity, None), *_relations(entity, creations_input, "Creations")]
    return input_type(f"{entity.name}Input", specs, f"A new {entity.name}.")


@cache
def patch_input(entity: Entity) -> type:
    """`OrderPatch`."""
    specs = [*_changed(entity, None), *_relations(entity, changes_input, "Changes")]
    return input_type(f"{entity.name}Patch", specs, f"What changes of {_article(entity)}; what is left out stays.")


@cache
def update_input(entity: Entity) -> type:
    """`OrderUpdate`."""
    return input_type(
        f"{entity.name}Update", _update(entity, patch_input(entity)), f"What changes, and of which {entity.name}."
    )


@cache
def creations_input(relation: Relation) -> type:
    """`OrderLinesCreations`."""
    item = deferred(f"{_prefix(relation)}Create", lambda: _nested_input(relation))
    specs = [FieldSpec("create", list_of(item), "New ones.")]
    return input_type(f"{_prefix(relation)}Creations", specs, f"What comes with it as `{camel(relation.attribute)}`.")


@cache
def changes_input(relation: Relation) -> type:
    """`OrderLinesChanges`."""
    create = deferred(f"{_prefix(relation)}Create", lambda: _nested_input(relation))
    update = deferred(f"{_prefix(relation)}Update", lambda: _nested_update_input(relation))
    specs = [
        FieldSpec("delete", optional(list_of(strawberry.ID)), "Those that go; before everything else."),
        FieldSpec("update", optional(list_of(update)), "Those that change."),
        FieldSpec("connect", optional(list_of(strawberry.ID)), "Those that come here from wherever they are."),
        FieldSpec("create", optional(list_of(create)), "New ones."),
    ]
    return input_type(f"{_prefix(relation)}Changes", specs, f"What becomes of `{camel(relation.attribute)}`.")


@cache
def _nested_input(relation: Relation) -> type:
    entity = relation.target()
    specs = [*_new(entity, relation), *_relations(entity, creations_input, "Creations")]
    return input_type(f"{_prefix(relation)}Create", specs, f"A new {entity.name} of {_article(relation.owner())}.")


@cache
def _nested_update_input(relation: Relation) -> type:
    entity = relation.target()
    patch = deferred(f"{_prefix(relation)}Patch", lambda: _nested_patch_input(relation))
    description = f"What changes, and of which {entity.name} of {_article(relation.owner())}."
    return input_type(f"{_prefix(relation)}Update", _update(entity, patch), description)


@cache
def _nested_patch_input(relation: Relation) -> type:
    entity = relation.target()
    specs = [*_changed(entity, relation), *_relations(entity, changes_input, "Changes")]
    description = f"What changes of {_article(entity)}; what is left out stays."
    return input_type(f"{_prefix(relation)}Patch", specs, description)


def written_columns(entity: Entity, owner: Relation | None) -> Iterator[EntityColumn]:
    """The columns that clients give values to; of a row that is written with its owner, without the owner's id."""
    for name, column in entity.by_column.items():
        if is_written_by_clients(entity, column) and (owner is None or name != owner.remote_column):
            yield column


def changed_columns(entity: Entity, owner: Relation | None) -> Iterator[EntityColumn]:
    """Those of them whose values may change: all but the key."""
    return (column for column in written_columns(entity, owner) if column.column.name != entity.key)


def version_spec(entity: Entity) -> Iterable[FieldSpec]:
    """`expectedVersion`, where writes are counted."""
    if entity.version is None:
        return ()
    annotation = entity.by_column[entity.version].annotation
    return (FieldSpec("expected_version", optional(annotation), "Nothing is written when it has another by now."),)


def _new(entity: Entity, owner: Relation | None) -> Iterator[FieldSpec]:
    for column in written_columns(entity, owner):
        required = not column.column.nullable and not column.has_default
        annotation = _annotation(column) if required else optional(_annotation(column))
        yield FieldSpec(column.attribute, annotation, _description(entity, column, new=True))


def _changed(entity: Entity, owner: Relation | None) -> Iterator[FieldSpec]:
    for column in changed_columns(entity, owner):
        yield FieldSpec(column.attribute, optional(_annotation(column)), _description(entity, column, new=False))


def _relations(entity: Entity, make: Any, suffix: str) -> Iterator[FieldSpec]:
    for name, relation in entity.written_relations.items():
        made = deferred(f"{_prefix(relation)}{suffix}", lambda relation=relation: make(relation))  # type: ignore[misc]
        yield FieldSpec(name, optional(made))


def _update(entity: Entity, patch: Any) -> list[FieldSpec]:
    return [FieldSpec("id", strawberry.ID), FieldSpec("patch", patch), *version_spec(entity)]


def _annotation(column: EntityColumn) -> Any:
    return strawberry.ID if column.is_id else column.annotation


def _description(entity: Entity, column: EntityColumn, *, new: bool) -> str | None:
    field = get_object_definition(entity.cls, strict=True).get_field(column.attribute)
    parts = [] if field is None or field.description is None else [field.description]
    parts += column.rules.descriptions()
    if new and column.has_default:
        parts.append("Left out, it gets a default.")
    return " ".join(parts) or None


def _prefix(relation: Relation) -> str:
    return f"{relation.owner().name}{upper_first(camel(relation.attribute))}"


def _article(entity: Entity) -> str:
    return f"{'an' if entity.name[0] in 'AEIOU' else 'a'} {entity.name}"
