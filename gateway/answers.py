"""What a client sees: the answer to an operation, and errors with their codes, masked where they must be."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLError

from datasources.errors import DatasourceError, GatewayError
from gateway.errors import MASKED, RequestError

logger = logging.getLogger("gateway.errors")


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one operation, in the form that JSON gets: `{"data": …}`, with `errors` or only those."""

    content: dict[str, Any]
    refused: RequestError | None = None
    """Why there is no data."""


def executed(data: Any, errors: Sequence[GraphQLError] | None, correlation_id: str) -> Answer:
    """The answer to an operation that was executed, in whole or in part."""
    if not errors:
        return Answer({"data": data})
    return Answer({"errors": [_field_error(error, correlation_id) for error in errors], "data": data})


def refused(error: RequestError) -> Answer:
    """The answer to a request that there is no data for."""
    extensions = {"code": error.code}
    errors = [_located(each, extensions) for each in error.errors]
    return Answer({"errors": errors or [{"message": str(error), "extensions": extensions}]}, error)


def _field_error(error: GraphQLError, correlation_id: str) -> dict[str, Any]:
    cause = error.original_error
    if cause is None:  # graphql-core's own, or meant for the client by a resolver that raised GraphQLError
        return _located(error, {"code": GatewayError.code, **(error.extensions or {})})
    if isinstance(cause, GatewayError) and not isinstance(cause, DatasourceError):
        return _located(error, {"code": cause.code})
    path = ".".join(map(str, error.path or ()))
    logger.error("%s: %r", path, cause, exc_info=cause, extra={"correlation_id": correlation_id})
    if isinstance(cause, DatasourceError):
        return _located(error, {"code": cause.code, "correlationId": correlation_id})
    return _located(error, {"code": GatewayError.code, "correlationId": correlation_id}, MASKED)


def _located(error: GraphQLError, extensions: dict[str, Any], message: str | None = None) -> dict[str, Any]:
    formatted: dict[str, Any] = {"message": error.message if message is None else message}
    if error.locations is not None:
        formatted["locations"] = [{"line": at.line, "column": at.column} for at in error.locations]
    if error.path is not None:
        formatted["path"] = error.path
    formatted["extensions"] = extensions
    return formatted
