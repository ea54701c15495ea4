"""Tries a subscription out: tells of a row that is there, for each entity that is followed, as if it had just come."""

from collections.abc import Sequence
from dataclasses import dataclass

from graphql import GraphQLError, located_error

from datasources.changes import Change, ChangeKind
from datasources.filters import And, Compare, Exists, Filter, Not, Or, Order
from datasources.lookup import Lookup
from gateway.execution.change_plan import WatchPlan
from gateway.execution.events import Seen, tell
from gateway.execution.run import Run
from resolvers.changes import Watch
from resolvers.context import Context


@dataclass(frozen=True, slots=True)
class Tried:
    """Rows that are followed, and the change that stands for theirs."""

    watch: Watch
    change: Change | None
    """None where there is no such row."""


async def try_out(run: Run, plan: WatchPlan, context: Context) -> tuple[list[Tried], list[GraphQLError]]:
    """What was tried, and what went wrong; the rows are found in `context`, all else in that of the run."""
    try:
        watches = plan.field.watches(plan.arguments.bind(run.variables), run.context.viewer)
        tried = [Tried(watch, await _example(watch, context)) for watch in watches]
    except Exception as error:  # noqa: BLE001 - it is told
        return [], [located_error(error, plan.place.nodes, [plan.place.key])]
    seen = [Seen(each.watch, ChangeKind.CREATED, each.change) for each in tried if each.change is not None]
    return tried, [error for told in await tell(run, plan, seen) for error in told.errors]


async def _example(watch: Watch, context: Context) -> Change | None:
    entity = watch.entity
    columns = tuple(column.name for column in entity.collection.columns)
    lookup = Lookup(entity.collection, columns, filter=watch.filter, order=(Order(entity.key),), limit=1)
    found = await context.sources[entity.source].lookup(lookup)
    for row in found.rows:
        values = dict(zip(columns, row, strict=True))
        key, changed = values[entity.key], frozenset(columns)
        return Change("", entity.collection_name, ChangeKind.CREATED, key, changed, None, values)
    return None


def filter_text(tree: Filter) -> str:
    """A filter as people read it."""
    match tree:
        case Compare(column, operator, value):
            return f"{column} {operator} {_value(value)}"
        case And(filters):
            return _joined(" and ", filters) or "everything"
        case Or(filters):
            return _joined(" or ", filters) or "nothing"
        case Not(inner):
            return f"not ({filter_text(inner)})"
        case Exists():  # which cannot be followed
            return f"some of {tree.collection.name}"


def _joined(word: str, filters: Sequence[Filter]) -> str:
    return word.join(f"({filter_text(each)})" if isinstance(each, And | Or) else filter_text(each) for each in filters)


def _value(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_value, value))})"
    return repr(value) if isinstance(value, str) else str(value)
