"""Runs a plan's levels: all rows of a level at once, whatever the number of their parents."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

from graphql.pyutils import Path

from datasources.lookup import Row
from gateway.execution.binding import bind_relation
from gateway.execution.completion import Form, assemble, assemble_keyed
from gateway.execution.nesting import fragments, is_to_be_asked_again, mend, nested_in
from gateway.execution.outcome import Failure, Outcome
from gateway.execution.pages import cut_rows, fits, page_by_page, row_path, slice_of, write_all, write_pages
from gateway.execution.plan import (
    AggregateStep,
    BatchedStep,
    Bound,
    ComputedStep,
    ConnectionPlan,
    DeniedStep,
    ObjectPlan,
    RelationStep,
    Step,
)
from gateway.execution.run import Paths, Rank, Run
from gateway.execution.shapes import Layout
from gateway.execution.values import aggregate, batch, compute, delegate, failed
from resolvers.annotations import Shape
from resolvers.connections import Page
from resolvers.loaders import Found, Level
from resolvers.policies import unauthorized

NOTHING = Level((), {}, 0)


async def complete(run: Run, plan: ObjectPlan, rows: Sequence[Row], layout: Layout, paths: Paths = None) -> Outcome:
    """The objects of a level's rows."""
    return assemble(plan, rows, layout, await _steps(run, plan, rows, layout, paths) if plan.steps else ())


async def _steps(run: Run, plan: ObjectPlan, rows: Sequence[Row], layout: Layout, paths: Paths) -> Sequence[Outcome]:
    """What the plan's steps find for the rows, all at once."""
    if not plan.steps or not rows:
        return [Outcome([])] * len(plan.steps)
    rank = Rank(run, plan, rows, paths)
    if layout.nested:
        return await _with_nested(rank, layout.nested)
    if len(plan.steps) == 1:
        return [await _take(rank, plan.steps[0])]
    return await asyncio.gather(*(_take(rank, step) for step in plan.steps))


async def _with_nested(rank: Rank, nested: tuple[int, ...]) -> Sequence[Outcome]:
    """The same, where the rows end with what these steps would find."""
    found: dict[int, Outcome] = {}
    missing: dict[int, Awaitable[Outcome]] = {}
    for index, step in enumerate(rank.plan.steps):
        if index not in nested:
            missing[index] = _take(rank, step)
            continue
        found[index], irregular = fragments(rank.plan, rank.rows, nested.index(index) - len(nested))
        if irregular:
            missing[index] = _mended(rank, step, found[index], irregular)
    if missing:
        found |= zip(missing, await asyncio.gather(*missing.values()), strict=True)
    return [found[index] for index in range(len(rank.plan.steps))]


async def _mended(rank: Rank, step: Step, outcome: Outcome, irregular: list[int]) -> Outcome:
    paths = None if rank.paths is None else [rank.paths[index] for index in irregular]
    rows = [rank.rows[index] for index in irregular]
    return mend(outcome, irregular, await _take(Rank(rank.run.unnested, rank.plan, rows, paths), step))


async def _take(rank: Rank, step: Step) -> Outcome:
    if isinstance(step, RelationStep):
        position = step.position
        return await follow(rank.run, step, [row[position] for row in rank.rows], rank.paths)
    if isinstance(step, AggregateStep):
        return await aggregate(rank, step)
    if isinstance(step, ComputedStep):
        return await compute(rank, step)
    if isinstance(step, BatchedStep):
        return await batch(rank, step)
    if isinstance(step, DeniedStep):
        count = len(rank.rows)
        return failed(step.place, unauthorized(step.place.name), range(count), count, late=False)
    return await delegate(rank, step)


async def follow(run: Run, step: RelationStep, keys: list[Any], paths: Paths) -> Outcome:
    """What a relation leads to from parents that hold `keys`, and stand at `paths`."""
    count = len(keys)
    try:
        bound = _bind(run, step)
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(step.place, error, range(count), count, late=False)
    distinct = dict.fromkeys(keys)
    distinct.pop(None, None)
    level = NOTHING
    if distinct:
        try:
            level = await run.load(step, bound.template, distinct, alone=run.alone and step.alone)
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            if is_to_be_asked_again(step.plans, bound.layout, error):
                return await follow(run.unnested, step, keys, paths)
            return await _unless_empty(run, step, bound, keys, error)
    if paths is not None and step.traced:
        below: Paths = [Path(path, step.place.key, step.place.parent.name) for path in paths]
        return await _join(run, step, bound, level, keys, below)
    if step.kind is Shape.ONE and step.field.relation.remote is None:
        return await _owners(run, step, bound, level.of_all(distinct), keys)
    shared = list(distinct)
    if None in keys:
        shared.append(None)
    outcome = await _join(run, step, bound, level, shared, None)
    return outcome if len(distinct) == count else _spread(outcome, shared, keys)


async def _unless_empty(run: Run, step: RelationStep, bound: Bound, keys: list[Any], error: Exception) -> Outcome:
    """A lookup that failed fails the field, but where there was nothing to look up."""
    outcome = failed(step.place, error, (index for index, key in enumerate(keys) if key is not None), len(keys))
    if None in keys:
        (empty,) = (await _join(run, step, bound, NOTHING, [None], None)).values
        outcome.values = [empty if key is None else None for key in keys]
    return outcome


