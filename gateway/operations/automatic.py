"""Texts that clients have sent with their hashes, and name by these from then on: automatic persisted queries.

https://www.apollographql.com/docs/apollo-server/performance/apq
"""

import sys
from hashlib import sha256
from typing import Protocol

from datasources.cache import Cache

TEXTS_BYTES = 32 * 1024 * 1024
"""Of texts together."""


class SharedTexts(Protocol):
    """Texts that all processes of one gateway know. What cannot be reached knows none."""

    async def get(self, digest: str) -> str | None: ...

    async def put(self, digest: str, text: str) -> None: ...

    async def close(self) -> None: ...


class AutomaticTexts:
    """Those of this process, and of all processes where they share some."""

    def __init__(self, limit: int, shared: SharedTexts | None = None) -> None:
        self.kept: Cache[str, str] = Cache(limit, TEXTS_BYTES)
        self._shared = shared

    async def get(self, digest: str) -> str | None:
        text = self.kept.get(digest)
        if text is None and self._shared is not None:
            text = await self._shared.get(digest)
            if text is not None:
                self.kept.put(digest, text, sys.getsizeof(text))
        return text

    async def put(self, digest: str, text: str) -> None:
        """Keeps a valid document under its hash."""
        if self.kept.get(digest) is not None:
            return
        self.kept.put(digest, text, sys.getsizeof(text))
        if self._shared is not None:
            await self._shared.put(digest, text)

    async def close(self) -> None:
        if self._shared is not None:
            await self._shared.close()


def digest_of(text: str) -> str:
    """The SHA-256 of its UTF-8, in lowercase hex."""
    return sha256(text.encode(errors="surrogatepass")).hexdigest()
