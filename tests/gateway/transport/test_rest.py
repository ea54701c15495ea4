"""Published operations by plain HTTP: typed parameters, JSON variables, and the OpenAPI document that tells of them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import SecretStr

from gateway.app import create_app
from gateway.auth.clients import Clients
from gateway.control import ControlStore
from gateway.graph import load_graph
from gateway.operations.store import EVERYBODY, OperationStore, Published, published
from gateway.settings import Settings
from gateway.settings_auth import AuthSettings
from gateway.settings_operations import Mode, OperationSettings
from gateway.settings_sources import SourceSettings
from tests.support.pypi import run_with
from tests.support.server import serve_in_thread

pytestmark = pytest.mark.anyio

ORDERS = """
query Orders($first: Int! = 2, $big: Boolean = false, $filter: OrderFilter) {
  orders(first: $first, filter: $filter) {
    nodes { ...Row total @include(if: $big) customer { name } }
    totalCount
  }
}
fragment Row on Order { number status placedAt }
"""
STATUSES = """
query ByStatus($statuses: [OrderStatus!]!, $first: Int!) {
  orders(first: $first, filter: { status: { in: $statuses } }) { nodes { status } }
}
"""
NODE = "query Node($id: ID!) { node(id: $id) { __typename id ... on Order { number } ... on Customer { name } } }"
NAMES = "query Names { customers(first: 1) { nodes { name } } }"
DELETE = "mutation Delete($id: ID!) { deleteOrder(id: $id) { number } }"
CHANGED = "subscription Changed { orderChanged { kind } }"
PUBLISHED = [
    published("web", "orders", "Orders", "query", ORDERS),
    published("web", "by-status", "ByStatus", "query", STATUSES),
    published("web", "node", "Node", "query", NODE),
    published("web", "delete", "Delete", "mutation", DELETE),
    published("web", "changed", "Changed", "subscription", CHANGED),
    published(EVERYBODY, "names", "Names", "query", NAMES),
]


class Door:
    """The demo's graph behind its published operations."""

    def __init__(self, client: httpx.AsyncClient, keys: dict[str, str]) -> None:
        self.client = client
        self.keys = keys

    async def get(self, name: str, client: str = "web", key: str = "web", **parameters: Any) -> httpx.Response:
        headers = {"x-api-key": self.keys[key]} if key else {}
        return await self.client.get(f"/operations/{client}/{name}", params=parameters, headers=headers)

    async def post(self, name: str, variables: object = None, **headers: str) -> httpx.Response:
        headers = {"x-api-key": self.keys["web"], **headers}
        if variables is None:
            return await self.client.post(
                f"/operations/web/{name}", headers={"content-type": "application/json", **headers}
            )
        return await self.client.post(f"/operations/web/{name}", json=variables, headers=headers)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, demo_folder: Path) -> Settings:
    sources = {name: SourceSettings(url=SecretStr(f"sqlite:///{demo_folder / name}.sqlite")) for name in ("crm", "erp")}
    return Settings(
        home=tmp_path_factory.mktemp("control"),
        auth=AuthSettings(anonymous=True),
        operations=OperationSettings(mode=Mode.TRUSTED_ONLY, require_id=True),
        sources={**sources, "scm": SourceSettings(url=SecretStr("http://127.0.0.1:9"))},
    )


@asynccontextmanager
async def opened(settings: Settings, documents: list[Published]) -> AsyncIterator[Door]:
    control = ControlStore(settings)
    clients = Clients(control)
    keys = {name: await clients.create(name) for name in ("web", "partner")}
    await OperationStore(control).publish(documents)
    await control.close()
    app = create_app(settings, load_graph("schema"))
    transport = httpx.ASGITransport(app)
    async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url="http://x") as client:
        yield Door(client, keys)


@pytest.fixture(scope="module")
async def door(settings: Settings) -> AsyncIterator[Door]:
    async with opened(settings, PUBLISHED) as made:
        yield made


async def document(door: Door, client: str = "web", key: str = "web") -> dict[str, Any]:
    response = await door.get("openapi.json", client, key)
    assert response.status_code == 200
    told: dict[str, Any] = response.json()
    OpenAPIV31SpecValidator(told).validate()
    return told


def check(told: dict[str, Any], path: str, method: str, answer: object, status: str = "200") -> None:
    """The answer is what the document says that it is."""
    where = f"#/paths/{path.replace('/', '~1')}/{method}/responses/{status}/content/application~1json/schema"
    OAS31Validator({**told, "$ref": where}).validate(answer)


