"""Who asks: what is known of them once their credentials are proven."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NO_CLAIMS: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Viewer:
    """Viewers are equal when the same is allowed to them, whatever token says so, and until when."""

    subject: str | None = None
    """Whom the issuer's token is about; of an API key alone, nobody."""
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    claims: Mapping[str, Any] = field(default_factory=lambda: NO_CLAIMS, hash=False)
    """Those that the settings name, read-only all the way down, with tuples for lists."""
    client: str | None = None
    """The app that asks."""
    tenant: str | None = None
    issuer: str | None = None
    """Whose word all this is; subjects of different issuers are different, whatever they are called."""
    expires_at: float | None = field(default=None, compare=False)
    """Seconds since 1970."""
    quota: int | None = field(default=None, compare=False)
    """Cost units that the app may use in a minute, if it has a quota of its own."""

    @property
    def is_anonymous(self) -> bool:
        return self.subject is None and self.client is None

    @property
    def identity(self) -> tuple[str | None, ...]:
        """What stays the same when rights change, or when a new token is issued."""
        return self.issuer, self.tenant, self.subject, self.client


ANONYMOUS = Viewer()
