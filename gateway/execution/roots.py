"""Runs the root fields of a plan, and puts its answer together."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import Path

from datasources.lookup import Lookup
from gateway.execution.binding import bind_page
from gateway.execution.completion import Form, assemble_keyed
from gateway.execution.levels import NOTHING, complete, pages
from gateway.execution.nesting import is_to_be_asked_again, nested_in
from gateway.execution.outcome import Failure, Outcome
from gateway.execution.plan import (
    AggregateRoot,
    Bound,
    Bounds,
    ConnectionRoot,
    DeniedRoot,
    EntitiesRoot,
    EntityMember,
    NodesRoot,
    ObjectPlan,
    Plan,
    Root,
    SyncRoot,
    keep,
)
from gateway.execution.run import Run
from gateway.execution.shapes import Layout, Place, keyed_template
from gateway.execution.syncing import synchronise
from gateway.execution.values import failed, written
from resolvers.aggregates import read_aggregate
from resolvers.ids import decode_id
from resolvers.loaders import Found, Level, Template
from resolvers.policies import sight_of, unauthorized

Answers = list[tuple[Place, Outcome]]
"""Of root fields: outcomes of one value each."""


async def run_plan(run: Run, plan: Plan) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """The operation's data and errors."""
    roots = plan.roots
    if not roots:
        return dict(plan.constants), []
    if len(roots) == 1:
        answers = await take_root(run, roots[0], None)
    else:
        answers = [
            each for found in await asyncio.gather(*(take_root(run, root, None) for root in roots)) for each in found
        ]
    return answered(plan.keys, plan.constants, answers)


def answered(
    keys: Sequence[str], constants: Mapping[str, str], answers: Answers
) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """The data and errors of these root fields."""
    values: dict[str, Any] = dict(constants)
    failures: list[Failure] = []
    dead = False
    for place, outcome in answers:
        values[place.key] = outcome.values[0]
        if outcome.failures:
            failures += outcome.failures[0]
            dead = dead or 0 in outcome.dead
    data = None if dead else {key: values[key] for key in keys}
    return data, in_order(data, [failure.located() for failure in failures]) if failures else []


def in_order(data: Any, errors: list[GraphQLError]) -> list[GraphQLError]:
    """Errors in the order of their places in the answer, depth first."""
    return sorted(errors, key=lambda error: _position(data, error.path or ()))


def _position(data: Any, path: Sequence[str | int]) -> list[int]:
    position = []
    for key in path:
        if isinstance(key, int):
            position.append(key)
            data = data[key] if isinstance(data, list) and key < len(data) else None
        elif isinstance(data, dict) and key in data:
            position.append(list(data).index(key))
            data = data[key]
        else:
            break
    return position


async def take_root(run: Run, root: Root, base: Path | None) -> Answers:
    """The values of a root's fields; `base` is where the object stands whose fields they are."""
    if isinstance(root, EntitiesRoot):
        return await _entities(run, root, base)
    if isinstance(root, ConnectionRoot):
        return [(root.place, await _connection(run, root, base))]
    if isinstance(root, AggregateRoot):
        return [(root.place, await _aggregate(run, root))]
    if isinstance(root, DeniedRoot):
        return [(root.place, failed(root.place, unauthorized(root.place.name), (0,), 1, late=False))]
    if isinstance(root, SyncRoot):
        return [(root.place, await synchronise(run, root, base))]
    return [(root.place, await _nodes(run, root, base))]


async def _entities(run: Run, root: EntitiesRoot, base: Path | None) -> Answers:
    keys: dict[EntityMember, Any] = {}
    outcomes: dict[EntityMember, Outcome] = {}
    for member in root.members:
        try:
            keys[member] = member.key_of(member.arguments.bind(run.variables))
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            outcomes[member] = failed(member.place, error, (0,), 1, late=False)
    bound = _bind_keyed(run, root.plans, root.column, root.bound)
    try:
        level = await _load(run, root, bound.template, dict.fromkeys(keys.values()), alone=run.alone and root.alone)
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        if is_to_be_asked_again(root.plans, bound.layout, error):
            return await _entities(run.unnested, root, base)
        outcomes |= {member: failed(member.place, error, (0,), 1) for member in keys}
    else:
        outcomes |= await _found(run, root, bound.layout, level, keys, base)
    return [(member.place, outcomes[member]) for member in root.members]


def _bind_keyed(run: Run, plans: Sequence[ObjectPlan], column: str, bounds: Bounds) -> Bound:
    """The lookup of rows by a column; `plans` are what is selected of them."""

    def bind() -> Bound:
        shape = plans[0].shape
        sight = sight_of(shape.entity, run.context.viewer)
        key = run.context.page_sizes, sight, False
        bound = bounds.get(key)
        if bound is None:
            bound = keep(bounds, key, Bound(keyed_template(shape, column, sight), Layout(shape.wire)))
        return bound

    return nested_in(run, plans, bounds, bind, varies=False)


async def _found(
    run: Run, root: EntitiesRoot, layout: Layout, level: Level, keys: dict[EntityMember, Any], base: Path | None
) -> dict[EntityMember, Outcome]:
    """What each of the fields has found."""
    if root.alike and len(keys) > 1:
        rows = level.of_all(dict.fromkeys(keys.values()))
        objects = assemble_keyed(root.members[0].row, rows, layout, (), Form.ONE)
        if objects is not None:
            return {member: Outcome([objects.get(key)]) for member, key in keys.items()}
    found = [_entity(run, member, layout, level, key, base) for member, key in keys.items()]
    if len(found) > 1 and any(member.row.steps for member in keys):
        return dict(zip(keys, await asyncio.gather(*found), strict=True))
    return dict(zip(keys, [await each for each in found], strict=True))


