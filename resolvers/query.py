"""The root of the graph: `query_type` ties entities together and gives each its root fields."""

import asyncio
from collections.abc import Mapping
from typing import Any, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types import Info
from strawberry.types.field import StrawberryField

from datasources.errors import GatewayError
from datasources.lookup import Lookup
from resolvers.aggregates import aggregate_arguments, aggregate_type, read_aggregate, select_aggregate
from resolvers.binding import bind
from resolvers.changes import watched
from resolvers.connections import connection_arguments, connection_type, read_page, select_page
from resolvers.context import Context, PageSizes, ResolveInfo
from resolvers.costs import AGGREGATE, PAGE, as_long_as
from resolvers.definition import Entity, EntityColumn
from resolvers.errors import InvalidId, PageSizeExceeded, SchemaError
from resolvers.fields import GraphField, entity_columns, first_of, once_per_field
from resolvers.guards import guard
from resolvers.ids import decode_id, split_id
from resolvers.loaders import Loader, Template, derived_loader, lookup_loader
from resolvers.node import Node
from resolvers.policies import sight_of
from resolvers.rows import materialiser
from resolvers.sync import sync_field
from resolvers.types import FieldSpec, camel, list_of, lower_first, new_class, optional
from resolvers.viewer import Viewer

F = TypeVar("F", bound=GraphField)


def loader_by(entity: Entity, info: ResolveInfo, column: str) -> Loader:
    """Loads one instance by a unique column's value, with what this field of the operation selects."""
    columns = entity_columns(entity, info, info.field_nodes)
    seen = sight_of(entity, info.context.viewer).rows(entity)
    lookup = Lookup(entity.collection, columns, key=column, filter=seen)
    rows = lookup_loader(info.context, Template(entity.source, lookup))
    first = first_of(materialiser(entity, columns, skip=1))
    return derived_loader(info.context, [rows], first)


class EntityField(GraphField):
    """`customer(id:)`: one row by its id."""

    entity: Entity

    @property
    def key_column(self) -> str:
        """The column that tells which row it is."""
        return self.entity.key

    def key_of(self, arguments: Mapping[str, Any]) -> Any:
        """The column's value in that row. Raises InvalidId."""
        return decode_id(self.entity, arguments["id"])

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        return loader_by(self.entity, info, self.key_column).get(self.key_of(arguments))


class NaturalKeyField(EntityField):
    """`orderByNumber(number:)`: one row by another column that identifies it."""

    column: EntityColumn

    @property
    def key_column(self) -> str:
        return self.column.column.name

    def key_of(self, arguments: Mapping[str, Any]) -> Any:
        return arguments[self.column.attribute]


class ConnectionField(GraphField):
    """`orders(first:, filter:, …)`: a page of all rows."""

    entity: Entity

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        context = info.context
        selection = select_page(self.entity, info, info.field_nodes)
        sight = sight_of(self.entity, context.viewer)
        page = read_page(self.entity, selection, arguments, context.page_sizes, sight, skip=0)
        answer = await context.sources[self.entity.source].lookup(page.lookup)
        instances = materialiser(self.entity, page.lookup.columns)
        return page.connection(instances, answer.rows, answer.counts.get(None, 0))


class AggregateField(GraphField):
    """`ordersAggregate(filter:, groupBy:, having:)`: figures over all rows."""

    entity: Entity

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        context = info.context
        selection = select_aggregate(self.entity, info, info.field_nodes)
        sight = sight_of(self.entity, context.viewer)
        read = read_aggregate(self.entity, selection, arguments, context.page_sizes, sight, skip=0)
        datasource = context.sources[self.entity.source]
        answers = await asyncio.gather(*map(datasource.aggregate, read.lookups))
        return read.value([answer.rows for answer in answers])


class NodeField(GraphField):
    """`node(id:)`: any object by its global id."""

    entities: dict[str, Entity]

    def ids(self, arguments: Mapping[str, Any], sizes: PageSizes) -> list[str]:
        """The ids that are asked for."""
        return [arguments["id"]]

    def entity_of(self, text: str, viewer: Viewer) -> Entity:
        """The entity that an id is of. Raises InvalidId, and Unauthorized where the viewer may not see it."""
        type_name, _ = split_id(text)
        entity = self.entities.get(type_name)
        if entity is None:
            known = ", ".join(sorted(self.entities))
            raise InvalidId(f"{text[:80]!r} is not a global id: write it as Type:key, where Type is one of {known}.")
        sight_of(entity, viewer).refuse(entity.policy, entity.name)
        return entity

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        return self.find(info, arguments["id"])

    def find(self, info: ResolveInfo, text: str) -> Any:
        entity = self.entity_of(text, info.context.viewer)
        key = decode_id(entity, text)
        loaders: dict[str, Loader] = once_per_field(self, info, dict)
        if entity.name not in loaders:
            loaders[entity.name] = loader_by(entity, info, entity.key)
        return loaders[entity.name].get(key)


