"""Aggregate types of entities, and how what a client selects of them becomes aggregate lookups."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from typing import Any, cast

import strawberry
from graphql import FieldNode

from datasources.filters import EVERYTHING, And, Filter
from datasources.lookup import Aggregate, AggregateLookup, ColumnType, Function, Row
from resolvers.context import PageSizes
from resolvers.definition import Entity, EntityColumn, is_enum
from resolvers.errors import BadUserInput, TooManyGroups
from resolvers.filters import filter_input, to_comparisons, to_filter, value_comparison_input
from resolvers.guards import guard_columns
from resolvers.ids import encode_id
from resolvers.policies import Sight
from resolvers.rows import decoder
from resolvers.scalars import PYTHON_TYPES
from resolvers.selection import Scope, Selections, selections
from resolvers.types import FieldSpec, camel, deferred, input_type, list_of, object_type, optional, upper_first

NUMBERS = {ColumnType.INTEGER, ColumnType.BIGINT, ColumnType.FLOAT, ColumnType.DECIMAL}
ORDERED = NUMBERS | {ColumnType.STRING, ColumnType.DATE, ColumnType.DATETIME}
INTEGERS = {ColumnType.INTEGER, ColumnType.BIGINT}
NOUNS = {Function.SUM: "sum", Function.AVG: "average", Function.MIN: "least", Function.MAX: "greatest"}
FUNCTIONS = tuple(NOUNS)

Aggregates = tuple[Aggregate, ...]


@cache
def columns_of(entity: Entity, function: Function) -> Mapping[str, EntityColumn]:
    """The columns that `function` makes sense of, by GraphQL name."""
    types = ORDERED if function in (Function.MIN, Function.MAX) else NUMBERS
    return {
        camel(name): column
        for name, column in entity.columns.items()
        if column.column.type in types and not column.is_id and not is_enum(column.annotation)
    }


def result_type(function: Function, column_type: ColumnType) -> ColumnType:
    if function is Function.AVG:
        return ColumnType.FLOAT
    if function is Function.SUM and column_type in INTEGERS:
        return ColumnType.BIGINT
    return column_type


@cache
def _function_type(entity: Entity, function: Function) -> type | None:
    specs = [
        FieldSpec(column.attribute, optional(PYTHON_TYPES[result_type(function, column.column.type)]))
        for column in columns_of(entity, function).values()
    ]
    if not specs:
        return None
    name = f"{entity.name}{upper_first(function)}"
    made = object_type(name, specs, f"The {NOUNS[function]} of each column; null over no row.")
    guard_columns(made, entity)
    return made


def _function_specs(entity: Entity) -> list[FieldSpec]:
    specs = [FieldSpec("count", int, "How many rows.")]
    for function in FUNCTIONS:
        made = _function_type(entity, function)
        if made is not None:
            specs.append(FieldSpec(str(function), optional(made)))
    return specs


@cache
def groupable(entity: Entity) -> Mapping[str, EntityColumn]:
    """The columns that rows can be grouped by, by attribute."""
    return {
        name: column
        for name, column in entity.columns.items()
        if name != "id" and column.column.type is not ColumnType.JSON
    }


@cache
def _group_by_enum(entity: Entity) -> Any:
    members = {name.upper(): name for name in groupable(entity)}
    made = Enum(f"{entity.name}GroupBy", members)  # type: ignore[misc]  # an enum of the entity's own columns
    return strawberry.enum(cast("type[Enum]", made), description=f"What {entity.plural} can be grouped by.")


@cache
def _group_keys_type(entity: Entity) -> type:
    made = object_type(
        f"{entity.name}GroupKeys",
        [
            FieldSpec(name, optional(strawberry.ID if column.is_id else column.annotation))
            for name, column in groupable(entity).items()
        ],
        "What the rows of a group have in common; null where rows are not grouped by it, or have null.",
    )
    guard_columns(made, entity)
    return made


@cache
def _group_type(entity: Entity) -> type:
    return object_type(
        f"{entity.name}Group",
        [FieldSpec("keys", _group_keys_type(entity)), *_function_specs(entity)],
        f"Figures over {entity.plural} that share the same keys.",
    )


@cache
def aggregate_type(entity: Entity) -> type:
    groups = FieldSpec("groups", list_of(_group_type(entity)), "The same for each group, in the order of `groupBy`.")
    return object_type(f"{entity.name}Aggregate", [*_function_specs(entity), groups], f"Figures over {entity.plural}.")


@cache
def _having_input(entity: Entity) -> type:
    specs = [FieldSpec("count", optional(value_comparison_input(ColumnType.INTEGER)))]
    for function in FUNCTIONS:
        columns = [
            FieldSpec(
                column.attribute,
                optional(value_comparison_input(result_type(function, column.column.type))),
            )
            for column in columns_of(entity, function).values()
        ]
        if columns:
            name = f"{entity.name}{upper_first(function)}Having"
            inner = input_type(name, columns, f"Conditions on the {NOUNS[function]} of columns; all must hold.")
            specs.append(FieldSpec(str(function), optional(inner)))
    return input_type(f"{entity.name}Having", specs, "Which groups; all conditions must hold.")


def aggregate_arguments(entity: Entity) -> list[FieldSpec]:
    """`filter groupBy having`."""
    return [
        FieldSpec(
            "filter",
            optional(deferred(f"{entity.name}Filter", lambda: filter_input(entity))),
            "Only rows that satisfy this.",
        ),
        FieldSpec("group_by", optional(list_of(_group_by_enum(entity))), "What the rows of a group have in common."),
        FieldSpec("having", optional(_having_input(entity)), "Only the groups whose figures satisfy this."),
    ]


@dataclass(frozen=True, slots=True)
class AggregateRead:
    """An aggregate field's arguments and selection, worked out once for all of its parents."""

    entity: Entity
    totals: AggregateLookup | None
    groups: AggregateLookup | None
    group_by: tuple[EntityColumn, ...]
    maximum: int
    skip: int
    """How many values of a row precede its groups and figures."""

    @property
    def lookups(self) -> tuple[AggregateLookup, ...]:
        return tuple(lookup for lookup in (self.totals, self.groups) if lookup is not None)

    def value(self, answers: Sequence[Sequence[Row]]) -> Any:
        """The field's value, of the rows that each of `lookups` found."""
        rows = iter(answers)
        totals = next(rows) if self.totals else ()
        groups = next(rows) if self.groups else ()
        if len(groups) > self.maximum:
            raise TooManyGroups(
                f"There are more than {self.maximum} groups; narrow them down with filter or having, or group by less."
            )
        figures = self._figures(totals[0] if totals else None, self.totals, self.skip)
        return aggregate_type(self.entity)(**figures, groups=[self._group(row) for row in groups])

    def empty(self) -> Any:
        """The field's value where there is nothing to look up."""
        return self.value([() for _ in self.lookups])

    def _group(self, row: Row) -> Any:
        values = row[self.skip :]
        keys = {column.attribute: _group_key(column, value) for column, value in zip(self.group_by, values)}  # noqa: B905
        figures = self._figures(values, self.groups, len(self.group_by))
        return _group_type(self.entity)(keys=_group_keys_type(self.entity)(**keys), **figures)

    def _figures(self, row: Row | None, lookup: AggregateLookup | None, skip: int) -> dict[str, Any]:
        by_function: dict[Function, dict[str, Any]] = {}
        figures: dict[str, Any] = {"count": 0}
        for position, aggregate in enumerate(lookup.aggregates if lookup else (), skip):
            value = None if row is None else row[position]
            if aggregate.column is None:
                figures["count"] = value or 0
            else:
                attribute = self.entity.by_column[aggregate.column].attribute
                by_function.setdefault(aggregate.function, {})[attribute] = value
        for function in FUNCTIONS:
            made = _function_type(self.entity, function)
            if made is not None:
                figures[str(function)] = made(**by_function.get(function, {}))
        return figures


