"""One operation as a client asks for it, whatever wire format it came in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import BadRequest, PersistedQueryNotSupported
from gateway.operations.idempotency import read_key
from resolvers.viewer import ANONYMOUS, Viewer


@dataclass(frozen=True, slots=True)
class OperationRequest:
    """https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters"""

    query: str
    variables: Mapping[str, Any] | None = None
    operation_name: str | None = None
    read_only: bool = False
    """Whether only queries may be executed, as by GET."""
    explain: bool = False
    """Whether the answer is to tell how it came about; it does where the settings allow it."""
    idempotency_key: str | None = None
    """By which a mutation that is sent again is recognised, and not done again."""
    resume_from: str | None = None
    """The cursor of the last event that a subscriber got earlier."""
    viewer: Viewer = ANONYMOUS
    cost: bool = False
    """Whether the answer is to tell what the operation costs."""


def read_parameters(parameters: object, *, read_only: bool = False, viewer: Viewer = ANONYMOUS) -> OperationRequest:
    """The request that the decoded JSON object `parameters` makes. Raises RequestError when it makes none."""
    if not isinstance(parameters, dict):
        raise BadRequest('A request is a JSON object like {"query": "{ __typename }"}.')
    query = parameters.get("query")
    variables = parameters.get("variables")
    operation_name = parameters.get("operationName")
    extensions = parameters.get("extensions")
    if query is not None and not isinstance(query, str):
        raise BadRequest("query must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest("variables must be an object.")
    if operation_name is not None and not isinstance(operation_name, str):
        raise BadRequest("operationName must be a string.")
    if extensions is not None and not isinstance(extensions, dict):
        raise BadRequest("extensions must be an object.")
    resume_from = (extensions or {}).get("resumeFrom")
    if resume_from is not None and not isinstance(resume_from, str):
        raise BadRequest("extensions.resumeFrom must be a string: the cursor of an event.")
    if query is None:
        if parameters.get("documentId") is not None or "persistedQuery" in (extensions or {}):
            raise PersistedQueryNotSupported("This gateway stores no operations: send the text of yours in query.")
        raise BadRequest("query is missing: send the text of an operation.")
    explain = extensions is not None and extensions.get("explain") is True
    cost = extensions is not None and extensions.get("cost") is True
    key = read_key(extensions)
    return OperationRequest(query, variables, operation_name, read_only, explain, key, resume_from, viewer, cost)
