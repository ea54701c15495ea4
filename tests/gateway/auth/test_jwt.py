"""Tokens: which are taken, what they say of the viewer, and that nothing is said of why others are not."""

import base64
import hashlib
import hmac
import json
import string
import time
from collections.abc import Callable
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, RSAKey

from gateway.auth.authenticator import Authenticator, NoClients
from gateway.auth.credentials import Credentials
from gateway.auth.errors import TokenExpired, TokenInvalid, TokenTooLarge, Unauthenticated
from gateway.settings_auth import AuthSettings, IssuerSettings
from resolvers.viewer import Viewer
from tests.support.issuer import ALGORITHMS, KEYS, NAME, P256, RSA, SECRET, SHARED, issuer, pem, sign

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000
FORGED = ECKey.generate_key("P-256")


def authenticator(settings: IssuerSettings | None = None, now: Callable[[], float] = time.time) -> Authenticator:
    return Authenticator(AuthSettings(issuers={"example": settings or issuer()}), NoClients(), now)


async def viewer_of(token: str, settings: IssuerSettings | None = None) -> Viewer:
    return await authenticator(settings).authenticate(Credentials(f"Bearer {token}"))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("header", [{}, {"kid": None}, {"typ": "at+jwt"}], ids=["kid", "no-kid", "access-token"])
async def test_what_the_issuers_key_has_signed_is_taken(algorithm: str, header: dict[str, Any]) -> None:
    public = tuple(dict.fromkeys(map(pem, KEYS.values())))
    settings = issuer(keys=public, algorithms=ALGORITHMS)
    viewer = await viewer_of(sign(key=KEYS[algorithm], algorithm=algorithm, **header), settings)
    assert viewer == Viewer(subject="ada", issuer=NAME)


async def test_a_shared_secret_signs() -> None:
    settings = issuer(secret=SECRET, algorithms=("HS256",))
    assert await viewer_of(sign(key=SHARED, algorithm="HS256"), settings) == Viewer(subject="ada", issuer=NAME)


@pytest.mark.parametrize(
    ("claims", "settings", "viewer"),
    [
        pytest.param(
            {"roles": ["sales", "admin"], "scope": "read write"},
            {},
            {"roles": frozenset({"sales", "admin"}), "scopes": frozenset({"read", "write"})},
            id="lists-and-texts",
        ),
        pytest.param(
            {"realm_access": {"roles": ["sales"]}, "user": {"id": "u7"}},
            {"roles": "realm_access.roles", "subject": "user.id"},
            {"subject": "u7", "roles": frozenset({"sales"})},
            id="paths",
        ),
        pytest.param(
            {"https://company.example/roles": "sales"},
            {"roles": "https://company.example/roles"},
            {"roles": frozenset({"sales"})},
            id="names-with-dots",
        ),
        pytest.param(
            {"org": "acme", "azp": "app", "region": ["EU", {"deep": [1]}], "other": 1},
            {"tenant": "org", "client": "azp", "claims": ("region", "absent")},
            {
                "tenant": "acme",
                "client": "app",
                "claims": MappingProxyType({"region": ("EU", MappingProxyType({"deep": (1,)})), "absent": None}),
            },
            id="tenant-client-and-claims",
        ),
    ],
)
async def test_claims_become_the_viewer(
    claims: dict[str, Any], settings: dict[str, Any], viewer: dict[str, Any]
) -> None:
    expected = Viewer(**{"subject": "ada", "issuer": NAME, **viewer})
    assert await viewer_of(sign(claims), issuer(**settings)) == expected


def forged(header: dict[str, Any], claims: dict[str, Any], signature: bytes = b"") -> str:
    parts = [json.dumps(header).encode(), json.dumps(claims).encode(), signature]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)


def with_public_key_as_secret() -> str:
    """Signed by HS256 with the text of the public key, which everybody has."""
    claims = {"iss": NAME, "aud": "https://data.example", "sub": "eve", "exp": int(time.time()) + 60}
    unsigned = forged({"alg": "HS256", "kid": "rsa"}, claims).removesuffix(".")
    digest = hmac.digest(pem(RSA).encode(), unsigned.encode(), hashlib.sha256)
    return f"{unsigned}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


