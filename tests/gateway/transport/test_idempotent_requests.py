"""Writes over HTTP: once, however often they are sent."""

from collections.abc import AsyncIterator

import httpx
import pytest

from datasources.registry import Registry
from gateway.app import create_app
from gateway.graph import make_graph
from gateway.settings import HttpSettings, Settings
from gateway.settings_auth import AuthSettings
from tests.gateway.writing import Mutation, Query, Store, open_store

pytestmark = pytest.mark.anyio

GRAPHQL_JSON = "application/graphql-response+json"
CREATE = 'mutation { createProduct(input: { sku: "cap", name: "Cap", price: 1 }) { id } }'
CREATED = {"data": {"createProduct": {"id": "Product:3"}}}
HEADERS = {"idempotency-key": "key-1", "accept": GRAPHQL_JSON}


@pytest.fixture
async def store(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Store]:
    async with open_store("sqlite", tmp_path_factory.mktemp("store"), None) as store:
        yield store


@pytest.fixture
async def client(store: Store) -> AsyncIterator[httpx.AsyncClient]:
    graph = make_graph(Query, mutation=Mutation)
    settings = Settings(http=HttpSettings(max_batch=5), auth=AuthSettings(anonymous=True))
    app = create_app(settings, graph, Registry(dict(store.sources)))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop") as client,
    ):
        yield client


async def test_a_repeat_is_answered_and_not_done(client: httpx.AsyncClient, store: Store) -> None:
    first = await client.post("/graphql", json={"query": CREATE}, headers=HEADERS)
    again = await client.post(
        "/graphql", json={"query": CREATE, "extensions": {"idempotencyKey": "key-1"}}, headers={"accept": GRAPHQL_JSON}
    )
    assert (first.status_code, first.json()) == (200, CREATED)
    assert (again.status_code, again.content) == (200, first.content)
    assert store.statements.count("insert products 1") == 1


async def test_without_a_key_it_is_done_again(client: httpx.AsyncClient) -> None:
    await client.post("/graphql", json={"query": CREATE})
    again = await client.post("/graphql", json={"query": CREATE})
    (error,) = again.json()["errors"]
    assert error["message"] == "Product: there is one with this sku already."
    assert error["path"] == ["createProduct"]
    assert error["extensions"] == {
        "code": "UNIQUE_VIOLATION",
        "fields": ["sku"],
        "constraint": error["extensions"]["constraint"],
        "inputPath": ["input", "sku"],
    }


async def test_another_request_with_the_key_is_a_conflict(client: httpx.AsyncClient, store: Store) -> None:
    await client.post("/graphql", json={"query": CREATE}, headers=HEADERS)
    other = await client.post("/graphql", json={"query": "mutation { deleteOrder(id: 2) { id } }"}, headers=HEADERS)
    assert (other.status_code, other.json()) == (
        409,
        {
            "errors": [
                {
                    "message": "The Idempotency-Key was used for another request before: use a new one.",
                    "extensions": {"code": "IDEMPOTENCY_KEY_REUSED"},
                }
            ]
        },
    )
    assert "delete orders 1" not in store.statements


async def test_queries_do_not_care(client: httpx.AsyncClient) -> None:
    answer = await client.post("/graphql", json={"query": "{ products { totalCount } }"}, headers=HEADERS)
    assert answer.json() == {"data": {"products": {"totalCount": 2}}}


async def test_a_batch_has_a_key_for_each(client: httpx.AsyncClient) -> None:
    assert (await client.post("/graphql", json=[{"query": CREATE}], headers=HEADERS)).status_code == 400
    one = {"query": CREATE, "extensions": {"idempotencyKey": "a"}}
    answer = await client.post("/graphql", json=[one, one])
    assert answer.json() == [CREATED, CREATED]


async def test_mutations_are_not_sent_by_get(client: httpx.AsyncClient, store: Store) -> None:
    answer = await client.get("/graphql", params={"query": CREATE}, headers={"graphql-require-preflight": "1"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert store.statements == []
