"""Lookups within a lookup: what belongs to each row, answered with it as JSON.

Values stand in it as the gateway writes them: those of `datasources.wire` as strings, the others as JSON has them.
"""

from dataclasses import dataclass

from datasources.lookup import Lookup

IRREGULAR = "\x01"
"""Stands in the text, which is no JSON then, where a value is not what it was declared to be, or a list is too long.

No JSON has it: in strings it is escaped.
"""


@dataclass(frozen=True, slots=True)
class Value:
    """A member of a JSON object: the value of a column."""

    name: str
    column: str
    nullable: bool = True
    prefix: str | None = None
    """Stands before the value, which is a string then: ids are written so."""
    names: tuple[tuple[str, str], ...] | None = None
    """What is written for each value that there may be, of an enum."""


@dataclass(frozen=True, slots=True)
class Constant:
    """A member that is the same in each object."""

    name: str
    text: str


@dataclass(frozen=True, eq=False)
class Nested:
    """What belongs to a row: the objects of the rows of `lookup` whose key is the row's `local` value.

    `lookup` is keyed, but has no keys, and no columns other than those of `members`. It answers with JSON text, or
    None where `many` is not set and there is no row.
    """

    name: str
    """Of the member that it is in another nested one's objects."""
    local: str
    lookup: Lookup
    members: "tuple[Value | Constant | Nested, ...]"
    many: bool = False
    around: tuple[str, str] = ("[", "]")
    """What stands before and after the objects, where there may be `many`."""
    refuses_full: bool = False
    """Whether so many rows as the lookup's limit are too many."""


Member = Value | Constant | Nested