class NodesField(NodeField):
    """`nodes(ids:)`: the same for many, in the order of the ids; null where there is none."""

    def ids(self, arguments: Mapping[str, Any], sizes: PageSizes) -> list[str]:
        """Raises PageSizeExceeded."""
        ids: list[str] = arguments["ids"]
        if len(ids) > sizes.maximum:
            raise PageSizeExceeded(f"nodes was asked for {len(ids)} ids; it takes {sizes.maximum} at most.")
        return ids

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        return [self._find_or_error(info, text) for text in self.ids(arguments, info.context.page_sizes)]

    def _find_or_error(self, info: ResolveInfo, text: str) -> Any:
        """An exception among the values is the error of its place in the list."""
        try:
            return self.find(info, text)
        except GatewayError as error:
            return error


@strawberry.type(name="Viewer", description="Who asks.")
class ViewerObject:
    """What a viewer may know of itself."""

    subject: str | None = strawberry.field(description="Whom the credentials are about; null when nobody.")
    roles: list[str]
    scopes: list[str]
    client: str | None = strawberry.field(description="The app that asks, where it has told.")

    @classmethod
    def of(cls, viewer: Viewer) -> "ViewerObject":
        return cls(
            subject=viewer.subject, roles=sorted(viewer.roles), scopes=sorted(viewer.scopes), client=viewer.client
        )


def query_type(*classes: type, name: str = "Query") -> type:
    """The query type over these entities. Raises SchemaError when one refers to an entity that is not among them.

    Each entity gets `customer(id:)`, a field for each natural key, `customers(…)` and `customersAggregate(…)`; those
    that are watched are in `sync(…)`. `viewer` tells who asks.
    """
    entities = bind(classes)
    fields = [*_node_fields(entities), _viewer_field()]
    watched_entities = watched(entities.values())
    if watched_entities:
        fields.append(sync_field(watched_entities))
    owners = {field.python_name: "the graph" for field in fields}
    for entity in entities.values():
        for field in _root_fields(entity):
            if field.python_name in owners:
                raise SchemaError(
                    f"{entity.name}: {owners[field.python_name]} has a root field called {field.python_name!r} "
                    "already; give @entity another plural, or rename the class."
                )
            owners[field.python_name] = entity.name
            fields.append(field)
    made: Any = strawberry.type(new_class(name, fields), name=name, description="All that can be asked.")
    made.__entities__ = tuple(entities.values())
    return made  # type: ignore[no-any-return]


def entities_of(query: type) -> tuple[Entity, ...]:
    """The entities that a query type was made of."""
    found: tuple[Entity, ...] = getattr(query, "__entities__", ())
    return found


def _root_fields(entity: Entity) -> list[StrawberryField]:
    capable = entity.capabilities
    by_id = _field(EntityField, lower_first(entity.name), optional(entity.cls), f"The {entity.name} with this id.")
    by_id.make_arguments = lambda: [FieldSpec("id", strawberry.ID)]
    fields: list[Any] = [by_id, *(_natural_key_field(entity, key) for key in entity.natural_keys)]
    if capable.order:
        connection = _field(
            ConnectionField, entity.plural, optional(connection_type(entity)), f"A page of {entity.plural}.", PAGE
        )
        connection.make_arguments = lambda: connection_arguments(entity)
        fields.append(connection)
    if capable.aggregates:
        aggregate = _field(
            AggregateField,
            f"{entity.plural}Aggregate",
            optional(aggregate_type(entity)),
            f"Figures over {entity.plural}.",
            AGGREGATE,
        )
        aggregate.make_arguments = lambda: aggregate_arguments(entity)
        fields.append(aggregate)
    for field in fields:
        field.entity = entity
        guard(field, entity, entity.policy)
    for field, key in zip(fields[1:], entity.natural_keys, strict=False):
        guard(field, entity, entity.policy + entity.columns[key].required)
    return fields


def _natural_key_field(entity: Entity, attribute: str) -> NaturalKeyField:
    column = entity.columns[attribute]
    by = camel(f"by_{attribute}")
    name = lower_first(entity.name) + by[0].upper() + by[1:]
    field = _field(NaturalKeyField, name, optional(entity.cls), f"The {entity.name} with this {camel(attribute)}.")
    field.column = column
    field.make_arguments = lambda: [FieldSpec(attribute, column.annotation)]
    return field


def _node_fields(entities: dict[str, Entity]) -> list[StrawberryField]:
    node = _field(NodeField, "node", optional(Node), "Any object, by its global id.")
    node.make_arguments = lambda: [FieldSpec("id", strawberry.ID)]
    nodes = _field(
        NodesField,
        "nodes",
        optional(list_of(optional(Node))),
        "Objects by their global ids, in the same order; null where there is none.",
        as_long_as("ids"),
    )
    nodes.make_arguments = lambda: [FieldSpec("ids", list_of(strawberry.ID))]
    node.entities = nodes.entities = entities
    return [node, nodes]


def _viewer_field() -> StrawberryField:
    def viewer(info: Info[Context, None]) -> ViewerObject:
        return ViewerObject.of(info.context.viewer)

    made: Any = strawberry.field(viewer, name="viewer", description="Who asks.")
    made.python_name = "viewer"
    return made  # type: ignore[no-any-return]


def _field(kind: type[F], name: str, annotation: Any, description: str, *directives: object) -> F:
    """A root field, whose GraphQL name is also its Python name."""
    return kind(
        python_name=name,
        graphql_name=name,
        type_annotation=StrawberryAnnotation(annotation),
        description=description,
        directives=directives,
    )
