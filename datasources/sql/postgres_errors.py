"""What asyncpg raises, as what a datasource may raise."""

import asyncpg

from datasources.errors import DatasourceError, SourceMisbehaved, SourceRefused, SourceTimeout, SourceUnavailable

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
