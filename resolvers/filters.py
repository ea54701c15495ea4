"""Filter inputs of entities, and how a client's filter becomes a datasource's."""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any

import strawberry

from datasources.filters import And, Compare, Exists, Filter, Not, Operator, Or, nodes
from datasources.lookup import ColumnType
from resolvers.definition import Entity, EntityColumn, Relation, is_enum
from resolvers.errors import BadUserInput
from resolvers.ids import decode_id
from resolvers.policies import Sight, both
from resolvers.scalars import PYTHON_TYPES
from resolvers.types import FieldSpec, camel, deferred, input_type, list_of, optional, upper_first

MAXIMUM_CONDITIONS = 1000
"""Of one filter; a statement of many more takes seconds to build."""

EQUALITY = (Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN)
RANGE = (Operator.LT, Operator.LTE, Operator.GT, Operator.GTE)
TEXT = (
    Operator.CONTAINS,
    Operator.STARTS_WITH,
    Operator.ENDS_WITH,
    Operator.IEQ,
    Operator.ICONTAINS,
    Operator.ISTARTS_WITH,
    Operator.IENDS_WITH,
)
LISTS = (Operator.IN, Operator.NOT_IN)
NULL = (Operator.IS_NULL,)

DESCRIPTIONS = {
    Operator.EQ: "Equal; null means: is null.",
    Operator.NE: "Everything that `eq` leaves out.",
    Operator.IN: "One of these.",
    Operator.NOT_IN: "Everything that `in` leaves out.",
    Operator.IEQ: "Equal, whatever the case of the letters.",
    Operator.ICONTAINS: "Contains, whatever the case of the letters.",
    Operator.ISTARTS_WITH: "Starts with, whatever the case of the letters.",
    Operator.IENDS_WITH: "Ends with, whatever the case of the letters.",
    Operator.IS_NULL: "Whether there is no value.",
}


def operators_for(column: EntityColumn) -> tuple[Operator, ...]:
    """The operators that make sense for a column's type."""
    if column.is_id or column.column.type is ColumnType.UUID or is_enum(column.annotation):
        return EQUALITY + NULL
    if column.column.type is ColumnType.BOOLEAN:
        return (Operator.EQ, Operator.NE, *NULL)
    if column.column.type is ColumnType.JSON:
        return NULL
    if column.column.type is ColumnType.STRING:
        return EQUALITY + RANGE + TEXT + NULL
    return EQUALITY + RANGE + NULL


def _scalar_name(annotation: Any) -> str:
    names = {"str": "String", "int": "Int", "bool": "Boolean", "datetime": "DateTime"}
    return names.get(annotation.__name__, upper_first(annotation.__name__))


def comparison_input(entity: Entity, column: EntityColumn) -> type:
    """`StringFilter`, `OrderStatusFilter`…; `StringScmFilter` where source `scm` cannot do all of it."""
    annotation = strawberry.ID if column.is_id else column.annotation
    possible = operators_for(column)
    operators = tuple(operator for operator in possible if operator in entity.capabilities.operators)
    return _comparison_input(annotation, operators, "" if operators == possible else upper_first(camel(entity.source)))


def value_comparison_input(column_type: ColumnType) -> type:
    """The comparisons of a plain value, as `having` uses them."""
    return _comparison_input(PYTHON_TYPES[column_type], EQUALITY + RANGE + NULL, "Value")


@cache
def _comparison_input(annotation: Any, operators: tuple[Operator, ...], variant: str) -> type:
    def operand(operator: Operator) -> Any:
        if operator is Operator.IS_NULL:
            return bool
        return list_of(annotation) if operator in LISTS else annotation

    specs = [
        FieldSpec(f"{operator}_", optional(operand(operator)), DESCRIPTIONS.get(operator), camel(operator))
        for operator in operators
    ]
    name = f"{_scalar_name(annotation)}{variant}Filter"
    return input_type(name, specs, f"Conditions on a {_scalar_name(annotation)}; all must hold.")


@cache
def filter_input(entity: Entity) -> type:
    """`OrderFilter`: a condition for each column and for relations within the source, `and`, `or`, `not`."""
    itself = deferred(f"{entity.name}Filter", lambda: filter_input(entity))
    specs = [
        FieldSpec(name, optional(comparison_input(entity, column)), graphql_name=camel(name))
        for name, column in entity.columns.items()
        if column.filterable
    ]
    specs.extend(
        FieldSpec(relation.attribute, optional(_relation_filter(relation)), graphql_name=camel(relation.attribute))
        for relation in filterable_relations(entity)
    )
    specs.append(FieldSpec("and_", optional(list_of(itself)), "All of these hold.", "and"))
    if entity.capabilities.combine:
        specs.append(FieldSpec("or_", optional(list_of(itself)), "At least one of these holds.", "or"))
        specs.append(FieldSpec("not_", optional(itself), "This does not hold.", "not"))
    return input_type(f"{entity.name}Filter", specs, f"Which rows of {entity.plural}; all conditions must hold.")


def filterable_relations(entity: Entity) -> list[Relation]:
    """The relations that filters reach through: those within the source, where it can do it."""
    if not (entity.capabilities.exists and entity.capabilities.combine):
        return []
    return [relation for relation in entity.relations.values() if relation.same_source]