async def _load(run: Run, root: Root, template: Template, keys: dict[Any, None], *, alone: bool) -> Level:
    if not keys:
        return NOTHING
    return await run.load(root, template, keys, alone=alone)


async def _entity(run: Run, member: EntityMember, layout: Layout, level: Level, key: Any, base: Path | None) -> Outcome:
    rows = level.rows.get(key, ())[:1]
    place, plan = member.place, member.row
    paths = [Path(base, place.key, place.parent.name)] * len(rows) if plan.traced else None
    return _one(place, await complete(run, plan, rows, layout, paths))


def _one(place: Place, outcome: Outcome) -> Outcome:
    """The field's outcome, of that of its one row, or none."""
    if not outcome.values:
        return Outcome([None])
    if not outcome.failures:
        return outcome
    return Outcome(outcome.values, {0: [each.under((place.key,)) for each in outcome.failures[0]]})


async def _connection(run: Run, root: ConnectionRoot, base: Path | None) -> Outcome:
    place, plan = root.place, root.page
    try:
        bound = _bind(run, root)
        page, lookup = bound.page, bound.template.lookup
        assert page is not None  # noqa: S101 - pages are bound with their page
        assert isinstance(lookup, Lookup)  # noqa: S101 - and they are read by lookups
        try:
            answer = await run.source(root, bound.template.source).lookup(lookup)
        except Exception as error:
            if is_to_be_asked_again(plan.objects, bound.layout, error):
                return await _connection(run.unnested, root, base)
            raise
        found = [Found(answer.rows, answer.counts.get(None, 0))]
        return await pages(run, plan, page, bound.layout, found, [Path(base, place.key, place.parent.name)])
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(place, error, (0,), 1)


def _bind(run: Run, root: ConnectionRoot) -> Bound:
    sizes, varies = run.context.page_sizes, bool(root.arguments.variables)

    def bind() -> Bound:
        entity = root.page.shape.entity
        sight = sight_of(entity, run.context.viewer)
        bound = root.bound.get((sizes, sight, False))
        if bound is None:
            page, lookup, layout = bind_page(root.page, root.arguments.bind(run.variables), sizes, sight)
            bound = Bound(Template(entity.source, lookup), layout, page)
            if not varies:
                keep(root.bound, (sizes, sight, False), bound)
        return bound

    return nested_in(run, root.page.objects, root.bound, bind, varies=varies)


async def _aggregate(run: Run, root: AggregateRoot) -> Outcome:
    place, sizes = root.place, run.context.page_sizes
    try:
        sight = sight_of(root.entity, run.context.viewer)
        read = root.bound.get((sizes, sight))
        if read is None:
            arguments = root.arguments.bind(run.variables)
            read = read_aggregate(root.entity, root.selection, arguments, sizes, sight, skip=0)
            if not root.arguments.variables:
                keep(root.bound, (sizes, sight), read)
        source = run.source(root, root.entity.source)
        if len(read.lookups) == 1:
            answers = [await source.aggregate(read.lookups[0])]
        else:
            answers = await asyncio.gather(*map(source.aggregate, read.lookups))
        value = read.value([answer.rows for answer in answers])
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(place, error, (0,), 1)
    result, failures, _ = await written(run, place, root.complete, value)
    return Outcome([result], {0: failures} if failures else {})


async def _nodes(run: Run, root: NodesRoot, base: Path | None) -> Outcome:
    place = root.place
    try:
        texts = root.field.ids(root.arguments.bind(run.variables), run.context.page_sizes)
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(place, error, (0,), 1, late=False)
    values: list[Any] = [None] * len(texts)
    failures: list[Failure] = []
    indexes: dict[str, list[tuple[int, Any]]] = {}

    def at(index: int) -> tuple[str | int, ...]:
        return (place.key, index) if root.many else (place.key,)

    for index, text in enumerate(texts):
        try:
            entity = root.field.entity_of(text, run.context.viewer)
            indexes.setdefault(entity.name, []).append((index, decode_id(entity, text)))
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            failures.append(Failure(error, place.nodes, at(index)))

    async def find(run: Run, name: str, wanted: list[tuple[int, Any]]) -> None:
        plan = root.plan_of(name)
        distinct = dict.fromkeys(key for _, key in wanted)
        bound = _bind_keyed(run, (plan,), plan.shape.entity.key, root.bound.setdefault(plan, {}))
        try:
            level = await _load(run, root, bound.template, distinct, alone=run.alone and len(indexes) == 1)
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            if is_to_be_asked_again((plan,), bound.layout, error):
                await find(run.unnested, name, wanted)
            else:
                failures.extend(Failure(error, place.nodes, at(index), True) for index, _ in wanted)
            return
        there = [(index, level.rows[key][0]) for index, key in wanted if key in level.rows]
        field = Path(base, place.key, place.parent.name)
        paths = [Path(field, index, None) if root.many else field for index, _ in there] if plan.traced else None
        outcome = await complete(run, plan, [row for _, row in there], bound.layout, paths)
        for position, (index, _) in enumerate(there):
            values[index] = outcome.values[position]
            failures.extend(each.under(at(index)) for each in outcome.failures.get(position, ()))

    if len(indexes) == 1:
        await find(run, *next(iter(indexes.items())))
    else:
        await asyncio.gather(*(find(run, *each) for each in indexes.items()))
    value = values if root.many else values[0]
    return Outcome([value], {0: failures} if failures else {})
