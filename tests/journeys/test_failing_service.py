"""What clients see of a REST service that is down, slow, broken or mad: its fields are null, all else stands."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from datasources.resilience import Resilience
from gateway.app import create_app
from gateway.graph import load_graph
from gateway.settings import Settings
from gateway.settings_auth import AuthSettings
from gateway.settings_sources import SourceSettings
from tests.support.server import free_port, serve

pytestmark = pytest.mark.anyio

Answer = Callable[[Request], Awaitable[Response]]

QUERY = '{ orderByNumber(number: "SO-2026-00001") { number shipments { nodes { tracking } } invoice { number } } }'


@asynccontextmanager
async def gateway(demo: Path, service: Answer | None, deadline: float) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the demo's graph, whose supply chain service answers everything as `service` does."""
    async with AsyncExitStack() as stack:
        url = f"http://127.0.0.1:{free_port()}"
        if service is not None:
            url = await stack.enter_async_context(serve(Starlette(routes=[Route("/{anything:path}", service)])))
        once = Resilience(deadline=deadline, attempts=1)
        sources = {
            "crm": SourceSettings(url=SecretStr(f"sqlite:///{demo}/crm.sqlite")),
            "erp": SourceSettings(url=SecretStr(f"sqlite:///{demo}/erp.sqlite")),
            "scm": SourceSettings(url=SecretStr(url), resilience=once),
        }
        app = create_app(Settings(sources=sources, auth=AuthSettings(anonymous=True)), load_graph("schema"))
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app)
        yield await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://gateway"))


async def fails(_request: Request) -> Response:
    return PlainTextResponse("Traceback: password=hunter2", 500)


async def hangs(_request: Request) -> Response:
    await asyncio.sleep(30)
    return PlainTextResponse("")


async def answers_text(_request: Request) -> Response:
    return PlainTextResponse("<html>Please log in</html>")


async def answers_another_shape(_request: Request) -> Response:
    return JSONResponse({"shipments": []})


async def answers_wrong_types(request: Request) -> Response:
    order = int(request.query_params["order_id"])
    return JSONResponse({"items": [{"id": 1, "order_id": order, "tracking": 3}], "next": None, "counts": {}})


async def refuses(_request: Request) -> Response:
    return PlainTextResponse("no", 403)


@pytest.mark.parametrize(
    ("service", "code", "message"),
    [
        pytest.param(None, "DATASOURCE_UNAVAILABLE", "cannot be reached", id="down"),
        pytest.param(hangs, "DATASOURCE_TIMEOUT", "did not answer within 0.3 s", id="slow"),
        pytest.param(fails, "DATASOURCE_MISBEHAVED", "answered 'shipments' with status 500", id="500"),
        pytest.param(refuses, "DATASOURCE_REFUSED", "refused to answer 'shipments': status 403", id="403"),
        pytest.param(
            answers_text, "DATASOURCE_MISBEHAVED", "answered 'shipments' with something that is not JSON", id="text"
        ),
        pytest.param(
            answers_another_shape,
            "DATASOURCE_MISBEHAVED",
            "answered 'shipments' with something that is no page of items",
            id="another-shape",
        ),
        pytest.param(
            answers_wrong_types,
            "DATASOURCE_MISBEHAVED",
            "answered 'shipments' with a value of 'tracking' that is no string",
            id="wrong-types",
        ),
    ],
)
async def test_a_failing_service(demo_folder: Path, service: Answer | None, code: str, message: str) -> None:
    async with gateway(demo_folder, service, 0.3 if service is hangs else 10) as client:
        response = await client.post("/graphql", json={"query": QUERY}, headers={"x-correlation-id": "c-3"})
    assert response.status_code == 200
    assert response.json() == {
        "errors": [
            {
                "message": f"datasource 'scm' {message}",
                "locations": [{"line": 1, "column": 51}],
                "path": ["orderByNumber", "shipments"],
                "extensions": {"code": code, "correlationId": "c-3"},
            }
        ],
        "data": {
            "orderByNumber": {
                "number": "SO-2026-00001",
                "shipments": None,
                "invoice": {"number": "INV-2026-01307"},
            }
        },
    }


async def test_a_gateway_whose_service_is_down_starts_and_is_not_ready(demo_folder: Path) -> None:
    async with gateway(demo_folder, None, 10) as client:
        ready = await client.get("/health/ready")
    scm = {
        "status": "unavailable",
        "code": "DATASOURCE_UNAVAILABLE",
        "message": "datasource 'scm' cannot be reached",
    }
    expected = {"status": "unavailable", "sources": {"crm": {"status": "ok"}, "erp": {"status": "ok"}, "scm": scm}}
    assert (ready.status_code, ready.json()) == (503, expected)
