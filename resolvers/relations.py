"""Relations between entities, within a source or across sources, and the fields that follow them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resolvers.annotations import Connection
from resolvers.policies import Policies, Policy, as_policies

__all__ = ["Connection", "RelationSpec", "belongs_to", "has_many", "has_one", "many_to_many"]

Requires = Policy | Sequence[Policy] | None
"""What a viewer must have to follow a relation."""


@dataclass(frozen=True, slots=True)
class RelationSpec:
    """What a relation's declaration says; the annotation beside it says to which entity it leads."""

    by: str
    kind: str
    through: str | None = None
    to: str | None = None
    description: str | None = None
    writable: bool = False
    requires: Policies = ()


def belongs_to(*, by: str, description: str | None = None, requires: Requires = None) -> Any:
    """This row's column `by` holds the key of one row of the other entity; what it `requires`, the column does, too."""
    return RelationSpec(by, "belongs_to", description=description, requires=as_policies(requires))


def has_one(*, by: str, description: str | None = None, requires: Requires = None) -> Any:
    """At most one row of the other entity holds this row's key in its column `by`."""
    return RelationSpec(by, "has_one", description=description, requires=as_policies(requires))


def has_many(*, by: str, description: str | None = None, writable: bool = False, requires: Requires = None) -> Any:
    """Any number of rows of the other entity hold this row's key in their column `by`.

    Annotated `Connection[X]` the field is paged, ordered and filtered; `list[X]` gives all rows. Where it is
    `writable`, they are written together with this row.
    """
    return RelationSpec(by, "has_many", description=description, writable=writable, requires=as_policies(requires))


def many_to_many(*, through: str, by: str, to: str, description: str | None = None, requires: Requires = None) -> Any:
    """Rows of the entity `through` hold this row's key in `by` and the other entity's key in `to`."""
    return RelationSpec(
        by, "many_to_many", through=through, to=to, description=description, requires=as_policies(requires)
    )
