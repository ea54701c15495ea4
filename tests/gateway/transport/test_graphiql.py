"""GraphiQL: the page, its files, and both together in a real browser."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import strawberry
import uvicorn
from playwright.async_api import expect
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

import gateway.transport.graphiql as graphiql
from gateway.settings import HttpSettings, LimitSettings
from gateway.transport.graphiql import Tab, graphiql_page, graphiql_routes
from tests.gateway.live import Bell, bell, live_app, live_settings
from tests.support.chromium import artifact, chromium_tab, unavailable, until_saved
from tests.support.server import serve

__all__ = ["bell"]

PACKAGE = Path(graphiql.__file__).parent
STATIC = PACKAGE / "static"


@strawberry.type
class Order:
    """A customer's purchase."""

    number: str
    status: str
    total: str


@strawberry.type
class Customer:
    """A company that buys."""

    name: str
    country: str
    orders: list[Order]


CUSTOMERS = [
    Customer(
        name="Müller Maschinenbau GmbH",
        country="DE",
        orders=[
            Order(number="SO-2026-018734", status="SHIPPED", total="18420.50"),
            Order(number="SO-2026-018551", status="DELIVERED", total="2310.00"),
        ],
    ),
    Customer(
        name="Ateliers Lefèvre", country="FR", orders=[Order(number="SO-2026-018702", status="PENDING", total="990.90")]
    ),
]


def first_customers(first: int = 10) -> list[Customer]:
    return CUSTOMERS[:first]


def order_by_number(number: str) -> Order | None:
    return next((order for customer in CUSTOMERS for order in customer.orders if order.number == number), None)


@strawberry.type
class Query:
    """What can be asked."""

    customers: list[Customer] = strawberry.field(
        resolver=first_customers, description="The customers, the biggest first."
    )
    order_by_number: Order | None = strawberry.field(resolver=order_by_number, description="An order by its number.")


TABS = (
    Tab(
        "# Customers and what they bought\n"
        "query Customers($first: Int = 5) {\n"
        "  customers(first: $first) {\n    name\n    country\n"
        "    orders {\n      number\n      status\n      total\n    }\n  }\n}\n",
        '{\n  "first": 2\n}',
    ),
    Tab('query OneOrder {\n  orderByNumber(number: "SO-2026-018702") {\n    total\n  }\n}\n'),
    Tab("query Names {\n  customers {\n    name\n  }\n}\n"),
    Tab("query Countries {\n  customers {\n    country\n  }\n}\n"),
    Tab("query Statuses {\n  customers {\n    orders {\n      status\n    }\n  }\n}\n"),
)


def shop() -> Starlette:
    schema = strawberry.Schema(query=Query)

    async def graphql(request: Request) -> Response:
        if request.method != "POST":
            return graphiql_page("/graphql", TABS, "Parts & More")
        body = await request.json()
        result = await schema.execute(body["query"], body.get("variables"), operation_name=body.get("operationName"))
        errors = [error.formatted for error in result.errors or []]
        return JSONResponse({"data": result.data} | ({"errors": errors} if errors else {}))

    return Starlette(routes=[Route("/graphql", graphql, methods=["GET", "POST"]), *graphiql_routes("/graphql")])