@pytest.mark.parametrize(
    ("name", "parameters", "variables"),
    [
        pytest.param("Orders", {}, None, id="defaults"),
        pytest.param("Orders", {"first": "1", "big": "true"}, {"first": 1, "big": True}, id="scalars"),
        pytest.param(
            "Orders",
            {"first": 1, "filter": '{"not": {"status": {"eq": "PENDING"}}}'},
            {"first": 1, "filter": {"not": {"status": {"eq": "PENDING"}}}},
            id="object",
        ),
        pytest.param(
            "ByStatus",
            {"first": "3", "statuses": ["SHIPPED", "DELIVERED"]},
            {"first": 3, "statuses": ["SHIPPED", "DELIVERED"]},
            id="list",
        ),
        pytest.param(
            "ByStatus", {"first": "3", "statuses": "PENDING"}, {"first": 3, "statuses": ["PENDING"]}, id="one"
        ),
        pytest.param("Node", {"id": "Order:1"}, {"id": "Order:1"}, id="id"),
        pytest.param("Node", {"id": "Order:0"}, {"id": "Order:0"}, id="nothing"),
        pytest.param("Names", {}, {}, id="everybodys"),
    ],
)
async def test_get_and_post_answer_alike(
    door: Door, name: str, parameters: dict[str, Any], variables: dict[str, Any] | None
) -> None:
    got, posted = await door.get(name, **parameters), await door.post(name, variables)
    assert (got.status_code, posted.status_code) == (200, 200)
    assert "errors" not in got.json()
    assert got.json() == posted.json()
    assert got.headers["content-type"] == "application/json; charset=utf-8"
    told = await document(door)
    for method in ("get", "post"):
        check(told, f"/operations/web/{name}", method, got.json())


async def test_what_is_answered(door: Door) -> None:
    response = await door.get("Node", id="Order:1")
    assert response.json() == {"data": {"node": {"__typename": "Order", "id": "Order:1", "number": "SO-2024-00001"}}}
    assert response.headers["cache-control"] == "private, no-cache"
    again = await door.client.get(
        "/operations/web/Node",
        params={"id": "Order:1"},
        headers={"x-api-key": door.keys["web"], "if-none-match": response.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    ("name", "parameters", "code", "message"),
    [
        pytest.param(
            "ByStatus",
            {"first": "many", "statuses": "PENDING"},
            "BAD_USER_INPUT",
            "Variable '$first' has invalid value: Int cannot represent non-integer value: 'many'",
            id="no-int",
        ),
        pytest.param("Node", {"ID": 1}, "BAD_REQUEST", "There is no variable 'ID'; there are id.", id="unknown"),
        pytest.param("Names", {"a": 1}, "BAD_REQUEST", "There is no variable 'a'; there are none.", id="none"),
        pytest.param("Node", {"id": ["1", "2"]}, "BAD_REQUEST", "id is given twice.", id="twice"),
        pytest.param("Orders", {"filter": "{"}, "BAD_REQUEST", "filter is not JSON.", id="no-json"),
    ],
)
async def test_mistakes(door: Door, name: str, parameters: dict[str, Any], code: str, message: str) -> None:
    response = await door.get(name, **parameters)
    [error] = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"], error["message"]) == (400, code, message)
    check(await document(door), f"/operations/web/{name}", "get", response.json(), "default")


async def test_mutations(door: Door) -> None:
    by_get = await door.get("Delete", id="Order:0")
    assert (by_get.status_code, by_get.headers["allow"]) == (405, "POST")
    response = await door.post("Delete", {"id": "Order:0"})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (200, "NOT_FOUND")
    keyed = await door.post("Delete", {"id": "Order:0"}, **{"idempotency-key": "no key"})
    assert (keyed.status_code, keyed.json()["errors"][0]["extensions"]["code"]) == (400, "BAD_REQUEST")
    told = await document(door)
    assert [*told["paths"]["/operations/web/Delete"]] == ["post"]
    check(told, "/operations/web/Delete", "post", response.json())


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        pytest.param(b"[]", {}, 400, "BAD_REQUEST", id="no-object"),
        pytest.param(b"{", {}, 400, "BAD_REQUEST", id="no-json"),
        pytest.param(b'{"other": 1}', {}, 400, "BAD_REQUEST", id="unknown"),
        pytest.param(b"{}", {"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE", id="media-type"),
        pytest.param(b"{}", {}, 400, "BAD_USER_INPUT", id="missing"),
        pytest.param(b" " * 2_000_000, {}, 413, "PAYLOAD_TOO_LARGE", id="too-large"),
    ],
)
async def test_bodies(door: Door, body: bytes, headers: dict[str, str], status: int, code: str) -> None:
    response = await door.client.post(
        "/operations/web/Node",
        content=body,
        headers={"content-type": "application/json", "x-api-key": door.keys["web"], **headers},
    )
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (status, code)


