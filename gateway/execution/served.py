"""Which lookups served which parts of a plan, of an operation that was observed; and what was written."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasources.lookup import AggregateLookup, Lookup
from datasources.nested import Nested
from datasources.observed import Observation, TransactionObservation
from datasources.write import Delete, Insert, Update
from gateway.execution.explanation import (
    ExplainedLookup,
    ExplainedStatement,
    ExplainedTransaction,
    ExplainedWrite,
    WriteKind,
)
from gateway.execution.observer import Asked, Caller, Looked, Observer
from gateway.execution.plan import Part, RelationStep
from resolvers.loaders import Template

FIRST_KEYS = 5

KINDS: dict[type, WriteKind] = {Insert: "insert", Update: "update", Delete: "delete"}

Loaded = Mapping[Any, Sequence[Looked]]
"""Lookups by the keys that they had."""


@dataclass(eq=False, slots=True)
class _Asking:
    """What a part wanted of a lookup."""

    early: bool
    """Whether it asked before the lookup began."""
    keys: dict[Any, None] = field(default_factory=dict)


class Served:
    """The lookups of an operation, by who wanted them."""

    def __init__(self, observer: Observer) -> None:
        self._by_part: dict[Part, dict[Looked, _Asking]] = defaultdict(dict)
        self._first: dict[Looked, Part] = {}
        """The part that asked first."""
        self._known: set[Part] = set()
        """Those that asked for what needed no lookup: it had been written."""
        loaded: dict[Template, dict[Any, list[Looked]]] = defaultdict(lambda: defaultdict(list))
        for looked in observer.lookups:
            if looked.part is not None:
                self._by_part[looked.part][looked] = _Asking(early=True)
                self._first[looked] = looked.part
                continue
            for key in looked.lookup.keys:
                loaded[looked.template][key].append(looked)
        for asked in observer.asked:
            self._add(asked, loaded[asked.template])
        self._by_code: dict[Caller | None, list[Looked]] = defaultdict(list)
        self._nested = {each for looked in observer.lookups for each in _nested_in(looked.lookup)}
        for looked in observer.lookups:
            if looked not in self._first:
                self._by_code[looked.within].append(looked)

    def of(self, part: Part, template: Template | None = None) -> tuple[ExplainedLookup, ...]:
        """What a part of the plan wanted; only by `template`, if there is one."""
        asking = sorted(self._by_part.get(part, {}).items(), key=lambda each: each[0].number)
        return tuple(
            self._told(looked) if self._first[looked] is part else _shared(looked, each)
            for looked, each in asking
            if template is None or looked.template == template
        )

    def is_nested(self, step: RelationStep) -> bool:
        """Whether a relation was answered by what found or wrote its parents, and by nothing else."""
        if self._by_part.get(step):
            return False
        return step in self._known or (step.place.key, step.shape.entity.collection_name) in self._nested

    def by_code(self, caller: Caller | None) -> tuple[ExplainedLookup, ...]:
        """What Python code asked for: that of a part, or, with None, the resolvers of the standard engine."""
        return tuple(map(_told, self._by_code[caller]))

    def _add(self, asked: Asked, loaded: Loaded) -> None:
        by_part = self._by_part[asked.part]
        for key in asked.keys:
            looked = _answering(loaded.get(key, ()), asked.before)
            if looked is None:
                self._known.add(asked.part)
            else:
                early = looked.number > asked.before
                asking = by_part.setdefault(looked, _Asking(early))
                asking.keys[key] = None
                asking.early = asking.early or early
                self._first.setdefault(looked, asked.part)

    def _told(self, looked: Looked) -> ExplainedLookup:
        parts = sum(looked in asking and asking[looked].early for asking in self._by_part.values())
        return _told(looked, parts - 1)


def _answering(lookups: Sequence[Looked], before: int) -> Looked | None:
    """The lookup of a key that answers who asks when `before` have begun: one that failed is tried again."""
    known = [looked for looked in lookups if looked.number <= before and looked.observation.error is None]
    later = [looked for looked in lookups if looked.number > before]
    return next(iter([*known[-1:], *later, *lookups[-1:]]), None)


def _nested_in(lookup: Lookup | AggregateLookup) -> Iterator[tuple[str, str]]:
    """The keys in the answer, and the collections, of what was nested in a lookup."""
    below = list(lookup.nested) if isinstance(lookup, Lookup) else []
    while below:
        nested = below.pop()
        yield nested.name, nested.lookup.collection.name
        below += [member for member in nested.members if isinstance(member, Nested)]


def _told(looked: Looked, merged: int = 0) -> ExplainedLookup:
    observation = looked.observation
    lookup = looked.lookup
    return ExplainedLookup(
        looked.number,
        observation.source,
        lookup.collection.name,
        lookup.key,
        None if lookup.key is None else len(lookup.keys),
        _first_of(lookup.keys),
        observation.rows if observation.error is None else None,
        milliseconds(observation.seconds),
        merged or None,
        error=_error(observation),
        statements=_statements(observation),
    )


def explained_transaction(observed: TransactionObservation) -> ExplainedTransaction:
    begin, end = milliseconds(observed.begin_seconds), milliseconds(observed.end_seconds)
    return ExplainedTransaction(observed.source, observed.outcome, begin, end)


def explained_write(observation: Observation) -> ExplainedWrite:
    asked = observation.asked
    assert not isinstance(asked, Lookup | AggregateLookup)  # noqa: S101 - these are told apart by the observer
    kind: WriteKind
    if isinstance(asked, str):
        kind, collection = asked, None
    else:
        kind, collection = KINDS[type(asked)], asked.collection.name
        if isinstance(asked, Insert) and asked.conflict:
            kind = "upsert"
    return ExplainedWrite(
        observation.source,
        kind,
        collection,
        observation.rows if observation.error is None and kind not in ("undo", "record") else None,
        milliseconds(observation.seconds),
        _error(observation),
        _statements(observation),
    )


def _error(observation: Observation) -> str | None:
    return None if observation.error is None else str(observation.error)


def _statements(observation: Observation) -> tuple[ExplainedStatement, ...]:
    return tuple(ExplainedStatement(each.text, milliseconds(each.seconds)) for each in observation.statements)


def _shared(looked: Looked, asking: _Asking) -> ExplainedLookup:
    lookup = looked.lookup
    return ExplainedLookup(
        looked.number,
        looked.observation.source,
        lookup.collection.name,
        lookup.key,
        len(asking.keys),
        _first_of(asking.keys),
        shared="merged" if asking.early else "cached",
    )


def _first_of(keys: Collection[Any]) -> tuple[Any, ...]:
    return tuple(
        key if isinstance(key, int | float | str) else str(key) for _, key in zip(range(FIRST_KEYS), keys, strict=False)
    )


def milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
