"""Who asks on event streams and multipart responses, and for how long."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.auth.clients import Clients
from gateway.control import ControlStore
from gateway.settings_auth import AuthSettings
from resolvers.viewer import Viewer
from tests.gateway.live import Bell, bell, live_app, live_settings
from tests.gateway.transport.test_event_streams import Stream, complete, next_
from tests.support.issuer import NAME, bearer, issuer, sign
from tests.support.server import serve

__all__ = ["bell"]

pytestmark = pytest.mark.anyio

RING = {"query": "subscription { ring { number } }"}
SSE = "text/event-stream"
MULTIPART = 'multipart/mixed;subscriptionSpec="1.0", application/json'
EXPIRED = '{"errors":[{"message":"The token has expired.","extensions":{"code":"TOKEN_EXPIRED"}}]'
LIFE, GRACE = 0.3, 0.2


def ada(life: float = 3600, **claims: Any) -> dict[str, str]:
    return bearer(sign({"exp": time.time() + life, **claims}))


@pytest.fixture(scope="module")
async def client() -> AsyncIterator[httpx.AsyncClient]:
    settings = live_settings(auth=AuthSettings(issuers={"example": issuer(leeway=0)}, grace=GRACE))
    async with serve(live_app(settings), settings) as url, httpx.AsyncClient(base_url=url, timeout=5) as opened:
        yield opened


@pytest.mark.parametrize(
    ("accept", "told"),
    [
        pytest.param(
            SSE, f": \n\nevent: next\ndata: {EXPIRED}}}\n\n", id="sse"
        ),  # not complete: the client comes again
        pytest.param(
            MULTIPART,
            "\r\n--graphql\r\ncontent-type: application/json\r\n\r\n"
            f'{{"payload":null,{EXPIRED[1:]}}}\r\n--graphql--\r\n',
            id="multipart",
        ),
    ],
)
async def test_a_stream_ends_with_its_token(client: httpx.AsyncClient, accept: str, told: str, bell: Bell) -> None:
    end = time.time() + LIFE
    headers = {**bearer(sign({"exp": end})), "accept": accept}
    response = await client.post("/graphql", json=RING, headers=headers)
    assert (response.status_code, response.text) == (200, told)
    assert time.time() >= end + GRACE
    assert [context.viewer for context in bell.contexts] == [Viewer("ada", issuer=NAME)]
    async with asyncio.timeout(5):
        await bell.gone.wait()


@pytest.mark.parametrize("accept", [SSE, MULTIPART], ids=["sse", "multipart"])
async def test_a_stream_is_not_begun_without_credentials(client: httpx.AsyncClient, accept: str) -> None:
    response = await client.post("/graphql", json=RING, headers={"accept": accept})
    assert (response.status_code, response.json()["errors"][0]["extensions"]) == (401, {"code": "UNAUTHENTICATED"})


async def reserved(client: httpx.AsyncClient, credentials: dict[str, str]) -> Stream:
    response = await client.put("/graphql", headers=credentials)
    assert response.status_code == 201
    stream = Stream(client, response.text)
    stream.token |= credentials
    return stream


async def test_a_reservation_is_the_viewers_alone(client: httpx.AsyncClient) -> None:
    assert (await client.put("/graphql")).status_code == 401
    stream = await reserved(client, ada())
    other = Stream(client, stream.token["x-graphql-event-stream-token"])
    for credentials in (ada(sub="eve"), ada(roles=["admin"])):
        other.token |= credentials
        assert (await other.start("{ __typename }", "a")).status_code == 404
        assert (await other.stop("a")).status_code == 404
        async with other.opened() as response:
            assert response.status_code == 404
    async with stream.opened():
        await stream.start("{ viewer { subject } }", "a")
        told = next_("a", {"data": {"viewer": {"subject": "ada"}}})
        assert await stream.until(complete("a")) == b": \n\n" + told + complete("a")


async def test_a_request_prolongs_the_stream(client: httpx.AsyncClient, bell: Bell) -> None:
    """The one that is prolonged would have been the first to end."""
    end = time.time() + LIFE
    renewed, other = [await reserved(client, bearer(sign({"exp": end}))) for _ in range(2)]
    async with renewed.opened(), other.opened() as response:
        renewed.token |= ada()
        assert (await renewed.start("subscription { count(to: 1) }", "a")).status_code == 202
        assert (await other.start("subscription { ring { number } }", "a")).status_code == 202
        async with asyncio.timeout(5):
            assert [chunk async for chunk in response.aiter_raw()] == [b": \n\n"]
        assert time.time() >= end + GRACE
        await renewed.start("{ viewer { subject } }", "b")
        assert complete("b") in await renewed.until(complete("b"))
        other.token |= ada()
        assert (await other.start("{ __typename }", "b")).status_code == 404


async def test_a_reservation_that_nobody_opens_ends_with_its_token(client: httpx.AsyncClient, bell: Bell) -> None:
    stream = await reserved(client, ada(LIFE))
    await stream.start("subscription { ring { number } }", "a")
    async with asyncio.timeout(5):
        await bell.gone.wait()
    stream.token |= ada()
    assert (await stream.start("{ __typename }", "b")).status_code == 404


@pytest.mark.parametrize("accept", [SSE, MULTIPART], ids=["sse", "multipart"])
async def test_a_stream_ends_when_its_api_key_is_revoked(accept: str, bell: Bell, tmp_path: Path) -> None:
    settings = live_settings(auth=AuthSettings(recheck=0.1)).model_copy(update={"home": tmp_path})
    clients = Clients(ControlStore(settings))
    headers = {"x-api-key": await clients.create("app"), "accept": accept}
    async with (
        serve(live_app(settings), settings) as url,
        httpx.AsyncClient(base_url=url, timeout=5) as client,
        client.stream("POST", "/graphql", json=RING, headers=headers) as response,
    ):
        await bell.listening.wait()
        await clients.revoke("app")
        assert b'"code":"API_KEY_INVALID"' in await response.aread()
    await clients.close()


async def test_streams_of_one_viewer_have_a_limit(bell: Bell) -> None:
    settings = live_settings(auth=AuthSettings(issuers={"example": issuer()}), viewer_connections=1)
    async with serve(live_app(settings), settings) as url, httpx.AsyncClient(base_url=url, timeout=5) as client:
        assert (await client.put("/graphql", headers=ada())).status_code == 201
        refused = [
            await client.put("/graphql", headers=ada()),
            await client.post("/graphql", json=RING, headers={**ada(), "accept": SSE}),
        ]
        assert (await client.put("/graphql", headers=ada(sub="bob"))).status_code == 201
    for response in refused:
        assert (response.status_code, response.json()["errors"][0]["extensions"]) == (
            429,
            {"code": "TOO_MANY_VIEWER_CONNECTIONS"},
        )
