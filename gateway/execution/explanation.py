"""What an operation did, as a tree.

Explanation
└── ExplainedField              a root field, what a relation leads to, or what Python code resolves
    ├── ExplainedFeed
    ├── ExplainedTransaction
    ├── ExplainedWrite
    │   └── ExplainedStatement
    ├── ExplainedLookup
    │   └── ExplainedStatement
    └── ExplainedField …
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

Kind = Literal[
    "entity",
    "connection",
    "aggregate",
    "node",
    "relation",
    "computed",
    "batched",
    "resolver",
    "sync",
    "write",
    "changes",
    "denied",
]

WriteKind = Literal["insert", "upsert", "update", "delete", "claim", "undo", "record"]


@dataclass(frozen=True, slots=True)
class ExplainedStatement:
    """SQL, or a request's line with its body below."""

    text: str
    milliseconds: float


@dataclass(frozen=True, slots=True)
class ExplainedLookup:
    """What a field had looked up; one that is `shared` is told in full where its `number` comes first."""

    number: int
    source: str
    collection: str
    key: str | None = None
    """The column of the keys, where there are any."""
    keys: int | None = None
    first: tuple[Any, ...] = ()
    """Some of the keys."""
    rows: int | None = None
    milliseconds: float | None = None
    """With waiting for a turn, and further attempts."""
    merged: int | None = None
    """How many other fields were served by it, too."""
    shared: Literal["merged", "cached"] | None = None
    """Merged with another field's, or answered by what had been loaded for one."""
    error: str | None = None
    statements: tuple[ExplainedStatement, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedWrite:
    """Rows that a field wrote, in one collection and in one way; or what was done for its idempotency key."""

    source: str
    kind: WriteKind
    collection: str | None
    """None of what is done for a key."""
    rows: int | None
    """Written; of a claim, the answers that were there already."""
    milliseconds: float
    error: str | None = None
    statements: tuple[ExplainedStatement, ...] = ()


@dataclass(frozen=True, slots=True)
class ExplainedTransaction:
    """In which a field is written, and with `@transaction` those behind it, too."""

    source: str
    outcome: Literal["committed", "rolled back"] | None
    """None where it could not begin."""
    begin: float
    """Milliseconds until it had begun, with waiting for a turn,"""
    end: float
    """and that its commit took, or its rollback."""


@dataclass(frozen=True, slots=True)
class ExplainedFeed:
    """The changes that a subscription follows."""

    source: str
    collection: str
    filter: str | None
    """In words."""
    example: str | None
    """The id of the row that was told of; None where there is none."""


@dataclass(frozen=True, slots=True)
class ExplainedField:
    """A field that asks sources or Python code; columns alone are not told."""

    path: str
    """Its keys in the answer: `customers.nodes.orders`. Root fields that are one lookup are told together: `a, b`.

    Below a resolver it is not known, but for the type: `Order.lines`; that of all resolvers together is empty.
    """
    kind: Kind
    entity: str | None = None
    relation: str | None = None
    calls: int | None = None
    """Objects that Python code was called for."""
    nested: bool | None = None
    """Whether what found its parents, or wrote them, answered it, too."""
    feed: ExplainedFeed | None = None
    transactions: tuple[ExplainedTransaction, ...] = ()
    writes: tuple[ExplainedWrite, ...] = ()
    """In the order of time; the columns that are selected of written rows come with them."""
    lookups: tuple[ExplainedLookup, ...] = ()
    fields: "tuple[ExplainedField, ...]" = ()


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Until the plan was there, with parsing and validating; and from then on."""

    planning: float
    executing: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """An operation that has run; of a subscription, what telling of one row of each entity takes."""

    operation: str
    """query, mutation or subscription,"""
    name: str | None
    engine: Literal["planned", "standard"]
    """Standard: field by field, though entities' fields are planned one by one where they can be;"""
    reason: str | None
    """and why."""
    undone: bool | None
    """Whether what it wrote was rolled back on purpose."""
    writes: int | None
    """Of a mutation,"""
    written: int | None
    """and the rows of these."""
    lookups: int
    rows: int
    milliseconds: Milliseconds
    fields: tuple[ExplainedField, ...]
    """In the order of the answer; last, what resolvers of the standard engine led to."""

    def as_json(self) -> dict[str, Any]:
        """Without what is not there."""
        return asdict(self, dict_factory=_present)


def _present(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, value in pairs if value is not None and value != ()}