def _group_key(column: EntityColumn, value: Any) -> Any:
    if value is None:
        return None
    if column.refers_to is not None:
        return encode_id(column.refers_to().name, value)
    decode = decoder(column)
    return value if decode is None else decode(value)


@dataclass(frozen=True, slots=True)
class AggregateSelection:
    """What an operation selects of an aggregate."""

    totals: Aggregates
    groups: Aggregates | None
    """Of each group; None where no groups are selected."""


def select_aggregate(entity: Entity, scope: Scope, nodes: Iterable[FieldNode]) -> AggregateSelection:
    """What `nodes` select of an aggregate."""
    selected = selections(scope, nodes, f"{entity.name}Aggregate")
    groups = None
    if "groups" in selected:
        groups = _selected_aggregates(entity, scope, selections(scope, selected["groups"], f"{entity.name}Group"))
    return AggregateSelection(_selected_aggregates(entity, scope, selected), groups)


def read_aggregate(
    entity: Entity,
    selection: AggregateSelection,
    arguments: Mapping[str, Any],
    sizes: PageSizes,
    sight: Sight,
    *,
    skip: int,
) -> AggregateRead:
    """Works out an aggregate field's lookups, whose rows have `skip` values before their groups and figures.

    Raises BadUserInput for arguments that make no sense, and Unauthorized for such that look at what is not seen.
    """
    filter = to_filter(entity, arguments.get("filter"), sight)
    group_by = _group_columns(entity, arguments.get("group_by") or (), sight)
    having, compared = _having(entity, arguments.get("having"), sight)
    if selection.groups is not None and not group_by:
        raise BadUserInput("groups needs groupBy: say what the rows of a group have in common.")
    if compared and not group_by:
        raise BadUserInput("having needs groupBy: it chooses among groups.")

    totals = groups = None
    if selection.totals:
        totals = AggregateLookup(entity.collection, selection.totals, filter=filter)
    if selection.groups is not None:
        groups = AggregateLookup(
            entity.collection,
            tuple(dict.fromkeys((*selection.groups, *compared))) or (Aggregate(Function.COUNT),),
            group_by=tuple(column.column.name for column in group_by),
            filter=filter,
            having=having,
            limit=sizes.groups + 1,
        )
    return AggregateRead(entity, totals, groups, group_by, sizes.groups, skip)


