"""The fields of an entity that lead elsewhere: global ids, relations, and aggregates over relations."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import strawberry
from graphql import FieldNode
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.types.info import Info

from datasources.errors import SourceMisbehaved
from datasources.lookup import Lookup, Through
from resolvers.aggregates import aggregate_arguments, aggregate_type, read_aggregate
from resolvers.annotations import Shape, Target
from resolvers.connections import connection_arguments, deferred_connection, read_page
from resolvers.context import PageSizes, ResolveInfo
from resolvers.definition import Entity, EntityColumn, Relation, is_enum
from resolvers.errors import PageSizeExceeded
from resolvers.ids import encode_id
from resolvers.loaders import Found, Loader, aggregate_loader, derived_loader, lookup_loader
from resolvers.ordering import to_order
from resolvers.rows import Materialise, key_getter, materialiser
from resolvers.selection import needed_columns, selections
from resolvers.types import FieldSpec, camel, deferred, list_of, optional


class GraphField(StrawberryField):
    """A field that needs `info` to resolve, and whose arguments may depend on other entities."""

    make_arguments: Callable[[], Sequence[FieldSpec]] = tuple

    @property
    def is_basic_field(self) -> bool:
        return False

    @property
    def arguments(self) -> list[StrawberryArgument]:
        if self._arguments is None:
            self._arguments = [spec.as_argument() for spec in self.make_arguments()]
        return self._arguments

    @arguments.setter
    def arguments(self, value: list[StrawberryArgument]) -> None:
        self._arguments = value

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: dict[str, Any]) -> Any:
        assert info is not None  # noqa: S101 - Strawberry passes it to every field that is not basic
        return self.resolve(source, info._raw_info, kwargs)

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        raise NotImplementedError


def once_per_field(field: GraphField, info: ResolveInfo, make: Callable[[], Any]) -> Any:
    """What `make` returns, made once for all objects that this field of the operation is resolved on."""
    return info.context.once((field, *map(id, info.field_nodes)), make)


class IdField(StrawberryField):
    """A key, told as a global id."""

    entity: Callable[[], Entity]

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: dict[str, Any]) -> str | None:
        key = getattr(source, self.python_name)
        return None if key is None else encode_id(self.entity().name, key)


class EnumField(StrawberryField):
    """A column of an enum, which may turn out to hold what is none of its values."""

    entity: Callable[[], Entity]

    def get_result(self, source: Any, info: Info | None, args: list[Any], kwargs: dict[str, Any]) -> Enum | None:
        value = getattr(source, self.python_name)
        if value is None or isinstance(value, Enum):
            return value
        entity, name = self.entity(), camel(self.python_name)
        raise SourceMisbehaved(
            entity.source,
            f"has {str(value)[:40]!r} in '{entity.collection_name}', which is no value of {entity.name}.{name}",
        )


def column_field(
    entity: Callable[[], Entity], column: EntityColumn, annotation: Any, description: str | None
) -> StrawberryField:
    """The field that tells a column's value."""
    name, type_annotation = column.attribute, StrawberryAnnotation(annotation)
    if not is_enum(column.annotation):
        return StrawberryField(python_name=name, type_annotation=type_annotation, description=description)
    field = EnumField(python_name=name, type_annotation=type_annotation, description=description)
    field.entity = entity
    return field


def id_field(name: str, entity: Callable[[], Entity], *, nullable: bool, description: str) -> IdField:
    annotation = optional(strawberry.ID) if nullable else strawberry.ID
    field = IdField(python_name=name, type_annotation=StrawberryAnnotation(annotation), description=description)
    field.entity = entity
    return field


@dataclass(frozen=True, slots=True)
class Follow:
    """How one field of an operation finds what belongs to an object, worked out once for all objects."""

    key_of: Callable[[Any], Any]
    loader: Loader
    empty: Callable[[], Any]
    """What an object without a key has."""

    def value(self, source: Any) -> Any:
        key = self.key_of(source)
        return self.empty() if key is None else self.loader.get(key)


