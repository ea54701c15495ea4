"""The root of the graph: `query_type` ties entities together and gives each its root fields."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.types.base import StrawberryObjectDefinition, get_object_definition
from strawberry.types.field import StrawberryField

from datasources.lookup import AggregateLookup, Lookup, Row, Rows
from resolvers.aggregates import aggregate_arguments, aggregate_type, read_aggregate
from resolvers.connections import connection_arguments, connection_type, read_page
from resolvers.context import ResolveInfo
from resolvers.definition import Entity, EntityColumn, entity_of
from resolvers.errors import InvalidId, PageSizeExceeded, SchemaError
from resolvers.fields import GraphField, entity_columns, once_per_field, relation_aggregate_field
from resolvers.ids import decode_id, split_id
from resolvers.loaders import lookup_loader
from resolvers.node import Node
from resolvers.rows import materialiser
from resolvers.types import FieldSpec, camel, list_of, lower_first, new_class, optional

Load = Callable[[Any], Awaitable[Any]]
F = TypeVar("F", bound=GraphField)


def loader_by(entity: Entity, info: ResolveInfo, column: str) -> Load:
    """Loads one instance by a unique column's value, with what this field of the operation selects."""
    columns = entity_columns(entity, info, info.field_nodes)
    instances = materialiser(entity, columns, skip=1)
    loader = lookup_loader(info.context, entity.source, Lookup(entity.collection, columns, key=column))

    async def load(key: Any) -> Any:
        found = await loader.load(key)
        return next(iter(instances(found.rows[:1])), None)

    return load


class EntityField(GraphField):
    """`customer(id:)`: one row by its id."""

    entity: Entity

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        return await loader_by(self.entity, info, self.entity.key)(decode_id(self.entity, arguments["id"]))


class NaturalKeyField(GraphField):
    """`orderByNumber(number:)`: one row by another column that identifies it."""

    entity: Entity
    column: EntityColumn

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        return await loader_by(self.entity, info, self.column.column.name)(arguments[self.column.attribute])


class ConnectionField(GraphField):
    """`orders(first:, filter:, …)`: a page of all rows."""

    entity: Entity

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        context = info.context
        page = read_page(self.entity, info, info.field_nodes, arguments, context.page_sizes, keyed=False)
        answer = await context.sources[self.entity.source].lookup(page.lookup)
        return page.connection(answer.rows, answer.counts.get(None, 0))


class AggregateField(GraphField):
    """`ordersAggregate(filter:, groupBy:, having:)`: figures over all rows."""

    entity: Entity

    async def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        context = info.context
        read = read_aggregate(self.entity, info, info.field_nodes, arguments, context.page_sizes)
        datasource = context.sources[self.entity.source]

        async def run(lookup: AggregateLookup) -> Sequence[Row]:
            answer: Rows = await datasource.aggregate(lookup)
            return answer.rows

        return await read.run(run)


class NodeField(GraphField):
    """`node(id:)`: any object by its global id."""

    entities: dict[str, Entity]

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        return self.load(info, arguments["id"])

    async def load(self, info: ResolveInfo, text: str) -> Any:
        type_name, _ = split_id(text)
        entity = self.entities.get(type_name)
        if entity is None:
            known = ", ".join(sorted(self.entities))
            raise InvalidId(f"{text[:80]!r} is not a global id: write it as Type:key, where Type is one of {known}.")
        key = decode_id(entity, text)
        loaders: dict[str, Load] = once_per_field(self, info, dict)
        if type_name not in loaders:
            loaders[type_name] = loader_by(entity, info, entity.key)
        return await loaders[type_name](key)


class NodesField(NodeField):
    """`nodes(ids:)`: the same for many, in the order of the ids; null where there is none."""

    def resolve(self, source: Any, info: ResolveInfo, arguments: dict[str, Any]) -> Any:
        ids = arguments["ids"]
        maximum = info.context.page_sizes.maximum
        if len(ids) > maximum:
            raise PageSizeExceeded(f"nodes was asked for {len(ids)} ids; it takes {maximum} at most.")
        return [self.load(info, text) for text in ids]