def _group_columns(entity: Entity, terms: Sequence[Any], sight: Sight) -> tuple[EntityColumn, ...]:
    names = dict.fromkeys(term.value if isinstance(term, Enum) else term for term in terms)
    columns = tuple(groupable(entity)[name] for name in names)
    for column in columns:
        sight.refuse(column.required, f"{entity.name}GroupBy.{column.attribute.upper()}")
    return columns


def _selected_aggregates(entity: Entity, scope: Scope, selected: Selections) -> Aggregates:
    found = [Aggregate(Function.COUNT)] if "count" in selected else []
    for function in FUNCTIONS:
        names = selections(scope, selected.get(function, ()), f"{entity.name}{upper_first(function)}")
        columns = columns_of(entity, function)
        found.extend(Aggregate(function, columns[name].column.name) for name in names if name in columns)
    return tuple(found)


def _having(entity: Entity, value: Mapping[str, Any] | None, sight: Sight) -> tuple[Filter, Aggregates]:
    """The condition on groups, and the aggregates that it compares."""
    filters: list[Filter] = []
    compared: list[Aggregate] = []
    for name, conditions in (value or {}).items():
        if conditions is None:
            continue
        function = Function(name)
        of_columns = {None: conditions} if function is Function.COUNT else conditions
        for column, comparison in of_columns.items():
            if comparison is None:
                continue
            where = f"{entity.name}Having.{name}" + (f".{column}" if column else "")
            compares = columns_of(entity, function)[column] if column else None
            if compares is not None:
                sight.refuse(compares.required, where)
            aggregate = Aggregate(function, None if compares is None else compares.column.name)
            filters.append(to_comparisons(aggregate.name, where, comparison))
            compared.append(aggregate)
    return (And(tuple(filters)) if filters else EVERYTHING), tuple(compared)
