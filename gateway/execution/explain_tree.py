"""The tree of what an operation did, made of its plan and of what was observed."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from datasources.filters import EVERYTHING
from gateway.execution.change_plan import WatchPlan
from gateway.execution.example import Tried, filter_text
from gateway.execution.explanation import ExplainedFeed, ExplainedField, Kind
from gateway.execution.observer import Caller, Observer
from gateway.execution.plan import (
    AggregateRoot,
    AggregateStep,
    BatchedStep,
    ComputedStep,
    ConnectionPlan,
    ConnectionRoot,
    DelegatedStep,
    DeniedRoot,
    DeniedStep,
    EntitiesRoot,
    NodesRoot,
    ObjectPlan,
    Part,
    RelationStep,
    Step,
    SyncRoot,
)
from gateway.execution.plan import Root as PlanRoot
from gateway.execution.served import Served, explained_transaction, explained_write
from gateway.execution.write_plan import WriteRoot
from resolvers.definition import Relation
from resolvers.ids import encode_id

Fields = tuple[ExplainedField, ...]
Trail = tuple[str, ...]
Root = PlanRoot | WriteRoot

CODE: dict[type, Kind] = {ComputedStep: "computed", BatchedStep: "batched", DelegatedStep: "resolver"}


class Tree:
    """Fields, and what came of them."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._served = Served(observer)
        self._asked = {each.part: each.within for each in observer.asked}
        self._led: dict[Caller | None, list[Part]] = defaultdict(list)
        """Parts that Python code led to, by the part that it stands for; None for resolvers of the standard engine."""

    def fields(self, roots: Sequence[tuple[str, Root | Step | None]]) -> Fields:
        """Those of the roots, and, last, what resolvers of the standard engine led to."""
        self._tell_apart([root for _, root in roots if root is not None])
        fields = [
            field
            for key, root in roots
            for field in ([ExplainedField(key, "resolver")] if root is None else self.part(root, ()))
        ]
        others = self._with_code(ExplainedField("", "resolver", fields=self._reached(None)), None)
        if others.lookups or others.writes or others.transactions or others.fields:
            fields.append(others)
        return tuple(fields)

    def followed(self, plan: WatchPlan, tried: Iterable[Tried]) -> Fields:
        """A field for each entity that a subscription follows."""
        plans = [(each, plan.of(each.watch.entity)) for each in tried]
        self._tell_apart([step for _, changes in plans for _, node in changes.nodes for step in node.steps])
        key = plan.place.key
        return tuple(
            ExplainedField(
                key,
                "changes",
                each.watch.entity.name,
                feed=_feed(each),
                fields=tuple(field for place, node in changes.nodes for field in self._rows(node, (key, place.key))),
            )
            for each, changes in plans
        )

    def _tell_apart(self, parts: Collection[Root | Step]) -> None:
        """What was planned, and what Python code led to."""
        planned = {*parts, *(each for part in (*parts, *self._asked) for each in _below(part))}
        for part, within in self._asked.items():
            if part not in planned:
                self._led[within].append(part)

    def part(self, part: Root | Step, trail: Trail) -> Iterator[ExplainedField]:
        """The fields of a part of the plan; `trail` is the keys that lead to it."""
        if isinstance(part, EntitiesRoot):
            yield self._entities(part)
        elif isinstance(part, NodesRoot):
            yield from self._nodes(part)
        elif isinstance(part, SyncRoot):
            yield self._synchronised(part)
        elif isinstance(part, DeniedRoot | DeniedStep):
            yield ExplainedField(".".join((*trail, part.place.key)), "denied")
        else:
            yield self._field(part, (*trail, part.place.key))

    def _entities(self, root: EntitiesRoot) -> ExplainedField:
        path = ", ".join(member.place.key for member in root.members)
        below = tuple(field for member in root.members for field in self._rows(member.row, (member.place.key,)))
        return ExplainedField(path, "entity", root.shape.entity.name, lookups=self._served.of(root), fields=below)

    def _nodes(self, root: NodesRoot) -> Iterator[ExplainedField]:
        """A field for each entity that was met."""
        key, met = root.place.key, False
        for plan, template in [(plan, bound.template) for plan, each in root.bound.items() for bound in each.values()]:
            lookups = self._served.of(root, template)
            if lookups:
                met = True
                yield ExplainedField(
                    key, "node", plan.shape.entity.name, lookups=lookups, fields=self._rows(plan, (key,))
                )
        if not met:
            yield ExplainedField(key, "node")

    def _synchronised(self, root: SyncRoot) -> ExplainedField:
        """Rows of any entity: what was selected of those that there were."""
        key = root.place.key
        below = tuple(field for plan in _plans(root) for field in self._rows(plan, (key,)) if field.lookups)
        return ExplainedField(key, "sync", lookups=self._served.of(root), fields=below)

    def _field(self, part: ConnectionRoot | AggregateRoot | WriteRoot | Step, trail: Trail) -> ExplainedField:
        path = ".".join(trail)
        if isinstance(part, WriteRoot):
            below = (*self._rows(part.row, trail), *self._reached(part))
            return self._with_code(ExplainedField(path, "write", part.field.entity.name, fields=below), part)
        lookups = self._served.of(part)
        if isinstance(part, ConnectionRoot):
            entity, below = part.page.shape.entity.name, self._page(part.page, trail)
            return ExplainedField(path, "connection", entity, lookups=lookups, fields=below)
        if isinstance(part, AggregateRoot):
            return ExplainedField(path, "aggregate", part.entity.name, lookups=lookups)
        if isinstance(part, RelationStep):
            below = self._page(part.page, trail) if part.page is not None else self._rows(part.row, trail)
            relation = part.field.relation
            nested = self._served.is_nested(part) or None
            return ExplainedField(
                path,
                "relation",
                part.shape.entity.name,
                _shown(relation),
                nested=nested,
                lookups=lookups,
                fields=below,
            )
        if isinstance(part, AggregateStep):
            relation = part.field.relation
            return ExplainedField(path, "aggregate", relation.target().name, _shown(relation), lookups=lookups)
        kind, calls = CODE[type(part)], self._observer.calls[part]
        return self._with_code(ExplainedField(path, kind, calls=calls, fields=self._reached(part)), part)

    def _with_code(self, field: ExplainedField, caller: Caller | None) -> ExplainedField:
        """The field, with what its code, or the field itself, wrote and looked up."""
        return replace(
            field,
            transactions=tuple(map(explained_transaction, self._observer.transactions[caller])),
            writes=tuple(map(explained_write, self._observer.writes[caller])),
            lookups=self._served.by_code(caller),
        )

    def _reached(self, part: Caller | None) -> Fields:
        """Fields of objects that Python code returned."""
        return tuple(
            field
            for each in self._led[part]
            for field in self.part(each, (each.place.parent.name,) if isinstance(each, Step) else ())
        )

    def _page(self, page: ConnectionPlan, trail: Trail) -> Fields:
        return tuple(
            field
            for rows, (outer, inner) in zip(page.objects, page.paths, strict=True)
            for field in self._rows(rows, (*trail, outer, inner) if inner else (*trail, outer))
        )

    def _rows(self, plan: ObjectPlan | None, trail: Trail) -> Fields:
        steps = () if plan is None else plan.steps
        return tuple(field for step in steps for field in self.part(step, trail))


