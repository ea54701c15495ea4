"""What an entity's author can say of a column beyond its type."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What `column()` says beyond the annotation."""

    name: str | None
    description: str | None
    filterable: bool
    sortable: bool
    scale: int | None


def column(
    name: str | None = None,
    *,
    description: str | None = None,
    filterable: bool = True,
    sortable: bool = True,
    scale: int | None = None,
) -> Any:
    """A column that wants more said than its type: its `name` in the collection, a description, …

    `scale` is the number of digits after the point of a Decimal, where the source does not tell.
    """
    return ColumnSpec(name, description, filterable, sortable, scale)
