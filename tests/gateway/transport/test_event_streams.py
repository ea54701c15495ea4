"""Many operations on one event stream: reservations, and what is sent where."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.settings import HttpSettings, Settings
from tests.gateway.live import Bell, Feed, bell, event, feed, live_app, live_settings
from tests.support.server import serve

__all__ = ["bell", "feed"]

pytestmark = pytest.mark.anyio

OPENING = b": \n\n"
RING = "subscription { ring { number } }"


@asynccontextmanager
async def served(settings: Settings | None = None) -> AsyncIterator[httpx.AsyncClient]:
    chosen = settings or live_settings()
    async with serve(live_app(chosen), chosen) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with served() as opened:
        yield opened


class Stream:
    """A reservation, the operations on it, and what its event stream says."""

    def __init__(self, client: httpx.AsyncClient, token: str) -> None:
        self.client = client
        self.token = {"x-graphql-event-stream-token": token}
        self.received = b""

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[httpx.Response]:
        headers = {**self.token, "accept": "text/event-stream"}
        async with self.client.stream("GET", "/graphql", headers=headers) as response:
            self.chunks = response.aiter_raw()
            yield response

    async def start(self, query: str, name: str | None, **others: Any) -> httpx.Response:
        extensions = {} if name is None else {"extensions": {"operationId": name}}
        return await self.client.post("/graphql", json={"query": query, **extensions, **others}, headers=self.token)

    async def stop(self, name: str) -> httpx.Response:
        return await self.client.delete("/graphql", params={"operationId": name}, headers=self.token)

    async def until(self, end: bytes) -> bytes:
        async with asyncio.timeout(5):
            while end not in self.received:
                self.received += await anext(self.chunks)
        return self.received


async def reserved(client: httpx.AsyncClient) -> Stream:
    response = await client.put("/graphql")
    assert response.status_code == 201
    assert len(response.text) == 32
    return Stream(client, response.text)


def next_(name: str, payload: object) -> bytes:
    text = json.dumps({"id": name, "payload": payload}, separators=(",", ":"))
    return f"event: next\ndata: {text}\n\n".encode()


def complete(name: str) -> bytes:
    return f'event: complete\ndata: {{"id":"{name}"}}\n\n'.encode()


async def test_operations_share_a_stream(client: httpx.AsyncClient) -> None:
    stream = await reserved(client)
    async with stream.opened() as response:
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        accepted = await stream.start("subscription { count(to: 2) }", "a")
        assert (accepted.status_code, accepted.content) == (202, b"")
        first = await stream.until(complete("a"))
        await stream.start("{ __typename }", "b")
        both = await stream.until(complete("b"))
    counted = b"".join(next_("a", {"data": {"count": number}}) for number in (1, 2)) + complete("a")
    assert first == OPENING + counted
    assert both == OPENING + counted + next_("b", {"data": {"__typename": "Query"}}) + complete("b")


async def test_an_operation_may_come_before_its_stream_is_opened(client: httpx.AsyncClient) -> None:
    stream = await reserved(client)
    assert (await stream.start("{ __typename }", "a")).status_code == 202
    async with stream.opened():
        told = next_("a", {"data": {"__typename": "Query"}}) + complete("a")
        assert await stream.until(complete("a")) == OPENING + told


async def test_the_token_may_be_in_the_url(client: httpx.AsyncClient) -> None:
    stream = await reserved(client)
    url = f"/graphql?token={stream.token['x-graphql-event-stream-token']}"
    request = {"query": "{ __typename }", "extensions": {"operationId": "a"}}
    assert (await client.post(url, json=request)).status_code == 202
    async with client.stream("GET", url, headers={"accept": "text/event-stream"}) as response:
        stream.chunks = response.aiter_raw()
        await stream.until(complete("a"))
    assert (await client.delete(f"{url}&operationId=a")).status_code in (200, 404)


async def test_an_operation_is_stopped(client: httpx.AsyncClient, bell: Bell) -> None:
    stream = await reserved(client)
    async with stream.opened():
        await stream.start(RING, "a")
        await asyncio.wait_for(bell.listening.wait(), 5)
        assert (await stream.stop("a")).status_code == 200
        await asyncio.wait_for(bell.gone.wait(), 5)
        assert (await stream.stop("a")).status_code == 200
        assert (await stream.start("{ __typename }", "a")).status_code == 202


async def test_a_client_that_leaves_ends_its_operations_and_its_reservation(
    client: httpx.AsyncClient, bell: Bell
) -> None:
    stream = await reserved(client)
    async with stream.opened():
        await stream.start(RING, "a")
        await asyncio.wait_for(bell.listening.wait(), 5)
    await asyncio.wait_for(bell.gone.wait(), 5)
    assert (await stream.start("{ __typename }", "a")).status_code == 404


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    (error,) = response.json()["errors"]
    return response.status_code, error["extensions"]["code"], error["message"]


NOT_FOUND = (404, "STREAM_NOT_FOUND", "No event stream is reserved under this token; reserve one by PUT.")


async def test_nothing_without_a_reservation(client: httpx.AsyncClient) -> None:
    stream = Stream(client, "unknown")
    async with stream.opened() as response:
        await response.aread()
    assert [
        refusal(each) for each in (response, await stream.start("{ __typename }", "a"), await stream.stop("a"))
    ] == [NOT_FOUND] * 3
    assert refusal(await client.delete("/graphql", params={"operationId": "a"})) == NOT_FOUND


async def test_what_cannot_be_started(client: httpx.AsyncClient, bell: Bell) -> None:
    stream = await reserved(client)
    await stream.start(RING, "a")
    missing = "extensions.operationId is missing: the results are told apart by it."
    assert refusal(await stream.start(RING, None)) == (400, "BAD_REQUEST", missing)
    assert refusal(await stream.start(RING, "")) == (400, "BAD_REQUEST", missing)
    assert refusal(await stream.start(RING, "a")) == (409, "ALREADY_EXISTS", "An operation 'a' is under way.")
    unknown = await stream.client.post(
        "/graphql",
        json={"query": "{ nothing }", "extensions": {"operationId": "b"}},
        headers={**stream.token, "accept": "application/graphql-response+json"},
    )
    assert refusal(unknown) == (400, "GRAPHQL_VALIDATION_FAILED", "Cannot query field 'nothing' on type 'Query'.")


async def test_operations_of_one_stream_have_a_limit(bell: Bell) -> None:
    async with served(live_settings(operations=1)) as client:
        stream = await reserved(client)
        await stream.start(RING, "a")
        message = "1 operations are under way on this connection, as many as may be."
        assert refusal(await stream.start(RING, "b")) == (429, "TOO_MANY_OPERATIONS", message)


async def test_a_stream_is_opened_once(client: httpx.AsyncClient) -> None:
    stream, again = await reserved(client), None
    async with stream.opened():
        await stream.until(OPENING)
        again = Stream(client, stream.token["x-graphql-event-stream-token"])
        async with again.opened() as response:
            await response.aread()
    assert refusal(response) == (409, "ALREADY_EXISTS", "The event stream is open already.")


async def test_reservations_have_a_limit_and_expire() -> None:
    async with served(live_settings(connections=1, init_timeout=0.5)) as client:
        stream = await reserved(client)
        full = await client.put("/graphql")
        assert (refusal(full)[:2], full.headers["retry-after"]) == ((503, "TOO_MANY_CONNECTIONS"), "1")
        async with asyncio.timeout(5):
            while full.status_code != 201:
                full = await client.put("/graphql")
        assert refusal(await stream.start("{ __typename }", "a")) == NOT_FOUND


async def test_an_operation_that_is_too_slow_leaves_the_others(client: httpx.AsyncClient, feed: Feed) -> None:
    feed.limit = 1
    stream = await reserved(client)
    for name in ("a", "b"):
        await stream.start("{ __typename }", name)
        await feed.subscribers(1 if name == "a" else 2)
    for number in (1, 2):
        feed.boxes[0].put(event(number))
    feed.boxes[1].put(event(1))
    errors = [{"message": "More than 1 events waited to be taken.", "extensions": {"code": "SUBSCRIBER_TOO_SLOW"}}]
    async with stream.opened():
        received = await stream.until(complete("a"))
        feed.boxes[1].put(event(3))
        await stream.until(next_("b", json.loads(event(3).json)))
    told = received.replace(next_("b", json.loads(event(1).json)), b"")
    assert told == OPENING + next_("a", json.loads(event(1).json)) + next_("a", {"errors": errors}) + complete("a")


async def test_heartbeats_while_nothing_happens() -> None:
    async with served(live_settings(heartbeat=0.02)) as client:
        stream = await reserved(client)
        async with stream.opened():
            await stream.until(OPENING * 4)


async def test_web_pages_may_reserve_where_they_may_send_requests() -> None:
    preflight = {"origin": "https://shop.example", "access-control-request-method": "PUT"}
    async with served(live_settings(HttpSettings(allowed_origins=("https://shop.example",)))) as client:
        assert (await client.options("/graphql", headers=preflight)).status_code == 200
        response = await client.put("/graphql", headers={"origin": "https://shop.example"})
    assert (response.status_code, response.headers["access-control-allow-origin"]) == (201, "https://shop.example")