def query_type(*classes: type, name: str = "Query") -> type:
    """The query type over these entities. Raises SchemaError when one refers to an entity that is not among them.

    Each entity gets `customer(id:)`, a field for each natural key, `customers(…)` and `customersAggregate(…)`.
    """
    entities = _bind(classes)
    fields = [field for entity in entities.values() for field in _root_fields(entity)]
    made: Any = strawberry.type(new_class(name, [*fields, *_node_fields(entities)]), name=name)
    made.__entities__ = tuple(entities.values())
    return made  # type: ignore[no-any-return]


def entities_of(query: type) -> tuple[Entity, ...]:
    """The entities that a query type was made of."""
    found: tuple[Entity, ...] = getattr(query, "__entities__", ())
    return found


def _bind(classes: Iterable[type]) -> dict[str, Entity]:
    entities: dict[str, Entity] = {}
    for cls in classes:
        entity = entity_of(cls)
        if entity is None:
            raise SchemaError(f"query_type({cls.__name__}): it is not an entity; decorate it with @entity.")
        if entity.name in entities:
            raise SchemaError(f"There are two entities called {entity.name}.")
        entities[entity.name] = entity
    for entity in entities.values():
        entity.targets = entities
    for entity in entities.values():
        _tie(entity)
    return entities


def _tie(entity: Entity) -> None:
    """What could not be known before the entities knew each other: types of foreign keys, aggregate fields."""
    for name, column in entity.columns.items():
        if column.refers_to is not None:
            typed = replace(column.column, type=column.refers_to().key_type)
            entity.columns[name] = replace(column, column=typed)
    definition: StrawberryObjectDefinition = get_object_definition(entity.cls, strict=True)
    known = {field.python_name for field in definition.fields}
    for relation in entity.relations.values():
        _check_columns(entity, relation.attribute)
        aggregate = f"{relation.attribute}_aggregate"
        if relation.to_many and aggregate not in known and relation.target().capabilities.aggregates:
            definition.fields.append(relation_aggregate_field(relation))


def _check_columns(entity: Entity, attribute: str) -> None:
    """Raises SchemaError when a relation's column is one that the entity at its other end does not have."""
    relation = entity.relations[attribute]
    holder = relation.target() if relation.through is None else relation.through.entity()
    wanted = [relation.remote_column] if relation.through is None else [relation.through.by, relation.through.to]
    for column in wanted:
        if column not in holder.by_column:
            known = ", ".join(holder.by_column)
            raise SchemaError(f"{entity.name}.{attribute}: {holder.name} has no column {column!r}; it has {known}.")


def _root_fields(entity: Entity) -> list[StrawberryField]:
    capable = entity.capabilities
    by_id = _field(EntityField, lower_first(entity.name), optional(entity.cls), f"The {entity.name} with this id.")
    by_id.make_arguments = lambda: [FieldSpec("id", strawberry.ID)]
    connection = _field(
        ConnectionField, entity.plural, optional(connection_type(entity)), f"A page of {entity.plural}."
    )
    connection.make_arguments = lambda: connection_arguments(entity)
    fields: list[Any] = [by_id, *(_natural_key_field(entity, key) for key in entity.natural_keys), connection]
    if capable.aggregates:
        aggregate = _field(
            AggregateField,
            f"{entity.plural}Aggregate",
            optional(aggregate_type(entity)),
            f"Figures over {entity.plural}.",
        )
        aggregate.make_arguments = lambda: aggregate_arguments(entity)
        fields.append(aggregate)
    for field in fields:
        field.entity = entity
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
        list_of(optional(Node)),
        "Objects by their global ids, in the same order; null where there is none.",
    )
    nodes.make_arguments = lambda: [FieldSpec("ids", list_of(strawberry.ID))]
    node.entities = nodes.entities = entities
    return [node, nodes]


def _field(kind: type[F], name: str, annotation: Any, description: str) -> F:
    """A root field, whose GraphQL name is also its Python name."""
    return kind(
        python_name=name, graphql_name=name, type_annotation=StrawberryAnnotation(annotation), description=description
    )
