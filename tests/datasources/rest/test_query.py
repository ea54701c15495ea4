"""What a lookup asks of the service, request by request."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from datasources.demo.rest_api import collection_api
from datasources.errors import SourceRefused
from datasources.filters import NOTHING, And, Compare, Operator, Order
from datasources.lookup import Lookup
from datasources.rest import Batch, Resource, RestSource
from datasources.rest.source import MAXIMUM_URL
from tests.datasources.dataset import PEOPLE, ROWS
from tests.datasources.rest.serving import opened, recorded
from tests.support.server import serve

pytestmark = pytest.mark.anyio

WINDOW = Lookup(
    PEOPLE, ("id",), "manager_id", (1, 2), order=(Order("age", descending=True),), after=(42,), limit=1, count=True
)


@pytest.mark.parametrize(
    ("resource", "lookup", "requests"),
    [
        pytest.param({}, Lookup(PEOPLE, ("id",)), ["GET /people?sort=id&limit=1000&fields=id"], id="all"),
        pytest.param({}, Lookup(PEOPLE, ()), ["GET /people?sort=id&limit=1000&fields=id"], id="no-columns"),
        pytest.param(
            {},
            Lookup(PEOPLE, ("id", "name"), key="manager_id", keys=(1, 2)),
            ["GET /people?manager_id=1,2&sort=id&limit=1000&fields=manager_id,id,name"],
            id="keys",
        ),
        pytest.param(
            {"chunk": 2},
            Lookup(PEOPLE, ("id",), key="id", keys=(1, 2, 3)),
            ["GET /people?id=1,2&sort=id&limit=1000&fields=id", "GET /people?id=3&sort=id&limit=1000&fields=id"],
            id="chunks",
        ),
        pytest.param(
            {},
            WINDOW,
            [
                "GET /people?manager_id=1,2&sort=-age,id&limit=1&fields=manager_id,id"
                "&after=[42]&per=manager_id&count=true"
            ],
            id="window",
        ),
        pytest.param(
            {"batch": Batch.POST},
            WINDOW,
            [
                (
                    "POST /people/query",
                    {
                        "where": {"manager_id": [1, 2]},
                        "sort": ["-age", "id"],
                        "limit": 1,
                        "fields": ["manager_id", "id"],
                        "after": [42],
                        "per": "manager_id",
                        "count": True,
                    },
                )
            ],
            id="window-by-post",
        ),
        *(
            pytest.param(
                resource,
                WINDOW,
                [
                    f"GET /people?manager_id={key}&sort=-age,id&limit=1&fields=manager_id,id&after=[42]&count=true"
                    for key in (1, 2)
                ],
                id=f"window-{id}",
            )
            for id, resource in {"each": {"batch": Batch.EACH}, "without-per": {"per": False}}.items()
        ),
        pytest.param(
            {"page": 2},
            Lookup(PEOPLE, ("id",), limit=5, count=True),
            [
                "GET /people?sort=id&limit=2&fields=id&count=true",
                "GET /people?sort=id&limit=2&fields=id&after=[2]",
                "GET /people?sort=id&limit=1&fields=id&after=[4]",
            ],
            id="pages",
        ),
        pytest.param(
            {},
            Lookup(
                PEOPLE,
                ("id",),
                filter=And(
                    (
                        Compare("name", Operator.IN, ("Ada", "a,b&c=d")),
                        Compare("seen", Operator.GTE, datetime(2024, 1, 1, tzinfo=UTC)),
                        Compare("seen", Operator.LT, datetime(2025, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))),
                        Compare("active", Operator.EQ, True),
                        Compare("nick", Operator.IS_NULL, False),
                    )
                ),
            ),
            [
                "GET /people?name=Ada&name=a,b%26c%3Dd&active=true&seen[gte]=2024-01-01T00:00:00%2B00:00"
                "&seen[lt]=2025-01-01T00:00:00%2B00:00&nick[null]=false&sort=id&limit=1000&fields=id"
            ],
            id="filter",
        ),
        pytest.param({}, Lookup(PEOPLE, ("id",), filter=NOTHING, count=True), [], id="nothing"),
        pytest.param({}, Lookup(PEOPLE, ("id",), limit=0), [], id="limit-0"),
        pytest.param({}, Lookup(PEOPLE, ("id",), key="id", keys=()), [], id="no-keys"),
        pytest.param({}, Lookup(PEOPLE, ("id",), key="id", keys=(None,)), [], id="null-key"),
    ],
)
async def test_asks(resource: dict[str, Any], lookup: Lookup, requests: list[Any]) -> None:
    async with recorded(**resource) as (source, app):
        await source.lookup(lookup)
    assert app.requests == requests


@pytest.mark.parametrize(
    ("batch", "count"),
    [
        pytest.param(Batch.AUTO, 1, id="auto-posts-instead"),
        pytest.param(Batch.LIST, 8, id="list-splits"),
        pytest.param(Batch.POST, 1, id="post"),
    ],
)
async def test_no_url_is_too_long(batch: Batch, count: int) -> None:
    keys = tuple(f"{'k' * 95}-{number:03}" for number in range(500))
    async with recorded(batch=batch) as (source, app):
        assert (await source.lookup(Lookup(PEOPLE, ("id",), key="name", keys=(*keys, "Ada")))).rows == [("Ada", 1)]
    assert len(app.requests) == count
    assert all(len(request) <= MAXIMUM_URL + len("GET ") for request in app.requests)


@pytest.mark.parametrize("batch", Batch)
@pytest.mark.parametrize(
    ("column", "value"),
    [
        pytest.param("name", "\ud800", id="lone-surrogate"),
        pytest.param("big", 2**70, id="beyond-64-bits"),
        pytest.param("name", "x" * 100_000, id="100-kB"),
    ],
)
async def test_a_value_that_cannot_be_asked_for_is_refused_or_answered(batch: Batch, column: str, value: Any) -> None:
    order = (Order(column), Order("id"))
    async with (
        serve(collection_api(ROWS)) as url,
        opened(RestSource("rest", url, {"people": Resource("/people", batch=batch)})) as source,
    ):
        for lookup in (
            Lookup(PEOPLE, ("id",), filter=Compare(column, Operator.EQ, value)),
            Lookup(PEOPLE, ("id",), filter=Compare(column, Operator.IN, (value,)), count=True),
            Lookup(PEOPLE, ("id",), key=column, keys=(value,)),
            Lookup(PEOPLE, ("id",), filter=Compare("id", Operator.GT, 99), order=order, after=(value, 1)),
        ):
            with contextlib.suppress(SourceRefused):
                assert (await source.lookup(lookup)).rows == []
