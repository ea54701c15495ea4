"""Who asks, over HTTP: what a viewer hears of itself, and what is answered to those who may not ask."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from datasources.registry import Registry
from gateway.app import create_app
from gateway.graph import make_graph
from gateway.settings import DevSettings, HttpSettings, Settings
from gateway.settings_auth import AuthSettings
from tests.gateway.shop import shop_client
from tests.gateway.writing import Mutation, Query, open_store
from tests.support.issuer import P384, bearer, issuer, sign

pytestmark = pytest.mark.anyio

VIEWER = {"query": "{ viewer { subject roles scopes client } }"}
NOBODY: dict[str, Any] = {"data": {"viewer": {"subject": None, "roles": [], "scopes": [], "client": None}}}
ADA = {"data": {"viewer": {"subject": "ada", "roles": ["admin", "sales"], "scopes": ["read"], "client": None}}}
TOKEN = sign({"roles": ["sales", "admin"], "scope": "read"})


def closed(**settings: Any) -> AuthSettings:
    return AuthSettings(issuers={"example": issuer()}, **settings)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with shop_client(HttpSettings(max_batch=3, graphiql=True), auth=closed()) as opened:
        yield opened


def test_a_gateway_is_closed_but_in_development() -> None:
    assert (Settings().auth.anonymous, DevSettings().auth.anonymous) == (False, True)


async def test_a_viewer_hears_what_is_known_of_it(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json=VIEWER, headers=bearer(TOKEN))
    assert (response.json(), response.headers["vary"]) == (ADA, "Accept, Authorization, Origin, X-Api-Key")
    by_get = await client.get("/graphql", params=VIEWER, headers={**bearer(TOKEN), "graphql-require-preflight": "1"})
    assert by_get.json() == ADA


async def test_each_request_has_its_own_viewer(client: httpx.AsyncClient) -> None:
    subjects = ["ada", "bob", "ada", "eve"]
    heard = [
        (await client.post("/graphql", json=VIEWER, headers=bearer(sign({"sub": subject})))).json()
        for subject in subjects
    ]
    assert [each["data"]["viewer"]["subject"] for each in heard] == subjects


async def test_a_batch_is_one_viewers(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json=[VIEWER, VIEWER], headers=bearer(TOKEN))
    assert response.json() == [ADA, ADA]


BEARER = "Bearer"
INVALID = 'Bearer error="invalid_token"'


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
@pytest.mark.parametrize(
    ("headers", "code", "message", "challenge"),
    [
        pytest.param({}, "UNAUTHENTICATED", "Send a bearer token, or an API key.", BEARER, id="nothing"),
        pytest.param(bearer("x"), "TOKEN_INVALID", "The token is not valid here.", INVALID, id="garbage"),
        pytest.param(
            bearer(sign(key=P384, algorithm="ES384")),
            "TOKEN_INVALID",
            "The token is not valid here.",
            INVALID,
            id="key",
        ),
        pytest.param(bearer(sign({"exp": 1})), "TOKEN_EXPIRED", "The token has expired.", INVALID, id="expired"),
        pytest.param(
            bearer("x" * 9000),
            "TOKEN_TOO_LARGE",
            "The token has more than 8192 bytes.",
            'Bearer error="invalid_request"',
            id="large",
        ),
        pytest.param(
            {"authorization": "Basic YTpi"},
            "TOKEN_INVALID",
            "Authorization must be a bearer token.",
            INVALID,
            id="basic",
        ),
        pytest.param(
            {"x-api-key": "gw_1_2"},
            "API_KEY_INVALID",
            "The API key is nobody's, or no longer anybody's.",
            BEARER,
            id="api-key",
        ),
        pytest.param(
            {**bearer(TOKEN), "x-api-key": "gw_1_2"},
            "API_KEY_INVALID",
            "The API key is nobody's, or no longer anybody's.",
            BEARER,
            id="one-of-two",
        ),
    ],
)
@pytest.mark.parametrize("anonymous", [False, True], ids=["closed", "open"])
async def test_credentials_that_do_not_do_are_answered_with_a_code(
    headers: dict[str, str], code: str, message: str, challenge: str, accept: str, anonymous: bool
) -> None:
    """Wrong ones are not as good as none, where there are issuers: open or not."""
    async with shop_client(auth=closed(anonymous=anonymous)) as client:
        response = await client.post("/graphql", json=VIEWER, headers={**headers, "accept": accept})
        if anonymous and not headers:
            assert (response.status_code, response.json()) == (200, NOBODY)
            return
        assert response.json() == {"errors": [{"message": message, "extensions": {"code": code}}]}
        assert (response.status_code, response.headers["www-authenticate"]) == (401, challenge)


async def test_nothing_is_read_of_those_who_may_not_ask(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", content=b"not even JSON")
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_a_browser_sees_graphiql_without_credentials(client: httpx.AsyncClient) -> None:
    response = await client.get("/graphql", headers={"accept": "text/html"})
    assert (response.status_code, response.headers["content-type"]) == (200, "text/html; charset=utf-8")


async def test_a_gateway_without_issuers_that_is_open_does_not_look_at_tokens() -> None:
    async with shop_client(auth=AuthSettings(anonymous=True)) as client:
        for headers in ({}, bearer("x"), {"authorization": "Basic YTpi"}):
            assert (await client.post("/graphql", json=VIEWER, headers=headers)).json() == NOBODY


async def test_a_gateway_without_issuers_that_is_closed_lets_nobody_in() -> None:
    async with shop_client(auth=AuthSettings()) as client:
        for headers in ({}, bearer(TOKEN)):
            assert (await client.post("/graphql", json=VIEWER, headers=headers)).status_code == 401


async def test_an_answer_is_replayed_to_its_viewer_alone(tmp_path: Path) -> None:
    """With the same key, whatever token says who it is."""
    document = {"query": 'mutation { createCustomer(input: { name: "Müller" }) { id } }'}
    async with open_store("sqlite", tmp_path, None) as store:
        app = create_app(Settings(auth=closed()), make_graph(Query, mutation=Mutation), Registry(dict(store.sources)))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://shop") as client,
        ):
            ids: list[str] = []
            for subject in ("ada", "eve", "ada", "eve"):
                headers = {**bearer(sign({"sub": subject, "jti": str(len(ids))})), "idempotency-key": "key"}
                response = await client.post("/graphql", json=document, headers=headers)
                ids.append(response.json()["data"]["createCustomer"]["id"])
    assert (ids[0] == ids[2], ids[1] == ids[3], ids[0] == ids[1]) == (True, True, False)
