"""Trusted queries by GET: who may keep their answers, and for how long."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from datasources.memory import MemorySource
from datasources.registry import Registry
from gateway.app import create_app
from gateway.auth.clients import Clients
from gateway.control import ControlStore
from gateway.graph import make_graph
from gateway.operations.store import EVERYBODY, OperationStore, published
from gateway.settings import Settings
from gateway.settings_auth import AuthSettings
from gateway.transport.etags import is_among
from resolvers import authenticated, column, entity, query_type
from tests.gateway.execution.test_cache_hints import Query

pytestmark = pytest.mark.anyio

ROWS: dict[str, list[dict[str, Any]]] = {
    "brands": [{"id": 1, "name": "Acme", "rating": 5}],
    "products": [{"id": 1, "name": "Anvil", "brand_id": 1}],
    "offers": [{"id": 1, "price": 3, "product_id": 1}],
}
BRAND = "query Brand { brand(id: 1) { name } }"
MINE = "query Mine { brand(id: 1) { name mine } }"
OFFERS = "query Offers { offers { nodes { price } } }"
BROKEN = "query Broken { brand(id: 1) { name } offers(first: -1) { totalCount } }"
ANSWER = {"data": {"brand": {"name": "Acme"}}}
PREFLIGHT = {"graphql-require-preflight": "1"}


@asynccontextmanager
async def shop(home: Path, query: type = Query) -> AsyncIterator[tuple[httpx.AsyncClient, dict[str, str]]]:
    settings = Settings(home=home, auth=AuthSettings(anonymous=True))
    control = ControlStore(settings)
    key = {"x-api-key": await Clients(control).create("web")}
    texts = {"brand": BRAND, "mine": MINE, "offers": OFFERS, "broken": BROKEN}
    await OperationStore(control).publish(
        [published(EVERYBODY, id_, id_.title(), "query", text) for id_, text in texts.items()]
    )
    await control.close()
    sources = Registry({"shop": MemorySource("shop", ROWS)})
    app = create_app(settings, make_graph(query), sources)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://x", headers=PREFLIGHT) as client,
    ):
        yield client, key


@pytest.mark.parametrize(
    ("parameters", "known", "cache_control"),
    [
        pytest.param({"documentId": "brand"}, False, "public, max-age=3600", id="public"),
        pytest.param({"documentId": "brand"}, True, "private, max-age=3600", id="of-somebody"),
        pytest.param({"documentId": "mine"}, False, "private, max-age=3600", id="viewer-dependent"),
        pytest.param({"documentId": "offers"}, False, "private, no-cache", id="nothing-said"),
        pytest.param({"documentId": "broken"}, False, "no-store", id="with-errors"),
        pytest.param({"query": "{ brand(id: 1) { name } }"}, False, None, id="not-trusted"),
        pytest.param({"documentId": "unknown"}, False, "no-store", id="refused"),
    ],
)
async def test_who_may_keep_it(
    tmp_path: Path, parameters: dict[str, str], known: bool, cache_control: str | None
) -> None:
    async with shop(tmp_path) as (client, key):
        response = await client.get("/graphql", params=parameters, headers=key if known else {})
        assert response.headers.get("cache-control") == cache_control
        assert response.headers["vary"] == "Accept, Authorization, Origin, X-Api-Key"
        posted = await client.post("/graphql", json=parameters)
        assert "etag" not in posted.headers


async def test_what_is_known_is_not_sent_again(tmp_path: Path) -> None:
    async with shop(tmp_path) as (client, _):
        first = await client.get("/graphql", params={"documentId": "brand"})
        assert (first.status_code, first.json()) == (200, ANSWER)
        headers = {"if-none-match": f'"other", W/{first.headers["etag"]}'}
        again = await client.get("/graphql", params={"documentId": "brand"}, headers=headers)
        assert (again.status_code, again.content) == (304, b"")
        for name in ("etag", "cache-control", "vary"):
            assert again.headers[name] == first.headers[name]
        assert not {"content-length", "content-type"} & {*again.headers}
        modern = {**headers, "accept": "application/graphql-response+json"}
        other = await client.get("/graphql", params={"documentId": "brand"}, headers=modern)
        assert (other.status_code, other.json()) == (200, ANSWER)
        assert other.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    ("known", "found"),
    [
        pytest.param(b'"a"', True, id="same"),
        pytest.param(b'W/"a"', True, id="weak"),
        pytest.param(b'"b" , "a"', True, id="list"),
        pytest.param(b"*", True, id="any"),
        pytest.param(b'"b"', False, id="other"),
        pytest.param(b"", False, id="none"),
    ],
)
def test_tags(known: bytes, found: bool) -> None:
    assert is_among(b'"a"', known) is found


async def test_what_policies_may_make_otherwise_is_kept_by_nobody_else(tmp_path: Path) -> None:
    @entity("shop.brands", cache=3600)
    class Brand:
        """For everybody, in a graph with something that is not."""

        name: str
        rating: int | None = column(requires=authenticated())

    @entity("shop.offers")
    class Offer:
        """What is paid."""

        price: int

    async with shop(tmp_path, query_type(Brand, Offer)) as (client, _):
        response = await client.get("/graphql", params={"documentId": "brand"})
        assert response.headers["cache-control"] == "private, max-age=3600"