def _spread(outcome: Outcome, shared: list[Any], keys: list[Any]) -> Outcome:
    """What was found for each distinct key, for each parent."""
    values = dict(zip(shared, outcome.values, strict=True))
    spread = Outcome([values[key] for key in keys])
    if outcome.failures:
        failures = {shared[index]: failures for index, failures in outcome.failures.items()}
        spread.failures = {index: failures[key] for index, key in enumerate(keys) if key in failures}
    return spread


def _bind(run: Run, step: RelationStep) -> Bound:
    """The step's lookup. Raises BadUserInput."""
    varies = bool(step.arguments.variables)
    return nested_in(run, step.plans, step.bound, lambda: bind_relation(run, step), varies=varies)


async def _join(run: Run, step: RelationStep, bound: Bound, level: Level, keys: list[Any], paths: Paths) -> Outcome:
    """The field's value for each of `keys`, which are distinct unless `paths`, where it stands for each, are given."""
    if step.page is not None:
        assert bound.page is not None  # noqa: S101 - pages are bound with their page
        if paths is None and step.page.write_all is not None:
            return await _bulk_pages(run, step.page, bound.page, bound.layout, level, keys)
        return await pages(run, step.page, bound.page, bound.layout, [level.of(key) for key in keys], paths)
    assert step.row is not None  # noqa: S101 - what is no page has rows
    if step.kind is Shape.LIST:
        return await _lists(run, step, step.row, bound, [level.rows.get(key, ()) for key in keys], paths)
    there = [index for index, key in enumerate(keys) if key in level.rows]
    below = None if paths is None else [paths[index] for index in there]
    outcome = await complete(run, step.row, [level.rows[keys[index]][0] for index in there], bound.layout, below)
    places: list[int | None] = [None] * len(keys)
    for position, index in enumerate(there):
        places[index] = position
    return _ones(step, places, outcome)


async def _owners(run: Run, step: RelationStep, bound: Bound, rows: Sequence[Row], keys: list[Any]) -> Outcome:
    """The row that each of `keys` identifies: there is one at most."""
    assert step.row is not None  # noqa: S101 - what is no page has rows
    found = await _steps(run, step.row, rows, bound.layout, None)
    objects = assemble_keyed(step.row, rows, bound.layout, found, Form.ONE)
    if objects is not None:
        return Outcome(list(map(objects.get, keys)))
    index_of = {row[0]: index for index, row in enumerate(rows)}
    return _ones(step, list(map(index_of.get, keys)), assemble(step.row, rows, bound.layout, found))


def _ones(step: RelationStep, places: Sequence[int | None], outcome: Outcome) -> Outcome:
    """Of rows, the one for each parent, or none."""
    prefix = (step.place.key,)
    failures = {
        index: [each.under(prefix) for each in outcome.failures[place]]
        for index, place in enumerate(places)
        if place in outcome.failures
    }
    return Outcome([None if place is None else outcome.values[place] for place in places], failures)


async def _lists(
    run: Run, step: RelationStep, plan: ObjectPlan, bound: Bound, lists: list[Sequence[Row]], paths: Paths
) -> Outcome:
    sizes = run.context.page_sizes
    refused: dict[int, Exception] = {}
    for index, rows in enumerate(lists):
        try:
            step.field.refuse_more_than(sizes, rows)
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            refused[index] = error
            lists[index] = ()
    below = None
    if paths is not None:
        below = [
            Path(path, position, None) for path, rows in zip(paths, lists, strict=True) for position in range(len(rows))
        ]
    outcome = await complete(run, plan, [row for rows in lists for row in rows], bound.layout, below)
    key, start = step.place.key, 0
    values: list[Any] = []
    result = Outcome(values)
    for index, rows in enumerate(lists):
        stop = start + len(rows)
        value, failures = slice_of(outcome, start, stop, (key,), ())
        if index in refused:
            value, failures = None, [Failure(refused[index], step.place.nodes, (key,), True)]
        values.append(value)
        if failures:
            result.failures[index] = failures
        start = stop
    return result


async def _bulk_pages(
    run: Run, plan: ConnectionPlan, page: Page, layout: Layout, level: Level, keys: list[Any]
) -> Outcome:
    """The page of each key, written all at once unless anything is out of the ordinary."""
    counts = level.counts
    rows, more = cut_rows(page, level.of_all(keys if None not in keys else keys[:-1]))
    (objects,) = plan.objects
    found = await _steps(run, objects, rows, layout, None)
    grouped = assemble_keyed(objects, rows, layout, found, Form.MANY)
    if grouped is not None and fits(plan, counts.values()):
        return Outcome(write_all(plan, page, keys, grouped, more, counts))
    outcome = assemble(objects, rows, layout, found)
    return page_by_page(plan, page, keys, rows, more, counts, outcome)


async def pages(
    run: Run, plan: ConnectionPlan, page: Page, layout: Layout, found: Sequence[Found], paths: Paths
) -> Outcome:
    """The page of each parent; rows beyond its size are left out before anything of theirs is looked up."""
    cut = [page.cut(each.rows) for each in found]
    rows = [row for kept, _ in cut for row in kept]
    outcomes = []
    for objects, keys in zip(plan.objects, plan.paths, strict=True):
        below = None
        if paths is not None and objects.traced:
            below = [
                row_path(path, plan, keys, position)
                for path, (kept, _) in zip(paths, cut, strict=True)
                for position in range(len(kept))
            ]
        outcomes.append(complete(run, objects, rows, layout, below))
    completed = [await outcomes[0]] if len(outcomes) == 1 else await asyncio.gather(*outcomes)
    return write_pages(plan, page, cut, [each.count for each in found], completed)
