"""Puts a level's objects together: by code that is generated for each selection, and row by row where it gives up."""

from collections import defaultdict
from collections.abc import Sequence
from enum import Enum
from typing import Any, cast

from graphql import is_non_null_type

from datasources.lookup import Row
from gateway.execution.leaves import column_writing, complete_leaf, irregular
from gateway.execution.outcome import Failure, Outcome, merged
from gateway.execution.plan import Assemble, ColumnOutput, Constant, ObjectPlan, Output, StepOutput
from gateway.execution.shapes import Layout, strawberry_field


class Form(Enum):
    """How objects are handed on."""

    LIST = "list"
    """One for each row."""
    ONE = "one"
    """By the key that their rows begin with,"""
    MANY = "many"
    """or as lists by that key."""


def assemble(plan: ObjectPlan, rows: Sequence[Row], layout: Layout, found: Sequence[Outcome]) -> Outcome:
    """The objects of `rows`; `found` is what the plan's steps found for them."""
    if not rows:
        return Outcome([])
    make = _assembler(plan, layout, Form.LIST)
    if not any(outcome.dead for outcome in found):
        try:
            values = make(rows, *(outcome.values for outcome in found))
        except Exception:  # noqa: BLE001 - row by row it is told what was wrong
            return _row_by_row(plan, rows, layout, found, make)
        return Outcome(values, merged(found))
    return _row_by_row(plan, rows, layout, found, make)


def assemble_keyed(
    plan: ObjectPlan, rows: Sequence[Row], layout: Layout, found: Sequence[Outcome], form: Form
) -> dict[Any, Any] | None:
    """The objects by the keys that their rows begin with; None where anything is out of the ordinary."""
    if any(outcome.failures or outcome.dead for outcome in found):
        return None
    try:
        objects: Any = _assembler(plan, layout, form)(rows, *(outcome.values for outcome in found))
    except Exception:  # noqa: BLE001 - row by row it is told what was wrong
        return None
    return None if form is Form.ONE and len(objects) < len(rows) else cast("dict[Any, Any]", objects)


def _assembler(plan: ObjectPlan, layout: Layout, form: Form) -> Assemble:
    make = plan.assemblers.get((layout, form))
    if make is None:
        make = plan.assemblers[layout, form] = _compile(plan, layout, form)
    return make


def _row_by_row(
    plan: ObjectPlan, rows: Sequence[Row], layout: Layout, found: Sequence[Outcome], make: Assemble
) -> Outcome:
    outcome = Outcome([], merged(found))
    values: list[Any] = []
    for index, row in enumerate(rows):
        if not any(index in each.dead for each in found):
            try:
                values += make([row], *([each.values[index]] for each in found))
                continue
            except Exception:  # noqa: BLE001, S110 - told below
                pass
        values.append(_irregular_object(plan, row, layout, found, index, outcome))
    outcome.values = values
    return outcome


def _irregular_object(
    plan: ObjectPlan, row: Row, layout: Layout, found: Sequence[Outcome], index: int, outcome: Outcome
) -> dict[str, Any] | None:
    """One object, field by field: first those that graphql-core completes at once, then those that it awaits."""
    result: dict[str, Any] = {}
    told: list[Failure] = []
    awaited: list[Outcome] = []
    dead: bool | None = None
    for output in plan.outputs:
        match output:
            case Constant(key, value):
                result[key] = value
            case ColumnOutput(place):
                try:
                    result[place.key] = _column_value(plan, output, row, layout)
                except Exception as error:  # noqa: BLE001 - it becomes part of the answer
                    result[place.key] = None
                    told.append(Failure(error, place.nodes, (place.key,)))
                    if is_non_null_type(place.definition.type):
                        dead = False
            case StepOutput(place, step):
                result[place.key] = found[step].values[index]
                told += [failure for failure in found[step].failures.get(index, ()) if not failure.late]
                if found[step].dead.get(index, True):
                    awaited.append(found[step])
                else:
                    dead = False
        if dead is not None:
            break
    if dead is None:
        for each in awaited:
            told += [failure for failure in each.failures.get(index, ()) if failure.late]
            if index in each.dead:
                dead = True
                break
    outcome.failures.pop(index, None)
    if told:
        outcome.failures[index] = told
    if dead is None:
        return result
    outcome.dead[index] = dead
    return None


def _column_value(plan: ObjectPlan, output: ColumnOutput, row: Row, layout: Layout) -> Any:
    definition, column = output.place.definition, output.column.column.name
    if column in layout.wire:
        value = row[plan.shape.position(column)]
        if value is not None:
            return value
    else:
        (instance,) = plan.instances([row])
        value = strawberry_field(output.place).get_result(instance, None, [], {})
    return complete_leaf(definition.type, value, output.place.name)


def _compile(plan: ObjectPlan, layout: Layout, form: Form) -> Assemble:
    """`[{"number": c1, "customer": s0} if c1 is not None else irregular() for (_, c1), s0 in zip(rows, v0)]`."""
    wire, beyond, _ = layout
    columns = plan.shape.columns
    positions = {name: position for position, name in enumerate(columns)}
    used: set[int] = set()
    names: dict[str, Any] = {"irregular": irregular, "defaultdict": defaultdict}
    pairs: list[str] = []
    guards: dict[str, None] = {}
    for output in plan.outputs:
        key, expression = _expression(output, positions, wire, used, names, guards)
        pairs.append(f"{key!r}: {expression}")
    cells = [] if form is Form.LIST else ["k"]
    cells += ["_"] * (plan.shape.skip - len(cells))
    cells += [f"c{position}" if position in used else "_" for position in range(len(columns))]
    cells += ["_"] * beyond
    row = f"({', '.join(cells)},)" if used or "k" in cells else "_"
    steps = range(len(plan.steps))
    target = f"{row}, {', '.join(f's{step}' for step in steps)}" if steps else row
    source = f"zip(rows, {', '.join(f'v{step}' for step in steps)})" if steps else "rows"
    value = f"{{{', '.join(pairs)}}}"
    if guards:
        value = f"{value} if {' and '.join(guards)} else irregular()"
    parameters = ", ".join(["rows", *(f"v{step}" for step in steps)])
    code = f"def make({parameters}):\n" + BODIES[form].format(value=value, target=target, source=source)
    exec(compile(code, f"<plan of {plan.type}>", "exec"), names)  # noqa: S102 - of names and literals that are quoted
    made: Assemble = names["make"]
    return made


BODIES = {
    Form.LIST: "    return [{value} for {target} in {source}]",
    Form.ONE: "    return {{k: {value} for {target} in {source}}}",
    Form.MANY: (
        "    found = defaultdict(list)\n"
        "    for {target} in {source}:\n"
        "        found[k].append({value})\n"
        "    return found"
    ),
}


def _expression(
    output: Output,
    positions: dict[str, int],
    wire: frozenset[str],
    used: set[int],
    names: dict[str, Any],
    guards: dict[str, None],
) -> tuple[str, str]:
    match output:
        case Constant(key, value):
            return key, repr(value)
        case StepOutput(place, index):
            return place.key, f"s{index}"
        case ColumnOutput(place, column):
            name = column.column.name
            position = positions[name]
            used.add(position)
            writing = column_writing(column, place.definition.type, f"c{position}", wire=name in wire)
            names |= writing.names
            if writing.guard is not None:
                guards[writing.guard] = None
            return place.key, writing.value
