"""What the gateway answers when it cannot do what was asked: one tree, and one table from codes to statuses.

GatewayError                    its message is meant for the client, its `code` is stable
├── RequestError                answered without data
│   ├── BadRequest              not a GraphQL request: broken JSON, parameters of the wrong type
│   ├── CsrfPrevented           a browser may have sent it without its user's will
│   ├── MethodNotAllowed        a mutation by GET, or another method than GET and POST
│   ├── NotAcceptable           no media type in Accept that the gateway can answer with
│   ├── UnsupportedMediaType    a Content-Type, charset or Content-Encoding that it cannot read
│   ├── RequestTimeout          the body did not arrive in time
│   ├── PayloadTooLarge         more bytes, or more operations in a batch, than may be sent
│   ├── PersistedQueryNotSupported
│   ├── DocumentTooLarge        more tokens than a document may have
│   ├── ParseFailed             a syntax error
│   ├── ValidationFailed        the document does not fit the schema
│   ├── OperationNotFound       operationName names none, or none is named and there are several
│   ├── VariablesInvalid        a variable is missing, or its value is not of its type
│   ├── OperationTimeout        took longer than an operation may (this one was executed, and given up)
│   └── InternalError           the gateway itself failed
├── BadUserInput …              see resolvers/errors.py
├── DatasourceError …           see datasources/errors.py
└── ConfigError                 a setting is wrong: stops the start, never reaches a client
"""

from collections.abc import Sequence
from typing import ClassVar

from graphql import GraphQLError

from datasources.errors import GatewayError

MASKED = "Something went wrong inside the gateway. Its log has more under the correlation id."


class ConfigError(GatewayError):
    """A setting cannot be used; the message names it, its value, and what would be right."""

    code = "CONFIG_ERROR"


class RequestError(GatewayError):
    """There is no data to answer with; `status` is what HTTP answers."""

    status: ClassVar[int] = 400
    well_formed: ClassVar[bool] = False
    """Whether it was a GraphQL request all the same, which legacy clients (application/json) see answered with 200."""

    def __init__(self, message: str, errors: Sequence[GraphQLError] = ()) -> None:
        """`errors` say where in the document each mistake is; without them the message is all there is to say."""
        super().__init__(message)
        self.errors = errors


class BadRequest(RequestError):
    """The request is not a GraphQL request."""

    code = "BAD_REQUEST"


class CsrfPrevented(RequestError):
    """A browser may send such a request without asking first."""

    code = "CSRF_PREVENTED"


class MethodNotAllowed(RequestError):
    """The method cannot be used here, or not for this operation."""

    code = "METHOD_NOT_ALLOWED"
    status = 405

    def __init__(self, message: str, allow: str) -> None:
        """`allow` names the methods that may be used."""
        super().__init__(message)
        self.allow = allow


class NotAcceptable(RequestError):
    """The client accepts nothing that the gateway can answer with."""

    code = "NOT_ACCEPTABLE"
    status = 406


class RequestTimeout(RequestError):
    """The body did not arrive in time."""

    code = "REQUEST_TIMEOUT"
    status = 408


class PayloadTooLarge(RequestError):
    """The body, or the batch, is larger than allowed."""

    code = "PAYLOAD_TOO_LARGE"
    status = 413


class UnsupportedMediaType(RequestError):
    """The body is of a type that the gateway does not read."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


class PersistedQueryNotSupported(RequestError):
    """The client named a stored operation, and none are stored."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"


class DocumentTooLarge(RequestError):
    """The document has too many tokens."""

    code = "DOCUMENT_TOO_LARGE"
    well_formed = True


class ParseFailed(RequestError):
    """The document has a syntax error."""

    code = "GRAPHQL_PARSE_FAILED"
    well_formed = True


class ValidationFailed(RequestError):
    """The document does not fit the schema."""

    code = "GRAPHQL_VALIDATION_FAILED"
    well_formed = True


class OperationNotFound(RequestError):
    """The document has no such operation, or several and none was named."""

    code = "OPERATION_NOT_FOUND"
    well_formed = True


class VariablesInvalid(RequestError):
    """The variables do not fit the operation."""

    code = "BAD_USER_INPUT"
    well_formed = True


class OperationTimeout(RequestError):
    """The operation took longer than it may; what it had found is dropped."""

    code = "OPERATION_TIMEOUT"
    status = 504


class InternalError(RequestError):
    """The gateway itself failed; its message says no more than that."""

    status = 500
