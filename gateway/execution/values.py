"""The steps of a level that end there: aggregates, computed fields, and what graphql-core does for each object."""

import asyncio
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any, cast

from graphql import FieldNode, GraphQLError, is_non_null_type
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from gateway.execution.outcome import Failure, Outcome
from gateway.execution.plan import AggregateStep, BatchedStep, ComputedStep, DelegatedStep, keep
from gateway.execution.run import Rank, Run
from gateway.execution.shapes import Place
from resolvers.aggregates import AggregateRead, read_aggregate
from resolvers.fields import relation_template
from resolvers.loaders import Template
from resolvers.policies import sight_of


def failed(place: Place, error: Exception, rows: Iterable[int], count: int, *, late: bool = True) -> Outcome:
    """`place` failed for these rows, of `count`."""
    outcome = Outcome([None] * count)
    for index in rows:
        outcome.fail(index, Failure(error, place.nodes, (place.key,), late))
        if is_non_null_type(place.definition.type):
            outcome.dead[index] = late
    return outcome


async def written(run: Run, place: Place, complete: Any, value: Any) -> tuple[Any, list[Failure], bool]:
    """The value as JSON, what failed in it, and whether it is null where it must not be."""
    try:
        if complete is not None:
            return complete(value), [], False
    except Exception:  # noqa: BLE001, S110 - graphql-core tells what is wrong
        pass
    executor = run.executor.create_sub_executor()
    path = Path(None, place.key, place.parent.name)
    info = executor.build_resolve_info(place.definition, place.nodes, place.parent, path)
    try:
        result = executor.complete_value(place.definition.type, place.details, info, path, value, None)
        if optimized_is_awaitable(result):
            result = await result
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        try:
            executor.handle_field_error(error, place.definition.type, place.details, path)
        except GraphQLError as located:
            return None, [*map(_relative, executor.collected_errors.errors), _relative(located)], True
        result = None
    return result, [_relative(error) for error in executor.collected_errors.errors], False


def _relative(error: GraphQLError) -> Failure:
    """An error that graphql-core located, but only from here on; one that was raised with a path keeps that."""
    if error.original_error is None:
        return Failure(error, (), None)
    return Failure(error.original_error, cast("Sequence[FieldNode]", error.nodes or ()), tuple(error.path or ()))


def bind_aggregate(run: Run, step: AggregateStep) -> tuple[AggregateRead, list[Template]]:
    """Raises BadUserInput and Unauthorized."""
    relation = step.field.relation
    sizes, sight = run.context.page_sizes, sight_of(relation.target(), run.context.viewer)
    bound = step.bound.get((sizes, sight))
    if bound is None:
        arguments = step.arguments.bind(run.variables)
        read = read_aggregate(relation.target(), step.selection, arguments, sizes, sight, skip=1)
        bound = read, [relation_template(relation, lookup) for lookup in read.lookups]
        if not step.arguments.variables:
            keep(step.bound, (sizes, sight), bound)
    return bound


async def aggregate(rank: Rank, step: AggregateStep) -> Outcome:
    """Figures over the relation of each row."""
    position = step.position
    return await aggregate_keys(rank.run, step, [row[position] for row in rank.rows])


async def aggregate_keys(run: Run, step: AggregateStep, keys: list[Any]) -> Outcome:
    """Figures over what belongs to each of `keys`."""
    place, count = step.place, len(keys)
    try:
        read, templates = bind_aggregate(run, step)
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(place, error, range(count), count, late=False)
    distinct = dict.fromkeys(keys)
    values: dict[Any, tuple[Any, list[Failure], bool]] = {}
    if None in distinct:
        del distinct[None]
        values[None] = await written(run, place, step.complete, read.empty())
    outcome = Outcome([None] * count)
    try:
        levels = await asyncio.gather(*(run.load(step, template, distinct) for template in templates if distinct))
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        outcome = failed(place, error, (index for index, key in enumerate(keys) if key is not None), count)
    else:
        for key in distinct:
            try:
                value = read.value([level.of(key).rows for level in levels])
            except Exception as error:  # noqa: BLE001 - it becomes part of the answer
                values[key] = None, [Failure(error, place.nodes, (place.key,))], False
            else:
                values[key] = await written(run, place, step.complete, value)
    outcome.values = [values[key][0] if key in values else None for key in keys]
    for index, key in enumerate(keys):
        if key in values and values[key][1]:
            outcome.failures[index] = [each.under(()) for each in values[key][1]]
    return outcome


async def compute(rank: Rank, step: ComputedStep) -> Outcome:
    """What a function makes of each row."""
    rank.run.call(step, rank.rows)
    found: list[Any] = []
    for instance in rank.instances:
        try:
            found.append(step.call(instance))
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            found.append(error)
    late = await _settle(found)
    return await _completed(rank.run, step, found, late)


async def batch(rank: Rank, step: BatchedStep) -> Outcome:
    """What a function makes of all rows together."""
    run, place, count = rank.run, step.place, len(rank.rows)
    run.call(step, rank.rows)
    path: Path | None = None
    for key in step.path:
        path = Path(path, key, None)
    executor = run.executor
    raw = executor.build_resolve_info(
        place.definition, place.nodes, place.parent, Path(path, place.key, place.parent.name)
    )
    try:
        found = await step.field.values(rank.instances, executor.info_of(raw, step.field))
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(place, error, range(count), count)
    return await _completed(run, step, list(found), set(range(count)))


async def delegate(rank: Rank, step: DelegatedStep) -> Outcome:
    """What graphql-core makes of a field of each row, with the `info` that it gives resolvers."""
    place, paths = step.place, rank.paths
    assert paths is not None  # noqa: S101 - a plan with such a step is traced
    rank.run.call(step, rank.rows)
    executors = []
    found: list[Any] = []
    for instance, path in zip(rank.instances, paths, strict=True):
        executor = rank.run.executor.create_sub_executor()
        executors.append(executor)
        at = Path(path, place.key, place.parent.name)
        try:
            found.append(executor.execute_field(place.parent, instance, place.details, at, None))
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            found.append(error)
    late = await _settle(found)
    outcome = Outcome(found)
    for index, value in enumerate(found):
        for told in executors[index].collected_errors.errors:
            outcome.fail(index, Failure(told, (), None, index in late))
        if isinstance(value, Exception):
            outcome.fail(index, Failure(value, (), None, index in late))
            outcome.dead[index] = index in late
            found[index] = None
    return outcome


async def _settle(found: list[Any]) -> set[int]:
    """Awaits those that must be, all at once; they, or what they raise, take their own places. Says which ones."""
    pending = [index for index, value in enumerate(found) if optimized_is_awaitable(value)]
    if not pending:
        return set()
    awaited: list[Awaitable[Any]] = [found[index] for index in pending]
    for index, value in zip(pending, await asyncio.gather(*awaited, return_exceptions=True), strict=True):
        if isinstance(value, BaseException) and not isinstance(value, Exception):
            raise value
        found[index] = value
    return set(pending)


async def _completed(run: Run, step: ComputedStep | BatchedStep, found: list[Any], late: set[int]) -> Outcome:
    complete = step.complete
    if complete is not None:
        try:
            return Outcome([complete(value) for value in found])
        except Exception:  # noqa: BLE001, S110 - one by one it is told what is wrong
            pass
    outcome = Outcome([])
    values: list[Any] = []
    for index, value in enumerate(found):
        result, failures, dead = await written(run, step.place, complete, value)
        values.append(result)
        for failure in failures:
            outcome.fail(index, failure.under(()) if index in late else failure)
        if dead:
            outcome.dead[index] = index in late
    outcome.values = values
    return outcome
