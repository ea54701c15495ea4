"""Credentials become a viewer, here and nowhere else."""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from joserfc.jwk import OctKey

from datasources.cache import Cache
from gateway.auth.credentials import API_KEY, AUTHORIZATION, Credentials, of_headers
from gateway.auth.errors import ApiKeyInvalid, TokenExpired, TokenInvalid, TokenTooLarge, Unauthenticated
from gateway.auth.jwt import INVALID, Issuer, Tokens
from gateway.auth.keys import GivenKeys, Keys, ReadKeys, fetch, read_file, read_pem, read_set
from gateway.errors import ConfigError
from gateway.settings_auth import AuthSettings, IssuerSettings
from resolvers.viewer import ANONYMOUS, Viewer

NOBODYS = "The API key is nobody's, or no longer anybody's."
TOKEN_BYTES = 1024
"""What a viewer takes beside the bytes of its token."""


class ApiKeys(Protocol):
    """Who has which API key."""

    async def find(self, api_key: str) -> Viewer:
        """Raises ApiKeyInvalid, AuthenticationUnavailable."""

    async def close(self) -> None: ...


class NoClients:
    """Nobody has any."""

    async def find(self, api_key: str) -> Viewer:
        """See ApiKeys."""
        raise ApiKeyInvalid(NOBODYS)

    async def close(self) -> None: ...


class Authenticator:
    """Who may ask, and who that is."""

    def __init__(
        self,
        settings: AuthSettings,
        api_keys: ApiKeys,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`now` is the time that tokens mean. Raises ConfigError."""
        self.settings = settings
        self.now = now
        self._api_keys = api_keys
        self._clock = clock
        size = settings.tokens * (TOKEN_BYTES + settings.max_token)
        self.verified: Cache[bytes, Viewer] = Cache(settings.tokens, size)
        """Viewers by the hashes of their tokens. When an issuer's keys change, all tokens are verified anew: a key that
        is no longer there has signed nothing that counts."""
        self._read: list[ReadKeys] = []
        issuers = [
            Issuer(f"auth.issuers.{name}", each, self._keys(name, each)) for name, each in settings.issuers.items()
        ]
        self._tokens = Tokens(issuers, settings.max_token, now)

    async def of_headers(self, headers: Mapping[bytes, bytes]) -> Viewer:
        """The viewer of a request. Raises Unauthenticated, AuthenticationUnavailable."""
        if AUTHORIZATION in headers or API_KEY in headers:
            return await self.authenticate(of_headers(headers))
        return self._anonymous()

    async def authenticate(self, credentials: Credentials) -> Viewer:
        """The viewer with these credentials; wrong ones are not as good as none.

        With a token and an API key, the token tells who it is, and what is allowed to them, the key which app asks.
        A gateway that is open, and knows no issuers, does not look at tokens. Raises Unauthenticated,
        AuthenticationUnavailable.
        """
        authorization = credentials.authorization
        if self.settings.anonymous and not self.settings.issuers:
            authorization = None
        if credentials.api_key is None:
            return self._anonymous() if authorization is None else await self._of_token(_bearer(authorization))
        app = await self._api_keys.find(credentials.api_key)
        check_time(app, self.now())
        if authorization is None:
            return app
        return _within(await self._of_token(_bearer(authorization)), app)

    def start(self) -> None:
        """Reads keys before somebody waits for them. One that cannot be read stops nothing."""
        for keys in self._read:
            keys.start()

    async def close(self) -> None:
        for keys in self._read:
            await keys.close()
        await self._api_keys.close()

    def _anonymous(self) -> Viewer:
        if not self.settings.anonymous:
            raise Unauthenticated("Send a bearer token, or an API key.")
        return ANONYMOUS

    async def _of_token(self, token: str) -> Viewer:
        if len(token) > self.settings.max_token:
            raise TokenTooLarge(f"The token has more than {self.settings.max_token} bytes.")
        if not token.isascii():
            raise TokenInvalid(INVALID)
        digest = sha256(token.encode()).digest()
        viewer = self.verified.get(digest)
        if viewer is None:
            viewer = await self._tokens.verify(token)
            self.verified.put(digest, viewer, TOKEN_BYTES + len(token))
        check_time(viewer, self.now())
        return viewer

    def _keys(self, name: str, settings: IssuerSettings) -> Keys:
        table = f"auth.issuers.{name}"
        if settings.secret is not None:
            try:
                return GivenKeys([OctKey.import_key(settings.secret.get_secret_value())])
            except ValueError:
                raise ConfigError(f"{table}.secret: is a public key, which is no secret.") from None
        if settings.keys:
            return GivenKeys(read_pem(f"{table}.keys", settings.keys))
        if settings.jwks.startswith(("http://", "https://")):
            read = partial(fetch, settings.jwks)
        else:
            _expect_set(f"{table}.jwks", Path(settings.jwks))
            read = partial(read_file, Path(settings.jwks))
        keys = ReadKeys(table, read, settings.refresh, self.verified.clear, self._clock)
        self._read.append(keys)
        return keys


def check_time(viewer: Viewer, now: float, grace: float = 0) -> None:
    """Raises TokenExpired, or, where an API key is all that there is, ApiKeyInvalid."""
    if viewer.expires_at is None or viewer.expires_at + grace > now:
        return
    if viewer.subject is None:
        raise ApiKeyInvalid(NOBODYS)
    raise TokenExpired("The token has expired.")


def _bearer(authorization: str) -> str:
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != "bearer":
        raise TokenInvalid("Authorization must be a bearer token.")
    return token.strip()


def _within(viewer: Viewer, app: Viewer) -> Viewer:
    ends = [each.expires_at for each in (viewer, app) if each.expires_at is not None]
    return replace(viewer, client=app.client, quota=app.quota, expires_at=min(ends, default=None))


def _expect_set(setting: str, path: Path) -> None:
    try:
        read_set(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{setting}: {path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise ConfigError(f"{setting}: {path} is not a JWK set.") from None
