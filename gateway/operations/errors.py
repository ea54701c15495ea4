"""What is answered to requests that name a stored operation, or ought to.

RequestError
├── PersistedQueryNotFound          nobody has sent the text of this hash yet: the client sends both
├── PersistedQueryNotSupported      texts are not kept (operations.automatic)
└── PersistedQueryHashMismatch      the text has another hash
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
