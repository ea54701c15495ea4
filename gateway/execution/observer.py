"""Observes one operation: which part of its plan asks for what, and what the sources do for that."""

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from graphql.execution.values import VariableValues

from datasources.base import Datasource
from datasources.lookup import AggregateLookup, Lookup, Row
from datasources.observed import Observation, Observed, TransactionObservation
from gateway.execution.plan import Part
from gateway.execution.run import Run
from gateway.execution.write_plan import WriteRoot
from resolvers.context import Context
from resolvers.loaders import Level, Template

if TYPE_CHECKING:
    from gateway.execution.executor import PlanExecutor

Caller = Part | WriteRoot

_calling: ContextVar[Caller | None] = ContextVar("calling", default=None)
"""The part whose Python code was called last, or the field that is being written."""


@dataclass(frozen=True, eq=False, slots=True)
class Asked:
    """A part of the plan asks a loader."""

    part: Part
    template: Template
    keys: Collection[Any]
    before: int
    """How many lookups had begun by then."""
    within: Caller | None
    """What led here, if anything but a level of the plan did."""


@dataclass(frozen=True, eq=False, slots=True)
class Looked:
    """A source is asked, by a loader where there is no `part`."""

    number: int
    observation: Observation
    lookup: Lookup | AggregateLookup
    template: Template
    part: Part | None
    within: Caller | None
    """What asks, unless a loader does."""


class Observer:
    """What happens in one operation, in order."""

    def __init__(self, context: Context, *, undo: bool = False) -> None:
        """With `undo`, what is written is rolled back."""
        self._undo = undo
        self.asked: list[Asked] = []
        self.lookups: list[Looked] = []
        self.calls: Counter[Part] = Counter()
        """Objects that Python code was called for."""
        self.writes: defaultdict[Caller | None, list[Observation]] = defaultdict(list)
        self.transactions: defaultdict[Caller | None, list[TransactionObservation]] = defaultdict(list)
        observed = {
            name: Observed(context.sources[name], partial(self._begin, None), undo=undo) for name in context.sources
        }
        self.context = replace(context, sources=replace(context.sources, sources=observed))
        """The same, with sources that are observed."""
        _calling.set(None)

    def run(
        self,
        context: Context,
        variables: VariableValues,
        alone: bool,
        make_executor: "Callable[[Run], PlanExecutor]",
        nests: bool,
    ) -> Run:
        """A run that is observed, in that context."""
        return _ObservedRun(context, variables, alone, make_executor, nests, not self._undo, observer=self)

    def load(self, part: Part, template: Template, keys: Collection[Any]) -> None:
        self.asked.append(Asked(part, template, keys, len(self.lookups), _calling.get()))

    def source(self, part: Part, source: Datasource) -> Datasource:
        """The source, as `part` asks it; one that is read inside a transaction is observed there."""
        return source.observed_by(partial(self._begin, part)) if isinstance(source, Observed) else source

    def call(self, part: Part, count: int) -> None:
        self.calls[part] += count
        _calling.set(part)

    @contextmanager
    def writing(self, root: WriteRoot) -> Iterator[None]:
        token = _calling.set(root)
        try:
            yield
        finally:
            _calling.reset(token)

    def _begin(self, part: Part | None, observed: Observation | TransactionObservation) -> None:
        within = _calling.get()
        if isinstance(observed, TransactionObservation):
            self.transactions[within].append(observed)
        elif isinstance(observed.asked, Lookup | AggregateLookup):
            lookup = observed.asked
            template = Template(observed.source, replace(lookup, keys=()))
            self.lookups.append(Looked(len(self.lookups) + 1, observed, lookup, template, part, within))
        else:
            self.writes[within].append(observed)


@dataclass(slots=True)
class _ObservedRun(Run):
    observer: Observer = field(kw_only=True)

    def within(self, context: Context) -> Run:
        return _ObservedRun(context, self.variables, self.alone, self.executor_within, observer=self.observer)

    def load(self, part: Part, template: Template, keys: Collection[Any], *, alone: bool = False) -> Awaitable[Level]:
        self.observer.load(part, template, keys)
        return Run.load(self, part, template, keys, alone=alone)

    def source(self, part: Part, name: str) -> Datasource:
        return self.observer.source(part, Run.source(self, part, name))

    def call(self, part: Part, rows: Sequence[Row]) -> None:
        self.observer.call(part, len(rows))

    def writing(self, root: WriteRoot) -> AbstractContextManager[None]:
        return self.observer.writing(root)
