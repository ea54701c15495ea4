"""Subscriptions in parts, as Apollo's clients read them."""

import asyncio
import json
from collections.abc import AsyncIterator

import httpx
import pytest

from gateway.errors import SubscriberTooSlow
from tests.gateway.live import Bell, Feed, bell, event, feed, live_app, live_settings
from tests.support.server import serve

__all__ = ["bell", "feed"]

pytestmark = pytest.mark.anyio

PARTS = {"accept": 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0", application/json'}
OPENING = b"\r\n--graphql"
END = b"--\r\n"


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = live_settings()
    async with serve(live_app(settings), settings) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def part(content: object) -> bytes:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False)
    return f"\r\ncontent-type: application/json\r\n\r\n{text}\r\n--graphql".encode()


async def test_events_in_parts(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { count(to: 2) }"}, headers=PARTS)
    events = [part({"payload": {"data": {"count": number}}}) for number in (1, 2)]
    assert (response.status_code, response.content) == (200, OPENING + b"".join(events) + END)
    assert response.headers["content-type"] == 'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'


async def test_no_event_is_no_part(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { count(to: 0) }"}, headers=PARTS)
    assert response.content == OPENING + END


@pytest.mark.parametrize(
    ("query", "status"),
    [
        pytest.param("{ __typename }", 200, id="query"),
        pytest.param("subscription { nothing }", 200, id="errors-before-execution"),
    ],
)
async def test_one_answer_is_json(client: httpx.AsyncClient, query: str, status: int) -> None:
    response = await client.post("/graphql", json={"query": query}, headers=PARTS)
    plain = await client.post("/graphql", json={"query": query})
    assert (response.status_code, response.headers["content-type"]) == (status, "application/json; charset=utf-8")
    assert response.json() == plain.json()


async def test_a_resolver_that_refuses_does_so_in_a_part(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": "subscription { refusing }"}, headers=PARTS)
    errors = [{"message": "nothing to hear", "extensions": {"code": "BAD_USER_INPUT"}}]
    assert response.content == OPENING + part({"payload": None, "errors": errors}) + END


async def test_one_answer_is_a_part_where_nothing_else_will_do(client: httpx.AsyncClient) -> None:
    headers = {"accept": "multipart/mixed;subscriptionSpec=1.0"}
    response = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert response.content == OPENING + part({"payload": {"data": {"__typename": "Query"}}}) + END


async def test_a_fatal_error_is_beside_the_payload(client: httpx.AsyncClient, feed: Feed) -> None:
    async with client.stream("POST", "/graphql", json={"query": "subscription { a }"}, headers=PARTS) as response:
        await feed.subscribers(1)
        feed.put(1)
        feed.boxes[0].end(SubscriberTooSlow("too slow"))
        received = await response.aread()
    fatal = {"payload": None, "errors": [{"message": "too slow", "extensions": {"code": "SUBSCRIBER_TOO_SLOW"}}]}
    assert received == OPENING + part({"payload": json.loads(event(1).json)}) + part(fatal) + END


async def test_heartbeats_are_empty_objects(bell: Bell) -> None:
    settings = live_settings(heartbeat=0.02)
    received = b""
    async with (
        serve(live_app(settings), settings) as url,
        httpx.AsyncClient(base_url=url) as client,
        client.stream(
            "POST", "/graphql", json={"query": "subscription { ring { number } }"}, headers=PARTS
        ) as response,
        asyncio.timeout(5),
    ):
        async for chunk in response.aiter_raw():
            received += chunk
            if received.count(part({})) == 3:
                break
    assert received == OPENING + part({}) * 3
    await asyncio.wait_for(bell.gone.wait(), 5)
