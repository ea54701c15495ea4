"""Relations that the lookup of their parents answers, too: as JSON, which goes into the answer as it is.

That serves where all that is selected below comes from one source, and is no more than columns. What is out of the
ordinary there is looked up again as if nothing were nested, so that errors are the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import orjson
from graphql import GraphQLBoolean, GraphQLFloat, GraphQLInt, GraphQLString

from datasources.errors import SourceTimeout, SourceUnavailable
from datasources.lookup import ColumnType, Lookup, Row
from datasources.nested import IRREGULAR, Constant, Nested, Value
from gateway.execution.binding import bind_relation
from gateway.execution.leaves import can_be_wire, nullable_of
from gateway.execution.outcome import Outcome
from gateway.execution.plan import Bound, Bounds, ColumnOutput, ObjectPlan, Output, RelationStep, Step, StepOutput, keep
from gateway.execution.run import Run
from gateway.execution.shapes import Layout, RowShape
from resolvers.annotations import Shape
from resolvers.definition import EntityColumn, is_enum
from resolvers.loaders import Template
from resolvers.policies import sight_of

DEEPEST = 4
"""Lookups within each other, below the one that answers them."""
MOST_ROWS = 250_000
"""Of a lookup and of all that is nested in it, by their limits; three levels of pages of 50 rows are less."""
PAUSE = 100
"""How many lookups nothing is nested in, after one where it was in vain."""

LEAVES = {
    ColumnType.STRING: GraphQLString,
    ColumnType.INTEGER: GraphQLInt,
    ColumnType.FLOAT: GraphQLFloat,
    ColumnType.BOOLEAN: GraphQLBoolean,
}


@dataclass(eq=False)
class Nesting:
    """What of an object's fields can be nested in the lookup of its rows, by what is selected."""

    shape: RowShape
    outputs: tuple[Output, ...]
    steps: tuple[Step, ...]
    pause: int = 0
    """How many lookups more nothing is nested in."""

    @cached_property
    def members(self) -> tuple[Value | Constant | RelationStep, ...] | None:
        """The whole object as JSON; None where that would take more than columns and relations."""
        members = [_member(output, self.steps) for output in self.outputs]
        found = tuple(member for member in members if member is not None)
        return found if len(found) == len(members) else None

    @cached_property
    def nested(self) -> tuple[int, ...]:
        """The steps that can be nested; none where other selections of the same rows would not need them."""
        if self.shape.readers > 1:
            return ()
        return tuple(index for index, step in enumerate(self.steps) if _can_be_nested(step, DEEPEST))

    @cached_property
    def varies(self) -> bool:
        """Whether their lookups depend on variables."""
        return any(_varies(self.steps[index]) for index in self.nested)


def _member(output: Output, steps: Sequence[Step]) -> Value | Constant | RelationStep | None:
    match output:
        case ColumnOutput(place, column):
            return _value(place.key, column, place.definition.type)
        case StepOutput(_, index):
            step = steps[index]
            return step if isinstance(step, RelationStep) else None
        case constant:
            return Constant(constant.key, f'"{constant.value}"')


def _value(key: str, column: EntityColumn, type_: Any) -> Value | None:
    """The column as a member, if JSON is made of it as a source can make it."""
    leaf, nullable = nullable_of(type_)
    name, column_type = column.column.name, column.column.type
    if column.refers_to is not None:
        return Value(key, name, nullable, prefix=f"{column.refers_to().name}:")
    if is_enum(column.annotation):
        names = tuple((member.value, leaf.coerce_output_value(member)) for member in column.annotation)
        return Value(key, name, nullable, names=names)
    if can_be_wire(column, type_) or LEAVES.get(column_type) is leaf:
        return Value(key, name, nullable)
    return None


def _can_be_nested(step: Step, deepest: int) -> bool:
    if not isinstance(step, RelationStep) or not deepest or step.shape.readers > 1:
        return False
    if not step.field.relation.same_source or (step.page is not None and step.page.around is None):
        return False
    (row,) = step.plans
    members = row.nesting.members
    return members is not None and all(_can_be_nested(inner, deepest - 1) for inner in row.steps)


def _varies(step: Step) -> bool:
    if not isinstance(step, RelationStep):
        return False
    return bool(step.arguments.variables) or any(_varies(inner) for plan in step.plans for inner in plan.steps)


