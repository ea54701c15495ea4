"""Runs mutations: one field after the other, each in a transaction in which what it has written is also read."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import Path

from datasources.base import Datasource
from datasources.errors import ConstraintViolated, DatasourceError
from datasources.lookup import Row
from datasources.write import Recorded, Transaction, Writer, writable
from gateway.errors import IdempotencyKeyReused
from gateway.execution.levels import complete
from gateway.execution.outcome import Outcome
from gateway.execution.pages import slice_of
from gateway.execution.recorded import recorded, replayed
from gateway.execution.roots import Answers, answered
from gateway.execution.run import Run
from gateway.execution.shapes import Layout
from gateway.execution.values import failed
from gateway.execution.write_plan import MutationPlan, WriteRoot
from gateway.execution.write_returning import Wanted, wanted
from resolvers.context import Idempotency
from resolvers.errors import TransactionRolledBack, WriteRefused
from resolvers.mutation import Write
from resolvers.policies import sight_of
from resolvers.writes_failures import violated
from resolvers.writes_program import Program

Group = Sequence[WriteRoot]


async def run_mutation(run: Run, plan: MutationPlan) -> tuple[dict[str, Any] | None, list[GraphQLError]]:
    """The operation's data and errors. Raises IdempotencyKeyReused when nothing has been written."""
    if run.context.idempotency is not None:
        await _expect_unused(run, run.context.idempotency, plan)
    answers: Answers = []
    for group in plan.groups:
        try:
            answers += await write_group(run, group, None)
        except IdempotencyKeyReused as error:
            if not answers:
                raise
            answers += _failing(group, error)
    return answered(plan.keys, plan.constants, answers)


async def _expect_unused(run: Run, idempotency: Idempotency, plan: MutationPlan) -> None:
    """Raises IdempotencyKeyReused. The source that is written first is not asked: its transaction claims the key."""
    sources = [run.context.sources[name] for name in plan.sources if name != plan.groups[0][0].source]
    for earlier in await asyncio.gather(*(_recorded(source, f"{idempotency.key}/0") for source in sources)):
        _expect_same(earlier, idempotency)


async def _recorded(source: Datasource, key: str) -> Recorded | None:
    try:
        return await writable(source).recorded(key)
    except DatasourceError:  # one that is away must not keep the others from being written
        return None


def _expect_same(earlier: Recorded | None, idempotency: Idempotency) -> None:
    if earlier is not None and earlier.digest != idempotency.digest:
        raise IdempotencyKeyReused("The Idempotency-Key was used for another request before: use a new one.")


async def write_group(run: Run, group: Group, base: Path | None) -> Answers:
    """The values of fields that are written in one transaction. Raises IdempotencyKeyReused."""
    writes: list[Write] = []
    for root in group:
        try:
            sight = sight_of(root.field.entity, run.context.viewer)
            writes.append(root.field.write_of(root.arguments.bind(run.variables), run.context.page_sizes, sight))
        except Exception as error:  # noqa: BLE001 - it becomes part of the answer
            return _rolled_back(group, root, error)
    answers: Answers = []
    source = writable(run.context.sources[group[0].source])
    try:
        with run.writing(group[0]):
            if len(group) == 1 and writes[0].is_single and run.context.idempotency is None and run.writes_alone:
                return [(group[0].place, await _written(run, group[0], writes[0], source, {}, base))]
            async with source.transaction() as transaction:
                if run.context.idempotency is None:
                    await _write(run, group, writes, transaction, base, answers)
                else:
                    answers = await _write_once(run, run.context.idempotency, group, writes, transaction, base)
    except IdempotencyKeyReused:
        raise
    except ConstraintViolated as error:  # at the commit
        return _rolled_back(group, group[-1], violated(group[-1].field.entity, error))
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return _rolled_back(group, group[min(len(answers), len(group) - 1)], error)
    return answers


def _rolled_back(group: Group, failing: WriteRoot, error: Exception) -> Answers:
    """What failed, and the others that went with it."""
    if len(group) == 1:
        return _failing(group, error)
    others = TransactionRolledBack(f"Nothing was written, because {failing.place.key} failed in the same transaction.")
    return [each for root in group for each in _failing([root], error if root is failing else others)]


def _failing(group: Group, error: Exception) -> Answers:
    return [(root.place, failed(root.place, error, (0,), 1, late=False)) for root in group]


async def _write(
    run: Run, group: Group, writes: Sequence[Write], transaction: Transaction, base: Path | None, answers: Answers
) -> None:
    """Adds to `answers` for each field that is written."""
    for root, write in zip(group, writes, strict=True):
        with run.writing(root):
            inside = {root.source: transaction}
            answers.append((root.place, await _written(run, root, write, transaction, inside, base)))


async def _write_once(
    run: Run,
    idempotency: Idempotency,
    group: Group,
    writes: Sequence[Write],
    transaction: Transaction,
    base: Path | None,
) -> Answers:
    """As it was answered before, if it was; also a refusal is an answer. Raises IdempotencyKeyReused."""
    key = f"{idempotency.key}/{group[0].number}"
    earlier = await transaction.claim(key, idempotency.digest)
    _expect_same(earlier, idempotency)
    if earlier is not None:
        return replayed([root.place for root in group], earlier.answer)
    answers: Answers = []
    try:
        await _write(run, group, writes, transaction, base, answers)
    except WriteRefused as error:
        await transaction.undo()
        answers = _rolled_back(group, group[len(answers)], error)
    await transaction.record(key, recorded([outcome for _, outcome in answers]))
    return answers


async def _written(
    run: Run, root: WriteRoot, write: Write, writer: Writer, inside: Mapping[str, Transaction], base: Path | None
) -> Outcome:
    """The field's value, read `inside` of the transaction, by what knows nothing of what was read before."""
    inner = run.within(run.context.within(run.context.sources.within(inside)))
    program = Program(writer, sight_of(root.field.entity, run.context.viewer))
    wants = wanted(inner, root)
    rows = await write.run(program, wants.returning)
    try:
        return await _selected(inner, root, wants, program, rows, base)
    except BaseException:
        await _give_up(inner)
        raise


async def _selected(
    run: Run, root: WriteRoot, wants: Wanted, program: Program, rows: Sequence[Row], base: Path | None
) -> Outcome:
    wants.know(run, program.made)
    place, plan = root.place, root.row
    paths: list[Path | None] | None = None
    if plan.traced:
        path = Path(base, place.key, place.parent.name)
        paths = [Path(path, index, None) if root.field.many else path for index in range(len(rows))]
    outcome = await complete(run, plan, rows, Layout(plan.shape.wire), paths)
    if root.field.many:
        value, failures = slice_of(outcome, 0, len(rows), (place.key,), ())
        return Outcome([value], {0: failures} if failures else {})
    if not outcome.failures:
        return outcome
    return Outcome(outcome.values, {0: [each.under((place.key,)) for each in outcome.failures[0]]})


async def _give_up(run: Run) -> None:
    """The transaction is about to end: nothing may be under way in it."""
    run.context.cancel()
    await asyncio.gather(*run.context.batches, return_exceptions=True)
