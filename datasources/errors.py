"""What a datasource may raise; each vendor's exceptions are mapped to these once, in its adapter.

    GatewayError
    ├── DatasourceError
    │   ├── SourceUnavailable   not reachable, overloaded, or left alone by its circuit breaker
    │   ├── SourceTimeout       no answer before the deadline
    │   ├── SourceRefused       answered that it won't: a permission, a 4xx
    │   │   └── ConstraintViolated          a rule that the source itself has for its rows
    │   │       ├── UniqueViolated          another row has these values
    │   │       ├── ForeignKeyViolated      a row would refer to one that is not there
    │   │       ├── CheckViolated           a condition on a row does not hold
    │   │       └── NotNullViolated         a value is missing
    │   ├── TransactionConflict rolled back for the sake of another transaction: worth another try
    │   └── SourceMisbehaved    answered something that is no answer: a 5xx, broken JSON, a missing column
    ├── UnknownCursor           of a change feed: not a cursor at all
    └── CursorExpired           of a change feed: it does not reach back that far

Messages reach clients: they name the source and the collection, never a statement, URL or secret.
What an operator needs beyond that is in `__cause__`, which is logged.
"""

from typing import ClassVar


class GatewayError(Exception):
    """An error whose message is meant for the client; `code` is stable and documented."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"


class DatasourceError(GatewayError):
    """A datasource did not deliver; `source` is its name in the settings."""

    code = "DATASOURCE_ERROR"

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"datasource '{source}' {message}")
        self.source = source


class SourceUnavailable(DatasourceError):
    """The datasource cannot be reached."""

    code = "DATASOURCE_UNAVAILABLE"


class SourceTimeout(DatasourceError):
    """The datasource did not answer before the deadline."""

    code = "DATASOURCE_TIMEOUT"


class SourceRefused(DatasourceError):
    """The datasource understood the lookup and refused it."""

    code = "DATASOURCE_REFUSED"


class ConstraintViolated(SourceRefused):
    """A write would break a rule that the source has for its rows."""

    reason: ClassVar[str] = "is against a rule for"

    def __init__(
        self,
        source: str,
        collection: str,
        columns: tuple[str, ...] = (),
        constraint: str | None = None,
        row: int | None = None,
    ) -> None:
        """`columns` are those of `collection` that the constraint is about, as far as the source tells.

        When a row that others refer to was to go, `collection` is that of the others. `row` is the number of the one
        among those written that is to blame, where it can be told.
        """
        of = f" of {', '.join(columns)}" if columns else ""
        super().__init__(source, f"refuses a write: it {self.reason} '{collection}'{of}")
        self.collection = collection
        self.columns = columns
        self.constraint = constraint
        self.row = row


class UniqueViolated(ConstraintViolated):
    """Another row has the same values in columns where each row has its own."""

    code = "UNIQUE_VIOLATION"
    reason = "would repeat what is unique in"


class ForeignKeyViolated(ConstraintViolated):
    """A row would refer to one that is not there, or no longer."""

    code = "FOREIGN_KEY_VIOLATION"
    reason = "would leave a reference to nothing in"


class CheckViolated(ConstraintViolated):
    """A condition that every row has to satisfy does not hold."""

    code = "CHECK_VIOLATION"
    reason = "breaks a condition on"


class NotNullViolated(ConstraintViolated):
    """A value is missing."""

    code = "NOT_NULL_VIOLATION"
    reason = "lacks a value in"


class TransactionConflict(DatasourceError):
    """Two transactions were in each other's way, and this one was rolled back; it may well succeed when sent again."""

    code = "TRANSACTION_CONFLICT"


class SourceMisbehaved(DatasourceError):
    """The datasource's answer makes no sense."""

    code = "DATASOURCE_MISBEHAVED"


class UnknownCursor(GatewayError):
    """The change feed has never returned such a cursor."""

    code = "INVALID_CURSOR"


class CursorExpired(GatewayError):
    """Changes behind the cursor are no longer kept, or were of a feed that is gone: whoever has it must begin anew."""

    code = "CURSOR_EXPIRED"
