"""What the source is to return of rows that it writes, so that they need not be looked up.

Of a row that is written, all that is selected; of the new rows that come with a new one, where these are the whole of
what is asked of their relation: unfiltered, in the order of integer keys, and no more than a page holds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from datasources.filters import EVERYTHING
from datasources.lookup import ColumnType, Lookup, Row
from gateway.execution.binding import bind_relation
from gateway.execution.plan import Bound, ObjectPlan, RelationStep, keep
from gateway.execution.run import Run
from gateway.execution.write_plan import WriteRoot
from resolvers.loaders import lookup_loader
from resolvers.policies import sight_of
from resolvers.writes_program import Made, Returning


@dataclass(frozen=True, eq=False)
class Wanted:
    """What is to be returned, and the lookups that this answers."""

    returning: Returning
    lookups: Mapping[Returning, Bound] = field(default_factory=dict)

    def know(self, run: Run, made: Sequence[Made]) -> None:
        """Let loaders know what they would find."""
        for each in made:
            _know(run, self.lookups[each.returning], each)


def wanted(run: Run, root: WriteRoot) -> Wanted:
    """Of the rows of this field."""
    key = run.context.page_sizes, sight_of(root.field.entity, run.context.viewer)
    found = root.wanted.get(key)
    if found is None:
        asked: list[tuple[RelationStep, Returning, Bound]] = []
        shape = root.row.shape
        children = _children(run, root.row, asked)
        lookups = {returning: bound for _, returning, bound in asked}
        found = Wanted(Returning(shape.columns, shape.wire, children), lookups)
        if not any(step.arguments.variables for step, _, _ in asked):
            keep(root.wanted, key, found)
    return found


def _children(run: Run, plan: ObjectPlan, asked: list[tuple[RelationStep, Returning, Bound]]) -> dict[str, Returning]:
    steps: dict[str, list[RelationStep]] = {}
    for step in plan.steps:
        if isinstance(step, RelationStep) and step.field.relation.writable:
            steps.setdefault(step.field.relation.attribute, []).append(step)
    children: dict[str, Returning] = {}
    for name, (step, *others) in steps.items():
        found = None if others else _bound(run, step)
        if found is None:
            continue
        bound, lookup = found
        below: dict[str, Returning] = {}
        for each in _plans(step):
            below |= _children(run, each, asked)
        children[name] = Returning(lookup.columns, lookup.wire, below)
        asked.append((step, children[name], bound))
    return children


def _plans(step: RelationStep) -> Iterator[ObjectPlan]:
    """Of the step's rows, where all of them are selected alike."""
    if step.page is None:
        assert step.row is not None  # noqa: S101 - what is no page has rows
        yield step.row
    elif len(step.page.objects) == 1:
        yield step.page.objects[0]


def _bound(run: Run, step: RelationStep) -> tuple[Bound, Lookup] | None:
    """The step's lookup, if new rows can answer it."""
    try:
        bound = bind_relation(run, step)
    except Exception:  # noqa: BLE001 - the step itself tells what is wrong
        return None
    lookup, entity = bound.template.lookup, step.field.relation.target()
    if not isinstance(lookup, Lookup) or lookup.filter != EVERYTHING or lookup.after is not None:
        return None
    ordered = [term.column for term in lookup.order] == [entity.key] and entity.key_type is ColumnType.BIGINT
    return (bound, lookup) if ordered else None


def _know(run: Run, bound: Bound, made: Made) -> None:
    lookup = bound.template.lookup
    assert isinstance(lookup, Lookup)  # noqa: S101 - as `_bound` has seen
    (term,) = lookup.order
    ordered = sorted(made.rows, key=_own_key, reverse=term.descending)
    counts: dict[object, int] = dict.fromkeys(made.parents, 0)
    for parent, _ in ordered:
        counts[parent] += 1
    if lookup.limit is not None and max(counts.values(), default=0) > lookup.limit:
        return
    rows = [(parent, *row[1:]) for parent, row in ordered]
    lookup_loader(run.context, bound.template).know(made.parents, rows, counts if lookup.count else {})


def _own_key(made: tuple[object, Row]) -> int:
    key: int = made[1][0]
    return key
