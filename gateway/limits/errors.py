"""What is answered to those who ask for more than they may.

RequestError
├── DocumentTooLarge            more tokens than a document may have
│   ├── DepthExceeded           objects within objects within objects
│   ├── FieldsExceeded          fields, those of a fragment counted wherever it is spread
│   ├── RootFieldsExceeded
│   ├── AliasesExceeded
│   ├── RepeatsExceeded         fields that are selected again and again in one place: each pair is to be compared
│   ├── DirectivesExceeded
│   ├── ListLengthExceeded      a list among the arguments or variables
│   ├── InputDepthExceeded      lists and objects within each other, among the arguments or variables
│   └── IntrospectionDisabled   the schema is not told
├── CostExceeded                an operation may cost more than one may
├── RateLimited                 a viewer, or a client, has used up what it may
├── Overloaded                  as many operations run and wait as may
├── TooManyViewerOperations     a viewer has as many operations under way as one may
└── TooManyViewerConnections    a viewer has as many sockets and event streams open as one may
"""

from gateway.errors import DocumentTooLarge, RequestError


class DepthExceeded(DocumentTooLarge):
    """Objects within objects, deeper than may be."""

    code = "DEPTH_EXCEEDED"


class FieldsExceeded(DocumentTooLarge):
    """More fields than may be, with those of fragments wherever they are spread."""

    code = "FIELDS_EXCEEDED"


class RootFieldsExceeded(DocumentTooLarge):
    """An operation has more root fields than may be."""

    code = "ROOT_FIELDS_EXCEEDED"


class AliasesExceeded(DocumentTooLarge):
    """More aliases than may be."""

    code = "ALIASES_EXCEEDED"


class RepeatsExceeded(DocumentTooLarge):
    """The same fields are selected in one place more often than can be compared in time."""

    code = "REPEATS_EXCEEDED"


class DirectivesExceeded(DocumentTooLarge):
    """More directives than may be."""

    code = "DIRECTIVES_EXCEEDED"


class ListLengthExceeded(DocumentTooLarge):
    """A list among the arguments or variables has more values than may be."""

    code = "LIST_LENGTH_EXCEEDED"


class InputDepthExceeded(DocumentTooLarge):
    """Lists and objects among the arguments or variables are deeper within each other than may be."""

    code = "INPUT_DEPTH_EXCEEDED"


class IntrospectionDisabled(DocumentTooLarge):
    """The gateway does not tell its schema."""

    code = "INTROSPECTION_DISABLED"


class CostExceeded(RequestError):
    """The operation may cost more than one may."""

    code = "COST_EXCEEDED"
    well_formed = True


class RateLimited(RequestError):
    """The viewer, or the client, has used up for now what it may."""

    code = "RATE_LIMITED"
    status = 429

    def __init__(self, message: str, retry_after: int, headers: tuple[tuple[bytes, bytes], ...]) -> None:
        """`headers` tell what is left."""
        super().__init__(message)
        self.retry_after = retry_after
        self.headers = headers


class Overloaded(RequestError):
    """As many operations run and wait as may: whoever is sent away now can come again soon."""

    code = "OVERLOADED"
    status = 503
    retry_after = 1


class TooManyViewerOperations(RequestError):
    """The viewer has as many operations under way as one may."""

    code = "TOO_MANY_VIEWER_OPERATIONS"
    status = 429
    retry_after = 1


class TooManyViewerConnections(RequestError):
    """The viewer has as many sockets and event streams open as one may."""

    code = "TOO_MANY_VIEWER_CONNECTIONS"
    status = 429
    close_code = 1013
    retry_after = 1
