"""The app as a whole: health, web origins, GraphiQL, and a start that is refused."""

import asyncio
from pathlib import Path

import pytest

from datasources.base import Capabilities
from datasources.errors import SourceUnavailable
from datasources.filters import Operator
from datasources.memory import MemorySource
from datasources.registry import Registry
from gateway.errors import ConfigError
from gateway.graph import load_graph
from gateway.settings import DevSettings, HttpSettings
from resolvers.errors import SchemaError
from tests.gateway.shop import ROWS, TYPES, shop_app, shop_client, shop_sources
from tests.support.sources import Counted, Failing

pytestmark = pytest.mark.anyio


async def test_health() -> None:
    async with shop_client() as client:
        live = await client.get("/health/live")
        ready = await client.get("/health/ready")
    assert (live.status_code, live.json()) == (200, {"status": "ok"})
    sources = {"crm": {"status": "ok"}, "erp": {"status": "ok"}}
    assert (ready.status_code, ready.json()) == (200, {"status": "ok", "sources": sources})
    assert ready.headers["cache-control"] == "no-store"


async def test_not_ready_while_a_source_does_not_answer() -> None:
    broken = Failing(MemorySource("erp", ROWS["erp"]), SourceUnavailable("erp", "cannot be reached"), times=1)
    async with shop_client(sources=shop_sources(erp=broken)) as client:
        ready = await client.get("/health/ready")
        live = await client.get("/health/live")
    erp = {
        "status": "unavailable",
        "code": "DATASOURCE_UNAVAILABLE",
        "message": "datasource 'erp' cannot be reached",
    }
    expected = {"status": "unavailable", "sources": {"crm": {"status": "ok"}, "erp": erp}}
    assert (ready.status_code, ready.json()) == (503, expected)
    assert live.status_code == 200


async def test_readiness_is_checked_once_however_many_ask() -> None:
    class Slow(Counted):
        checks = 0

        async def check(self) -> None:
            self.checks += 1
            await asyncio.sleep(0)

    slow = Slow(MemorySource("erp", ROWS["erp"]))
    async with shop_client(sources=shop_sources(erp=slow)) as client:
        answers = await asyncio.gather(*(client.get("/health/ready") for _ in range(20)))
    assert {answer.status_code for answer in answers} == {200}
    assert slow.checks == 1


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        pytest.param((), "https://shop.example", False, id="none"),
        pytest.param(("https://shop.example",), "https://shop.example", True, id="exact"),
        pytest.param(("https://shop.example",), "https://shop.example.evil.example", False, id="longer"),
        pytest.param(("http://localhost:*",), "http://localhost:5173", True, id="any-port"),
        pytest.param(("http://localhost:*",), "http://localhost.evil.example:80", False, id="any-port-only"),
        pytest.param(("https://*.shop.example",), "https://eu.shop.example", True, id="subdomain"),
        pytest.param(("https://*.shop.example",), "https://shop-example", False, id="dots-are-dots"),
        pytest.param(("*",), "https://anything.example", True, id="all"),
    ],
)
async def test_web_origins(allowed: tuple[str, ...], origin: str, *, is_allowed: bool) -> None:
    preflight = {
        "origin": origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, authorization",
    }
    async with shop_client(HttpSettings(allowed_origins=allowed)) as client:
        asked = await client.options("/graphql", headers=preflight)
        done = await client.post("/graphql", json={"query": "{ __typename }"}, headers={"origin": origin})
    assert (asked.status_code == 200) is is_allowed
    assert ("access-control-allow-origin" in done.headers) is is_allowed
    assert done.status_code == 200


async def test_browsers_see_graphiql_with_the_examples_of_the_graph() -> None:
    browser = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
    async with shop_client(DevSettings().http) as client:
        page = await client.get("/graphql", headers=browser)
        query = await client.get("/graphql", params={"query": "{ __typename }"})
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert "query Customers { customers { nodes { name } } }" in page.text
    assert query.json() == {"data": {"__typename": "Query"}}


async def test_without_graphiql_browsers_see_json() -> None:
    async with shop_client(HttpSettings(csrf_prevention=False)) as client:
        page = await client.get("/graphql", headers={"accept": "text/html,*/*;q=0.8"})
    assert (page.status_code, page.headers["content-type"]) == (400, "application/json; charset=utf-8")


async def test_refuses_to_start_without_a_source_or_a_capability() -> None:
    poor = MemorySource("erp", ROWS["erp"], columns=TYPES, capabilities=Capabilities(frozenset({Operator.EQ})))
    sources = Registry({"erp": poor})
    with pytest.raises(SchemaError) as caught:
        shop_app(sources=sources)
    assert "Customer is read from 'crm', which is not among the sources of the settings: erp." in str(caught.value)
    assert "Order asks source 'erp' for the operator" in str(caught.value)


async def test_refuses_to_start_when_a_column_is_missing() -> None:
    rows = [{"id": 1, "title": "Müller"}]
    crm = MemorySource("crm", {"customers": rows})
    app = shop_app(sources=shop_sources(crm=crm))
    with pytest.raises(SchemaError) as caught:
        async with app.router.lifespan_context(app):
            pytest.fail("it started")
    assert str(caught.value) == "Customer.name: crm.customers has no column 'name'; it has id, title."
    assert app.state.start_error is caught.value


async def test_sources_are_opened_and_closed_with_the_app() -> None:
    crm = Counted(MemorySource("crm", ROWS["crm"]))
    async with shop_client(sources=shop_sources(crm=crm)) as client:
        assert (await client.post("/graphql", json={"query": "{ customer(id: 1) { name } }"})).status_code == 200
    with pytest.raises(SourceUnavailable):
        await crm.check()


async def test_a_graph_is_found_by_its_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no_graph.py").write_text("Query = 3")
    (tmp_path / "broken_graph.py").write_text("import nowhere_to_be_found")
    assert [entity.name for entity in load_graph("schema").entities][:2] == ["Customer", "Contact"]
    with pytest.raises(ConfigError, match="graph: there is no module 'no_such_graph'"):
        load_graph("no_such_graph")
    with pytest.raises(
        ConfigError, match=r"graph: 'no_graph', which is .*no_graph.py, has no Query made by query_type"
    ):
        load_graph("no_graph")
    with pytest.raises(ModuleNotFoundError, match="nowhere_to_be_found"):
        load_graph("broken_graph")
