"""What attackers try, on a gateway with the defaults of `serve` but for anonymous viewers.

The checks of graphql-cop, the OWASP GraphQL cheat sheet, and what is known to take servers of this kind down. Each is
answered soon, and whoever asks beside it is served.
"""

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.settings import LimitSettings
from tests.gateway.limits.test_selections import BOMBS
from tests.gateway.live import live_app, live_settings
from tests.gateway.transport.test_websocket import connected
from tests.support.server import serve

pytestmark = pytest.mark.anyio

GRAPHQL = {"accept": "application/graphql-response+json"}
SOON = 2.0
"""Seconds; it is a fraction of one where nothing else runs."""
GOOD = {"query": "{ customers(first: 2) { nodes { name } } }"}


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = live_settings(limits=LimitSettings(parsing=1.0))  # so that each is answered for itself
    async with (
        serve(live_app(settings), settings) as url,
        httpx.AsyncClient(base_url=url, headers=GRAPHQL, timeout=30) as opened,
    ):
        yield opened


FAN_OUT = "{ customers { nodes {" + "orders { nodes { customer {" * 5 + "id" + "} } }" * 5 + "} } }"
INTROSPECTION = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }"
VARIABLES = "query ($f: CustomerFilter) { customers(filter: $f) { totalCount } }"


def nested(depth: int) -> Any:
    value: Any = {"name": {"eq": "x"}}
    for _ in range(depth):
        value = {"not": value}
    return value


@pytest.mark.parametrize(
    ("request_", "status", "code"),
    [
        pytest.param(
            {"json": {"query": "{" + " ".join(f"a{n}: __typename" for n in range(101)) + "}"}},
            400,
            "ALIASES_EXCEEDED",
            id="alias-overloading",
        ),
        pytest.param({"json": [GOOD] * 10}, 400, "BAD_REQUEST", id="array-based-batching"),
        pytest.param(
            {"json": {"query": "{ __typename " + "@aa" * 10 + "}"}}, 400, "GRAPHQL_VALIDATION_FAILED", id="directives"
        ),
        pytest.param(
            {"json": {"query": "{ __typename " + "@aa" * 500 + "}"}}, 400, "DIRECTIVES_EXCEEDED", id="more-directives"
        ),
        pytest.param(
            {"json": {"query": "{" + "__typename " * 500 + "}"}}, 400, "REPEATS_EXCEEDED", id="field-duplication"
        ),
        pytest.param(
            {"json": {"query": INTROSPECTION}}, 400, "INTROSPECTION_DISABLED", id="circular-query-by-introspection"
        ),
        pytest.param({"params": GOOD, "method": "GET"}, 400, "CSRF_PREVENTED", id="csrf-by-get"),
        pytest.param({"data": GOOD}, 400, "CSRF_PREVENTED", id="csrf-by-form"),
        pytest.param({"json": {"query": FAN_OUT}}, 400, "COST_EXCEEDED", id="cyclic-fan-out"),
        pytest.param(
            {"json": {"query": "{ nodes(ids: [" + '"Customer:1",' * 2000 + "]) { id } }"}},
            400,
            "LIST_LENGTH_EXCEEDED",
            id="long-list",
        ),
        pytest.param(
            {"json": {"query": VARIABLES, "variables": {"f": nested(200)}}},
            400,
            "INPUT_DEPTH_EXCEEDED",
            id="deep-variables",
        ),
        pytest.param(
            {
                "content": b'{"query":"{ a }","variables":' + b"[" * 100_000,
                "headers": {"content-type": "application/json"},
            },
            400,
            "BAD_REQUEST",
            id="deep-json",
        ),
        pytest.param(
            {
                "content": gzip.compress(json.dumps({"query": " " * 10_000_000}).encode()),
                "headers": {"content-type": "application/json", "content-encoding": "gzip"},
            },
            415,
            "UNSUPPORTED_MEDIA_TYPE",
            id="gzip-bomb",
        ),
        pytest.param({"json": {"query": "{ a }" + " " * 1024 * 1024}}, 413, "PAYLOAD_TOO_LARGE", id="large-body"),
        pytest.param(
            {"json": GOOD, "headers": {"x-padding": "x" * 100_000}}, 431, "HEADERS_TOO_LARGE", id="large-headers"
        ),
        *(pytest.param({"json": {"query": bomb}}, 400, None, id=f"{name}-bomb") for name, bomb in BOMBS.items()),
    ],
)
async def test_requests(client: httpx.AsyncClient, request_: dict[str, Any], status: int, code: str | None) -> None:
    started = time.perf_counter()
    attack = asyncio.create_task(client.request(**{"method": "POST", "url": "/graphql", **request_}))
    good = await client.post("/graphql", json=GOOD)
    response = await attack
    assert time.perf_counter() - started < SOON
    assert good.json() == {
        "data": {"customers": {"nodes": [{"name": "Müller Maschinenbau"}, {"name": "Ateliers Lefèvre"}]}}
    }
    assert response.status_code == status
    body = response.json()
    assert "data" not in body
    assert code is None or body["errors"][0]["extensions"] == {"code": code}


async def test_a_page_of_a_million_rows_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "{ customers(first: 1000000) { nodes { id } } }"})
    assert response.json()["errors"][0]["extensions"] == {"code": "PAGE_SIZE_EXCEEDED"}


async def test_nothing_is_told_that_was_not_asked_for(client: httpx.AsyncClient) -> None:
    page = await client.get("/graphql", headers={"accept": "text/html"})
    assert "graphiql" not in page.text.lower()
    typo = await client.post("/graphql", json={"query": "{ customer(id: 1) { nam } }"})
    assert "Did you mean" not in typo.text
    tracing = await client.post("/graphql", json={**GOOD, "extensions": {"explain": True, "tracing": True}})
    assert tracing.json().keys() == {"data"}


async def test_floods_on_a_socket(client: httpx.AsyncClient) -> None:
    url = f"{client.base_url}/graphql".replace("http", "ws").replace("//graphql", "/graphql")
    async with connected(url) as flooding, connected(url) as good:
        for number in range(150):
            await flooding.say(
                {"id": str(number), "type": "subscribe", "payload": {"query": "subscription { ring { number } }"}}
            )
        refused = [await flooding.hear() for _ in range(50)]
        for _ in range(1000):
            await flooding.say({"type": "ping"})
        assert [await flooding.hear() for _ in range(1000)] == [{"type": "pong"}] * 1000
        (told, last) = await good.operation("{ __typename }")
    assert {each["payload"][0]["extensions"]["code"] for each in refused} == {"TOO_MANY_OPERATIONS"}
    assert (told["payload"], last["type"]) == ({"data": {"__typename": "Query"}}, "complete")
