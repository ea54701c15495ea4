"""Rate limits as clients meet them: who is charged how much, what they are told, and when they are sent away."""

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
from gateway.errors import BadRequest
from gateway.limits.concurrency import Turns
from gateway.limits.errors import Overloaded
from gateway.limits.gcra import LocalStore
from gateway.limits.rate import Rates
from gateway.settings import HttpSettings, LimitSettings, Settings
from gateway.settings_auth import AuthSettings
from gateway.settings_limits import RateSettings
from resolvers.viewer import ANONYMOUS, Viewer
from tests.gateway.live import live_app, live_settings
from tests.gateway.shop import ROWS, shop_graph, shop_sources
from tests.support.issuer import NAME, bearer, issuer, sign
from tests.support.server import serve
from tests.support.sources import Counted

pytestmark = pytest.mark.anyio

PAGE = {"query": "{ customers { nodes { id } } }"}
"""May cost 51, and does cost 3."""
GRAPHQL = {"accept": "application/graphql-response+json"}
AUTH = AuthSettings(anonymous=True, issuers={"example": issuer()})


def rates(**settings: Any) -> Rates:
    return Rates(RateSettings(**settings), LocalStore(lambda: 0.0))


@pytest.mark.parametrize(
    ("viewer", "charged"),
    [
        pytest.param(ANONYMOUS, [], id="anonymous"),
        pytest.param(Viewer(subject="ada", issuer=NAME), [("viewer", 600)], id="viewer"),
        pytest.param(Viewer(client="app"), [("client", 6000)], id="client"),
        pytest.param(Viewer(client="app", quota=60), [("client", 60)], id="client-with-a-quota"),
        pytest.param(Viewer(subject="ada", client="app"), [("client", 6000), ("viewer", 600)], id="both"),
    ],
)
def test_who_is_charged(viewer: Viewer, charged: list[tuple[str, int]]) -> None:
    buckets = rates(viewer=600, client=6000).buckets(viewer)
    assert [(each.kind, each.capacity) for each in buckets] == charged


def test_no_limit_is_no_bucket() -> None:
    made = rates(viewer=0, client=0, anonymous=0)
    assert [made.buckets(each) for each in (ANONYMOUS, Viewer(subject="ada"), Viewer(client="app"))] == [()] * 3
    assert [each.kind for each in rates(anonymous=10).buckets(ANONYMOUS)] == ["anonymous"]


@asynccontextmanager
async def shop(
    rate: RateSettings, home: Path, sources: Registry | None = None, **limits: Any
) -> AsyncIterator[httpx.AsyncClient]:
    settings = Settings(home=home, auth=AUTH, limits=LimitSettings(rate=rate, **limits), http=HttpSettings(max_batch=3))
    app = create_app(settings, shop_graph(), sources or shop_sources())
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop", headers=GRAPHQL) as client,
    ):
        yield client


async def test_charged_by_estimate_and_settled_by_what_was_found(tmp_path: Path) -> None:
    sources = shop_sources(crm=(counted := Counted(MemorySource("crm", ROWS["crm"]))))
    async with shop(RateSettings(viewer=60), tmp_path, sources) as client:
        ada = bearer(sign({"sub": "ada"}))
        answered = [
            await client.post("/graphql", json={**PAGE, "extensions": {"cost": True}}, headers=ada) for _ in range(4)
        ]
        refused = await client.post("/graphql", json=PAGE, headers=ada)
        bob = await client.post("/graphql", json=PAGE, headers=bearer(sign({"sub": "bob"})))
        nobody = await client.post("/graphql", json=PAGE)
    assert [each.status_code for each in (*answered, bob, nobody)] == [200] * 6
    first = answered[0]
    assert (first.headers["ratelimit-policy"], first.headers["ratelimit"]) == (
        '"viewer";q=60;w=60',
        '"viewer";r=9;t=51',
    )
    cost = first.json()["extensions"]["cost"]
    assert (cost["estimated"], cost["actual"], cost["available"]) == (51, 3, pytest.approx(57, abs=1))
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) in range(1, 5)
    (error,) = refused.json()["errors"]
    assert (refused.json().keys(), error["extensions"]) == ({"errors"}, {"code": "RATE_LIMITED"})
    assert refused.headers["ratelimit"].startswith('"viewer";r=4')
    assert "ratelimit" not in nobody.headers
    assert len(counted.lookups) == 6


async def test_a_clients_quota_is_its_limit(tmp_path: Path) -> None:
    clients = Clients(ControlStore(Settings(home=tmp_path)))
    keys = [await clients.create("small", quota=60), await clients.create("large")]
    await clients.close()
    async with shop(RateSettings(), tmp_path) as client:
        policies = []
        for headers in ({"x-api-key": keys[0]}, {"x-api-key": keys[1]}, {"x-api-key": keys[0], **bearer(sign())}):
            response = await client.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
            policies.append(response.headers["ratelimit-policy"])
        dear = {"query": "{ customers(first: 100) { nodes { id } } }"}
        refused = await client.post("/graphql", json=dear, headers={"x-api-key": keys[0]})
    assert policies == [
        '"client";q=60;w=60',
        '"client";q=10000000;w=60',
        '"client";q=60;w=60, "viewer";q=1000000;w=60',
    ]
    assert (refused.status_code, refused.json()["errors"][0]["extensions"]) == (429, {"code": "RATE_LIMITED"})


async def test_each_operation_costs_something_also_in_a_batch(tmp_path: Path) -> None:
    async with shop(RateSettings(viewer=2), tmp_path) as client:
        batch = [{"query": "{ __typename }"}] * 3
        answers = (await client.post("/graphql", json=batch, headers=bearer(sign()))).json()
    assert [each.get("data") for each in answers] == [{"__typename": "Query"}] * 2 + [None]
    assert answers[2]["errors"][0]["extensions"] == {"code": "RATE_LIMITED"}


async def test_what_never_began_costs_next_to_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise Overloaded("As many operations run and wait as may.")

    async with shop(RateSettings(viewer=60), tmp_path) as client:
        with monkeypatch.context() as patched:
            patched.setattr(Turns, "take", full)
            refused = await client.post("/graphql", json=PAGE, headers=bearer(sign()))
        answered = await client.post("/graphql", json=PAGE, headers=bearer(sign()))
    assert (refused.status_code, answered.status_code) == (503, 200)


async def test_subscriptions_are_charged_when_they_are_opened() -> None:
    limits = LimitSettings(rate=RateSettings(viewer=2))
    settings = live_settings(limits=limits, auth=AUTH)
    headers = {**bearer(sign()), "accept": "text/event-stream, application/json"}
    statuses = []
    async with serve(live_app(settings), settings) as url, httpx.AsyncClient(base_url=url, timeout=5) as client:
        for _ in range(3):
            response = await client.post("/graphql", json={"query": "subscription { count(to: 2) }"}, headers=headers)
            statuses.append(("event: next" in response.text, "RATE_LIMITED" in response.text))
    assert statuses == [(True, False), (True, False), (True, True)]


async def test_requests_that_are_none_are_not_charged(tmp_path: Path) -> None:
    async with shop(RateSettings(viewer=1), tmp_path) as client:
        for body in ({"query": "{ nope }"}, {"query": 3}):
            refused = await client.post("/graphql", json=body, headers=bearer(sign()))
            assert refused.status_code == BadRequest.status
        answered = await client.post("/graphql", json={"query": "{ __typename }"}, headers=bearer(sign()))
    assert (answered.status_code, answered.headers["ratelimit"]) == (200, '"viewer";r=0;t=60')
