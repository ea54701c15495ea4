"""API keys, looked up anew every few seconds: one that is revoked is soon nobody's."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256

from datasources.cache import Cache
from gateway.auth.authenticator import NOBODYS
from gateway.auth.clients import Clients
from gateway.auth.errors import ApiKeyInvalid, AuthenticationUnavailable
from gateway.control import ControlUnavailable
from resolvers.viewer import Viewer

KEPT = 10_000
KEPT_BYTES = 1024
"""What one that is kept takes."""

logger = logging.getLogger("gateway.auth")


@dataclass(slots=True)
class _Known:
    """Whose a key was when it was looked up."""

    viewer: Viewer | None
    until: float
    """Before which it is not looked up again."""


class StoredApiKeys:
    """Those in the control store."""

    def __init__(self, clients: Clients, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._clients = clients
        self._seconds = seconds
        self._clock = clock
        self._known: Cache[bytes, _Known] = Cache(KEPT, KEPT * KEPT_BYTES)

    async def find(self, api_key: str) -> Viewer:
        """See ApiKeys."""
        digest = sha256(api_key.encode(errors="replace")).digest()
        known = self._known.get(digest)
        if known is None:
            known = _Known(await self._look_up(api_key), self._clock() + self._seconds)
            self._known.put(digest, known, KEPT_BYTES)
        elif known.until <= self._clock():
            known.until = self._clock() + self._seconds  # others go on meanwhile with what is known
            try:
                known.viewer = await self._look_up(api_key)
            except BaseException:
                known.until = float("-inf")
                raise
        if known.viewer is None:
            raise ApiKeyInvalid(NOBODYS)
        return known.viewer

    async def close(self) -> None:
        await self._clients.close()

    async def _look_up(self, api_key: str) -> Viewer | None:
        try:
            found = await self._clients.of_key(api_key)
        except ControlUnavailable as error:
            logger.warning("%s", error, exc_info=error)
            raise AuthenticationUnavailable("API keys cannot be looked up now.") from None
        if found is None:
            return None
        client, end = found
        return Viewer(client=client.name, scopes=frozenset(client.scopes), expires_at=end, quota=client.quota)
