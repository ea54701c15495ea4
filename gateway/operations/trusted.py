"""Trusted documents as a process knows them: read at start and whenever something is published, and kept prepared."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from gateway.control import ControlUnavailable
from gateway.errors import RequestError
from gateway.operations.documents import DocumentCache
from gateway.operations.store import EVERYBODY, UNMEASURED, OperationStore, Published, UseKey, bucket_of

COUNT_SECONDS = 10.0
"""After which uses are told to the store."""

logger = logging.getLogger("gateway.operations")


class TrustedDocuments:
    """Those in the control store."""

    def __init__(self, store: OperationStore, documents: DocumentCache, seconds: float) -> None:
        """Looks for news every so many seconds. `documents` has them pinned."""
        self._store = store
        self._documents = documents
        self._seconds = seconds
        self._revision: str | None = None
        self._by_id: Mapping[tuple[str, str], Published] = {}
        self._by_text: Mapping[tuple[str, str], Published] = {}
        self._by_name: Mapping[tuple[str, str], Published] = {}
        self._modes: Mapping[str, str] = {}
        self._uses: dict[UseKey, int] = {}
        self.is_known = False
        """Whether the store was ever read."""

    @property
    def is_empty(self) -> bool:
        return not self._by_text

    def find(self, client: str | None, id_: str) -> Published | None:
        """The document of this id, or of this hash, that is the client's or everybody's."""
        if client is not None:
            found = self._by_id.get((client, id_))
            if found is not None:
                return found
        return self._by_id.get((EVERYBODY, id_))

    def of_text(self, client: str | None, text: str) -> Published | None:
        """The document that has this very text."""
        if client is not None:
            found = self._by_text.get((client, text))
            if found is not None:
                return found
        return self._by_text.get((EVERYBODY, text))

    def named(self, client: str, name: str) -> Published | None:
        """The latest document whose operation has this name."""
        return self._by_name.get((client, name)) or self._by_name.get((EVERYBODY, name))

    def of_client(self, client: str) -> list[Published]:
        """All that are the client's or everybody's."""
        return [each for each in self._by_text.values() if each.client in (client, EVERYBODY)]

    def mode(self, client: str | None) -> str | None:
        """Where it is the client's own."""
        return None if client is None else self._modes.get(client)

    def used(self, client: str | None, id_: str, seconds: float | None) -> None:
        """Counts one use, which took so long."""
        key = (client or EVERYBODY, id_, UNMEASURED if seconds is None else bucket_of(seconds))
        self._uses[key] = self._uses.get(key, 0) + 1

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Reads the documents; while the block runs, looks for others, and tells what was used."""
        await self.refresh()
        ended = asyncio.Event()
        task = asyncio.create_task(self._watch(ended))
        try:
            yield
        finally:
            ended.set()
            await task  # which is not cancelled: a connection to SQLite would stay open
            await self.tell()
            await self._store.close()

    async def refresh(self) -> None:
        """Reads everything anew if something has changed. A store that is away leaves things as they are."""
        try:
            revision = await self._store.revision()
            if revision == self._revision and self.is_known:
                return
            documents, modes = await self._store.all(), await self._store.modes()
        except ControlUnavailable as error:
            logger.warning("Trusted documents cannot be read now: %s", error)
            return
        await self._prepare(documents)
        self._by_id = {(each.client, name): each for each in documents for name in _names(each)}
        self._by_id |= {(each.client, each.id): each for each in documents}
        self._by_text = {(each.client, each.body): each for each in documents}
        self._by_name = {
            (each.client, each.name): each for each in sorted(documents, key=lambda each: each.published_at)
        }
        self._modes = modes
        self._revision, self.is_known = revision, True

    async def tell(self) -> None:
        """Adds the uses to what the store has."""
        uses, self._uses = self._uses, {}
        if not uses:
            return
        try:
            await self._store.count(uses)
        except ControlUnavailable as error:
            logger.warning("Uses of trusted documents are not counted now: %s", error)

    async def _prepare(self, documents: list[Published]) -> None:
        for each in documents:
            try:
                self._documents.pin(each.body)
            except RequestError as error:
                logger.error(  # noqa: TRY400 - what is wrong is the document, not the code
                    "%s of %s fits the graph no longer: %s", each.name, each.client or "everybody", error
                )
            await asyncio.sleep(0)  # requests are answered meanwhile
        self._documents.unpin({each.body for each in documents})

    async def _watch(self, ended: asyncio.Event) -> None:
        told = time.monotonic()
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await ended.wait()
                return
            try:
                await self.refresh()
                if time.monotonic() - told >= COUNT_SECONDS:
                    told = time.monotonic()
                    await self.tell()
            except Exception:
                logger.exception("Trusted documents stay as they are")


def _names(document: Published) -> tuple[str, str]:
    """What it may be called beside its id."""
    return document.sha256, f"sha256:{document.sha256}"