def nested_in(
    run: Run, plans: Sequence[ObjectPlan], bounds: Bounds, bind: Callable[[], Bound], *, varies: bool
) -> Bound:
    """The lookup of rows of which `plans` are selected, with what can be nested in it.

    It is kept in `bounds` unless it depends on variables, as what `bind` returns does where it `varies`.
    """
    if not _can_nest(run, plans):
        return bind()
    (plan,) = plans
    key = run.context.page_sizes, sight_of(plan.shape.entity, run.context.viewer), True
    bound = bounds.get(key)
    if bound is None:
        bound = _with_nested(run, plan, bind())
        if not varies and not plan.nesting.varies:
            keep(bounds, key, bound)
    return bound


def _can_nest(run: Run, plans: Sequence[ObjectPlan]) -> bool:
    if not run.nests or len(plans) != 1:
        return False
    nesting = plans[0].nesting
    source, sources = nesting.shape.entity.source, run.context.sources
    if not nesting.nested or source not in sources or not sources[source].capabilities.nest:
        return False
    if nesting.pause:
        nesting.pause -= 1
        return False
    return True


def _with_nested(run: Run, plan: ObjectPlan, bound: Bound) -> Bound:
    """The lookup, with what can be nested in it."""
    lookup, (wire, beyond, _) = bound.template.lookup, bound.layout
    assert isinstance(lookup, Lookup)  # noqa: S101 - rows are read by lookups
    found: dict[int, Nested] = {}
    for index in plan.nesting.nested:
        nested = _nested(run, plan.steps[index], 1 if lookup.limit is None else lookup.limit)
        if nested is not None:
            found[index] = nested
    if not found:
        return bound
    template = Template(bound.template.source, replace(lookup, nested=tuple(found.values())))
    return replace(bound, template=template, layout=Layout(wire, beyond + len(found), tuple(found)))


def _nested(run: Run, step: Step, rows: int) -> Nested | None:
    """What a step finds for each of so many rows; None where its arguments are not for nesting, or make no sense."""
    assert isinstance(step, RelationStep)  # noqa: S101 - no others are nested
    try:
        bound = bind_relation(run, step)
    except Exception:  # noqa: BLE001 - the step is run, and tells
        return None
    lookup, many = bound.template.lookup, step.kind is not Shape.ONE
    assert isinstance(lookup, Lookup)  # noqa: S101 - rows are read by lookups
    if lookup.after is not None or (bound.page is not None and bound.page.backward) or (many and lookup.limit is None):
        return None
    rows *= 1 if lookup.limit is None else max(lookup.limit, 1)
    if rows > MOST_ROWS:
        return None
    (row,) = step.plans
    members: list[Value | Constant | Nested] = []
    for member in row.nesting.members or ():
        inner = _nested(run, member, rows) if isinstance(member, RelationStep) else member
        if inner is None:
            return None
        members.append(inner)
    return Nested(
        step.place.key,
        step.field.relation.local,
        replace(lookup, columns=(), wire=frozenset()),
        tuple(members),
        many,
        ("[", "]") if step.page is None else step.page.around or ("", ""),
        refuses_full=step.kind is Shape.LIST,
    )


def is_to_be_asked_again(plans: Sequence[ObjectPlan], layout: Layout, error: Exception) -> bool:
    """Whether a lookup that failed may answer without what is nested in it."""
    if not layout.nested or isinstance(error, SourceUnavailable):
        return False
    plans[0].nesting.pause = PAUSE
    return not isinstance(error, SourceTimeout)  # who waits has waited long enough; the next request is better off


def fragments(plan: ObjectPlan, rows: Sequence[Row], position: int) -> tuple[Outcome, list[int]]:
    """What was nested in the lookup of `rows`, and for which of them it is irregular."""
    texts = [row[position] for row in rows]
    irregular = [index for index, text in enumerate(texts) if text is not None and IRREGULAR in text]
    if 2 * len(irregular) > len(rows):
        plan.nesting.pause = PAUSE
    return Outcome([None if text is None else orjson.Fragment(text) for text in texts]), irregular


def mend(outcome: Outcome, irregular: Sequence[int], found: Outcome) -> Outcome:
    """`outcome` with what was found anew for those that were irregular."""
    values = list(outcome.values)
    for position, index in enumerate(irregular):
        values[index] = found.values[position]
        if position in found.failures:
            outcome.failures[index] = found.failures[position]
        if position in found.dead:
            outcome.dead[index] = found.dead[position]
    outcome.values = values
    return outcome
