"""What a verified token says of the viewer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from joserfc.errors import InvalidClaimError

from gateway.settings_auth import IssuerSettings
from resolvers.viewer import Viewer


def viewer_of(claims: Mapping[str, Any], settings: IssuerSettings) -> Viewer:
    """Raises InvalidClaimError where a claim is not what it must be: rights are not guessed."""
    subject = _text(claims, settings.subject)
    if subject is None:
        raise InvalidClaimError(settings.subject)
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
        raise InvalidClaimError(path)
    return found


def _names(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    found = _claim(claims, path) if path else None
    names = found.split() if isinstance(found, str) else found or []
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise InvalidClaimError(path)
    return frozenset(names)


def _frozen(value: Any) -> Any:
    if isinstance(value, dict):
        return MappingProxyType({name: _frozen(each) for name, each in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
