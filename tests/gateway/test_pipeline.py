"""What becomes of an operation whose source fails, whose resolver breaks, whose client leaves or whose time is up."""

import asyncio
import logging
from typing import Any

import httpx
import pytest
from graphql import DocumentNode, parse

import gateway.operations.documents as documents
from datasources.errors import SourceMisbehaved, SourceTimeout, SourceUnavailable
from datasources.memory import MemorySource
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from tests.gateway.shop import ROWS, shop_app, shop_client, shop_sources
from tests.support.server import serve
from tests.support.sources import Failing, Gated

pytestmark = pytest.mark.anyio

NESTED = "{ customers { nodes { name orders { nodes { number } } } } }"


def erp() -> MemorySource:
    return MemorySource("erp", ROWS["erp"])


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(SourceUnavailable("erp", "cannot be reached"), id="down"),
        pytest.param(SourceTimeout("erp", "did not answer within 10 s"), id="slow"),
        pytest.param(SourceMisbehaved("erp", "answered 'orders' with status 500"), id="broken"),
    ],
)
async def test_a_failing_source_nulls_its_fields_and_the_rest_stands(
    error: SourceUnavailable, caplog: pytest.LogCaptureFixture
) -> None:
    async with shop_client(sources=shop_sources(erp=Failing(erp(), error))) as client:
        response = await client.post("/graphql", json={"query": NESTED}, headers={"x-correlation-id": "c-1"})
    located = {"message": str(error), "locations": [{"line": 1, "column": 28}]}
    extensions = {"code": error.code, "correlationId": "c-1"}
    assert (response.status_code, response.json()) == (
        200,
        {
            "errors": [
                {**located, "path": ["customers", "nodes", 0, "orders"], "extensions": extensions},
                {**located, "path": ["customers", "nodes", 1, "orders"], "extensions": extensions},
            ],
            "data": {
                "customers": {
                    "nodes": [
                        {"name": "Müller Maschinenbau", "orders": None},
                        {"name": "Ateliers Lefèvre", "orders": None},
                    ]
                }
            },
        },
    )
    (record,) = caplog.records
    assert (record.levelno, getattr(record, "correlation_id", None)) == (logging.ERROR, "c-1")
    assert record.getMessage() == f"customers.nodes.0.orders and 1 more: {error!r}"


async def test_an_unexpected_error_is_masked_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    async with shop_client() as client:
        response = await client.post(
            "/graphql", json={"query": "{ order(id: 7) { number broken } }"}, headers={"x-correlation-id": "c-2"}
        )
    assert response.json() == {
        "errors": [
            {
                "message": "Something went wrong inside the gateway. Its log has more under the correlation id.",
                "locations": [{"line": 1, "column": 25}],
                "path": ["order", "broken"],
                "extensions": {"code": "INTERNAL_SERVER_ERROR", "correlationId": "c-2"},
            }
        ],
        "data": {"order": {"number": "SO-1", "broken": None}},
    }
    (record,) = caplog.records
    assert (record.getMessage(), getattr(record, "correlation_id", None)) == (
        "order.broken: RuntimeError('the secret of SO-1')",
        "c-2",
    )


async def test_what_a_resolver_says_as_a_graphql_error_is_for_the_client(caplog: pytest.LogCaptureFixture) -> None:
    async with shop_client() as client:
        response = await client.post("/graphql", json={"query": "{ order(id: 7) { refused } }"})
    assert response.json() == {
        "errors": [
            {
                "message": "not today",
                "locations": [{"line": 1, "column": 18}],
                "path": ["order", "refused"],
                "extensions": {"code": "CLOSED"},
            }
        ],
        "data": {"order": {"refused": None}},
    }
    assert caplog.records == []


async def test_a_null_that_must_not_be_is_named() -> None:
    nameless = MemorySource("crm", {"customers": [{"id": 1, "name": None}]})
    async with shop_client(sources=shop_sources(crm=nameless)) as client:
        response = await client.post("/graphql", json={"query": "{ customer(id: 1) { name } }"})
    assert response.json()["errors"][0]["message"] == "Cannot return null for non-nullable field Customer.name."
    assert response.json()["data"] == {"customer": None}


async def test_the_gateways_own_failure_is_masked_and_logged(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Pipeline, "run", broken)
    async with shop_client() as client:
        response = await client.post("/graphql", json={"query": "{ a }"}, headers={"x-correlation-id": "c-4"})
    message = "Something went wrong inside the gateway. Its log has more under the correlation id."
    extensions = {"code": "INTERNAL_SERVER_ERROR", "correlationId": "c-4"}
    assert (response.status_code, response.json()) == (
        500,
        {"errors": [{"message": message, "extensions": extensions}]},
    )
    (record,) = caplog.records
    assert record.getMessage() == "RuntimeError('a secret')"


async def test_a_mistake_in_an_argument_fails_its_field_alone() -> None:
    query = "{ customer(id: 1) { name } customers(first: -1) { nodes { name } } }"
    async with shop_client() as client:
        response = await client.post("/graphql", json={"query": query})
    assert response.json() == {
        "errors": [
            {
                "message": "first cannot be negative; it is -1.",
                "locations": [{"line": 1, "column": 28}],
                "path": ["customers"],
                "extensions": {"code": "BAD_USER_INPUT"},
            }
        ],
        "data": {"customer": {"name": "Müller Maschinenbau"}, "customers": None},
    }


async def test_an_operation_that_takes_too_long_is_given_up() -> None:
    gated = Gated(erp())
    async with shop_client(limits=LimitSettings(seconds=0.05), sources=shop_sources(erp=gated)) as client:
        response = await client.post("/graphql", json={"query": "{ orders { nodes { number } } }"})
    assert (response.status_code, response.json()) == (
        504,
        {
            "errors": [
                {
                    "message": "The operation was given up after 0.05 s.",
                    "extensions": {"code": "OPERATION_TIMEOUT"},
                }
            ]
        },
    )
    assert gated.waiting == 0


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{ orders { nodes { number } } }", id="root"),
        pytest.param("{ order(id: 7) { number } }", id="loader"),
        pytest.param(NESTED, id="relation"),
    ],
)
async def test_a_client_that_leaves_cancels_its_lookups(query: str) -> None:
    gated = Gated(erp())
    async with serve(shop_app(sources=shop_sources(erp=gated))) as url, httpx.AsyncClient(base_url=url) as client:
        request = asyncio.create_task(client.post("/graphql", json={"query": query}))
        await gated.arrived(1)
        assert gated.waiting == 1
        request.cancel()
        await asyncio.wait_for(gated.idle.wait(), 5)
        gated.gate.set()
        again = await client.post("/graphql", json={"query": "{ order(id: 7) { number } }"})
    assert again.json() == {"data": {"order": {"number": "SO-1"}}}


async def test_documents_are_parsed_and_validated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    parsed: list[str] = []

    def counted(text: str, **options: Any) -> DocumentNode:
        parsed.append(text)
        return parse(text, **options)

    monkeypatch.setattr(documents, "parse", counted)
    async with shop_client() as client:
        for number in (7, 8, 7):
            query = "query ($id: ID!) { order(id: $id) { number } }"
            response = await client.post("/graphql", json={"query": query, "variables": {"id": number}})
            assert response.json() == {"data": {"order": {"number": f"SO-{number - 6}"}}}
    assert parsed == [query]
