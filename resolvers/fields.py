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
from datasources.lookup import AggregateLookup, Lookup, Row, Through
from resolvers.aggregates import aggregate_arguments, aggregate_type, read_aggregate, select_aggregate
from resolvers.annotations import Shape, Target
from resolvers.connections import connection_arguments, deferred_connection, read_page, select_page
from resolvers.context import PageSizes, ResolveInfo
from resolvers.costs import PAGE
from resolvers.definition import Entity, EntityColumn, Relation, is_enum
from resolvers.errors import PageSizeExceeded
from resolvers.ids import encode_id
from resolvers.loaders import Found, Loader, Template, derived_loader, lookup_loader
from resolvers.ordering import to_order
from resolvers.policies import Sight, sight_of
from resolvers.rows import Materialise, key_getter, materialiser
from resolvers.selection import Scope, needed_columns, selections
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
        lookup, finish = self._read(info, arguments)
        rows = lookup_loader(context, relation_template(relation, lookup))
        loader = derived_loader(context, [rows], finish)
        return Follow(key_getter(relation.owner(), relation.local), loader, lambda: finish(Found(())))

    def _read(self, info: ResolveInfo, arguments: dict[str, Any]) -> tuple[Lookup, Callable[[Found], Any]]:
        """The lookup of the relation's rows, still without keys, and what makes the field's value of them."""
        entity = self.relation.target()
        sizes, sight = info.context.page_sizes, sight_of(entity, info.context.viewer)
        if self.target.shape is Shape.CONNECTION:
            selection = select_page(entity, info, info.field_nodes)
            page = read_page(entity, selection, arguments, sizes, sight, skip=1)
            of_page = materialiser(entity, page.lookup.columns, skip=1)
            return page.lookup, lambda found: page.connection(of_page, found.rows, found.count)
        columns = entity_columns(entity, info, info.field_nodes)
        instances = materialiser(entity, columns, skip=1)
        if self.target.shape is Shape.ONE:
            return self.lookup_of(columns, sizes, sight), first_of(instances)

        def finish(found: Found) -> list[Any]:
            self.refuse_more_than(sizes, found.rows)
            return instances(found.rows)

        return self.lookup_of(columns, sizes, sight), finish

    def lookup_of(self, columns: tuple[str, ...], sizes: PageSizes, sight: Sight) -> Lookup:
        """The lookup of the one row that it leads to, or of all rows of a list."""
        entity = self.relation.target()
        if self.target.shape is Shape.ONE:
            return Lookup(entity.collection, columns, filter=sight.rows(entity))
        order = to_order(entity, (), sight) if entity.capabilities.order else ()
        limit = sizes.maximum + 1 if entity.capabilities.window else None
        return Lookup(entity.collection, columns, filter=sight.rows(entity), order=order, limit=limit)

    def refuse_more_than(self, sizes: PageSizes, rows: Sequence[Row]) -> None:
        """Raises PageSizeExceeded where a list is longer than a page may be."""
        if len(rows) > sizes.maximum:
            raise PageSizeExceeded(
                f"{self.relation.owner().name}.{camel(self.python_name)} is a list of more than {sizes.maximum} rows; "
                "declared as a Connection it can be read in pages."
            )


def first_of(instances: Materialise) -> Callable[[Found], Any]:
    """What makes one instance, or None, of what a lookup found."""
    return lambda found: next(iter(instances(found.rows[:1])), None)


def entity_columns(entity: Entity, scope: Scope, nodes: Sequence[FieldNode]) -> tuple[str, ...]:
    """The columns that `nodes`, fields that yield the entity, need of it."""
    return needed_columns(entity, selections(scope, nodes, entity.name))


def relation_template(relation: Relation, lookup: Lookup | AggregateLookup) -> Template:
    """The lookup, keyed by what the relation's owners hold."""
    target, junction = relation.target(), relation.through
    if junction is None:
        return Template(target.source, replace(lookup, key=relation.remote_column))
    through = Through(junction.entity().collection, junction.by, junction.to, relation.remote_column)
    return Template(target.source, replace(lookup, key=junction.by, through=through))


class RelationAggregateField(GraphField):
    """Aggregates over a to-many relation: one lookup (two with groups) for all objects."""

    relation: Relation

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        follow: Follow = once_per_field(self, info, lambda: self._follow(info, arguments))
        return follow.value(source)

    def _follow(self, info: ResolveInfo, arguments: dict[str, Any]) -> Follow:
        relation, context = self.relation, info.context
        entity = relation.target()
        selection = select_aggregate(entity, info, info.field_nodes)
        sight = sight_of(entity, context.viewer)
        read = read_aggregate(entity, selection, arguments, context.page_sizes, sight, skip=1)
        loaders = [lookup_loader(context, relation_template(relation, lookup)) for lookup in read.lookups]
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
        directives=[PAGE] if target.shape is Shape.CONNECTION else (),
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