def _relation_filter(relation: Relation) -> Any:
    target = relation.target()
    if not relation.to_many:
        return deferred(f"{target.name}Filter", lambda: filter_input(target))
    return deferred(f"{target.name}RelationFilter", lambda: _to_many_filter(target))


@cache
def _to_many_filter(target: Entity) -> type:
    inner = optional(deferred(f"{target.name}Filter", lambda: filter_input(target)))
    specs = [
        FieldSpec("some", inner, "At least one satisfies this."),
        FieldSpec("every", inner, "None fails this."),
        FieldSpec("none", inner, "None satisfies this."),
    ]
    return input_type(f"{target.name}RelationFilter", specs, f"Which {target.plural} there must be.")


Translator = Callable[[Any, Sight], Filter]


@cache
def _translators(entity: Entity) -> Mapping[str, Translator]:
    """How each member of the filter input is read, by its GraphQL name."""

    def combined(kind: Callable[[tuple[Filter, ...]], Filter]) -> Translator:
        return lambda value, sight: kind(tuple(_to_filter(entity, inner, sight) for inner in value))

    members: dict[str, Translator] = {
        "and": combined(And),
        "or": combined(Or),
        "not": lambda value, sight: Not(_to_filter(entity, value, sight)),
    }
    for name, column in entity.columns.items():
        members[camel(name)] = _column_translator(entity, column)
    for relation in filterable_relations(entity):
        members[camel(relation.attribute)] = _relation_translator(relation)
    return members


def to_filter(entity: Entity, value: Mapping[str, Any] | None, sight: Sight) -> Filter:
    """The rows that are seen and satisfy a coerced `XFilter`, as a datasource filter.

    Raises BadUserInput for one that makes no sense, or is too large, and Unauthorized for one that looks at what is
    not seen.
    """
    seen = sight.rows(entity)
    if not value:
        return seen
    try:
        filter = _to_filter(entity, value, sight)
        size = sum(1 for _ in nodes(filter))
    except RecursionError:
        raise BadUserInput(f"{entity.name}Filter is nested too deeply.") from None
    if size > MAXIMUM_CONDITIONS:
        raise BadUserInput(
            f"{entity.name}Filter has {size} conditions; {MAXIMUM_CONDITIONS} are allowed. `in` takes many values."
        )
    return both(seen, filter)


def _to_filter(entity: Entity, value: Mapping[str, Any], sight: Sight) -> Filter:
    """A member that is null sets no condition."""
    members = _translators(entity)
    filters = tuple(members[name](inner, sight) for name, inner in value.items() if inner is not None)
    return filters[0] if len(filters) == 1 else And(filters)


def _column_translator(entity: Entity, column: EntityColumn) -> Translator:
    name = column.column.name
    refers_to = column.refers_to

    def native(value: Any) -> Any:
        if refers_to is not None:
            return decode_id(refers_to(), value)
        return value.value if isinstance(value, Enum) else value

    where = f"{entity.name}Filter.{camel(column.attribute)}"

    def translate(conditions: Mapping[str, Any], sight: Sight) -> Filter:
        sight.refuse(column.required, where)
        return to_comparisons(name, where, conditions, native)

    return translate


OPERATORS = {camel(operator): operator for operator in Operator}


def to_comparisons(
    column: str, where: str, conditions: Mapping[str, Any], native: Callable[[Any], Any] = lambda value: value
) -> Filter:
    """`{gt: 1, lt: 5}` as comparisons of `column`; `where` names it in errors."""
    comparisons: list[Filter] = []
    for name, value in conditions.items():
        operator = OPERATORS[name]
        if value is None and operator not in (Operator.EQ, Operator.NE):
            raise BadUserInput(f"{where}: {name} cannot be null; write isNull, or leave {name} out.")
        if operator in LISTS:
            value = tuple(map(native, value))
        elif value is not None and operator is not Operator.IS_NULL:
            value = native(value)
        comparisons.append(Compare(column, operator, value))
    return comparisons[0] if len(comparisons) == 1 else And(tuple(comparisons))


def _relation_translator(relation: Relation) -> Translator:
    def exists(filter: Filter, sight: Sight) -> Filter:
        target = relation.target()
        sight.refuse(relation.required, f"{relation.owner().name}Filter.{camel(relation.attribute)}")
        filter = both(sight.rows(target), filter)
        if relation.through is None:
            return Exists(relation.local, target.collection, relation.remote_column, filter)
        junction = relation.through
        inner = Exists(junction.to, target.collection, relation.remote_column, filter)
        return Exists(relation.local, junction.entity().collection, junction.by, inner)

    def translate_one(value: Mapping[str, Any], sight: Sight) -> Filter:
        return exists(_to_filter(relation.target(), value, sight), sight)

    def translate_many(value: Mapping[str, Any], sight: Sight) -> Filter:
        filters: list[Filter] = []
        for quantifier, conditions in value.items():
            if conditions is None:
                continue
            inner = _to_filter(relation.target(), conditions, sight)
            match quantifier:
                case "some":
                    filters.append(exists(inner, sight))
                case "none":
                    filters.append(Not(exists(inner, sight)))
                case _:
                    filters.append(Not(exists(Not(inner), sight)))
        return filters[0] if len(filters) == 1 else And(tuple(filters))

    return translate_many if relation.to_many else translate_one
