"""What a client sees: the answer to an operation, and errors with their codes, masked where they must be."""

import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError

from datasources.errors import DatasourceError, GatewayError, SourceRefused
from gateway.errors import MASKED, InternalError, RequestError
from gateway.execution.written import Written
from resolvers.errors import BadUserInput

NULLED = re.compile(r"Cannot return null for non-nullable field [\w.]+\.\Z")
"""What graphql-core says, as a TypeError, of a value that must not be null; it names the graph's own words alone."""

MISTAKEN = re.compile(r"Argument '|OneOf Input Object |Value for member field ")
"""How graphql-core and Strawberry begin to tell that an argument makes no sense."""

logger = logging.getLogger("gateway.errors")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one operation, in the form that JSON gets: `{"data": …}`, with `errors` or only those.

    Parts of the data may be JSON already: `Written`, or fragments of orjson's.
    """

    content: dict[str, Any]
    refused: RequestError | None = None
    """Why there is no data."""
    cache_control: str | None = None
    """For how long who may keep it, if that is known; then it has an ETag, too."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """For HTTP."""


def executed(data: Any, errors: Sequence[GraphQLError] | None, correlation_id: str) -> Answer:
    """The answer to an operation that was executed, in whole or in part."""
    if not errors:
        return Answer({"data": data})
    _log(errors, correlation_id)
    return Answer({"errors": [_field_error(error, correlation_id) for error in errors], "data": data})


def refused(error: RequestError) -> Answer:
    """The answer to a request that there is no data for."""
    extensions = {"code": error.code}
    errors = [_located(each, extensions) for each in error.errors]
    return Answer(
        {"errors": errors or [{"message": str(error), "extensions": extensions}]}, error, headers=error.headers
    )


def failed(cause: Exception, correlation_id: str) -> Answer:
    """The answer when the gateway itself fails; the log says how."""
    logger.error("%r", cause, exc_info=cause, extra={"correlation_id": correlation_id})
    extensions = {"code": GatewayError.code, "correlationId": correlation_id}
    return Answer({"errors": [{"message": MASKED, "extensions": extensions}]}, InternalError(MASKED))


def broken(cause: Exception, correlation_id: str) -> Answer:
    """The answer when something fails that belongs to no field, such as where a subscription's events come from."""
    if isinstance(cause, RequestError):
        return refused(cause)
    if isinstance(cause, GatewayError):
        cause = GraphQLError(str(cause), original_error=cause)
    if not isinstance(cause, GraphQLError):
        return failed(cause, correlation_id)
    _log([cause], correlation_id)
    return Answer({"errors": [_field_error(cause, correlation_id)]})


def encode(content: object) -> bytes:
    """JSON. What orjson refuses is JSON all the same: integers beyond 64 bits and lone surrogates in JSON scalars."""
    try:
        return orjson.dumps(content, default=_written)
    except TypeError:
        return json.dumps(content, default=_read).encode()


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, Written):
        return orjson.Fragment(value.json)
    raise TypeError(value)


def _read(value: object) -> object:
    if isinstance(value, Written):
        return orjson.loads(value.json)
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    raise TypeError(value)


def _log(errors: Sequence[GraphQLError], correlation_id: str) -> None:
    """What an operator has to know of, once, however many fields it failed."""
    failed: dict[int, list[GraphQLError]] = {}
    for error in errors:
        if _is_ours(error):
            failed.setdefault(id(error.original_error), []).append(error)
    for same in failed.values():
        cause, path = same[0].original_error, ".".join(map(str, same[0].path or ("subscription",)))
        others = f" and {len(same) - 1} more" if len(same) > 1 else ""
        # a refusal may be any client's doing: it must not flood the log with tracebacks
        level, traceback = (logging.WARNING, None) if isinstance(cause, SourceRefused) else (logging.ERROR, cause)
        logger.log(level, "%s%s: %r", path, others, cause, exc_info=traceback, extra={"correlation_id": correlation_id})


def _is_ours(error: GraphQLError) -> bool:
    """Whether it is no mistake of the client's; what graphql-core or a resolver says as a GraphQLError is for them."""
    cause = error.original_error
    if cause is None or isinstance(cause, GraphQLError):
        return False
    return isinstance(cause, DatasourceError) or not isinstance(cause, GatewayError)


def _field_error(error: GraphQLError, correlation_id: str) -> dict[str, Any]:
    cause = error.original_error
    code = cause.code if isinstance(cause, GatewayError) else GatewayError.code
    if not _is_ours(error):
        code = BadUserInput.code if MISTAKEN.match(error.message) else code
        return _located(error, {"code": code, **(error.extensions or {})})
    message = None if isinstance(cause, GatewayError) or NULLED.match(error.message) else MASKED
    return _located(error, {"code": code, "correlationId": correlation_id}, message)


def told(error: GraphQLError) -> dict[str, Any]:
    """The error as clients see it, with nothing in it that is of this one time."""
    formatted = _field_error(error, "")
    formatted["extensions"].pop("correlationId", None)
    return {"locations": [], "path": None, **formatted}


def _located(error: GraphQLError, extensions: dict[str, Any], message: str | None = None) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": error.message if message is None else message}
    if error.locations is not None:
        formatted["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    formatted["extensions"] = extensions
    return formatted
