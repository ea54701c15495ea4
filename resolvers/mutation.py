"""The root of what can be written: `mutation_type` gives each writable entity its root fields."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import strawberry
from strawberry.annotation import StrawberryAnnotation

from datasources.errors import ConstraintViolated
from datasources.lookup import Row
from datasources.write import writable
from resolvers.binding import bind
from resolvers.context import PageSizes, ResolveInfo
from resolvers.costs import as_long_as
from resolvers.definition import Entity, EntityColumn
from resolvers.errors import PageSizeExceeded, SchemaError
from resolvers.fields import GraphField, entity_columns
from resolvers.ids import decode_id
from resolvers.policies import Sight, sight_of
from resolvers.rows import materialiser
from resolvers.types import FieldSpec, camel, list_of, new_class, optional, upper_first
from resolvers.writes_checks import is_written_by_clients
from resolvers.writes_failures import violated
from resolvers.writes_inputs import create_input, patch_input, update_input, version_spec
from resolvers.writes_program import Program, Returning, creates_at_once
from resolvers.writes_reading import Named, Problems, reader_of, refuse_repeated


@dataclass(frozen=True, slots=True)
class Write:
    """What is to be written."""

    run: Callable[[Program, Returning], Awaitable[Sequence[Row]]]
    """Writes it, and returns the rows with their keys before the columns that are wanted."""
    is_single: bool = False
    """Whether it is one statement, which is done or not: it needs no transaction around it."""


F = TypeVar("F", bound="WriteField")


class WriteField(GraphField):
    """A root field that writes rows of an entity, and yields them."""

    entity: Entity
    many = False

    def write_of(self, arguments: Mapping[str, Any], sizes: PageSizes, sight: Sight) -> Write:
        """What the arguments ask for; nothing is written yet. Raises BadUserInput and Unauthorized."""
        sight.refuse(self.entity.policy, self.entity.name)
        write = self.read(arguments, sizes, Problems(sight))
        return replace(write, is_single=False) if sight.restricts else write

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        """The same, for a viewer who may write the entity."""
        raise NotImplementedError

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        sight = sight_of(self.entity, info.context.viewer)
        return self._written(info, self.write_of(arguments, info.context.page_sizes, sight), sight)

    async def _written(self, info: ResolveInfo, write: Write, sight: Sight) -> Any:
        entity, context = self.entity, info.context
        columns = entity_columns(entity, info, info.field_nodes)
        try:
            source = writable(context.sources[entity.source])
            async with nullcontext(source) if write.is_single else source.transaction() as writer:
                rows = await write.run(Program(writer, sight), Returning(columns))
        except ConstraintViolated as error:
            raise violated(entity, error) from error
        context.memory.clear()  # what was read before may be otherwise now
        instances = materialiser(entity, columns, skip=1)(rows)
        return instances if self.many else next(iter(instances), None)


class CreateField(WriteField):
    """`createOrder(input:)`."""

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity = self.entity
        new = reader_of(entity).new(arguments["input"], ("input",), problems)
        problems.refuse()
        return Write(
            lambda program, returning: program.create(entity, [new], returning), creates_at_once(entity, [new])
        )


class CreateManyField(WriteField):
    """`createOrders(input:)`."""

    many = True

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity = self.entity
        given = _few(self, arguments["input"], sizes)
        reader = reader_of(entity)
        news = [reader.new(each, ("input", index), problems) for index, each in enumerate(given)]
        problems.refuse()
        return Write(lambda program, returning: program.create(entity, news, returning), creates_at_once(entity, news))


class UpsertField(WriteField):
    """`upsertOrderByNumber(input:)`."""

    column: EntityColumn

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity, column = self.entity, self.column
        problems.sight.refuse(column.required, f"{entity.name}.{camel(column.attribute)}")
        new = reader_of(entity).new(arguments["input"], ("input",), problems, may_exist=True)
        problems.refuse()
        is_single = not new.unchecked and not any(new.children.values())
        return Write(lambda program, returning: program.upsert(entity, column, new, returning), is_single)


class UpdateField(WriteField):
    """`updateOrder(id:, patch:, expectedVersion:)`."""

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity = self.entity
        key = decode_id(entity, arguments["id"])
        expected = arguments.get("expected_version")
        patched = reader_of(entity).patch(key, arguments["patch"], expected, ("patch",), problems)
        problems.refuse()
        is_single = not patched.unchecked and not patched.children
        return Write(lambda program, returning: program.update(entity, [patched], returning), is_single)


class UpdateManyField(WriteField):
    """`updateOrders(input:)`."""

    many = True

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity = self.entity
        given = _few(self, arguments["input"], sizes)
        reader = reader_of(entity)
        patches = [reader.update(each, ("input", index), problems) for index, each in enumerate(given)]
        refuse_repeated(patches, problems)
        problems.refuse()
        return Write(lambda program, returning: program.update(entity, patches, returning))


class DeleteField(WriteField):
    """`deleteOrder(id:, expectedVersion:)`."""

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity, expected = self.entity, arguments.get("expected_version")
        reader_of(entity).refuse_unseen_version(expected, problems)
        row = Named(("id",), decode_id(entity, arguments["id"]), expected)
        return Write(lambda program, returning: program.delete(entity, [row], returning), is_single=True)


class DeleteManyField(WriteField):
    """`deleteOrders(ids:)`."""

    many = True

    def read(self, arguments: Mapping[str, Any], sizes: PageSizes, problems: Problems) -> Write:
        entity = self.entity
        rows = reader_of(entity).named(_few(self, arguments["ids"], sizes), ("ids",), problems)
        refuse_repeated(rows, problems)
        problems.refuse()
        return Write(lambda program, returning: program.delete(entity, rows, returning))


def _few(field: WriteField, given: Sequence[Any], sizes: PageSizes) -> Sequence[Any]:
    if len(given) > sizes.maximum:
        raise PageSizeExceeded(f"{field.python_name} was given {len(given)} rows; it takes {sizes.maximum} at most.")
    return given


def mutation_type(*classes: type, name: str = "Mutation") -> type:
    """The mutation type over these entities, which are those of the query type.

    Each that is `writable` gets `createOrder(input:)`, `updateOrder(id:, patch:)`, `deleteOrder(id:)`, the same for
    many, and `upsertOrderByNumber(input:)` for each natural key. Raises SchemaError when none is writable.
    """
    entities = bind(classes)
    owners: dict[str, str] = {}
    fields: list[WriteField] = []
    for entity in entities.values():
        for field in _root_fields(entity):
            if field.python_name in owners:
                raise SchemaError(
                    f"{entity.name}: {owners[field.python_name]} is written by a field called {field.python_name!r} "
                    "already; give @entity another plural, or rename the class."
                )
            owners[field.python_name] = entity.name
            fields.append(field)
    if not fields:
        raise SchemaError(f"mutation_type: none of {', '.join(entities) or 'no entities'} is writable.")
    made: Any = strawberry.type(new_class(name, fields), name=name, description="All that can be written.")
    made.__entities__ = tuple(entities.values())
    return cast("type", made)


def _root_fields(entity: Entity) -> list[WriteField]:
    writes = entity.writes
    if writes is None:
        return []
    one, many = entity.name, upper_first(entity.plural)
    fields: list[WriteField] = []
    if writes.create:
        made = FieldSpec("input", create_input(entity))
        fields += [
            _field(CreateField, entity, f"create{one}", f"Makes a new {one}.", made),
            _field(CreateManyField, entity, f"create{many}", f"Makes new {entity.plural}: all, or none.", _many(made)),
        ]
    if writes.update:
        fields += [
            _field(
                UpdateField,
                entity,
                f"update{one}",
                f"Changes the {one} with this id.",
                FieldSpec("id", strawberry.ID),
                FieldSpec("patch", patch_input(entity)),
                *version_spec(entity),
            ),
            _field(
                UpdateManyField,
                entity,
                f"update{many}",
                f"Changes {entity.plural}: all, or none.",
                _many(FieldSpec("input", update_input(entity))),
            ),
        ]
    if writes.upsert:
        fields += [_upsert_field(entity, key) for key in entity.natural_keys if _can_be_given(entity, key)]
    if writes.delete:
        fields += [
            _field(
                DeleteField,
                entity,
                f"delete{one}",
                f"Removes the {one} with this id, and tells how it was. Relations are followed when it is gone.",
                FieldSpec("id", strawberry.ID),
                *version_spec(entity),
            ),
            _field(
                DeleteManyField,
                entity,
                f"delete{many}",
                f"Removes {entity.plural}: all, or none.",
                FieldSpec("ids", list_of(strawberry.ID)),
            ),
        ]
    return fields


def _can_be_given(entity: Entity, attribute: str) -> bool:
    return is_written_by_clients(entity, entity.columns[attribute])


def _upsert_field(entity: Entity, attribute: str) -> UpsertField:
    field = _field(
        UpsertField,
        entity,
        f"upsert{entity.name}By{upper_first(camel(attribute))}",
        f"Makes a new {entity.name}, or changes the one that has this {camel(attribute)}: what is left out stays.",
        FieldSpec("input", create_input(entity)),
    )
    field.column = entity.columns[attribute]
    return field


def _many(spec: FieldSpec) -> FieldSpec:
    return FieldSpec(spec.name, list_of(spec.annotation))


def _field(kind: type[F], entity: Entity, name: str, description: str, *arguments: FieldSpec) -> F:
    """A root field, whose GraphQL name is also its Python name."""
    annotation = list_of(entity.cls) if kind.many else entity.cls
    field = kind(
        python_name=name,
        graphql_name=name,
        type_annotation=StrawberryAnnotation(optional(annotation)),
        description=description,
        directives=[as_long_as(arguments[0].name)] if kind.many else (),
    )
    field.entity = entity
    field.make_arguments = lambda: arguments
    return field
