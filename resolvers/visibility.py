"""What is required of viewers for each field of an entity: guarded, and told in SDL."""

from collections.abc import Iterable

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.base import get_object_definition
from strawberry.types.field import StrawberryField

from resolvers.computed import Computed
from resolvers.definition import Entity
from resolvers.fields import RelationAggregateField, RelationField
from resolvers.guards import guard
from resolvers.policies import Kind, Policies
from resolvers.types import camel

LOCATIONS = [Location.OBJECT, Location.FIELD_DEFINITION]


@strawberry.schema_directive(locations=LOCATIONS, name="authenticated")
class Authenticated:
    """Only for viewers who have proven who they are."""


@strawberry.schema_directive(locations=LOCATIONS, name="requiresScopes")
class RequiresScopes:
    """Only for viewers who have all scopes of one of the lists."""

    scopes: list[list[str]]


@strawberry.schema_directive(locations=LOCATIONS, name="policy")
class PolicyDirective:
    """Only for viewers whom all policies of one of the lists allow it."""

    policies: list[list[str]]


def guard_entity(entity: Entity) -> None:
    """Guard all fields of an entity whose graph is complete, and show what is declared."""
    definition = get_object_definition(entity.cls, strict=True)
    definition.directives = [*_kept(definition.directives or ()), *_directives(entity.policy)]
    for field in definition.fields:
        guard(field, entity, required_of(entity, field))
        field.directives = [*_kept(field.directives), *_directives(_declared(entity, field))]


def required_of(entity: Entity, field: StrawberryField) -> Policies:
    """What a viewer must have to see a field of the entity."""
    return tuple(dict.fromkeys((*entity.policy, *_own(entity, field))))


def requirements(entity: Entity) -> dict[str, Policies]:
    """What a viewer must have to see each field, by its name in the graph."""
    fields = get_object_definition(entity.cls, strict=True).fields
    return {field.graphql_name or camel(field.python_name): required_of(entity, field) for field in fields}


def _own(entity: Entity, field: StrawberryField) -> Policies:
    column = entity.columns.get(field.python_name)
    if isinstance(field, Computed):
        return (*field.requires, *(policy for name in field.needs for policy in entity.columns[name].required))
    if isinstance(field, RelationField | RelationAggregateField):
        return field.relation.required
    if column is not None:
        return column.required
    return tuple(policy for each in entity.all_columns for policy in each.required)  # its code sees them all


def _declared(entity: Entity, field: StrawberryField) -> Policies:
    if isinstance(field, Computed):
        return field.requires
    if isinstance(field, RelationField | RelationAggregateField):
        return field.relation.requires
    column = entity.columns.get(field.python_name)
    return () if column is None else column.required


def _directives(policies: Policies) -> list[object]:
    made: list[object] = []
    for each in policies:
        lists = [list(names) for names in each.alternatives]
        if each.kind is Kind.AUTHENTICATED:
            made.append(Authenticated())
        elif each.kind is Kind.SCOPES:
            made.append(RequiresScopes(scopes=lists))
        else:
            made.append(PolicyDirective(policies=lists))
    return made


def _kept(directives: Iterable[object]) -> list[object]:
    """Those that the author wrote; the others are made anew."""
    return [each for each in directives if not isinstance(each, Authenticated | RequiresScopes | PolicyDirective)]
