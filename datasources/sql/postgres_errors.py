"""What asyncpg raises, as what a datasource may raise."""

import asyncpg

from datasources.errors import (
    DatasourceError,
    SourceMisbehaved,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
    TransactionConflict,
)

VENDOR = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, UnicodeEncodeError)
"""All that asyncpg raises but cancellation; TimeoutError, of connecting, is an OSError."""

_UNAVAILABLE = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.TransactionRollbackError,
)
_TIMEOUT = (asyncpg.QueryCanceledError, asyncpg.LockNotAvailableError)
_REFUSED = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError, UnicodeEncodeError)


def mapped(source: str, collection: str, error: BaseException) -> DatasourceError:
    """The error to raise; more special classes come first, for asyncpg's form a tree."""
    if isinstance(error, _TIMEOUT):
        return SourceTimeout(source, f"gave up on '{collection}': it took too long")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return SourceRefused(source, f"does not let the gateway read '{collection}'")
    if isinstance(error, _REFUSED):
        return SourceRefused(source, f"cannot compare '{collection}' with such a value")
    if isinstance(error, asyncpg.ProgramLimitExceededError) or "number of query arguments" in str(error):
        return SourceRefused(source, f"is asked too much of '{collection}' at once")
    if isinstance(error, _UNAVAILABLE):
        return SourceUnavailable(source, "cannot be reached")
    return SourceMisbehaved(source, f"failed to read '{collection}'")


_CONFLICT = (
    asyncpg.TransactionRollbackError,
    asyncpg.InvalidCachedStatementError,
    asyncpg.OutdatedSchemaCacheError,
)
"""The last two: the columns have changed since the statement was prepared, and outside of a transaction it would be
prepared anew without anybody's notice."""


def mapped_write(source: str, collection: str, error: BaseException) -> DatasourceError:
    """The error to raise of a write that violates no constraint."""
    if isinstance(error, _CONFLICT):
        return TransactionConflict(source, f"rolled back a write to '{collection}' for the sake of another; try again")
    if isinstance(error, asyncpg.InternalClientError):  # the server has said good-bye between two statements
        return SourceUnavailable(source, "closed the connection of a transaction")
    if isinstance(error, asyncpg.InsufficientPrivilegeError):
        return SourceRefused(source, f"does not let the gateway write '{collection}'")
    if isinstance(error, asyncpg.ReadOnlySQLTransactionError):
        return SourceRefused(source, "cannot be written: it is a replica, or set to be read only")
    if isinstance(error, asyncpg.InvalidColumnReferenceError):
        return SourceRefused(source, f"has no such unique key in '{collection}'")
    if isinstance(error, asyncpg.CardinalityViolationError):
        return SourceRefused(source, f"is to write a row of '{collection}' twice at once")
    if isinstance(error, asyncpg.RaiseError):
        return SourceRefused(source, f"has a trigger that refuses the write to '{collection}'")
    if isinstance(error, _UNWRITABLE):
        return SourceRefused(source, f"does not let '{collection}' be written like that")
    if isinstance(error, _REFUSED):
        return SourceRefused(source, f"cannot keep such a value in '{collection}'")
    failure = mapped(source, collection, error)
    return SourceMisbehaved(source, f"failed to write '{collection}'") if type(failure) is SourceMisbehaved else failure


_UNWRITABLE = (asyncpg.GeneratedAlwaysError, asyncpg.ObjectNotInPrerequisiteStateError, asyncpg.WrongObjectTypeError)
"""A column that the database makes itself; a view."""
