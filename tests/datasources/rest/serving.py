"""REST services for tests, and sources that read from them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from datasources.demo.rest_api import collection_api
from datasources.rest import Resource, RestSource
from tests.datasources.dataset import COLLECTIONS, ROWS


class Recorded:
    """`app`, with what it was asked: `GET /people?id=1`, or `POST /people/query` and the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.requests: list[Any] = []
        self.headers: list[Headers] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        line = f"{request.method} {request.url.path}"
        query = f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        self.headers.append(request.headers)
        body = await request.body()
        self.requests.append((line, json.loads(body)) if body else line + query)

        async def replay() -> Message:
            return {"type": "http.request", "body": body, "more_body": False}

        await self.app(scope, replay, send)


@asynccontextmanager
async def recorded(**resource: Any) -> AsyncIterator[tuple[RestSource, Recorded]]:
    """A source whose collections are all reached as `resource` says, in process."""
    app = Recorded(collection_api(ROWS))
    resources = {name: Resource(f"/{name}", **resource) for name in COLLECTIONS}
    async with opened(RestSource("rest", "http://rest", resources, transport=httpx.ASGITransport(app))) as source:
        yield source, app


@asynccontextmanager
async def opened(source: RestSource) -> AsyncIterator[RestSource]:
    await source.open()
    try:
        yield source
    finally:
        await source.close()
