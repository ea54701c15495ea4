"""The text of an operation that a request names instead of sending it."""

from dataclasses import replace

from gateway.operations.automatic import AutomaticTexts, digest_of
from gateway.operations.documents import DocumentCache
from gateway.operations.errors import (
    NOT_FOUND,
    NOT_SUPPORTED,
    PersistedQueryHashMismatch,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
)
from gateway.operations.request import OperationRequest


class PersistedOperations:
    """Those that the gateway knows."""

    def __init__(self, documents: DocumentCache, automatic: AutomaticTexts | None = None) -> None:
        """Without `automatic`, no texts of clients are kept."""
        self._documents = documents
        self.automatic = automatic

    async def find(self, request: OperationRequest) -> OperationRequest:
        """The request with its text. Raises RequestError."""
        if request.sha256 is not None:
            return await self._find_automatic(request, request.sha256)
        if request.document_id is not None:
            raise PersistedQueryNotSupported(NOT_SUPPORTED)
        return request

    async def close(self) -> None:
        if self.automatic is not None:
            await self.automatic.close()

    async def _find_automatic(self, request: OperationRequest, digest: str) -> OperationRequest:
        if not request.query:
            if self.automatic is None:
                raise PersistedQueryNotSupported(NOT_SUPPORTED)
            text = await self.automatic.get(digest)
            if text is None:
                raise PersistedQueryNotFound(NOT_FOUND)
            return replace(request, query=text, sha256=None)
        if digest_of(request.query) != digest:
            raise PersistedQueryHashMismatch("provided sha does not match query")
        if self.automatic is not None:
            self._documents.load(request.query)  # for only valid documents are worth their place
            await self.automatic.put(digest, request.query)
        return replace(request, sha256=None)
