"""Which operations a client may execute, and the text of one that it names instead of sending it."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import replace

from datasources.cache import Cache
from gateway.errors import RequestError
from gateway.operations.automatic import AutomaticTexts, digest_of
from gateway.operations.documents import DocumentCache
from gateway.operations.errors import (
    NOT_FOUND,
    NOT_SUPPORTED,
    IdAndOtherText,
    NotInList,
    NotInSafelist,
    PersistedQueryHashMismatch,
    PersistedQueryIdRequired,
    PersistedQueryNotFound,
    PersistedQueryNotSupported,
    TrustedDocumentsUnavailable,
)
from gateway.operations.request import OperationRequest
from gateway.operations.store import Published
from gateway.operations.trusted import TrustedDocuments
from gateway.settings_operations import Mode, OperationSettings

TOLD, TOLD_BYTES = 1000, 256
"""Operations that were told of in the log, so that each is told once; and what one takes."""

logger = logging.getLogger("gateway.operations")


class PersistedOperations:
    """Those that the gateway knows: trusted documents, and texts of clients."""

    def __init__(
        self,
        documents: DocumentCache,
        settings: OperationSettings,
        automatic: AutomaticTexts | None = None,
        trusted: TrustedDocuments | None = None,
    ) -> None:
        """Without `automatic`, no texts of clients are kept."""
        self._documents = documents
        self._settings = settings
        self.automatic = automatic
        self.trusted = trusted
        self._told: Cache[tuple[str | None, str], bool] = Cache(TOLD, TOLD * TOLD_BYTES)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Knows what is trusted, as long as the block runs."""
        async with nullcontext() if self.trusted is None else self.trusted.running():
            try:
                yield
            finally:
                if self.automatic is not None:
                    await self.automatic.close()

    def lets_pass(self, request: OperationRequest) -> bool:
        """Whether there is nothing to find for a request, and its client may execute anything."""
        if request.trusted is not None:
            return True
        if request.document_id is not None or request.sha256 is not None:
            return False
        return self._mode(request) is Mode.OPEN and (self.trusted is None or self.trusted.is_empty)

    async def find(self, request: OperationRequest) -> OperationRequest:
        """The request with its text, if the client may execute that. Raises RequestError."""
        if self.lets_pass(request):
            return request
        mode = self._mode(request)
        if request.document_id is not None:
            return self._by_id(request, request.document_id, mode)
        if request.sha256 is not None:
            return await self._by_hash(request, request.sha256, mode)
        return self._by_text(request, mode)

    def used(self, request: OperationRequest, seconds: float | None) -> None:
        """An operation of trusted text was executed; it took so long."""
        if request.trusted is not None and self.trusted is not None:
            self.trusted.used(request.viewer.client, request.trusted.id, seconds)

    def _mode(self, request: OperationRequest) -> Mode:
        client = request.viewer.client
        if client is None or self.trusted is None:
            return self._settings.mode
        if not self.trusted.is_known:  # this client's mode may be the strictest
            raise TrustedDocumentsUnavailable("Trusted documents cannot be read now.")
        return Mode(self.trusted.mode(client) or self._settings.mode)

    def _find(self, request: OperationRequest, name: str) -> OperationRequest | None:
        found = None if self.trusted is None else self.trusted.find(request.viewer.client, name)
        if found is None:
            return None
        if request.query and request.query != found.body:
            raise IdAndOtherText("The text is not that of the id: send one of them.")
        return _with(request, found)

    def _by_id(self, request: OperationRequest, document_id: str, mode: Mode) -> OperationRequest:
        found = self._find(request, document_id)
        if found is not None:
            return found
        if request.query and document_id == f"sha256:{digest_of(request.query)}":
            return self._by_text(replace(request, document_id=None), mode)
        raise NotInList("No operation is published under this id.")

    async def _by_hash(self, request: OperationRequest, digest: str, mode: Mode) -> OperationRequest:
        found = self._find(request, digest)
        if found is not None:
            return found
        if not request.query:
            if mode is Mode.TRUSTED_ONLY:
                self._refuse(request, NotInList("No operation is published under this hash."), digest)
            if self.automatic is None:
                raise PersistedQueryNotSupported(NOT_SUPPORTED)
            text = await self.automatic.get(digest)
            if text is None:
                raise PersistedQueryNotFound(NOT_FOUND)
            return replace(request, query=text, sha256=None)
        if digest_of(request.query) != digest:
            raise PersistedQueryHashMismatch("provided sha does not match query")
        request = self._by_text(replace(request, sha256=None), mode)
        if self.automatic is not None and mode is not Mode.TRUSTED_PREFERRED:
            self._documents.load(request.query)  # for only valid documents are worth their place
            await self.automatic.put(digest, request.query)
        return request

    def _by_text(self, request: OperationRequest, mode: Mode) -> OperationRequest:
        found = None if self.trusted is None else self.trusted.of_text(request.viewer.client, request.query)
        if mode is Mode.TRUSTED_ONLY:
            if found is None:
                error = NotInSafelist("This operation is not among those that are published for the client.")
                self._refuse(request, error, request.query)
            elif self._settings.require_id:
                self._refuse(request, PersistedQueryIdRequired("Send the operation's id, and no text."), found.id)
        return request if found is None else _with(request, found)

    def _refuse(self, request: OperationRequest, error: RequestError, what: str) -> None:
        """Raises it, unless that is only to be told, once for each operation."""
        if not self._settings.log_only:
            raise error
        client = request.viewer.client
        key = (client, what if len(what) <= 64 else digest_of(what))
        if self._told.get(key) is None:
            self._told.put(key, True, TOLD_BYTES)
            text = " ".join(what.split())[:200]
            logger.warning("%s of %s would be refused: %s", error.code, client or "an unnamed client", text)


def _with(request: OperationRequest, found: Published) -> OperationRequest:
    return replace(request, query=found.body, document_id=None, sha256=None, trusted=found)
