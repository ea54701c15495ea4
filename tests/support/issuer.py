"""An issuer of tokens: real keys, and a server that tells the public ones."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from joserfc.jwk import ECKey, Key, OctKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry
from joserfc.util import urlsafe_b64encode
from starlette.types import Receive, Scope, Send

from gateway.settings_auth import IssuerSettings

NAME = "https://login.example/"
AUDIENCE = "https://data.example"
ALGORITHMS = ("RS256", "PS256", "ES256", "ES384", "Ed25519", "EdDSA")
SECRET = "a shared secret of more than 32 bytes"

RSA = RSAKey.generate_key(2048, {"kid": "rsa", "use": "sig"})
P256 = ECKey.generate_key("P-256", {"kid": "p256"})
P384 = ECKey.generate_key("P-384", {"kid": "p384"})
ED25519 = OKPKey.generate_key("Ed25519", {"kid": "ed25519"})
SHARED = OctKey.import_key(SECRET)
KEYS: Mapping[str, RSAKey | ECKey | OKPKey] = {
    "RS256": RSA,
    "PS256": RSA,
    "ES256": P256,
    "ES384": P384,
    "Ed25519": ED25519,
    "EdDSA": ED25519,
}


def sign(claims: Mapping[str, Any] | None = None, key: Key = P256, algorithm: str = "ES256", **header: Any) -> str:
    """A token, good for an hour unless its claims say otherwise; a claim that is None is left out."""
    now = int(time.time())
    standard = {"iss": NAME, "aud": AUDIENCE, "sub": "ada", "iat": now, "exp": now + 3600}
    told = {name: value for name, value in {**standard, **(claims or {})}.items() if value is not None}
    named = {"alg": algorithm, "kid": key.kid, **header}
    parts = [orjson.dumps({name: value for name, value in named.items() if value is not None}), orjson.dumps(told)]
    unsigned = b".".join(map(urlsafe_b64encode, parts))
    signature = JWSRegistry.algorithms[algorithm].sign(unsigned, key)
    return (unsigned + b"." + urlsafe_b64encode(signature)).decode()


def pem(key: RSAKey | ECKey | OKPKey) -> str:
    """The public key."""
    return key.as_pem(private=False).decode()


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}


def issuer(**settings: Any) -> IssuerSettings:
    """The settings that take its word, with P-256 alone unless they say otherwise."""
    keys: dict[str, Any] = {"keys": (pem(P256),)}
    if {"jwks", "secret"} & settings.keys():
        keys = {}
    return IssuerSettings(**{"issuer": NAME, "audience": (AUDIENCE,), **keys, **settings})


@dataclass
class Published:
    """An app that answers with a JWK set, or with what else `status` and `body` say."""

    keys: list[Key] = field(default_factory=list)
    status: int = 200
    body: bytes | None = None
    asked: int = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        self.asked += 1
        body = self.body
        if body is None:
            body = orjson.dumps({"keys": [key.as_dict(private=False) for key in self.keys]})
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        await send({"type": "http.response.body", "body": body})
