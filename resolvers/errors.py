"""What a client can get wrong beyond what validation finds, and what an author of a schema can.

GatewayError
├── Unauthorized            the viewer may not see it
├── BadUserInput            an argument makes no sense
│   ├── InvalidId           not an id, or the id of another type
│   ├── InvalidCursor       not a cursor, or the cursor of another order
│   ├── PageSizeExceeded    first or last is above the maximum
│   ├── TooManyGroups       an aggregate has more groups than may be returned
│   └── WriteRefused        what is to be written cannot be; nothing was
│       ├── InputInvalid        it breaks rules of the graph
│       ├── NotFound            there is no such row
│       ├── Conflict            someone else has written the row meanwhile
│       ├── ConstraintBroken    the source has a rule against it
│       └── TransactionRolledBack  it was in one transaction with what failed
└── SchemaError             the schema's own text is wrong: raised at start
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasources.errors import GatewayError


class Unauthorized(GatewayError):
    """The viewer may not see the field, or look at it in filters, orders and groups, or write it."""

    code = "UNAUTHORIZED_FIELD_OR_TYPE"


class BadUserInput(GatewayError):
    """An argument is of the right type and yet makes no sense."""

    code = "BAD_USER_INPUT"


class InvalidId(BadUserInput):
    """The id is malformed, or that of another type."""

    code = "INVALID_ID"


class InvalidCursor(BadUserInput):
    """The cursor is malformed, or belongs to another connection or order."""

    code = "INVALID_CURSOR"


class PageSizeExceeded(BadUserInput):
    """More rows were asked for than one page may hold."""

    code = "PAGE_SIZE_EXCEEDED"


class TooManyGroups(BadUserInput):
    """The aggregate has more groups than one answer may hold."""

    code = "TOO_MANY_GROUPS"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input."""

    path: Sequence[str | int]
    message: str
    rule: str


class WriteRefused(BadUserInput):
    """What is to be written cannot be; nothing was."""

    def __init__(self, message: str, extensions: Mapping[str, Any] | None = None) -> None:
        """`extensions` are told beside the code."""
        super().__init__(message)
        self.extensions = dict(extensions or {})


class InputInvalid(WriteRefused):
    """It breaks rules of the graph; all of them are told."""

    code = "VALIDATION_FAILED"

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = problems[0].message
        told = [{"inputPath": list(each.path), "message": each.message, "rule": each.rule} for each in problems]
        message = first if len(problems) == 1 else f"{first} And {len(problems) - 1} more."
        super().__init__(message, {"problems": told})


class NotFound(WriteRefused):
    """There is no such row."""

    code = "NOT_FOUND"


class Conflict(WriteRefused):
    """Someone else has written the row since the client saw it."""

    code = "CONFLICT"


class ConstraintBroken(WriteRefused):
    """The source has a rule against it; the code is that of the `ConstraintViolated` that it comes from."""

    def __init__(self, code: str, message: str, extensions: Mapping[str, Any]) -> None:
        super().__init__(message, extensions)
        self.code = code  # type: ignore[misc]  # of this one violation


class TransactionRolledBack(WriteRefused):
    """It was in one transaction with what failed."""

    code = "TRANSACTION_ROLLED_BACK"


class SchemaError(GatewayError):
    """An entity is declared in a way that cannot work; the message names the entity and the field."""

    code = "SCHEMA_ERROR"
