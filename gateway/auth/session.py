"""The viewer of a connection that stays: a socket, or a stream of events."""

import asyncio
import math
from collections.abc import Callable

from gateway.auth.authenticator import Authenticator, check_time
from gateway.auth.credentials import Credentials
from gateway.auth.errors import AuthenticationUnavailable, Unauthenticated, ViewerChanged
from gateway.errors import RequestError
from resolvers.viewer import Viewer

LONGEST = 24 * 3600.0
"""Seconds that a timer runs, at most: event loops take no more than some years."""


class Session:
    """Ends when the viewer's credentials have expired, and were not renewed within the grace period, or are revoked."""

    def __init__(
        self,
        authenticator: Authenticator,
        viewer: Viewer,
        credentials: Credentials,
        on_end: Callable[[RequestError], object],
    ) -> None:
        """`on_end` is told why it ends, once, unless it is closed before; it must not block."""
        self._authenticator = authenticator
        self._viewer = viewer
        self._api_key = credentials.api_key
        self._on_end = on_end
        self._timer: asyncio.TimerHandle | None = None
        self._check: asyncio.Task[None] | None = None
        self._wait()

    def viewer(self) -> Viewer:
        """Who asks, for an operation that begins now. Raises TokenExpired, ApiKeyInvalid, within the grace period."""
        check_time(self._viewer, self._authenticator.now())
        return self._viewer

    def renew(self, viewer: Viewer, credentials: Credentials) -> None:
        """Goes on with newer credentials of the same viewer. Raises ViewerChanged."""
        if viewer != self._viewer:
            raise ViewerChanged("The credentials are not those of the connection's viewer: connect anew.")
        if _end(viewer) >= _end(self._viewer):
            self.close()
            self._viewer, self._api_key = viewer, credentials.api_key
            self._wait()

    def close(self) -> None:
        """Nothing more is told."""
        for each in (self._timer, self._check):
            if each is not None:
                each.cancel()

    def _wait(self) -> None:
        settings = self._authenticator.settings
        delay = _end(self._viewer) + settings.grace - self._authenticator.now()
        if self._api_key is not None:
            delay = min(delay, settings.recheck)
        if delay < math.inf:
            self._timer = asyncio.get_running_loop().call_later(min(max(delay, 0), LONGEST), self._due)

    def _due(self) -> None:
        now = self._authenticator.now()
        try:
            check_time(self._viewer, now, self._authenticator.settings.grace)
        except Unauthenticated as error:
            self._on_end(error)
            return
        if self._api_key is not None and _end(self._viewer) > now:
            self._check = asyncio.create_task(self._look_again(self._api_key))
        else:
            self._wait()  # for the end of the grace period, or because the timer is not as exact as the clock

    async def _look_again(self, api_key: str) -> None:
        try:
            await self._authenticator.authenticate(Credentials(api_key=api_key))
        except AuthenticationUnavailable:
            pass  # it was good a moment ago
        except Unauthenticated as error:
            self._on_end(error)
            return
        self._wait()


def _end(viewer: Viewer) -> float:
    return math.inf if viewer.expires_at is None else viewer.expires_at
