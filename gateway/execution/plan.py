"""A plan: what an operation asks of entities, as a tree of steps that is made once and run for every request.

Plan
└── roots: EntitiesRoot, ConnectionRoot, AggregateRoot, NodesRoot, SyncRoot, DeniedRoot
    └── ObjectPlan            what is selected of an entity: its columns, and the steps that find the rest
        ├── RelationStep ──── ObjectPlan …
        ├── AggregateStep
        ├── ComputedStep, BatchedStep
        ├── DelegatedStep     what graphql-core does for each object
        └── DeniedStep        what the viewer may not see

What mutations write is planned in `write_plan.py`.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from graphql import GraphQLObjectType

from gateway.execution.arguments import Arguments
from gateway.execution.shapes import Layout, Place, RowShape
from resolvers.aggregates import AggregateRead, AggregateSelection
from resolvers.annotations import Shape
from resolvers.computed import BatchedComputed
from resolvers.connections import Page, PageSelection
from resolvers.context import PageSizes
from resolvers.definition import Entity, EntityColumn
from resolvers.fields import RelationAggregateField, RelationField
from resolvers.loaders import Template
from resolvers.policies import Sight
from resolvers.query import NodeField
from resolvers.rows import Materialise, materialiser
from resolvers.sync import SyncField

if TYPE_CHECKING:
    from gateway.execution.nesting import Nesting

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Constant:
    """`__typename`."""

    key: str
    value: str


@dataclass(frozen=True, eq=False)
class ColumnOutput:
    """A column's value."""

    place: Place
    column: EntityColumn


@dataclass(frozen=True, eq=False)
class StepOutput:
    """What a step found."""

    place: Place
    index: int
    """Of the step."""


Output = Constant | ColumnOutput | StepOutput

Assemble = Callable[..., list[Any]]


@dataclass(frozen=True, eq=False)
class ObjectPlan:
    """What is selected of an entity's rows."""

    type: GraphQLObjectType
    shape: RowShape
    outputs: tuple[Output, ...]
    steps: "tuple[Step, ...]"
    traced: bool
    """Whether the rows' places in the answer must be known, as graphql-core is asked for some of their fields."""
    nesting: "Nesting"
    assemblers: dict[tuple[Layout, Enum], Assemble] = dataclasses.field(default_factory=dict)

    @cached_property
    def instances(self) -> Materialise:
        return materialiser(self.shape.entity, self.shape.columns, skip=self.shape.skip)


@dataclass(frozen=True, eq=False)
class ConnectionPlan:
    """What is selected of a page: `objects` are the different selections of its rows."""

    place: Place
    shape: RowShape
    selection: PageSelection
    objects: tuple[ObjectPlan, ...]
    paths: tuple[tuple[str, str | None], ...]
    """Where each of `objects` stands in the page: as (nodes, None) or as (edges, node)."""
    count_place: Place | None
    around: tuple[str, str] | None
    """What stands before and after the rows in JSON, where there is nothing else to a page."""
    write: Callable[..., dict[str, Any]]
    """Writes one page,"""
    write_all: Callable[..., list[dict[str, Any]]] | None
    """and this all of them, where they need no more of their rows than these themselves."""

    @cached_property
    def full_selection(self) -> PageSelection:
        return replace(self.selection, columns=self.shape.columns)


@dataclass(frozen=True, eq=False)
class Bound:
    """A lookup of rows with its arguments."""

    template: Template
    layout: Layout
    page: Page | None = None


Bounds = dict[tuple[PageSizes, Sight, bool], Bound]
"""By page sizes, by what the viewer sees, and by whether others are nested in them."""

MAXIMUM_BOUND = 64
"""Of one part of a plan: for as many kinds of viewers."""


def keep(known: dict[K, V], key: K, value: V) -> V:
    """Keeps what was made for a kind of viewers, in the place of the oldest where there are many."""
    if len(known) >= MAXIMUM_BOUND:
        del known[next(iter(known))]
    known[key] = value
    return value


@dataclass(frozen=True, eq=False)
class RelationStep:
    """Follows a relation: one lookup for all parents."""

    place: Place
    field: RelationField
    arguments: Arguments
    parents: RowShape
    shape: RowShape
    row: ObjectPlan | None
    """What is selected of each row, unless they come in pages."""
    page: ConnectionPlan | None
    alone: bool
    """Whether nothing else is loaded meanwhile."""
    bound: Bounds = dataclasses.field(default_factory=dict)

    @property
    def kind(self) -> Shape:
        return self.field.target.shape

    @cached_property
    def plans(self) -> tuple[ObjectPlan, ...]:
        """The different selections of the rows."""
        if self.page is not None:
            return self.page.objects
        return () if self.row is None else (self.row,)

    @property
    def traced(self) -> bool:
        return any(plan.traced for plan in self.plans)

    @cached_property
    def position(self) -> int:
        return self.parents.position(self.field.relation.local)


