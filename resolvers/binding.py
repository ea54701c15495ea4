"""Ties entities together: what could not be known before they knew each other, and what cannot work.

Every mistake is a SchemaError that names the entity and the field.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from strawberry.types.base import StrawberryObjectDefinition, get_object_definition

from datasources.lookup import ColumnType
from resolvers.annotations import Shape
from resolvers.definition import Entity, Relation, entity_of
from resolvers.errors import SchemaError
from resolvers.fields import RelationAggregateField, RelationField, relation_aggregate_field
from resolvers.policies import check_rule, share_sights
from resolvers.types import camel
from resolvers.visibility import guard_entity
from resolvers.writes_checks import check_written

MADE_OF_ENTITIES = (
    *("Connection", "Edge", "Filter", "RelationFilter", "OrderBy", "Aggregate", "Group", "GroupKeys", "GroupBy"),
    *("Having", "Sum", "Avg", "Min", "Max", "SumHaving", "AvgHaving", "MinHaving", "MaxHaving"),
    *("Input", "Patch", "Update", "Change"),
)
"""What is put after an entity's name to name the types that are made of it."""

RESERVED = {
    *("Query", "Mutation", "Subscription", "Node", "PageInfo", "OrderDirection", "PlainOrderDirection"),
    *("Change", "ChangeKind", "WatchedEntity", "Sync", "Tombstone"),
    *("Boolean", "Float", "ID", "Int", "String", "BigInt", "Date", "DateTime", "Decimal", "JSON", "UUID"),
}
INTEGERS = {ColumnType.INTEGER, ColumnType.BIGINT}


def bind(classes: Iterable[type]) -> dict[str, Entity]:
    """The entities of a schema by name, each knowing the others. Raises SchemaError."""
    entities: dict[str, Entity] = {}
    for cls in classes:
        entity = entity_of(cls)
        if entity is None:
            name = getattr(cls, "__name__", repr(cls))
            raise SchemaError(f"query_type({name}): it is not an entity; decorate it with @entity.")
        if entity.name in entities:
            raise SchemaError(f"There are two entities called {entity.name}.")
        entities[entity.name] = entity
    _check_type_names(entities)
    _check_operators(entities)
    for entity in entities.values():
        _check_bound_once(entity, entities)
    for entity in entities.values():
        entity.targets = entities
    for entity in entities.values():
        _type_references(entity)
    for entity in entities.values():
        for relation in entity.relations.values():
            _check_relation(entity, relation)
        check_written(entity)
        check_rule(entity)
        _add_aggregates(entity)
        _check_field_names(entity)
    share_sights(entities.values())
    for entity in entities.values():
        guard_entity(entity)
    return entities


def _check_type_names(entities: Mapping[str, Entity]) -> None:
    made = {f"{name}{suffix}": name for name in entities for suffix in MADE_OF_ENTITIES}
    for name in entities:
        if name in RESERVED:
            raise SchemaError(f"An entity cannot be called {name}: the graph has a type of that name already.")
        if name in made:
            raise SchemaError(f"An entity cannot be called {name}: {made[name]} has a type of that name already.")


def _check_operators(entities: Mapping[str, Entity]) -> None:
    """The filter types of a source are named for it, so that all of its entities have the same."""
    first: dict[str, Entity] = {}
    for entity in entities.values():
        known = first.setdefault(entity.source, entity)
        if known.capabilities.operators != entity.capabilities.operators:
            raise SchemaError(
                f"{known.name} and {entity.name} come from {entity.source!r} and must ask it for the same operators."
            )


def _check_bound_once(entity: Entity, entities: Mapping[str, Entity]) -> None:
    """An entity may be in several schemas, but its relations lead to the same entities in all of them."""
    for name, known in entity.targets.items():
        if entities.get(name, known) is not known:
            raise SchemaError(f"{entity.name} is in another schema already, with another entity called {name}.")


def _type_references(entity: Entity) -> None:
    """Foreign keys are of the type of the keys that they hold."""
    for name, column in entity.columns.items():
        if column.refers_to is not None:
            typed = replace(column.column, type=column.refers_to().key_type)
            entity.columns[name] = replace(column, column=typed)


def _check_relation(entity: Entity, relation: Relation) -> None:
    where = f"{entity.name}.{relation.attribute}"
    target = relation.target()
    if relation.through is None:
        _check_pair(where, entity, relation.local, target, relation.remote_column)
    else:
        junction = relation.through.entity()
        _check_pair(where, entity, relation.local, junction, relation.through.by)
        _check_pair(where, target, relation.remote_column, junction, relation.through.to)
        if junction.source != target.source:
            raise SchemaError(
                f"{where}: {junction.name} and {target.name} must come from the same source to be read in one lookup."
            )
        if junction.rows is not None:
            raise SchemaError(
                f"{where}: {junction.name} has a row rule, which a many_to_many through it cannot keep; declare two "
                "relations that lead to it and on."
            )
        if not target.capabilities.through:
            raise SchemaError(f"{where}: source {target.source!r} cannot read through a junction.")
    field = _definition(entity).get_field(relation.attribute)
    capable = target.capabilities
    paged = isinstance(field, RelationField) and field.target.shape is Shape.CONNECTION
    if paged and not (capable.order and capable.window):
        raise SchemaError(f"{where}: source {target.source!r} cannot page; annotate it list[{target.name}].")


def _check_pair(where: str, one: Entity, column: str, other: Entity, other_column: str) -> None:
    """Both columns are there, and can hold the same values."""
    for entity, name in ((one, column), (other, other_column)):
        if name not in entity.by_column:
            raise SchemaError(
                f"{where}: {entity.name} has no column {name!r}; it has {', '.join(entity.by_column)}. "
                f"Declare it, or the relation that it belongs to: belongs_to(by={name!r})."
            )
    types = one.by_column[column].column.type, other.by_column[other_column].column.type
    if types[0] is not types[1] and not set(types) <= INTEGERS:
        raise SchemaError(
            f"{where}: {one.name}.{column} is a {types[0]} and {other.name}.{other_column} a {types[1]}; "
            "they never have a value in common."
        )


def _add_aggregates(entity: Entity) -> None:
    fields = _definition(entity).fields
    if any(isinstance(field, RelationAggregateField) for field in fields):
        return  # the entity is in another schema, too
    for relation in entity.relations.values():
        if relation.to_many and relation.target().capabilities.aggregates:
            fields.append(relation_aggregate_field(relation))


def _check_field_names(entity: Entity) -> None:
    seen: dict[str, str] = {}
    for field in _definition(entity).fields:
        name = field.graphql_name or camel(field.python_name)
        if name in seen:
            raise SchemaError(
                f"{entity.name}: {seen[name]} and {field.python_name} are both {name!r} in the graph; rename one."
            )
        seen[name] = field.python_name


def _definition(entity: Entity) -> StrawberryObjectDefinition:
    return get_object_definition(entity.cls, strict=True)
