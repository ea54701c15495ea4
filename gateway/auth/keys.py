"""The keys that an issuer signs with: given once, or read from a file or an address as they change."""

import asyncio
import logging
import ssl
import warnings
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import anyio
import httpx
import orjson
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey, import_key

from gateway.auth.errors import AuthenticationUnavailable
from gateway.errors import ConfigError

MAXIMUM_BYTES = 256 * 1024
"""Of a JWK set."""
FETCH_SECONDS = 5.0
PAUSE = 5.0
"""Seconds between two times that unknown keys are looked for: they may be anybody's invention."""
RETRY = 30.0
"""Seconds after which keys are read again that could not be read, with nobody asking for them."""
RSA_BITS = 2048

logger = logging.getLogger("gateway.auth")


class Keys(Protocol):
    """Those of one issuer."""

    async def find(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """Those that may have signed a token: with this id, or, for a token that names none, of the right type.

        Raises AuthenticationUnavailable.
        """


class GivenKeys:
    """Keys that stay as they are."""

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys

    async def find(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """See Keys. Their ids are not known: they are given without."""
        return [key for key in self._keys if _fits(key, None, algorithm)]


class ReadKeys:
    """A JWK set that is read again when a key is missing, and from time to time. What was read last counts."""

    def __init__(
        self,
        name: str,
        read: Callable[[], Awaitable[bytes]],
        refresh: float,
        on_change: Callable[[], None],
        clock: Callable[[], float],
    ) -> None:
        """`on_change` is called when keys are no longer, or newly, there."""
        self._name = name
        self._read = read
        self._refresh = refresh
        self._on_change = on_change
        self._clock = clock
        self._keys: Sequence[Key] | None = None
        self._content = b""
        self._read_at = self._tried_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None

    async def find(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        """See Keys."""
        found = self._find(kid, algorithm)
        if not found and await self._read_again():
            found = self._find(kid, algorithm)
        if self._keys is None:
            raise AuthenticationUnavailable("The keys to verify the token with cannot be read now.")
        return found

    def start(self) -> None:
        """Reads now, and from time to time: also where no token asks for it, some may be known that count no more."""
        self._keeping = asyncio.create_task(self._keep_reading())

    async def close(self) -> None:
        """Nothing is read any more."""
        tasks = [task for task in (self._keeping, self._reading) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _keep_reading(self) -> None:
        while True:
            await asyncio.shield(self._begin())
            is_well = self._read_at == self._tried_at
            await asyncio.sleep(self._refresh if is_well else min(self._refresh, RETRY))

    async def _read_again(self) -> bool:
        """Whether that was tried now, or by somebody who has begun already: not if it was a moment ago."""
        if self._reading is None and self._clock() - self._tried_at < PAUSE:
            return False
        await asyncio.shield(self._begin())
        return True

    def _begin(self) -> asyncio.Task[None]:
        if self._reading is None:
            self._tried_at = self._clock()
            self._reading = asyncio.create_task(self._take())
        return self._reading

    async def _take(self) -> None:
        try:
            content = await self._read()
            keys = read_set(content)
        except Exception as error:  # noqa: BLE001 - whatever it is, the keys that are there count
            logger.warning("%s: its keys cannot be read: %s", self._name, error or type(error).__name__)
        else:
            self._keys, self._read_at = keys, self._tried_at
            if content != self._content:
                self._content = content
                self._on_change()
        finally:
            self._reading = None

    def _find(self, kid: str | None, algorithm: str) -> Sequence[Key]:
        return [key for key in self._keys or () if _fits(key, kid, algorithm)]


def _fits(key: Key, kid: str | None, algorithm: str) -> bool:
    if kid is not None and key.kid != kid:
        return False
    if key.alg not in (None, algorithm):
        return False
    match algorithm[:2]:
        case "RS" | "PS":
            return isinstance(key, RSAKey)
        case "ES":
            return isinstance(key, ECKey)
        case "Ed":
            return isinstance(key, OKPKey)
        case _:
            return isinstance(key, OctKey)


def read_set(content: bytes) -> list[Key]:
    """The usable keys of a JWK set: public ones for signatures. Raises ValueError."""
    decoded = orjson.loads(content)
    members = decoded.get("keys") if isinstance(decoded, dict) else None
    if not isinstance(members, list):
        raise ValueError("not a JWK set")  # noqa: TRY004 - what is in a file is a value
    return [key for key in map(_usable, members) if key is not None]


def _usable(member: Any) -> Key | None:
    """A set may hold keys for other purposes, and of kinds that are not known yet."""
    if not isinstance(member, dict) or member.get("use", "sig") != "sig" or member.get("kty") == "oct":
        return None
    try:
        key = _import(member, member.get("kty"))
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    return None if _is_weak(key) else key


def _import(key: Any, kind: Any) -> Key:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of keys that are refused here anyway
        made: Key = import_key(key, kind)
        return made


def _is_weak(key: Key) -> bool:
    return isinstance(key, RSAKey) and key.raw_value.key_size < RSA_BITS


def read_pem(setting: str, texts: Iterable[str]) -> list[Key]:
    """Raises ConfigError."""
    found: list[Key] = []
    for number, text in enumerate(texts):
        for kind in ("RSA", "EC", "OKP"):
            try:
                key = _import(text, kind)
            except (JoseError, ValueError, TypeError, AttributeError):
                continue
            if key.is_private:
                raise ConfigError(f"{setting}[{number}]: is a private key; the gateway wants the public one.")
            if _is_weak(key):
                raise ConfigError(f"{setting}[{number}]: has less than {RSA_BITS} bits.")
            found.append(key)
            break
        else:
            raise ConfigError(f"{setting}[{number}]: is not the PEM of a public key.")
    return found


async def read_file(path: Path) -> bytes:
    return await anyio.Path(path).read_bytes()


@cache
def _trusted() -> ssl.SSLContext:
    """Which authorities count; it takes so long to make that other requests would feel it."""
    return httpx.create_ssl_context()


async def fetch(url: str) -> bytes:
    """Raises httpx.HTTPError, ValueError."""
    async with (
        httpx.AsyncClient(timeout=FETCH_SECONDS, verify=_trusted()) as client,
        client.stream("GET", url, headers={"accept": "application/jwk-set+json, application/json"}) as response,
    ):
        response.raise_for_status()
        content = bytearray()
        async for part in response.aiter_bytes():
            content += part
            if len(content) > MAXIMUM_BYTES:
                raise ValueError(f"more than {MAXIMUM_BYTES} bytes")
        return bytes(content)
