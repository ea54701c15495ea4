"""/metrics, as Prometheus reads it."""

import sys
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from gateway.app import create_app
from gateway.graph import load_graph
from gateway.settings import DevSettings, HttpSettings, Settings
from gateway.sources import with_demo
from tests.gateway.shop import shop_client

pytestmark = pytest.mark.anyio

PROCESS = {
    "process_cpu_seconds",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_virtual_memory_bytes",
    "python_gc_collections",
    "python_gc_objects_collected",
    "python_gc_objects_uncollectable",
    "python_info",
}

Samples = dict[str, dict[tuple[str, ...], float]]


def samples(page: str) -> Samples:
    """The gateway's own, by name and labels."""
    return {
        family.name: {tuple(sample.labels.values()): sample.value for sample in family.samples}
        for family in text_string_to_metric_families(page)
        if family.name not in PROCESS
    }


async def ask(client: httpx.AsyncClient, *queries: str) -> None:
    for query in queries:
        await client.post("/graphql", json={"query": query}, headers={"accept": "application/graphql-response+json"})


async def test_tells_of_answers_and_caches() -> None:
    async with shop_client(HttpSettings(metrics=True)) as client:
        await ask(client, "{ __typename }", "{ __typename }", "{ a: __typename }", "{ x }", "{ x }")
        page = await client.get("/metrics")
    assert (page.status_code, page.headers["cache-control"]) == (200, "no-store")
    told = samples(page.text)
    own, refused = ("documents", ""), ("refused_documents", "")
    unused = dict.fromkeys([("tokens", ""), ("automatic_texts", "")], 0)
    size = told.pop("gateway_cache_bytes")
    assert told == {
        "gateway_cache_hits": {own: 1, refused: 1, **unused},
        "gateway_cache_misses": {own: 4, refused: 3, **unused},
        "gateway_cache_evictions": {own: 0, refused: 0, **unused},
        "gateway_cache_entries": {own: 2, refused: 1, **unused},
        "gateway_http_answers": {("2xx",): 3, ("4xx",): 2},
        "gateway_operations": {("running",): 0, ("waiting",): 0},
        "gateway_operations_shed": {(): 0},
    }
    assert {name: size.pop(name) for name in unused} == unused
    assert set(size) == {own, refused}
    assert all(size.values())


@pytest.mark.skipif(sys.platform != "linux", reason="what is told of a process is Linux's")
async def test_tells_of_the_process() -> None:
    async with shop_client(HttpSettings(metrics=True)) as client:
        page = await client.get("/metrics")
    families = {family.name: family for family in text_string_to_metric_families(page.text)}
    assert families.keys() >= PROCESS
    assert families["process_resident_memory_bytes"].samples[0].value > 10_000_000


async def test_answers_in_open_metrics_to_who_asks_for_it() -> None:
    async with shop_client(HttpSettings(metrics=True)) as client:
        page = await client.get("/metrics", headers={"accept": "application/openmetrics-text; version=1.0.0"})
    assert page.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert page.text.endswith("# EOF\n")


async def test_tells_of_each_sources_statements(demo_folder: Path) -> None:
    graph = load_graph("schema")
    settings = with_demo(DevSettings(home=demo_folder.parent), {entity.source for entity in graph.entities})
    app = create_app(settings, graph)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://demo") as client,
    ):
        await ask(client, "{ customers(first: 1) { nodes { name } } }", "{ customers(first: 2) { nodes { name } } }")
        told = samples((await client.get("/metrics")).text)
    assert told["gateway_cache_misses"] == {
        ("documents", ""): 2,
        ("refused_documents", ""): 2,
        ("statements", "crm"): 1,
        ("statements", "erp"): 0,
        ("tokens", ""): 0,
        ("automatic_texts", ""): 0,
    }
    assert told["gateway_cache_hits"]["statements", "crm"] == 1


async def test_is_for_who_asks_for_it() -> None:
    assert (Settings().http.metrics, DevSettings().http.metrics) == (False, True)
    async with shop_client() as client:
        assert (await client.get("/metrics")).status_code == 404
