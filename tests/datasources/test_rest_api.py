"""The demo's REST service: the convention, as a client sees it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from datasources.demo.rest_api import collection_api

pytestmark = pytest.mark.anyio

SHIPMENTS: list[dict[str, Any]] = [
    {"id": 1, "order_id": 7, "carrier": "DHL", "shipped_at": datetime(2026, 1, 2, tzinfo=UTC), "fee": Decimal("4.50")},
    {"id": 2, "order_id": 7, "carrier": "UPS", "shipped_at": None, "fee": Decimal("0.10")},
    {"id": 3, "order_id": 8, "carrier": "DHL", "shipped_at": datetime(2026, 1, 1, tzinfo=UTC), "fee": None},
    {"id": 4, "order_id": 9, "carrier": "Post, Bonn", "shipped_at": None, "fee": Decimal("9.99")},
]
LINKS: list[dict[str, Any]] = [{"id": 1, "data": {"a": [1]}, "on": True, "note": None}]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    many = [{"id": number} for number in range(1, 1502)]
    app = collection_api({"shipments": SHIPMENTS, "links": LINKS, "many": many, "none": []})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://scm") as client:
        yield client


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        pytest.param("", [1, 2, 3, 4], id="all"),
        pytest.param("id=3,1,99", [1, 3], id="by-key"),
        pytest.param("order_id=7", [1, 2], id="by-another-column"),
        pytest.param("carrier=DHL,UPS", [1, 2, 3], id="list"),
        pytest.param("carrier=Post,%20Bonn&carrier=UPS", [2, 4], id="repeated-values-keep-commas"),
        pytest.param("carrier=Post,%20Bonn&carrier=Post,%20Bonn", [4], id="one-value-with-a-comma"),
        pytest.param("carrier[ne]=DHL", [2, 4], id="ne"),
        pytest.param("fee[ne]=9.99", [1, 2, 3], id="ne-takes-nulls"),
        pytest.param("fee[gt]=0.1", [1, 4], id="gt"),
        pytest.param("fee[gte]=0.1&fee[lt]=9.99", [1, 2], id="range"),
        pytest.param("shipped_at[lte]=2026-01-01T00:00:00%2B00:00", [3], id="lte-datetime"),
        pytest.param("shipped_at[null]=true", [2, 4], id="null"),
        pytest.param("shipped_at[null]=false", [1, 3], id="not-null"),
        pytest.param("sort=shipped_at,-id", [3, 1, 4, 2], id="nulls-last-ascending"),
        pytest.param("sort=-shipped_at", [2, 4, 1, 3], id="nulls-first-descending-key-breaks-ties"),
        pytest.param("sort=-shipped_at&after=[null,2]", [4, 1, 3], id="after-a-null"),
        pytest.param('sort=shipped_at&after=["2026-01-01T00:00:00%2B00:00"]', [1, 2, 4], id="after-part-of-the-sort"),
    ],
)
async def test_selects(client: httpx.AsyncClient, query: str, ids: list[int]) -> None:
    response = await client.get(f"/shipments?{query}&fields=id".replace("?&", "?"))
    assert response.status_code == 200
    assert response.json() == {"items": [{"id": each} for each in ids], "next": None, "counts": {}}


async def test_writes_decimals_and_datetimes_as_strings(client: httpx.AsyncClient) -> None:
    response = await client.get("/shipments?id=1")
    assert response.json()["items"] == [
        {"id": 1, "order_id": 7, "carrier": "DHL", "shipped_at": "2026-01-02T00:00:00+00:00", "fee": "4.50"}
    ]


async def test_pages(client: httpx.AsyncClient) -> None:
    first = (await client.get("/shipments?sort=carrier&limit=2&fields=id&count=true")).json()
    assert first == {"items": [{"id": 1}, {"id": 3}], "next": ["DHL", 3], "counts": {"": 4}}

    body = {"sort": ["carrier"], "limit": 2, "fields": ["id"], "after": first["next"]}
    second = (await client.post("/shipments/query", json=body)).json()
    assert second == {"items": [{"id": 4}, {"id": 2}], "next": None, "counts": {}}


async def test_caps_a_page_at_1000(client: httpx.AsyncClient) -> None:
    first = (await client.get("/many?limit=5000")).json()
    assert (len(first["items"]), first["next"]) == (1000, [1000])
    rest = (await client.get("/many?after=[1000]")).json()
    assert (len(rest["items"]), rest["next"]) == (501, None)


async def test_limits_per_value(client: httpx.AsyncClient) -> None:
    query = "order_id=8,7,5&per=order_id&sort=-id&limit=1&count=true&fields=id,order_id"
    expected = {
        "items": [{"id": 3, "order_id": 8}, {"id": 2, "order_id": 7}],
        "next": None,
        "counts": {"8": 1, "7": 2, "5": 0},
    }
    assert (await client.get(f"/shipments?{query}")).json() == expected

    body = {
        "where": {"order_id": [8, 7, 5]},
        "per": "order_id",
        "sort": ["-id"],
        "limit": 1,
        "count": True,
        "fields": ["id", "order_id"],
    }
    assert (await client.post("/shipments/query", json=body)).json() == expected


async def test_counts_without_items(client: httpx.AsyncClient) -> None:
    response = await client.get("/shipments?limit=0&count=true")
    assert response.json() == {"items": [], "next": None, "counts": {"": 4}}


async def test_keeps_json_and_booleans(client: httpx.AsyncClient) -> None:
    response = await client.get("/links?on=true&note[null]=true")
    assert response.json() == {"items": LINKS, "next": None, "counts": {}}


async def test_an_empty_collection_answers_nothing(client: httpx.AsyncClient) -> None:
    body = {"where": {"order_id": [1], "at[gte]": "2026-01-01"}, "sort": ["-at"], "after": [None], "fields": ["at"]}
    response = await client.post("/none/query", json=body)
    assert response.json() == {"items": [], "next": None, "counts": {}}


async def test_is_healthy(client: httpx.AsyncClient) -> None:
    response = await client.get("/health")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("path", "message"),
    [
        pytest.param(
            "shipments?color=red",
            "color: there is no column 'color'; there are id, order_id, carrier, shipped_at, fee.",
            id="unknown-column",
        ),
        pytest.param("shipments?id=x", "id: 'x' is no value of this column.", id="value-of-another-type"),
        pytest.param("shipments?fee[gt]=much", "fee[gt]: 'much' is no value of this column.", id="no-decimal"),
        pytest.param(
            "shipments?shipped_at[gt]=2026-01-01",
            "shipped_at[gt]: '2026-01-01' is no value of this column.",
            id="datetime-without-offset",
        ),
        pytest.param(
            "shipments?id[like]=1",
            "id[like]: there is no operator 'like'; there are ne, lt, lte, gt, gte, null.",
            id="unknown-operator",
        ),
        pytest.param("shipments?fee[null]=maybe", "fee[null] must be true or false.", id="no-boolean"),
        pytest.param("shipments?limit=-1", "limit must be an integer that is not negative.", id="negative-limit"),
        pytest.param("shipments?limit=many", "limit is not JSON.", id="limit-no-number"),
        pytest.param("shipments?limit=1&limit=2", "limit is given twice.", id="limit-twice"),
        pytest.param("shipments?count=1", "count must be true or false.", id="count-no-boolean"),
        pytest.param(
            "shipments?per=order_id", "per=order_id needs a list of values: order_id=1,2,3.", id="per-no-list"
        ),
        pytest.param("shipments?after=7", "after must be an array with a value for each term of sort.", id="after"),
        pytest.param(
            "shipments?fields=id,color",
            "fields: there is no column 'color'; there are id, order_id, carrier, shipped_at, fee.",
            id="unknown-field",
        ),
        pytest.param("links?sort=data", "sort: the values of data have no order.", id="json-has-no-order"),
    ],
)
async def test_refuses(client: httpx.AsyncClient, path: str, message: str) -> None:
    response = await client.get(f"/{path}")
    assert (response.status_code, response.json()) == (400, {"error": message})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param("{", "The body is not JSON.", id="no-json"),
        pytest.param("[]", "The body must be a JSON object.", id="no-object"),
        pytest.param('{"where": []}', "where must be an object.", id="where-no-object"),
        pytest.param(
            '{"order": 1}',
            "Unknown: order; known are where, sort, limit, after, fields, per, count.",
            id="unknown-control",
        ),
        pytest.param('{"where": {"id": null}}', "id: 'None' is no value of this column.", id="null"),
        pytest.param('{"where": {"id": [[1]]}}', "id: '[1]' is no value of this column.", id="nested-list"),
        pytest.param('{"sort": "id"}', "sort must be a list of columns.", id="sort-no-list"),
    ],
)
async def test_refuses_bodies(client: httpx.AsyncClient, body: str, message: str) -> None:
    response = await client.post("/shipments/query", content=body)
    assert (response.status_code, response.json()) == (400, {"error": message})


async def test_unknown_collections_and_methods(client: httpx.AsyncClient) -> None:
    unknown = await client.get("/ships")
    message = "There is no collection 'ships'; there are links, many, none, shipments."
    assert (unknown.status_code, unknown.json()) == (404, {"error": message})

    refused = await client.delete("/shipments")
    assert (refused.status_code, refused.json()) == (405, {"error": "Method Not Allowed"})