BRACKETS = base64.urlsafe_b64encode(b"[" * 3000).decode()
CLAIMS = {"iss": NAME, "aud": "https://data.example", "sub": "eve", "exp": int(time.time()) + 600}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param("garbage", id="garbage"),
        pytest.param("a.b.c", id="three-parts"),
        pytest.param("ünïcödé.b.c", id="not-ascii"),
        pytest.param(f"{BRACKETS}.e30.x", id="header-of-brackets"),
        pytest.param(f"{forged({'alg': 'ES256'}, {}).split('.')[0]}.{BRACKETS}.x", id="claims-of-brackets"),
        pytest.param(forged({"alg": "none"}, CLAIMS), id="none"),
        pytest.param(forged({"alg": "NONE"}, CLAIMS), id="none-in-capitals"),
        pytest.param(forged({"alg": ["ES256"]}, CLAIMS), id="algorithm-is-a-list"),
        pytest.param(forged({"alg": "ES256", "kid": {"a": 1}}, CLAIMS), id="kid-is-an-object"),
        pytest.param(forged({"alg": "ES256"}, CLAIMS, bytes(64)), id="signature-of-zeros"),
        pytest.param(forged({"alg": "ES256"}, CLAIMS), id="no-signature"),
        pytest.param(with_public_key_as_secret(), id="public-key-as-secret"),
        pytest.param(sign(key=SHARED, algorithm="HS256"), id="algorithm-not-allowed"),
        pytest.param(sign(key=ECKey.generate_key("P-256")), id="another-key"),
        pytest.param(sign(key=RSAKey.generate_key(2048), algorithm="RS256"), id="another-kind-of-key"),
        pytest.param(sign({"iss": "https://evil.example/"}), id="another-issuer"),
        pytest.param(sign({"iss": None}), id="no-issuer"),
        pytest.param(sign({"iss": [NAME]}), id="issuer-is-a-list"),
        pytest.param(sign({"aud": "https://other.example"}), id="another-audience"),
        pytest.param(sign({"aud": ["https://other.example"]}), id="other-audiences"),
        pytest.param(sign({"aud": None}), id="no-audience"),
        pytest.param(sign({"nbf": int(time.time()) + 600}), id="not-yet"),
        pytest.param(sign({"iat": int(time.time()) + 600}), id="issued-in-the-future"),
        pytest.param(sign({"exp": None}), id="for-ever"),
        pytest.param(sign({"exp": "tomorrow"}), id="expires-in-words"),
        pytest.param(sign({"exp": True}), id="expires-true"),
        pytest.param(sign({"sub": None}), id="about-nobody"),
        pytest.param(sign({"sub": ""}), id="about-nothing"),
        pytest.param(sign({"sub": 7}), id="about-a-number"),
        pytest.param(sign({"roles": {"admin": True}}), id="roles-are-an-object"),
        pytest.param(sign({"roles": [1]}), id="roles-are-numbers"),
        pytest.param(sign(typ="logout+jwt"), id="another-kind-of-token"),
        pytest.param(sign(crit=["surprise"], surprise=1), id="critical-extension"),
        pytest.param(sign(key=FORGED, kid="p256", jwk=FORGED.as_dict(private=False)), id="brings-its-key"),
    ],
)
async def test_all_else_is_refused_with_the_same_words(token: str) -> None:
    with pytest.raises(TokenInvalid, match=r"^The token is not valid here.$"):
        await viewer_of(token, issuer(keys=(pem(P256), pem(RSA))))


async def test_a_changed_letter_is_noticed() -> None:
    header, claims, signature = sign().split(".")
    other = sign({"sub": "eve"}).split(".")[1]
    with pytest.raises(TokenInvalid):
        await viewer_of(f"{header}.{other}.{signature}")
    assert claims != other


async def test_an_issuer_signs_for_itself_alone() -> None:
    """The key of one says nothing in the name of another."""
    auth = AuthSettings(issuers={"one": issuer(), "two": issuer(issuer="https://two.example", keys=(pem(RSA),))})
    both = Authenticator(auth, NoClients())
    viewers = [
        await both.authenticate(Credentials(f"Bearer {token}"))
        for token in (sign(), sign({"iss": "https://two.example"}, RSA, "RS256"))
    ]
    assert [viewer.issuer for viewer in viewers] == [NAME, "https://two.example"]
    assert viewers[0] != viewers[1]
    with pytest.raises(TokenInvalid):
        await both.authenticate(Credentials(f"Bearer {sign({'iss': 'https://two.example'})}"))


