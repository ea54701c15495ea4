"""Who may ask, whose word is taken for who that is, and where the gateway keeps what it knows of its clients."""

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator

from gateway.settings_section import Section

Algorithm = Literal[
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519",
    "HS256", "HS384", "HS512",
]  # fmt: skip
"""https://www.iana.org/assignments/jose/jose.xhtml#web-signature-encryption-algorithms"""

SECRET_BYTES = 32
"""What a shared secret has at least: as many as the digests that are made with it."""


class IssuerSettings(Section):
    """Whose tokens are taken, what they are checked with, and where they say what."""

    issuer: str = Field(min_length=1)
    """The claim `iss` of its tokens, to the letter."""
    audience: tuple[str, ...]
    """Of these names of the gateway, the claim `aud` must have one; with none, it is not looked at."""
    jwks: str = ""
    """Where its public keys are: an https: address, or a file."""
    keys: tuple[str, ...] = ()
    """Or the keys themselves, each as PEM;"""
    secret: SecretStr | None = None
    """or what both share, for HS256 and its like."""
    algorithms: tuple[Algorithm, ...] = ("RS256", "ES256", "EdDSA", "Ed25519")
    """By which tokens may be signed."""
    leeway: float = Field(default=30.0, ge=0, le=600)
    """Seconds by which clocks may differ."""
    refresh: float = Field(default=3600.0, ge=1)
    """Seconds after which keys are read again; those that are unknown are looked for at once."""
    subject: str = "sub"
    """The claim that says whom a token is about; a path like `user.id` leads into an object."""
    roles: str = "roles"
    """The claim with the roles, a list or a text with spaces between them: for Keycloak `realm_access.roles`."""
    scopes: str = "scope"
    """The claim with the scopes; the same."""
    tenant: str = ""
    """The claim with the tenant, if there is one."""
    client: str = ""
    """The claim with the app, if there is one that names it as the gateway does."""
    claims: tuple[str, ...] = ()
    """Other claims that rules look at. Connections are renewed by tokens whose claims are the same."""

    @field_validator("jwks")
    @classmethod
    def _safe(cls, jwks: str) -> str:
        parts = urlsplit(jwks)
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("must be an https: address, or a file: what http: brings may be anybody's keys")
        if parts.scheme in ("http", "https") and not parts.hostname:
            raise ValueError("must name a host")
        return jwks

    @field_validator("secret")
    @classmethod
    def _long(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and len(secret.get_secret_value().encode()) < SECRET_BYTES:
            raise ValueError(f"must have {SECRET_BYTES} bytes or more")
        return secret

    @model_validator(mode="after")
    def _checkable(self) -> Self:
        if sum((bool(self.jwks), bool(self.keys), self.secret is not None)) != 1:
            raise ValueError("must have one of jwks, keys and secret")
        shared = [name for name in self.algorithms if name.startswith("HS")]
        if not self.algorithms or len(shared) not in (0, len(self.algorithms)) or bool(shared) != bool(self.secret):
            raise ValueError('must have algorithms = ["HS256"], or its like, with a secret, and others with keys')
        return self


class AuthSettings(Section):
    """Who may ask."""

    anonymous: bool = False
    """Whether anybody may, without credentials."""
    max_token: int = Field(default=8192, ge=256)
    """Bytes of a token, at most."""
    tokens: int = Field(default=10_000, ge=1)
    """Tokens that are kept once they are verified, so that they are not verified again."""
    grace: float = Field(default=10.0, ge=0)
    """Seconds for which sockets and event streams stay when their credentials have expired, to be renewed."""
    recheck: float = Field(default=5.0, gt=0)
    """Seconds after which an API key is looked up again: it may have been revoked."""
    issuers: dict[str, IssuerSettings] = Field(default_factory=dict)
    """Whose tokens are taken: `[auth.issuers.company]`."""

    @field_validator("issuers")
    @classmethod
    def _distinct(cls, issuers: dict[str, IssuerSettings]) -> dict[str, IssuerSettings]:
        if len({each.issuer for each in issuers.values()}) < len(issuers):
            raise ValueError("must each have an issuer of its own")
        return issuers


class ControlSettings(Section):
    """Where clients and their API keys are kept."""

    url: SecretStr | None = None
    """`postgresql+asyncpg://user:password@host/database`; without it, SQLite in the folder `home`."""

    @field_validator("url")
    @classmethod
    def _usable(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().startswith(("postgresql://", "postgresql+asyncpg://")):
            raise ValueError("must begin with postgresql+asyncpg:")
        return url
