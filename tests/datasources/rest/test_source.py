"""REST sources over a real server that speaks the convention."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import Receive, Scope, Send

from datasources.base import Datasource
from datasources.demo.rest_api import collection_api
from datasources.errors import SourceUnavailable
from datasources.lookup import Lookup
from datasources.rest import REST_CAPABILITIES, Batch, Resource, RestSource
from tests.datasources.contract import DatasourceContract, answers_like_the_reference
from tests.datasources.dataset import COLLECTIONS, NUMBERS, PEOPLE, ROWS
from tests.datasources.rest.serving import Recorded, opened
from tests.support.server import serve

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    async with serve(collection_api(ROWS)) as url:
        yield url


@pytest.mark.parametrize("batch", Batch, scope="class")
class TestContract(DatasourceContract):
    test_answers_like_the_reference = answers_like_the_reference(REST_CAPABILITIES)

    @pytest.fixture(scope="class")
    async def source(self, url: str, batch: Batch) -> AsyncIterator[Datasource]:
        resources = {
            name: Resource(f"/{name}", collection.columns, batch=batch) for name, collection in COLLECTIONS.items()
        }
        async with opened(RestSource("rest", url, resources)) as source:
            yield source

    @pytest.fixture
    def many(self, batch: Batch) -> range:
        return range(5400, 5600) if batch is Batch.EACH else range(1000, 6000)


@pytest.mark.parametrize("per", [True, False], ids=["per", "no-per"], scope="class")
class TestSmallPages:
    test_answers_like_the_reference = answers_like_the_reference(REST_CAPABILITIES)

    @pytest.fixture(scope="class")
    async def source(self, url: str, per: bool) -> AsyncIterator[Datasource]:
        resources = {name: Resource(f"/{name}", page=2, chunk=2, per=per) for name in COLLECTIONS}
        async with opened(RestSource("rest", url, resources)) as source:
            yield source


async def test_asks_for_what_is_not_declared_by_convention(url: str) -> None:
    async with opened(RestSource("rest", url)) as source:
        assert (await source.lookup(Lookup(PEOPLE, ("name",), key="id", keys=(1,)))).rows == [(1, "Ada")]
        assert await source.describe("people") is None


async def test_goes_below_the_path_of_its_url() -> None:
    app = Recorded(Starlette(routes=[Mount("/api/v1", collection_api(ROWS))]))
    async with opened(RestSource("rest", "http://rest/api/v1/", transport=httpx.ASGITransport(app))) as source:
        await source.check()
        await source.lookup(Lookup(PEOPLE, ("id",)))
    assert app.requests == ["GET /api/v1/health", "GET /api/v1/people?sort=id&limit=1000&fields=id"]


async def test_its_health_may_be_elsewhere() -> None:
    app = Recorded(collection_api(ROWS))
    transport = httpx.ASGITransport(app)
    async with opened(RestSource("rest", "http://rest", transport=transport, health="/people")) as source:
        await source.check()
    assert app.requests == ["GET /people"]


async def test_sends_its_headers() -> None:
    app = Recorded(collection_api(ROWS))
    headers = {"authorization": "Bearer secret"}
    async with opened(RestSource("rest", "http://rest", None, headers, httpx.ASGITransport(app))) as source:
        await source.check()
        await source.lookup(Lookup(PEOPLE, ("id",)))
        await source.lookup(Lookup(NUMBERS, ("id",), key="id", keys=tuple(range(5000))))
    assert [request.split("?")[0] if isinstance(request, str) else request[0] for request in app.requests] == [
        "GET /health",
        "GET /people",
        *["GET /numbers"] * 5,
    ]
    assert {sent["authorization"] for sent in app.headers} == {"Bearer secret"}
    assert {sent["accept"] for sent in app.headers} == {"application/json"}


async def test_answers_only_while_it_is_open(url: str) -> None:
    source = RestSource("rest", url)
    lookup = Lookup(PEOPLE, ("id",), limit=1)
    for _ in range(2):
        with pytest.raises(SourceUnavailable, match=r"^datasource 'rest' is not open$"):
            await source.check()
        with pytest.raises(SourceUnavailable, match=r"^datasource 'rest' is not open$"):
            await source.lookup(lookup)
        await source.open()
        assert (await source.lookup(lookup)).rows == [(1,)]
        await source.close()


async def test_makes_so_many_requests_at_once() -> None:
    together = asyncio.Barrier(3)
    running = 0
    most = 0

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await together.wait()
        running -= 1
        await collection_api(ROWS)(scope, receive, send)

    resources = {"people": Resource("/people", batch=Batch.EACH)}
    source = RestSource("rest", "http://rest", resources, transport=httpx.ASGITransport(app), concurrency=3)
    async with opened(source):
        answer = await source.lookup(Lookup(PEOPLE, (), key="id", keys=(1, 2, 3, 4, 5, 6)))
    assert answer.rows == [(1,), (2,), (3,), (4,), (5,), (6,)]
    assert most == 3


async def test_closing_fails_what_still_waits() -> None:
    arrived, gate = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            arrived.set()
            await gate.wait()
        await collection_api(ROWS)(scope, receive, send)

    async with serve(app) as url:
        source = RestSource("rest", url, concurrency=1)
        await source.open()
        lookups = [asyncio.create_task(source.lookup(Lookup(PEOPLE, ("id",)))) for _ in range(2)]
        await arrived.wait()
        await source.close()
        gate.set()
        results = await asyncio.gather(*lookups, return_exceptions=True)
    assert [type(result) for result in results] == [SourceUnavailable, SourceUnavailable]
