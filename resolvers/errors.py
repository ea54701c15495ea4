"""What a client can get wrong beyond what validation finds, and what an author of a schema can.

GatewayError
├── BadUserInput            an argument makes no sense
│   ├── InvalidId           not an id, or the id of another type
│   ├── InvalidCursor       not a cursor, or the cursor of another order
│   ├── PageSizeExceeded    first or last is above the maximum
│   └── TooManyGroups       an aggregate has more groups than may be returned
└── SchemaError             the schema's own text is wrong: raised at start
"""

from datasources.errors import GatewayError


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


class SchemaError(GatewayError):
    """An entity is declared in a way that cannot work; the message names the entity and the field."""

    code = "SCHEMA_ERROR"
