"""JSON web tokens, checked as https://datatracker.ietf.org/doc/html/rfc8725 says."""

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from joserfc.errors import ClaimError, ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import JWTClaimsRegistry, decode

from gateway.auth.claims import viewer_of
from gateway.auth.errors import TokenExpired, TokenInvalid
from gateway.auth.keys import Keys
from gateway.settings_auth import IssuerSettings
from resolvers.viewer import Viewer

INVALID = "The token is not valid here."
"""All that is said, whatever is wrong with it."""
TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
"""What a token may call itself, in small letters."""


TELL_SECONDS = 60.0
"""Within which the log has each reason once."""

logger = logging.getLogger("gateway.auth")


class _Refused(Exception):
    """Why, in words that are for the operator."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose word is taken."""

    name: str
    settings: IssuerSettings
    keys: Keys


class Tokens:
    """Verifies the tokens of these issuers."""

    def __init__(self, issuers: Iterable[Issuer], maximum: int, now: Callable[[], float]) -> None:
        """`maximum` is of a token's bytes, `now` the time in seconds since 1970."""
        self._issuers = {issuer.settings.issuer: issuer for issuer in issuers}
        self._maximum = maximum
        self._now = now
        self._told: dict[str, float] = {}

    async def verify(self, token: str) -> Viewer:
        """The viewer that a token tells of. Raises TokenInvalid, TokenExpired, AuthenticationUnavailable."""
        try:
            return await self._verify(token)
        except _Refused as refused:
            self._tell(str(refused))
            raise TokenInvalid(INVALID) from None

    async def _verify(self, token: str) -> Viewer:
        header, claimed = self._read(token)
        issuer = self._issuers.get(claimed) if isinstance(claimed, str) else None
        if issuer is None:
            raise _Refused("auth.issuers: it is of none of them")
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
        if algorithm not in issuer.settings.algorithms:
            raise _Refused(f"{issuer.name}: its algorithm is not among those that are allowed")
        if not isinstance(kid, str | None) or (kind.lower() if isinstance(kind, str) else kind) not in TYPES:
            raise _Refused(f"{issuer.name}: its header is of no access token")  # a logout token says nothing of rights
        for key in await issuer.keys.find(kid, algorithm):
            claims = self._check(token, key, algorithm)
            if claims is not None:
                return self._viewer(claims, issuer)
        raise _Refused(f"{issuer.name}: none of the issuer's keys has signed it")

    def _tell(self, why: str) -> None:
        """The operator hears, now and then, what no client is told; and nothing that is in a token."""
        now = self._now()
        if now - self._told.get(why, -TELL_SECONDS) >= TELL_SECONDS:
            self._told[why] = now
            logger.warning("A token was refused. %s", why)

    def _read(self, token: str) -> tuple[Mapping[str, Any], object]:
        """The header, and who is said to have issued it: not yet to be believed."""
        try:
            parts = extract_compact(token.encode(), registry=self._registry(()))
            claims = orjson.loads(parts.payload)
        except (JoseError, ValueError, RecursionError):
            raise _Refused("It is no JWT") from None
        if not isinstance(claims, dict):
            raise _Refused("It is no JWT")
        return parts.headers(), claims.get("iss")

    def _check(self, token: str, key: Key, algorithm: str) -> Mapping[str, Any] | None:
        """The claims, if the key has signed them."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # of the name EdDSA, which is what issuers write
            try:
                return decode(token, key, registry=self._registry((algorithm,))).claims
            except (JoseError, ValueError):
                return None

    def _registry(self, algorithms: tuple[str, ...]) -> JWSRegistry:
        registry = JWSRegistry(algorithms=algorithms, strict_check_header=False)
        registry.max_header_length = registry.max_payload_length = self._maximum
        return registry

    def _viewer(self, claims: Mapping[str, Any], issuer: Issuer) -> Viewer:
        """Raises TokenExpired."""
        settings = issuer.settings
        wanted: dict[str, Any] = {"exp": {"essential": True}, "iss": {"essential": True, "value": settings.issuer}}
        if settings.audience:
            wanted["aud"] = {"essential": True, "values": list(settings.audience)}
        now = self._now()
        leeway: Any = settings.leeway
        try:
            JWTClaimsRegistry(now=now, leeway=leeway, **wanted).validate(dict(claims))  # type: ignore[arg-type]
            return viewer_of(claims, settings)
        except ExpiredTokenError:
            raise TokenExpired("The token has expired.") from None
        except ClaimError as error:
            raise _Refused(f"{issuer.name}: its claim {error.claim} is missing, or not what it must be") from None
