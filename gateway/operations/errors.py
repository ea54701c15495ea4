"""What is answered to requests that name a stored operation, or ought to.

RequestError
├── PersistedQueryNotFound          nobody has sent the text of this hash yet: the client sends both
├── PersistedQueryNotSupported      texts are not kept (operations.automatic)
├── PersistedQueryHashMismatch      the text has another hash
├── NotInList                       nothing is published under this id
├── IdAndOtherText                  an id, and a text that is not its
├── NotInSafelist                   the text is not published, and the client may execute nothing else
├── PersistedQueryIdRequired        the text is published, but the client has to send its id
└── TrustedDocumentsUnavailable     what is published was never read yet
"""

from gateway.errors import RequestError

NOT_FOUND = "PersistedQueryNotFound"
NOT_SUPPORTED = "PersistedQueryNotSupported"
"""Messages that clients know by their letters."""


class PersistedQueryNotFound(RequestError):
    """The text of this hash is not known: the client sends both."""

    code = "PERSISTED_QUERY_NOT_FOUND"
    status = 200


class PersistedQueryNotSupported(RequestError):
    """Texts are not kept: the client sends them every time, and no hashes."""

    code = "PERSISTED_QUERY_NOT_SUPPORTED"
    status = 200


class PersistedQueryHashMismatch(RequestError):
    """The text is not that of the hash."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"


class NotInList(RequestError):
    """Nothing is published under this id for the client."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"
    status = 404


class IdAndOtherText(RequestError):
    """The text is not that of the id."""

    code = "CANNOT_SEND_PQ_ID_AND_BODY"


class NotInSafelist(RequestError):
    """The client may execute what is published for it, and nothing else."""

    code = "QUERY_NOT_IN_SAFELIST"
    status = 403


class PersistedQueryIdRequired(RequestError):
    """The client may execute what it names by an id, and nothing else."""

    code = "PERSISTED_QUERY_ID_REQUIRED"


class TrustedDocumentsUnavailable(RequestError):
    """The control store was not to be reached since the start."""

    code = "TRUSTED_DOCUMENTS_UNAVAILABLE"
    status = 503
    retry_after = 1
