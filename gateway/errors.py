"""What the gateway answers when it cannot do what was asked: one tree, and one table from codes to statuses.

Errors that end more than their operation say with which code a WebSocket is closed.

GatewayError                    its message is meant for the client, its `code` is stable
├── RequestError                answered without data
│   ├── BadRequest              not a GraphQL request: broken JSON, parameters of the wrong type
│   ├── CsrfPrevented           a browser may have sent it without its user's will
│   ├── MethodNotAllowed        a mutation by GET, or another method than GET and POST
│   ├── Unauthenticated …       see gateway/auth/errors.py
│   ├── NotAcceptable           no media type in Accept that the gateway can answer with
│   ├── HeadersTooLarge         more bytes of headers than may be sent
│   ├── UnsupportedMediaType    a Content-Type, charset or Content-Encoding that it cannot read
│   ├── RequestTimeout          the body did not arrive in time
│   ├── PayloadTooLarge         more bytes, or more operations in a batch, than may be sent
│   ├── PersistedQuery…         see gateway/operations/errors.py
│   ├── DocumentTooLarge …      more tokens than a document may have; see gateway/limits/errors.py
│   ├── ParseFailed             a syntax error
│   ├── ValidationFailed        the document does not fit the schema
│   ├── OperationNotFound       operationName names none, or none is named and there are several
│   ├── VariablesInvalid        a variable is missing, or its value is not of its type
│   ├── IdempotencyKeyReused    the key came with another request before
│   ├── IdempotencyNotPossible  a field writes what cannot be written once only
│   ├── TransactionNotPossible  a field of a @transaction writes no datasource
│   ├── OperationTimeout        took longer than an operation may (this one was executed, and given up)
│   ├── CostExceeded, Overloaded, TooManyViewerOperations … see gateway/limits/errors.py
│   ├── SubscriberTooSlow       more events wait for a subscriber than are kept
│   ├── TooManyConnections      as many sockets and event streams are open as may be
│   ├── TooManyOperations       as many operations are under way on one connection as may be
│   ├── StreamNotFound          no event stream was reserved under this token, or no longer
│   ├── AlreadyExists           the connection has an operation of this id, or the event stream is open already
│   ├── ShuttingDown            the gateway stops, another one goes on
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
    close_code: ClassVar[int | None] = None
    """What closes the connection that it happens on; None where only the operation ends."""
    retry_after: int | None = None
    """Seconds after which it may go better."""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    """That HTTP answers with, too."""

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


class HeadersTooLarge(RequestError):
    """The address and the headers are larger than allowed."""

    code = "HEADERS_TOO_LARGE"
    status = 431


class UnsupportedMediaType(RequestError):
    """The body is of a type that the gateway does not read."""

    code = "UNSUPPORTED_MEDIA_TYPE"
    status = 415


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


class IdempotencyKeyReused(RequestError):
    """The key came with another request before, whose answer is not this one's."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 409


class IdempotencyNotPossible(RequestError):
    """A field of the mutation writes no datasource, so that nobody could tell whether it was done before."""

    code = "IDEMPOTENCY_NOT_POSSIBLE"
    well_formed = True


class TransactionNotPossible(RequestError):
    """A field of the mutation writes no datasource, so that it cannot be undone."""

    code = "TRANSACTION_NOT_POSSIBLE"
    well_formed = True


class OperationTimeout(RequestError):
    """The operation took longer than it may; what it had found is dropped."""

    code = "OPERATION_TIMEOUT"
    status = 504


class SubscriberTooSlow(RequestError):
    """More events wait for the subscriber than are kept; it may resume behind the last that it got."""

    code = "SUBSCRIBER_TOO_SLOW"
    status = 503
    close_code = 4410


class TooManyConnections(RequestError):
    """As many sockets and event streams are open as may be."""

    code = "TOO_MANY_CONNECTIONS"
    status = 503
    close_code = 1013
    retry_after = 1


class TooManyOperations(RequestError):
    """As many operations are under way on this connection as may be."""

    code = "TOO_MANY_OPERATIONS"
    status = 429


class StreamNotFound(RequestError):
    """No event stream is reserved under this token."""

    code = "STREAM_NOT_FOUND"
    status = 404


class AlreadyExists(RequestError):
    """The connection has an operation of this id, or the event stream is open already."""

    code = "ALREADY_EXISTS"
    status = 409


class ShuttingDown(RequestError):
    """The gateway stops; the client finds another one, and resumes there."""

    code = "SHUTTING_DOWN"
    status = 503
    retry_after = 1
    close_code = 1001


class InternalError(RequestError):
    """The gateway itself failed; its message says no more than that."""

    status = 500
