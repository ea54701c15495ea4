"""Where an issuer's keys come from: real servers and files, that change, fail, and come back."""

import asyncio
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc.errors import SecurityWarning
from joserfc.jwk import OctKey, RSAKey

from gateway.auth import keys
from gateway.auth.authenticator import Authenticator, NoClients
from gateway.auth.credentials import Credentials
from gateway.auth.errors import AuthenticationUnavailable, TokenInvalid
from gateway.errors import ConfigError
from gateway.settings_auth import AuthSettings
from tests.support.issuer import ED25519, P256, P384, RSA, SECRET, Published, issuer, pem, sign
from tests.support.server import serve

pytestmark = pytest.mark.anyio

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SecurityWarning)
    WEAK = RSAKey.generate_key(1024, {"kid": "weak"})


class Clock:
    """Time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Door:
    """An authenticator whose one issuer publishes its keys."""

    def __init__(self, jwks: str) -> None:
        self.clock = Clock()
        settings = issuer(jwks=jwks, algorithms=("RS256", "ES256", "Ed25519", "ES384"))
        self.authenticator = Authenticator(AuthSettings(issuers={"example": settings}), NoClients(), clock=self.clock)

    async def subject(self, token: str) -> str | None:
        return (await self.authenticator.authenticate(Credentials(f"Bearer {token}"))).subject


@asynccontextmanager
async def published(*members: Any) -> AsyncIterator[tuple[Published, Door]]:
    app = Published([*members])
    async with serve(app) as url:
        door = Door(url)
        try:
            yield app, door
        finally:
            await door.authenticator.close()


async def test_keys_are_read_once() -> None:
    async with published(RSA, P256, ED25519) as (app, door):
        tokens = [sign(), sign(key=RSA, algorithm="RS256"), sign(key=ED25519, algorithm="Ed25519"), sign(kid=None)]
        assert await asyncio.gather(*map(door.subject, tokens)) == ["ada"] * 4
        assert app.asked == 1


async def test_a_new_key_is_looked_for_but_not_for_each_token() -> None:
    async with published(P256) as (app, door):
        assert await door.subject(sign()) == "ada"
        app.keys.append(P384)
        new = sign(key=P384, algorithm="ES384")
        with pytest.raises(TokenInvalid):
            await door.subject(new)  # read a moment ago
        door.clock.now += keys.PAUSE
        assert await asyncio.gather(*[door.subject(new) for _ in range(20)]) == ["ada"] * 20
        for number in range(20):
            with pytest.raises(TokenInvalid):
                await door.subject(sign(kid=f"invented {number}"))
        assert app.asked == 2


async def test_what_was_read_counts_while_the_issuer_is_down() -> None:
    async with published(P256) as (app, door):
        assert await door.subject(sign()) == "ada"
        for app.status, app.body in ((500, b""), (200, b"<html>"), (200, b"[]"), (200, b"x" * keys.MAXIMUM_BYTES * 2)):
            door.clock.now += keys.PAUSE
            assert await door.subject(sign({"jti": str(app.body)[:9]})) == "ada"
            with pytest.raises(TokenInvalid):
                await door.subject(sign(key=P384, algorithm="ES384"))
        assert app.asked == 5


async def test_a_key_that_is_withdrawn_counts_no_more() -> None:
    """Also for tokens that were verified with it before."""
    async with published(P256, P384) as (app, door):
        token = sign()
        assert await door.subject(token) == "ada"
        app.keys.remove(P256)
        door.clock.now += keys.PAUSE
        with pytest.raises(TokenInvalid):
            await door.subject(sign(kid="invented"))
        with pytest.raises(TokenInvalid):
            await door.subject(token)


async def test_keys_are_read_from_time_to_time() -> None:
    """Where nobody asks for them, too; and soon again where that fails."""
    contents = [b"?", *[orjson.dumps({"keys": [key.as_dict(private=False)]}) for key in (P256, P256, P384)]]
    changes: list[int] = []
    done = asyncio.Event()

    async def read() -> bytes:
        if len(contents) == 1:
            done.set()
        return contents.pop(0) if len(contents) > 1 else contents[0]

    made = keys.ReadKeys("example", read, 0.001, lambda: changes.append(len(contents)), Clock())
    made.start()
    async with asyncio.timeout(5):
        await done.wait()
    await made.close()
    assert changes == [2, 1]


async def test_nobody_is_let_in_before_keys_are_there() -> None:
    async with published(P256) as (app, door):
        app.status = 503
        for _ in range(3):
            with pytest.raises(AuthenticationUnavailable):
                await door.subject(sign())
        assert app.asked == 1
        app.status = 200
        door.clock.now += keys.PAUSE
        assert await door.subject(sign()) == "ada"


async def test_keys_are_read_at_the_start() -> None:
    async with published(P256) as (app, door):
        door.authenticator.start()
        assert await door.subject(sign()) == "ada"
        assert app.asked == 1


async def test_a_start_waits_for_nobody() -> None:
    door = Door("http://127.0.0.1:1/jwks.json")
    door.authenticator.start()
    with pytest.raises(AuthenticationUnavailable):
        await door.subject(sign())
    await door.authenticator.close()


async def test_a_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "jwks.json"
    path.write_bytes(orjson.dumps({"keys": [P256.as_dict(private=False)]}))
    door = Door(str(path))
    assert await door.subject(sign()) == "ada"
    path.write_bytes(orjson.dumps({"keys": [P384.as_dict(private=False)]}))
    door.clock.now += keys.PAUSE
    assert await door.subject(sign(key=P384, algorithm="ES384")) == "ada"
    with pytest.raises(TokenInvalid):
        await door.subject(sign())


def test_of_a_set_only_public_keys_for_signatures_are_used() -> None:
    """What is of another kind, or weak, or broken, is left out; the rest counts."""
    members = [
        P256.as_dict(private=False),
        {**RSA.as_dict(private=False), "use": "enc"},
        WEAK.as_dict(private=False),
        OctKey.import_key(SECRET).as_dict(private=True),
        {"kty": "future", "kid": "x"},
        {"kty": "EC", "crv": "P-256", "x": "?", "y": "?"},
        {"kty": ["EC"]},
        "text",
    ]
    assert [key.kid for key in keys.read_set(orjson.dumps({"keys": members}))] == ["p256"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("no PEM", "is not the PEM of a public key", id="text"),
        pytest.param(
            P256.as_pem(private=True).decode(), "is a private key; the gateway wants the public one", id="private"
        ),
        pytest.param(pem(WEAK), "has less than 2048 bits", id="weak"),
    ],
)
def test_a_start_says_which_key_is_wrong(text: str, problem: str) -> None:
    auth = AuthSettings(issuers={"example": issuer(keys=(pem(P256), text))})
    with pytest.raises(ConfigError) as raised:
        Authenticator(auth, NoClients())
    assert str(raised.value) == f"auth.issuers.example.keys[1]: {problem}."


@pytest.mark.parametrize(
    ("content", "problem"),
    [(None, "cannot be read: No such file or directory"), (b"{}", "is not a JWK set"), (b"?", "is not a JWK set")],
    ids=["missing", "no-keys", "no-json"],
)
def test_a_start_says_which_file_is_wrong(tmp_path: Path, content: bytes | None, problem: str) -> None:
    path = tmp_path / "jwks.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as raised:
        Authenticator(AuthSettings(issuers={"example": issuer(jwks=str(path))}), NoClients())
    assert str(raised.value) == f"auth.issuers.example.jwks: {path} {problem}."


def test_a_public_key_is_no_secret() -> None:
    auth = AuthSettings(issuers={"example": issuer(secret=pem(RSA), algorithms=("HS256",))})
    with pytest.raises(ConfigError) as raised:
        Authenticator(auth, NoClients())
    assert str(raised.value) == "auth.issuers.example.secret: is a public key, which is no secret."
