"""Explains an operation: observes it while it runs, and holds what happened against its plan."""

from collections.abc import Sequence
from functools import partial
from time import perf_counter
from typing import Any

from graphql import GraphQLError, OperationType
from graphql.execution.values import VariableValues

from gateway.errors import BadRequest
from gateway.execution.example import Tried, try_out
from gateway.execution.executor import PlanExecutor
from gateway.execution.explain_tree import Root, Tree
from gateway.execution.explanation import Explanation, Milliseconds
from gateway.execution.observer import Observer
from gateway.execution.operation import Operation
from gateway.execution.plan import EntitiesRoot, Step
from gateway.execution.plan import Root as PlanRoot
from gateway.execution.planner import Planner
from gateway.execution.schema import run_operation
from gateway.execution.served import milliseconds
from resolvers.context import Context


class CannotUndo(BadRequest):
    """Python code does a part of what is to be undone."""


class Explainer:
    """Runs one operation in place of `run_operation`, and tells of it. To be made when its request is read."""

    def __init__(self, *, undo: bool = False) -> None:
        """With `undo`, what a mutation writes is rolled back, each field on its own."""
        self.explanation: Explanation | None = None
        """There once the operation has been executed."""
        self._undo = undo
        self._started = perf_counter()

    async def run(
        self, operation: Operation, variables: VariableValues, context: Context
    ) -> tuple[Any, list[GraphQLError]]:
        """The data and errors of the operation; a subscription is tried out, and has no data.

        Raises CannotUndo.
        """
        planner = operation.planner(variables, context.viewer)
        kind = operation.node.operation
        watch = None if planner is None else planner.watch
        is_planned = planner is not None and (planner.mutation or planner.plan or watch) is not None
        reason = None if is_planned else _reason(operation, planner)
        undo = self._undo and kind is OperationType.MUTATION
        if undo and not is_planned:
            raise CannotUndo(f"What it does may be impossible to undo, and so was not done: {reason}.")
        observer = Observer(context, undo=undo)
        planned = perf_counter()
        tried: Sequence[Tried] = ()
        data: Any = None
        errors: list[GraphQLError] = []
        if kind is not OperationType.SUBSCRIPTION:
            data, errors = await run_operation(operation, variables, observer.context, observer.run, nests=True)
        elif watch is not None:
            run = observer.run(observer.context, variables, False, partial(PlanExecutor.of, operation), False)
            tried, errors = await try_out(run, watch, context)
        ended = perf_counter()
        tree = Tree(observer)
        writes = [each for made in observer.writes.values() for each in made if not isinstance(each.asked, str)]
        self.explanation = Explanation(
            kind.value,
            operation.node.name.value if operation.node.name else None,
            "planned" if is_planned else "standard",
            reason,
            undo or None,
            len(writes) if kind is OperationType.MUTATION else None,
            sum(write.rows for write in writes) if kind is OperationType.MUTATION else None,
            len(observer.lookups),
            sum(looked.observation.rows for looked in observer.lookups),
            Milliseconds(milliseconds(planned - self._started), milliseconds(ended - planned)),
            tree.fields(_roots(planner)) if watch is None else tree.followed(watch, tried),
        )
        return data, errors


def _reason(operation: Operation, planner: Planner | None) -> str:
    """Why an operation is left to the standard engine."""
    if operation.is_incremental:
        return "parts of its answer may come later (@defer, @stream)"
    if not operation.can_be_planned:
        return "it says itself how errors propagate"
    if planner is None:
        return "a variable of @skip or @include has no value"
    if planner.asks_schema:
        return "it asks for nothing but the schema"
    names = [name for name, part in planner.single_roots.items() if part is None]
    return f"not fields of entities: {', '.join(names)}" if names else "it is nested too deeply"


def _roots(planner: Planner | None) -> list[tuple[str, Root | Step | None]]:
    """The root fields, or what they are one part of, in the order of the answer; None where there is no plan."""
    if planner is None:
        return []
    if planner.mutation is not None:
        return [(root.place.key, root) for group in planner.mutation.groups for root in group]
    if planner.plan is None:
        return list(planner.single_roots.items())
    order = {key: index for index, key in enumerate(planner.plan.keys)}
    return sorted(((_first_key(root), root) for root in planner.plan.roots), key=lambda each: order[each[0]])


def _first_key(root: PlanRoot) -> str:
    return (root.members[0] if isinstance(root, EntitiesRoot) else root).place.key