@pytest.mark.parametrize("leeway", [0, 30])
async def test_a_token_ends(leeway: int) -> None:
    now: list[float] = [NOW]
    auth = authenticator(issuer(leeway=leeway), lambda: now[0])
    credentials = Credentials("Bearer " + sign({"iat": NOW, "exp": NOW + 60}))
    assert (await auth.authenticate(credentials)).expires_at == NOW + 60 + leeway
    now[0] = NOW + 59.9 + leeway
    assert (await auth.authenticate(credentials)).subject == "ada"
    now[0] = NOW + 60 + leeway
    for again in (auth, authenticator(issuer(leeway=leeway), lambda: now[0])):  # known, and unknown
        with pytest.raises(TokenExpired, match=r"^The token has expired.$"):
            await again.authenticate(credentials)


async def test_a_token_is_verified_once(monkeypatch: pytest.MonkeyPatch) -> None:
    auth, verified = authenticator(), []
    verify = auth._tokens.verify

    async def counted(token: str) -> Viewer:
        verified.append(token)
        return await verify(token)

    monkeypatch.setattr(auth._tokens, "verify", counted)
    one, other = sign(), sign({"sub": "eve"})
    viewers = [await auth.authenticate(Credentials(f"Bearer {token}")) for token in (one, other, one, other, one)]
    assert [viewer.subject for viewer in viewers] == ["ada", "eve", "ada", "eve", "ada"]
    assert verified == [one, other]


async def test_a_long_token_is_not_looked_at() -> None:
    with pytest.raises(TokenTooLarge, match=r"^The token has more than 8192 bytes.$"):
        await viewer_of(sign({"padding": "x" * 8192}))
    assert (await viewer_of(sign({"padding": "x" * 5000}))).subject == "ada"


@pytest.mark.parametrize("authorization", ["Basic YTpi", "", "Bearer", "token"])
async def test_only_bearer_tokens_are_known(authorization: str) -> None:
    with pytest.raises(TokenInvalid):
        await authenticator().authenticate(Credentials(authorization))
    with pytest.raises(Unauthenticated):
        await authenticator().authenticate(Credentials())


async def test_tokens_of_the_same_rights_are_the_same_viewers() -> None:
    auth = authenticator(issuer(claims=("region",)))
    tokens = [
        sign({"roles": ["a", "b"], "jti": "1", "region": "EU"}),
        sign({"roles": ["b", "a"], "jti": "2", "region": "EU", "exp": int(time.time()) + 9}),
        sign({"roles": ["a"], "region": "EU"}),
        sign({"roles": ["a", "b"], "region": "US"}),
    ]
    viewers = [await auth.authenticate(Credentials(f"Bearer {token}")) for token in tokens]
    assert (viewers[0] == viewers[1], hash(viewers[0]) == hash(viewers[1])) == (True, True)
    assert len({viewers[0], viewers[2], viewers[3]}) == 3


async def test_the_operator_hears_why_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    now: list[float] = [time.time()]
    auth = authenticator(now=lambda: now[0])
    tokens = [
        "x.y.z",
        sign({"iss": "https://evil.example/\nforged line"}),
        sign(key=RSA, algorithm="RS384"),
        sign(typ="logout+jwt"),
        sign(key=FORGED),
        sign({"aud": "https://other.example"}),
        sign({"sub": 7}),
    ]
    for _ in range(3):
        for token in tokens:
            with pytest.raises(TokenInvalid):
                await auth.authenticate(Credentials(f"Bearer {token}"))
    assert caplog.messages == [
        "A token was refused. It is no JWT",
        "A token was refused. auth.issuers: it is of none of them",
        "A token was refused. auth.issuers.example: its algorithm is not among those that are allowed",
        "A token was refused. auth.issuers.example: its header is of no access token",
        "A token was refused. auth.issuers.example: none of the issuer's keys has signed it",
        "A token was refused. auth.issuers.example: its claim aud is missing, or not what it must be",
        "A token was refused. auth.issuers.example: its claim sub is missing, or not what it must be",
    ]
    now[0] += 60
    with pytest.raises(TokenInvalid):
        await auth.authenticate(Credentials("Bearer x.y.z"))
    assert len(caplog.messages) == 8


SIGNED = sign()


@settings(max_examples=300, deadline=None)
@given(st.integers(0, len(SIGNED) - 1), st.sampled_from(string.ascii_letters + string.digits + "-_.=~ é"))
async def test_a_token_with_another_letter_is_the_same_or_none(place: int, letter: str) -> None:
    """The same where the letter says the same: the last one of a part has bits that say nothing."""
    token = SIGNED[:place] + letter + SIGNED[place + 1 :]
    try:
        assert await viewer_of(token) == Viewer(subject="ada", issuer=NAME)
    except TokenInvalid:
        return
    assert place + 1 == len(SIGNED) or SIGNED[place + 1] == "." or token == SIGNED
