"""One operation as a client asks for it, whatever wire format it came in."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import BadRequest
from gateway.operations.idempotency import read_key
from gateway.operations.store import Published
from resolvers.viewer import ANONYMOUS, Viewer


@dataclass(slots=True)  # not frozen, which would make it twice as long to make, and one is made for every operation
class OperationRequest:
    """https://graphql.github.io/graphql-over-http/draft/#sec-Request-Parameters"""

    query: str
    """The text; nothing where it is named by `document_id` or `sha256`, until it is found."""
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
    document_id: str | None = None
    """The id of a stored document."""
    sha256: str | None = None
    """The hash of the text, in lowercase hex."""
    trusted: Published | None = None
    """What the text is published as, once it is found."""
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
    document_id, sha256 = _read_id(parameters), _read_hash(extensions or {})
    if query is None and document_id is None and sha256 is None:
        raise BadRequest("query is missing: send the text of an operation.")
    return OperationRequest(
        query or "",
        variables,
        operation_name,
        read_only,
        explain=extensions is not None and extensions.get("explain") is True,
        cost=extensions is not None and extensions.get("cost") is True,
        idempotency_key=read_key(extensions),
        resume_from=resume_from,
        viewer=viewer,
        document_id=document_id,
        sha256=sha256,
    )


def _read_id(parameters: Mapping[str, Any]) -> str | None:
    """Beside a text, `doc_id` and `id` are something of the client's own."""
    names = ("documentId",) if parameters.get("query") else ("documentId", "doc_id", "id")
    found = [parameters[name] for name in names if parameters.get(name) is not None]
    for each in found:
        if not isinstance(each, str) or not each:
            raise BadRequest("documentId must be a string: the id of a stored operation.")
        if each != found[0]:
            raise BadRequest(f"{' and '.join(names)} are different ids.")
    return found[0] if found else None


def _read_hash(extensions: Mapping[str, Any]) -> str | None:
    persisted = extensions.get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise BadRequest("extensions.persistedQuery must be an object with version 1: there is no other.")
    digest = persisted.get("sha256Hash")
    if not isinstance(digest, str) or not digest:
        raise BadRequest("extensions.persistedQuery.sha256Hash must be a string.")
    return digest