def client(app: Starlette) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway")


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[str]:
    """The app on a port of its own; connections wait in the socket's backlog until the server is up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
        task = asyncio.create_task(server.serve([listener]))
        host, port = listener.getsockname()
        try:
            yield f"http://{host}:{port}"
        finally:
            server.should_exit = True
            await task


@pytest.mark.anyio
async def test_page_says_what_may_be_loaded() -> None:
    async with client(shop()) as http:
        answer = await http.get("/graphql")
    assert answer.status_code == 200
    assert {name: value for name, value in answer.headers.items() if name != "content-length"} == {
        "content-type": "text/html; charset=utf-8",
        "cache-control": "no-cache",
        "content-security-policy": (
            "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; worker-src 'self'; "
            "connect-src 'self'; img-src 'self' data:; font-src 'self'; frame-ancestors 'none'; base-uri 'none'; "
            "form-action 'none'"
        ),
        "referrer-policy": "no-referrer",
        "vary": "Accept",
        "x-content-type-options": "nosniff",
    }
    assert "<title>Parts &amp; More</title>" in answer.text


@pytest.mark.anyio
async def test_head_has_the_headers_of_get() -> None:
    async with client(shop()) as http:
        for path in ("/graphql", *(f"/graphql/static/{path.name}" for path in STATIC.iterdir())):
            head, get = await http.head(path), await http.get(path)
            assert (head.status_code, head.content, head.headers) == (200, b"", get.headers), path


def test_config_cannot_end_its_script_element() -> None:
    body = bytes(graphiql_page(tabs=[Tab("# </script><script>alert(1)</script>")]).body).decode()
    config = re.search(r'<script type="application/json" id="config">(.*?)</script>', body)
    assert config is not None
    assert json.loads(config[1]) == {
        "endpoint": "./graphql",
        "title": "GraphQL",
        "tabs": [{"query": "# </script><script>alert(1)</script>", "variables": None}],
    }


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("endpoint", "prefix"),
    [("/graphql", ""), ("/graphql", "/behind/proxy"), ("/", ""), ("/api/graphql/", "/behind")],
    ids=["plain", "prefixed", "root", "slash"],
)
async def test_every_link_of_the_page_answers(endpoint: str, prefix: str) -> None:
    async def page(request: Request) -> Response:
        return graphiql_page(endpoint)

    app = Starlette(routes=[Mount(prefix, routes=[Route(endpoint, page), *graphiql_routes(endpoint)])])
    async with client(app) as http:
        answer = await http.get(prefix + endpoint)
        links = re.findall(r'(?:href|src)="([^"]+)"', answer.text)
        statuses = [(await http.get(answer.url.join(link))).status_code for link in links]
        asked = json.loads(re.findall(r'id="config">(.*?)</script>', answer.text)[0])["endpoint"]
    assert statuses == [200, 200, 200]
    assert answer.url.join(asked) == answer.url


@pytest.mark.anyio
async def test_files_are_cached_for_good() -> None:
    name = next(path.name for path in STATIC.glob("graphiql-*.css"))
    async with client(shop()) as http:
        first = await http.get(f"/graphql/static/{name}")
        again = await http.get(f"/graphql/static/{name}", headers={"If-None-Match": first.headers["ETag"]})
        missing = await http.get("/graphql/static/graphiql-OLD.css")
        outside = await http.get("/graphql/static/..%2f__init__.py")
    assert first.headers["Content-Type"] == "text/css; charset=utf-8"
    assert first.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert first.headers["ETag"] == f'"{name}"'
    assert (again.status_code, again.content, again.headers["ETag"]) == (304, b"", f'"{name}"')
    assert (missing.status_code, missing.headers.get("Cache-Control")) == (404, None)
    assert outside.status_code == 404


@pytest.mark.browser
@pytest.mark.anyio
async def test_graphiql_works_and_stays_on_its_host() -> None:
    async with served(shop()) as origin, chromium_tab() as tab:
        page = tab.page
        explorer = page.locator(".graphiql-explorer-root")
        query = page.locator(".graphiql-query-editor")
        result = page.locator(".graphiql-response .view-lines")
        await page.goto(f"{origin}/graphql")

        await expect(page.locator(".graphiql-tab-button")).to_have_text(
            ["Customers", "OneOrder", "Names", "Countries", "Statuses"]
        )
        await expect(query.locator(".view-lines")).to_contain_text("orders")
        await expect(page.get_by_label("Variables")).to_contain_text('"first": 2')
        await expect(explorer).to_contain_text("orderByNumber")

        await page.get_by_role("button", name="Execute query").click()
        await expect(result).to_contain_text("Müller Maschinenbau GmbH")
        await page.screenshot(path=artifact("graphiql.png"))

        await page.get_by_role("tab", name="Names").click()
        await explorer.get_by_text("country").click()
        await until_saved(page, "Names", "country")
        await page.get_by_role("button", name="Execute query").click()
        await expect(result).to_contain_text('"country": "FR"')

        await query.locator(".view-line", has_text="country").click()
        await page.keyboard.press("End")
        await page.keyboard.type("Club")
        await expect(query.locator(".squiggly-error")).to_be_visible()

        await page.get_by_role("button", name="Show Documentation Explorer").click()
        docs = page.locator(".graphiql-doc-explorer-content")
        await docs.get_by_role("link", name="Query").click()
        await expect(docs).to_contain_text("The customers, the biggest first.")

    assert {urlsplit(url).netloc for url in tab.requests} == {urlsplit(origin).netloc}
    workers = {name for url in tab.requests if (name := urlsplit(url).path.rpartition("/")[2]).count(".worker-")}
    assert workers == {path.name for path in STATIC.glob("*.worker-*.js")}
    assert tab.complaints == []


@pytest.mark.browser
@pytest.mark.anyio
async def test_reload_keeps_the_tabs_and_follows_the_system_into_the_dark() -> None:
    async with served(shop()) as origin, chromium_tab() as tab:
        page = tab.page
        await page.goto(f"{origin}/graphql")
        await page.get_by_role("tab", name="OneOrder").click()
        await expect(page.locator(".graphiql-query-editor .view-lines")).to_contain_text("orderByNumber")
        await until_saved(page, "OneOrder", "orderByNumber")
        await page.emulate_media(color_scheme="dark")
        await page.reload()
        await expect(page.get_by_role("tab", selected=True)).to_contain_text("OneOrder")
        await expect(page.get_by_role("tab")).to_have_count(5)
        await page.get_by_role("button", name="Execute query").click()
        await expect(page.locator(".graphiql-response .view-lines")).to_contain_text("990.90")
        await page.screenshot(path=artifact("graphiql-dark.png"))
    assert tab.complaints == []


@pytest.mark.browser
@pytest.mark.anyio
async def test_subscriptions_come_in_over_a_socket(bell: Bell) -> None:
    settings = live_settings(HttpSettings(graphiql=True, csrf_prevention=False), LimitSettings(introspection=True))
    app = live_app(settings, [("Rings", "subscription Rings { ring { number } }")])
    async with serve(app, settings) as origin, chromium_tab() as tab:
        result = tab.page.locator(".graphiql-response .view-lines")
        await tab.page.goto(f"{origin}/graphql")
        await tab.page.get_by_role("button", name="Execute query").click()
        await asyncio.wait_for(bell.listening.wait(), 10)
        for number in (1, 2):
            bell.rings.put_nowait(number)
            await expect(result).to_contain_text(f'"number": {number}')
        await tab.page.get_by_role("button", name="Stop query").click()
        await asyncio.wait_for(bell.gone.wait(), 10)
    assert tab.complaints == []


@pytest.mark.npm
def test_static_files_are_what_npm_builds(tmp_path: Path) -> None:
    if shutil.which("npm") is None:
        unavailable("no npm on the PATH")
    web = shutil.copytree(PACKAGE / "web", tmp_path / "web", ignore=shutil.ignore_patterns("node_modules"))
    install = ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
    subprocess.run(install, cwd=web, check=True)
    subprocess.run(["node", "build.mjs", str(tmp_path / "static")], cwd=web, check=True)
    built = {path.name: path.read_bytes() for path in (tmp_path / "static").iterdir()}
    assert sorted(built) == sorted(path.name for path in STATIC.iterdir())
    assert [name for name, content in built.items() if content != (STATIC / name).read_bytes()] == []
