"""Server-sent events, a stream for each operation: what is sent, and what comes back to the byte."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.errors import BadRequest, SubscriberTooSlow
from gateway.settings import Settings
from tests.gateway.live import Bell, Feed, bell, event, feed, live_app, live_settings
from tests.support.server import serve

__all__ = ["bell", "feed"]

pytestmark = pytest.mark.anyio

SSE = {"accept": "text/event-stream"}
OPENING = b": \n\n"
COMPLETE = b"event: complete\ndata:\n\n"


@asynccontextmanager
async def served(settings: Settings | None = None) -> AsyncIterator[httpx.AsyncClient]:
    chosen = settings or live_settings()
    async with serve(live_app(chosen), chosen) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with served() as opened:
        yield opened


def next_(payload: object) -> bytes:
    return b"event: next\ndata: " + json.dumps(payload, separators=(",", ":"), ensure_ascii=False).encode() + b"\n\n"


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param("subscription { count(to: 2) }", [{"data": {"count": 1}}, {"data": {"count": 2}}], id="events"),
        pytest.param(
            "{ customer(id: 1) { name } }", [{"data": {"customer": {"name": "Müller Maschinenbau"}}}], id="query"
        ),
        pytest.param(
            "{",
            [
                {
                    "errors": [
                        {
                            "message": "Syntax Error: Expected Name, found <EOF>.",
                            "locations": [{"line": 1, "column": 2}],
                            "extensions": {"code": "GRAPHQL_PARSE_FAILED"},
                        }
                    ]
                }
            ],
            id="errors-before-execution",
        ),
        pytest.param(
            "subscription { refusing }",
            [{"errors": [{"message": "nothing to hear", "extensions": {"code": "BAD_USER_INPUT"}}]}],
            id="refused-by-its-resolver",
        ),
    ],
)
async def test_a_stream_of_results(client: httpx.AsyncClient, query: str, told: list[Any]) -> None:
    response = await client.post("/graphql", json={"query": query}, headers={**SSE, "x-correlation-id": "c-1"})
    assert (response.status_code, response.content) == (200, OPENING + b"".join(map(next_, told)) + COMPLETE)
    headers = {name: response.headers[name] for name in ("content-type", "cache-control", "x-correlation-id")}
    assert headers == {
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-cache, no-transform",
        "x-correlation-id": "c-1",
    }


async def test_subscriptions_by_get(client: httpx.AsyncClient) -> None:
    headers = {**SSE, "graphql-require-preflight": "1"}
    response = await client.get("/graphql", params={"query": "subscription { count(to: 1) }"}, headers=headers)
    assert response.content == OPENING + next_({"data": {"count": 1}}) + COMPLETE


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param({}, 400, "BAD_REQUEST", id="no-request"),
        pytest.param([{"query": "{ __typename }"}], 400, "BAD_REQUEST", id="batch"),
    ],
)
async def test_what_is_no_request_is_answered_in_json(
    client: httpx.AsyncClient, body: object, status: int, code: str
) -> None:
    response = await client.post("/graphql", json=body, headers=SSE)
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (status, code)
    assert response.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("accept", "query", "media_type"),
    [
        pytest.param(
            "application/graphql-response+json, application/json, text/event-stream, multipart/mixed",
            "{ __typename }",
            "application/graphql-response+json",
            id="urql-query",
        ),
        pytest.param(
            "text/event-stream, multipart/mixed",
            "subscription { count(to: 1) }",
            "text/event-stream",
            id="urql-subscription",
        ),
        pytest.param("application/json, text/event-stream", "{ __typename }", "application/json", id="json-first"),
        pytest.param(
            "application/json, text/event-stream",
            "subscription { count(to: 1) }",
            "text/event-stream",
            id="json-first-but-events",
        ),
        pytest.param("text/event-stream, application/json", "{ __typename }", "text/event-stream", id="stream-first"),
        pytest.param(
            "text/event-stream;q=0.1, application/json;q=0.9", "{ __typename }", "application/json", id="rather-json"
        ),
        pytest.param(
            'multipart/mixed;subscriptionSpec="1.0";q=0.9, text/event-stream;q=0.8',
            "subscription { count(to: 1) }",
            'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"',
            id="rather-parts",
        ),
        pytest.param(
            "text/event-stream;q=0, application/json",
            "subscription { count(to: 1) }",
            "application/json",
            id="no-stream",
        ),
        pytest.param("*/*", "subscription { count(to: 1) }", "application/json", id="anything"),
    ],
)
async def test_the_form_that_the_client_likes_best(
    client: httpx.AsyncClient, accept: str, query: str, media_type: str
) -> None:
    response = await client.post("/graphql", json={"query": query}, headers={"accept": accept})
    assert response.headers["content-type"].removesuffix("; charset=utf-8") == media_type
    assert response.status_code == (400 if media_type == "application/json" and "count" in query else 200)


async def test_events_carry_their_cursors_and_resume_behind_them(client: httpx.AsyncClient, feed: Feed) -> None:
    request = {"query": "subscription { a }", "extensions": {"resumeFrom": "c1"}}
    for headers in ({}, {"last-event-id": "c7"}):
        async with client.stream("POST", "/graphql", json=request, headers={**SSE, **headers}) as response:
            await feed.subscribers(1)
            feed.put(8)
            feed.boxes.pop().end()
            received = await response.aread()
        assert received == OPENING + b"event: next\nid: c8\ndata: " + event(8).json + b"\n\n" + COMPLETE
    assert [request.resume_from for request in feed.requests] == ["c1", "c7"]


@pytest.mark.parametrize(
    ("error", "end"),
    [
        pytest.param(BadRequest("too late"), COMPLETE, id="for-good"),
        pytest.param(SubscriberTooSlow("too slow"), b"", id="to-be-resumed"),
    ],
)
async def test_how_a_stream_breaks(client: httpx.AsyncClient, feed: Feed, error: BadRequest, end: bytes) -> None:
    async with client.stream("POST", "/graphql", json={"query": "subscription { a }"}, headers=SSE) as response:
        await feed.subscribers(1)
        feed.boxes[0].end(error)
        received = await response.aread()
    told = {"errors": [{"message": str(error), "extensions": {"code": error.code}}]}
    assert received == OPENING + next_(told) + end


async def test_heartbeats_while_nothing_happens(bell: Bell) -> None:
    async with (
        served(live_settings(heartbeat=0.02)) as client,
        client.stream("POST", "/graphql", json={"query": "subscription { ring { number } }"}, headers=SSE) as response,
    ):
        received = b""
        async with asyncio.timeout(5):
            async for chunk in response.aiter_raw():
                received += chunk
                if received == OPENING * 4:
                    bell.rings.put_nowait(1)
                if next_({"data": {"ring": {"number": 1}}}) in received:
                    break
    assert received.replace(OPENING, b"") == next_({"data": {"ring": {"number": 1}}})


async def test_a_client_that_leaves_ends_its_subscription(client: httpx.AsyncClient, bell: Bell) -> None:
    request = {"query": "subscription { ring { number } }"}
    async with client.stream("POST", "/graphql", json=request, headers=SSE):
        await asyncio.wait_for(bell.listening.wait(), 5)
    await asyncio.wait_for(bell.gone.wait(), 5)


async def test_streams_have_a_limit(bell: Bell) -> None:
    request = {"query": "subscription { ring { number } }"}
    async with served(live_settings(connections=1)) as client:
        async with client.stream("POST", "/graphql", json=request, headers=SSE):
            second = await client.post("/graphql", json=request, headers=SSE)
            query = await client.post("/graphql", json={"query": "{ __typename }"}, headers=SSE)
        await asyncio.wait_for(bell.gone.wait(), 5)
        third = await client.post("/graphql", json={"query": "subscription { count(to: 0) }"}, headers=SSE)
    assert (second.status_code, second.headers["retry-after"]) == (503, "1")
    assert second.json()["errors"][0]["extensions"] == {"code": "TOO_MANY_CONNECTIONS"}
    assert (query.status_code, third.content) == (200, OPENING + COMPLETE)
