"""JSON web tokens, checked as https://datatracker.ietf.org/doc/html/rfc8725 says."""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import orjson
from joserfc.errors import ExpiredTokenError, JoseError, SecurityWarning
from joserfc.jwk import Key
from joserfc.jws import JWSRegistry, extract_compact
from joserfc.jwt import JWTClaimsRegistry, decode

from gateway.auth.errors import TokenExpired, TokenInvalid
from gateway.auth.keys import Keys
from gateway.settings_auth import IssuerSettings
from resolvers.viewer import Viewer

INVALID = "The token is not valid here."
"""All that is said, whatever is wrong with it."""
TYPES = (None, "jwt", "at+jwt", "application/at+jwt")
"""What a token may call itself, in small letters."""


@dataclass(frozen=True, slots=True)
class Issuer:
    """Whose word is taken."""

    settings: IssuerSettings
    keys: Keys


class Tokens:
    """Verifies the tokens of these issuers."""

    def __init__(self, issuers: Iterable[Issuer], maximum: int, now: Callable[[], float]) -> None:
        """`maximum` is of a token's bytes, `now` the time in seconds since 1970."""
        self._issuers = {issuer.settings.issuer: issuer for issuer in issuers}
        self._maximum = maximum
        self._now = now

    async def verify(self, token: str) -> Viewer:
        """The viewer that a token tells of. Raises TokenInvalid, TokenExpired, AuthenticationUnavailable."""
        header, claimed = self._read(token)
        issuer = self._issuers.get(claimed) if isinstance(claimed, str) else None
        algorithm, kid, kind = header.get("alg"), header.get("kid"), header.get("typ")
        if issuer is None or algorithm not in issuer.settings.algorithms or not isinstance(kid, str | None):
            raise TokenInvalid(INVALID)
        if (kind.lower() if isinstance(kind, str) else kind) not in TYPES:
            raise TokenInvalid(INVALID)  # such as an ID token, or a logout token, which says nothing of rights
        for key in await issuer.keys.find(kid, algorithm):
            claims = self._check(token, key, algorithm)
            if claims is not None:
                return self._viewer(claims, issuer.settings)
        raise TokenInvalid(INVALID)

    def _read(self, token: str) -> tuple[Mapping[str, Any], object]:
        """The header, and who is said to have issued it: not yet to be believed."""
        try:
            parts = extract_compact(token.encode(), registry=self._registry(()))
            claims = orjson.loads(parts.payload)
        except (JoseError, ValueError, RecursionError):
            raise TokenInvalid(INVALID) from None
        if not isinstance(claims, dict):
            raise TokenInvalid(INVALID)
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

    def _viewer(self, claims: Mapping[str, Any], settings: IssuerSettings) -> Viewer:
        """Raises TokenExpired, TokenInvalid."""
        wanted: dict[str, Any] = {"exp": {"essential": True}, "iss": {"essential": True, "value": settings.issuer}}
        if settings.audience:
            wanted["aud"] = {"essential": True, "values": list(settings.audience)}
        now = self._now()
        leeway: Any = settings.leeway
        try:
            JWTClaimsRegistry(now=now, leeway=leeway, **wanted).validate(dict(claims))  # type: ignore[arg-type]
        except ExpiredTokenError:
            raise TokenExpired("The token has expired.") from None
        except JoseError:
            raise TokenInvalid(INVALID) from None
        return _viewer_of(claims, settings)


def _viewer_of(claims: Mapping[str, Any], settings: IssuerSettings) -> Viewer:
    """Raises TokenInvalid where a claim is not what it should be: rights are not guessed."""
    subject = _text(claims, settings.subject)
    if subject is None:
        raise TokenInvalid(INVALID)
    return Viewer(
        subject=subject,
        roles=_names(claims, settings.roles),
        scopes=_names(claims, settings.scopes),
        claims=MappingProxyType({name: _frozen(_claim(claims, name)) for name in settings.claims}),
        client=_text(claims, settings.client),
        tenant=_text(claims, settings.tenant),
        issuer=settings.issuer,
        expires_at=claims["exp"] + settings.leeway,
    )


def _claim(claims: Mapping[str, Any], path: str) -> Any:
    """What stands there, or None. A name may itself have dots: `https://company.example/roles`."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(claims: Mapping[str, Any], path: str) -> str | None:
    found = _claim(claims, path) if path else None
    if found is not None and not (isinstance(found, str) and found):
        raise TokenInvalid(INVALID)
    return found


def _names(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    found = _claim(claims, path) if path else None
    names = found.split() if isinstance(found, str) else found or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise TokenInvalid(INVALID)
    return frozenset(names)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(each) for name, each in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