@dataclass(frozen=True, eq=False)
class AggregateStep:
    """Aggregates over a relation: one lookup, or two, for all parents."""

    place: Place
    field: RelationAggregateField
    arguments: Arguments
    parents: RowShape
    selection: AggregateSelection
    complete: Callable[[Any], Any] | None
    bound: dict[tuple[PageSizes, Sight], tuple[AggregateRead, list[Template]]] = dataclasses.field(default_factory=dict)

    traced = False

    @cached_property
    def position(self) -> int:
        return self.parents.position(self.field.relation.local)


@dataclass(frozen=True, eq=False)
class ComputedStep:
    """A field that Python computes from each row."""

    place: Place
    call: Callable[[Any], Any]
    complete: Callable[[Any], Any] | None

    traced = False


@dataclass(frozen=True, eq=False)
class BatchedStep:
    """A field that Python computes from all rows at once."""

    place: Place
    field: BatchedComputed
    complete: Callable[[Any], Any] | None
    path: tuple[str | int, ...]
    """Of the first row that there can be."""

    traced = False


@dataclass(frozen=True, eq=False)
class DelegatedStep:
    """A field that graphql-core resolves and completes, for each object."""

    place: Place

    traced = True


@dataclass(frozen=True, eq=False)
class DeniedStep:
    """A field that the viewer may not see."""

    place: Place

    traced = False


Step = RelationStep | AggregateStep | ComputedStep | BatchedStep | DelegatedStep | DeniedStep


@dataclass(frozen=True, eq=False)
class EntitiesRoot:
    """`order(id:)` and its like: all that find rows of one entity by one column, in one lookup."""

    shape: RowShape
    column: str
    members: "tuple[EntityMember, ...]"
    alike: bool
    """Whether they all select the same, and no more than columns."""
    alone: bool
    bound: Bounds = dataclasses.field(default_factory=dict)

    @cached_property
    def plans(self) -> tuple[ObjectPlan, ...]:
        """The different selections of the rows."""
        return tuple(member.row for member in self.members)


@dataclass(frozen=True, eq=False)
class EntityMember:
    """One of them."""

    place: Place
    arguments: Arguments
    key_of: Callable[[Mapping[str, Any]], Any]
    row: ObjectPlan


@dataclass(frozen=True, eq=False)
class ConnectionRoot:
    """`orders(first:, …)`."""

    place: Place
    arguments: Arguments
    page: ConnectionPlan
    bound: Bounds = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class AggregateRoot:
    """`ordersAggregate(…)`."""

    place: Place
    entity: Entity
    arguments: Arguments
    selection: AggregateSelection
    complete: Callable[[Any], Any] | None
    bound: dict[tuple[PageSizes, Sight], AggregateRead] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class NodesRoot:
    """`node(id:)`, or `nodes(ids:)` where `many`; what is selected of each entity is planned when it is met."""

    place: Place
    field: NodeField
    arguments: Arguments
    many: bool
    plan_of: Callable[[str], ObjectPlan]
    bound: dict[ObjectPlan, Bounds] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class SyncRoot:
    """`sync(…)`; what is selected of each entity is planned when it is met."""

    place: Place
    field: SyncField
    arguments: Arguments
    parts: tuple[tuple[Place, Callable[[Any], Any] | None], ...]
    """The fields of `Sync`, and what completes tombstones."""
    rows_of: "Callable[[Entity], SyncRows]"


@dataclass(frozen=True, eq=False)
class SyncRows:
    """The rows of one entity: `plans` are those of each part that is `upserts`, in order."""

    shape: RowShape
    plans: Sequence[ObjectPlan]


@dataclass(frozen=True, eq=False)
class DeniedRoot:
    """A root field that the viewer may not see."""

    place: Place


Root = EntitiesRoot | ConnectionRoot | AggregateRoot | NodesRoot | SyncRoot | DeniedRoot

Part = Root | Step
"""What asks sources, or Python code."""


@dataclass(frozen=True, eq=False)
class Plan:
    """An operation whose root fields are all planned; `keys` are those of its answer, in order."""

    keys: tuple[str, ...]
    constants: Mapping[str, str]
    roots: tuple[Root, ...]