def _below(part: Root | Step) -> Iterator[Step]:
    """The steps that a part's rows lead to."""
    for plan in _plans(part):
        for step in plan.steps:
            yield step
            yield from _below(step)


def _plans(part: Root | Step) -> Collection[ObjectPlan]:
    """What is selected of the rows that it finds."""
    if isinstance(part, EntitiesRoot):
        return [member.row for member in part.members]
    if isinstance(part, NodesRoot):
        return list(part.bound)
    if isinstance(part, SyncRoot):
        return [plan for entity in part.field.entities for plan in part.rows_of(entity).plans]
    if isinstance(part, WriteRoot):
        return [part.row]
    page = part.page if isinstance(part, ConnectionRoot | RelationStep) else None
    if page is not None:
        return page.objects
    return [part.row] if isinstance(part, RelationStep) and part.row is not None else []


def _feed(tried: Tried) -> ExplainedFeed:
    entity, filter, change = tried.watch.entity, tried.watch.filter, tried.change
    shown = None if filter == EVERYTHING else filter_text(filter)
    example = None if change is None else encode_id(entity.name, change.key)
    return ExplainedFeed(entity.source, entity.collection_name, shown, example)


def _shown(relation: Relation) -> str:
    """As it is declared."""
    if relation.through is not None:
        return f"many_to_many through {relation.through.entity().name}"
    if relation.remote is None:
        return f"belongs_to by {relation.local}"
    return f"{'has_many' if relation.to_many else 'has_one'} by {relation.remote}"