@pytest.mark.parametrize(
    ("name", "client", "key", "status"),
    [
        pytest.param("Node", "web", "web", 200, id="own"),
        pytest.param("Names", "web", "web", 200, id="everybodys-as-own"),
        pytest.param("Names", "-", "", 200, id="everybodys"),
        pytest.param("Names", "-", "partner", 200, id="everybodys-of-partner"),
        pytest.param("Node", "-", "web", 404, id="not-everybodys"),
        pytest.param("Node", "web", "partner", 404, id="of-another"),
        pytest.param("Node", "web", "", 404, id="of-nobody"),
        pytest.param("Missing", "web", "web", 404, id="unknown"),
        pytest.param("Changed", "web", "web", 404, id="subscription"),
    ],
)
async def test_who_may_ask(door: Door, name: str, client: str, key: str, status: int) -> None:
    response = await door.get(name, client, key, **({"id": "Order:1"} if name == "Node" else {}))
    assert response.status_code == status
    if status == 404:
        message = "No such operation is published here."
        extensions = {"code": "PERSISTED_QUERY_NOT_IN_LIST"}
        assert response.json() == {"errors": [{"message": message, "extensions": extensions}]}
    documents = await door.get("openapi.json", client, key)
    assert documents.status_code == (404 if client == "web" and key != "web" else 200)


async def test_the_document(door: Door) -> None:
    told = await document(door)
    assert told["info"]["title"] == "Operations of web"
    assert [*told["paths"]] == [f"/operations/web/{name}" for name in ("ByStatus", "Delete", "Names", "Node", "Orders")]
    statuses = {"$ref": "#/components/schemas/OrderStatus"}
    assert told["paths"]["/operations/web/ByStatus"]["get"]["parameters"] == [
        {
            "name": "statuses",
            "in": "query",
            "required": True,
            "style": "form",
            "explode": True,
            "schema": {"type": "array", "items": statuses},
        },
        {"name": "first", "in": "query", "required": True, "schema": {"type": "integer", "format": "int32"}},
    ]
    body = told["paths"]["/operations/web/Orders"]["post"]["requestBody"]
    assert body == {
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "first": {"type": "integer", "format": "int32", "default": 2},
                        "big": {"type": ["boolean", "null"], "default": False},
                        "filter": {"anyOf": [{"$ref": "#/components/schemas/OrderFilter"}, {"type": "null"}]},
                    },
                    "additionalProperties": False,
                }
            }
        },
    }
    everybodys = await document(door, "-", "")
    assert [*everybodys["paths"]] == ["/operations/-/Names"]
    assert everybodys["info"]["title"] == "Operations of everybody"


CLIENT = """
import sys
from client import AuthenticatedClient
from client.api.default import by_status, node, orders_by_post
from client.models import OrderFilter, OrderStatus, OrderStatusFilter, OrdersByPostBody

url, key = sys.argv[1:]
client = AuthenticatedClient(url, key, prefix="", auth_header_name="x-api-key")
print(node.sync(client=client, id="Order:1").data.node.number)
found = by_status.sync(client=client, first=2, statuses=[OrderStatus.SHIPPED])
print([each.status.value for each in found.data.orders.nodes])
shipped = OrderFilter(status=OrderStatusFilter(eq=OrderStatus.SHIPPED))
posted = orders_by_post.sync(client=client, body=OrdersByPostBody(first=1, filter_=shipped))
print([(each.status.value, each.placed_at.year) for each in posted.data.orders.nodes])
print(node.sync(client=client, id="Order").errors[0].extensions.code)
"""
GENERATOR = "openapi-python-client==0.29.1"


@pytest.mark.pypi
def test_a_generated_client(settings: Settings, tmp_path: Path) -> None:
    control = settings.model_copy(update={"home": tmp_path})

    async def prepare() -> str:
        store = ControlStore(control)
        await OperationStore(store).publish(PUBLISHED)
        key = await Clients(store).create("web")
        await store.close()
        return key

    key = asyncio.run(prepare())
    with serve_in_thread(create_app(control, load_graph("schema")), control) as url:
        told = httpx.get(f"{url}/operations/web/openapi.json", headers={"x-api-key": key})
        (tmp_path / "openapi.json").write_bytes(told.content)
        options = ["--path", "openapi.json", "--meta", "none", "--output-path", "client"]
        run_with(tmp_path, GENERATOR, "openapi-python-client", "generate", *options)
        (tmp_path / "ask.py").write_text(CLIENT)
        lines = run_with(tmp_path, GENERATOR, "python", "ask.py", url, key).splitlines()
    assert lines == [
        "SO-2024-00001",
        "['SHIPPED', 'SHIPPED']",
        "[('SHIPPED', 2026)]",
        "INVALID_ID",
    ]