class RelationField(GraphField):
    """Follows a relation: one lookup for all objects that it is resolved on."""

    relation: Relation
    target: Target

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        follow: Follow = once_per_field(self, info, lambda: self._follow(info, arguments))
        return follow.value(source)

    def _follow(self, info: ResolveInfo, arguments: dict[str, Any]) -> Follow:
        relation, context = self.relation, info.context
        lookup, finish = self.plan(info, arguments)
        rows = lookup_loader(context, relation.target().source, along(relation, lookup))
        loader = derived_loader(context, [rows], finish)
        return Follow(key_getter(relation.owner(), relation.local), loader, lambda: finish(Found(())))

    def plan(self, info: ResolveInfo, arguments: dict[str, Any]) -> tuple[Lookup, Callable[[Found], Any]]:
        """The lookup of the relation's rows, still without keys, and what makes the field's value of them."""
        entity = self.relation.target()
        sizes = info.context.page_sizes
        if self.target.shape is Shape.CONNECTION:
            page = read_page(entity, info, info.field_nodes, arguments, keyed=True)
            return page.lookup, lambda found: page.connection(found.rows, found.count)
        columns = entity_columns(entity, info, info.field_nodes)
        instances = materialiser(entity, columns, skip=1)
        if self.target.shape is Shape.ONE:
            return Lookup(entity.collection, columns), first_of(instances)
        limit = sizes.maximum + 1 if entity.capabilities.window else None

        def finish(found: Found) -> list[Any]:
            self._refuse_more_than(sizes, found)
            return instances(found.rows)

        order = to_order(entity, ()) if entity.capabilities.order else ()
        return Lookup(entity.collection, columns, order=order, limit=limit), finish

    def _refuse_more_than(self, sizes: PageSizes, found: Found) -> None:
        if len(found.rows) > sizes.maximum:
            raise PageSizeExceeded(
                f"{self.relation.owner().name}.{camel(self.python_name)} is a list of more than {sizes.maximum} rows; "
                "declared as a Connection it can be read in pages."
            )


def first_of(instances: Materialise) -> Callable[[Found], Any]:
    """What makes one instance, or None, of what a lookup found."""
    return lambda found: next(iter(instances(found.rows[:1])), None)


def entity_columns(entity: Entity, info: ResolveInfo, nodes: Sequence[FieldNode]) -> tuple[str, ...]:
    """The columns that `nodes`, fields that yield the entity, need of it."""
    return needed_columns(entity, selections(info, nodes, entity.name))


def along(relation: Relation, lookup: Lookup) -> Lookup:
    """The lookup, keyed by what the relation's owners hold."""
    key, through = relation_key(relation)
    return replace(lookup, key=key, through=through)


def relation_key(relation: Relation) -> tuple[str, Through | None]:
    if relation.through is None:
        return relation.remote_column, None
    junction = relation.through
    through = Through(junction.entity().collection, junction.by, junction.to, relation.remote_column)
    return junction.by, through


class RelationAggregateField(GraphField):
    """Aggregates over a to-many relation: one lookup (two with groups) for all objects."""

    relation: Relation

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        follow: Follow = once_per_field(self, info, lambda: self._follow(info, arguments))
        return follow.value(source)

    def _follow(self, info: ResolveInfo, arguments: dict[str, Any]) -> Follow:
        relation, context = self.relation, info.context
        entity = relation.target()
        read = read_aggregate(entity, info, info.field_nodes, arguments, keyed=True)
        key, through = relation_key(relation)
        loaders = [
            aggregate_loader(context, entity.source, replace(lookup, key=key, through=through))
            for lookup in read.lookups
        ]
        loader = derived_loader(context, loaders, lambda *found: read.value([each.rows for each in found]))
        return Follow(key_getter(relation.owner(), relation.local), loader, read.empty)


def relation_field(relation: Relation, target: Target, description: str | None) -> RelationField:
    """The field that follows `relation`, as its declaration's annotation shapes it.

    It is always nullable, so that a source that fails takes no more than its own fields out of an answer.
    """
    entity, name = relation.target, target.name
    annotation: Any = deferred(name, lambda: entity().cls)
    if target.shape is Shape.LIST:
        annotation = list_of(annotation)
    if target.shape is Shape.CONNECTION:
        annotation = deferred_connection(entity, name)
    field = RelationField(
        python_name=relation.attribute,
        type_annotation=StrawberryAnnotation(optional(annotation)),
        description=description,
    )
    field.relation = relation
    field.target = target
    if target.shape is Shape.CONNECTION:
        field.make_arguments = lambda: connection_arguments(entity())
    return field


def relation_aggregate_field(relation: Relation) -> RelationAggregateField:
    entity = relation.target()
    field = RelationAggregateField(
        python_name=f"{relation.attribute}_aggregate",
        type_annotation=StrawberryAnnotation(optional(aggregate_type(entity))),
        description=f"Figures over `{relation.attribute}`.",
    )
    field.relation = relation
    field.make_arguments = lambda: aggregate_arguments(entity)
    return field
