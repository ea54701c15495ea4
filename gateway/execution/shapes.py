"""Where a field is selected, and which columns are read for what is selected of rows."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from graphql import FieldNode, GraphQLField, GraphQLObjectType
from graphql.execution.collect_fields import FieldDetails

from datasources.lookup import Lookup
from resolvers.definition import Entity
from resolvers.loaders import Template, shared
from resolvers.policies import Sight


class Layout(NamedTuple):
    """Of a row."""

    wire: frozenset[str]
    """The columns that stand as in JSON."""
    beyond: int = 0
    """How many values follow the shape's columns; the last of them are those of"""
    nested: tuple[int, ...] = ()
    """these steps of the plan for the row."""


@dataclass(frozen=True, eq=False)
class Place:
    """A field of an operation, where it is selected."""

    key: str
    """In the answer."""
    parent: GraphQLObjectType
    definition: GraphQLField
    details: list[FieldDetails]

    @cached_property
    def nodes(self) -> list[FieldNode]:
        return [detail.node for detail in self.details]

    @property
    def name(self) -> str:
        """As messages tell it."""
        return f"{self.parent}.{self.nodes[0].name.value}"


def strawberry_field(place: Place) -> Any:
    """The Strawberry field behind it."""
    return place.definition.extensions.get("strawberry-definition")


@dataclass(eq=False)
class RowShape:
    """The columns that one lookup reads, for everything that is selected of its rows. It grows while planning."""

    entity: Entity
    skip: int
    """How many values of a row precede its columns: the key of a keyed lookup."""
    wanted: set[str] = dataclasses.field(default_factory=set)
    written: set[str] = dataclasses.field(default_factory=set)
    """Columns that are wanted as they stand in JSON,"""
    native: set[str] = dataclasses.field(default_factory=set)
    """and those that are wanted as native values, too."""
    readers: int = 0
    """How many different selections there are of its rows."""

    @cached_property
    def columns(self) -> tuple[str, ...]:
        return tuple(name for name in self.entity.column_names if name in self.wanted)

    @cached_property
    def wire(self) -> frozenset[str]:
        return frozenset(self.written - self.native)

    def position(self, column: str) -> int:
        return self.columns.index(column) + self.skip

    def need_instances(self) -> None:
        """Python code sees the rows: native values only, and the key."""
        self.wanted.add(self.entity.key)
        self.native.update(self.entity.column_names)


def keyed_template(shape: RowShape, column: str, sight: Sight) -> Template:
    """The lookup of rows by a column."""
    seen = sight.rows(shape.entity)
    lookup = Lookup(shape.entity.collection, shape.columns, key=column, filter=seen, wire=shape.wire)
    return shared(Template(shape.entity.source, lookup))
