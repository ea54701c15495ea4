"""Automatic persisted queries: hashes in the place of texts, over every transport."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from redis.asyncio import Redis

from gateway.app import create_app
from gateway.operations.automatic import AutomaticTexts
from gateway.operations.redis_texts import RedisTexts
from gateway.settings import HttpSettings, RedisSettings, Settings
from gateway.settings_auth import AuthSettings
from gateway.settings_operations import OperationSettings
from tests.gateway.live import live_app, live_settings
from tests.gateway.shop import shop_graph, shop_sources
from tests.gateway.transport.test_websocket import connected
from tests.support.npm import installed, node
from tests.support.redis import RedisServer, running_redis
from tests.support.server import serve, serve_in_thread

pytestmark = pytest.mark.anyio

QUERY = "{ customer(id: 1) { name } }"
ANSWER = {"data": {"customer": {"name": "Müller Maschinenbau"}}}
PREFLIGHT = {"graphql-require-preflight": "1"}
MODERN = {"accept": "application/graphql-response+json"}


def by_hash(text: str) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": sha256(text.encode()).hexdigest()}}


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


NOT_FOUND = refusal("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
NOT_SUPPORTED = refusal("PERSISTED_QUERY_NOT_SUPPORTED", "PersistedQueryNotSupported")


@pytest.fixture
async def url() -> AsyncIterator[str]:
    settings = live_settings()
    async with serve(live_app(settings), settings) as address:
        yield address


@pytest.fixture
async def client(url: str) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=url) as opened:
        yield opened


def of_shop(operations: OperationSettings, redis: str | None = None) -> Settings:
    return Settings(
        auth=AuthSettings(anonymous=True),
        operations=operations,
        redis=RedisSettings(url=None if redis is None else SecretStr(redis)),
    )


@asynccontextmanager
async def process(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings, shop_graph(), shop_sources())
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield client


@pytest.mark.parametrize("accept", ["application/json", "application/graphql-response+json"])
async def test_a_text_is_sent_once(client: httpx.AsyncClient, accept: str) -> None:
    named, headers = {"extensions": by_hash(QUERY)}, {"accept": accept}
    unknown = await client.post("/graphql", json=named, headers=headers)
    assert (unknown.status_code, unknown.json()) == (200, NOT_FOUND)
    assert unknown.headers["cache-control"] == "no-store"
    both = await client.post("/graphql", json={"query": QUERY, **named}, headers=headers)
    known = await client.post("/graphql", json=named, headers=headers)
    assert [(each.status_code, each.json()) for each in (both, known)] == [(200, ANSWER)] * 2
    assert "cache-control" not in known.headers


async def test_by_get(client: httpx.AsyncClient) -> None:
    named = {"extensions": json.dumps(by_hash(QUERY))}
    unknown = await client.get("/graphql", params=named, headers=PREFLIGHT)
    assert (unknown.status_code, unknown.json(), unknown.headers["cache-control"]) == (200, NOT_FOUND, "no-store")
    both = await client.get("/graphql", params={"query": QUERY, **named}, headers=PREFLIGHT)
    known = await client.get("/graphql", params=named, headers=PREFLIGHT)
    assert [each.json() for each in (both, known)] == [ANSWER] * 2


async def test_on_a_socket(url: str) -> None:
    query = "subscription ($to: Int!) { count(to: $to) }"
    named = {"extensions": by_hash(query), "variables": {"to": 1}}
    async with connected(f"{url.replace('http', 'ws')}/graphql") as socket:
        await socket.say({"id": "1", "type": "subscribe", "payload": named})
        assert await socket.hear() == {"id": "1", "type": "error", "payload": NOT_FOUND["errors"]}
        both = await socket.operation(query, **named)
        await socket.say({"id": "1", "type": "subscribe", "payload": named})
        assert [await socket.hear(), await socket.hear()] == both
    assert both == [
        {"id": "1", "type": "next", "payload": {"data": {"count": 1}}},
        {"id": "1", "type": "complete"},
    ]


@pytest.mark.parametrize(
    ("accept", "event"),
    [
        pytest.param("text/event-stream", b'event: next\ndata: {"data":{"count":1}}\n\n', id="sse"),
        pytest.param(
            'multipart/mixed;subscriptionSpec="1.0", application/json', b'{"payload":{"data":{"count":1}}}', id="parts"
        ),
    ],
)
async def test_as_a_stream(client: httpx.AsyncClient, accept: str, event: bytes) -> None:
    query = "subscription { count(to: 1) }"
    named, headers = {"extensions": by_hash(query)}, {"accept": accept}
    unknown = await client.post("/graphql", json=named, headers=headers)
    assert b'"PersistedQueryNotFound"' in unknown.content
    await client.post("/graphql", json={"query": query, **named}, headers=headers)
    known = await client.post("/graphql", json=named, headers=headers)
    assert event in known.content


async def test_on_a_shared_event_stream(client: httpx.AsyncClient) -> None:
    token = {"x-graphql-event-stream-token": (await client.put("/graphql")).text}
    extensions = {"operationId": "1", **by_hash(QUERY)}
    unknown = await client.post("/graphql", json={"extensions": extensions}, headers=token)
    assert (unknown.status_code, unknown.json()) == (200, NOT_FOUND)
    both = await client.post("/graphql", json={"query": QUERY, "extensions": extensions}, headers=token)
    again = {"extensions": {**extensions, "operationId": "2"}}
    known = await client.post("/graphql", json=again, headers=token)
    assert [both.status_code, known.status_code] == [202, 202]


async def test_an_upload() -> None:
    files = {"operations": (None, json.dumps({"extensions": by_hash(QUERY)})), "map": (None, "{}")}
    settings = Settings(auth=AuthSettings(anonymous=True), http=HttpSettings(max_upload=1000))
    async with process(settings) as client:
        response = await client.post("/graphql", files=files, headers=PREFLIGHT)
    assert (response.status_code, response.json()) == (200, NOT_FOUND)


@pytest.mark.parametrize(
    ("parameters", "status", "answer"),
    [
        pytest.param(
            {"query": "{ __typename }", "extensions": by_hash(QUERY)},
            400,
            refusal("PERSISTED_QUERY_HASH_MISMATCH", "provided sha does not match query"),
            id="another-text",
        ),
        pytest.param(
            {"query": QUERY, "extensions": {"persistedQuery": {"version": 1, "sha256Hash": "A" * 64}}},
            400,
            refusal("PERSISTED_QUERY_HASH_MISMATCH", "provided sha does not match query"),
            id="another-hash",
        ),
        pytest.param(
            {"query": QUERY, "extensions": {"persistedQuery": {"version": 2, "sha256Hash": "a" * 64}}},
            400,
            refusal("BAD_REQUEST", "extensions.persistedQuery must be an object with version 1: there is no other."),
            id="version",
        ),
        pytest.param(
            {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": 7}}},
            400,
            refusal("BAD_REQUEST", "extensions.persistedQuery.sha256Hash must be a string."),
            id="no-hash",
        ),
    ],
)
async def test_mistakes(
    client: httpx.AsyncClient, parameters: dict[str, Any], status: int, answer: dict[str, Any]
) -> None:
    response = await client.post("/graphql", json=parameters, headers=MODERN)
    assert (response.status_code, response.json()) == (status, answer)


async def test_what_is_no_valid_document_is_not_kept(client: httpx.AsyncClient) -> None:
    named = {"extensions": by_hash("{ nothing }")}
    refused = await client.post("/graphql", json={"query": "{ nothing }", **named})
    assert refused.json()["errors"][0]["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert (await client.post("/graphql", json=named)).json() == NOT_FOUND


async def test_can_be_off() -> None:
    named = {"extensions": by_hash(QUERY)}
    async with process(of_shop(OperationSettings(automatic=False))) as client:
        for _ in range(2):
            refused = await client.post("/graphql", json=named, headers=MODERN)
            assert (refused.status_code, refused.json()) == (200, NOT_SUPPORTED)
            assert (await client.post("/graphql", json={"query": QUERY, **named})).json() == ANSWER


async def test_a_flood_drives_out_nothing_that_is_used() -> None:
    texts = AutomaticTexts(limit=10)
    await texts.put("used", QUERY)
    for number in range(1000):
        assert await texts.get("used") == QUERY
        await texts.put(f"{number}", QUERY)
    assert texts.kept.figures.entries <= 10


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


async def test_processes_share_texts(redis: RedisServer) -> None:
    named = {"extensions": by_hash(QUERY)}
    async with AsyncExitStack() as stack:
        first, second = [
            await stack.enter_async_context(process(of_shop(OperationSettings(automatic_seconds=60), redis.url)))
            for _ in range(2)
        ]
        assert (await first.post("/graphql", json={"query": QUERY, **named})).json() == ANSWER
        assert (await second.post("/graphql", json=named)).json() == ANSWER
    async with Redis.from_url(redis.url) as direct:
        assert 0 < await direct.ttl(f"gateway:apq:{sha256(QUERY.encode()).hexdigest()}") <= 60


async def test_a_text_under_another_hash_is_nobodys(redis: RedisServer) -> None:
    digest = "b" * 64
    async with Redis.from_url(redis.url) as direct:
        await direct.set(f"gateway:apq:{digest}", "{ __typename }")
    texts = RedisTexts(redis.url, 60)
    assert await texts.get(digest) is None
    await texts.close()


async def test_without_redis_each_process_has_its_own(caplog: pytest.LogCaptureFixture) -> None:
    with running_redis() as server:
        url = server.url
    named = {"extensions": by_hash(QUERY)}
    async with process(of_shop(OperationSettings(), url)) as client:
        for expected in (NOT_FOUND, NOT_FOUND):
            assert (await client.post("/graphql", json=named)).json() == expected
        assert (await client.post("/graphql", json={"query": QUERY, **named})).json() == ANSWER
        assert (await client.post("/graphql", json=named)).json() == ANSWER
    told = [record.getMessage() for record in caplog.records if record.name == "gateway.operations"]
    assert len(told) == 1
    assert told[0].startswith("Redis keeps no texts of operations for now, each process has its own: ")


APOLLO = """
import { ApolloClient, HttpLink, InMemoryCache, gql } from "@apollo/client/core/index.js";
import { PersistedQueryLink } from "@apollo/client/link/persisted-queries/index.js";
import { createHash } from "node:crypto";
const sent = [];
const recorded = (uri, options) => {
  sent.push([options.method, String(options.body ?? uri).includes("customer")]);
  return fetch(uri, options);
};
const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const told = [];
for (const useGETForHashedQueries of [false, true]) {
  const link = new PersistedQueryLink({ sha256, useGETForHashedQueries })
    .concat(new HttpLink({ uri: process.argv[2], fetch: recorded }));
  const client = new ApolloClient({ cache: new InMemoryCache(), link });
  const query = useGETForHashedQueries ? gql("{ customer(id: 1) { name } }") : gql("{ customer(id: 2) { name } }");
  for (const again of [1, 2]) {
    const { data } = await client.query({ query, fetchPolicy: "no-cache" });
    told.push(data.customer.name);
  }
}
console.log(JSON.stringify({ told, sent }));
process.exit(0);
"""


@pytest.mark.npm
def test_apollo_client(tmp_path: Path) -> None:
    packages = installed(tmp_path / "npm", "@apollo/client@4.3.8", "graphql@16.15.0", "rxjs@7.8.2")
    settings = live_settings()
    with serve_in_thread(live_app(settings), settings) as url:
        heard = json.loads(node(packages, APOLLO, f"{url}/graphql"))
    assert heard == {
        "told": ["Ateliers Lefèvre"] * 2 + ["Müller Maschinenbau"] * 2,
        "sent": [
            ["POST", False],
            ["POST", True],
            ["POST", False],
            ["GET", False],
            ["POST", True],
            ["GET", False],
        ],
    }
