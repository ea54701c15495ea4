"""What is told of an operation: its whole tree, over a file, a server and a service."""

import json
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
import strawberry
from strawberry.types import Info

from datasources.base import Datasource
from datasources.demo.rest_api import collection_api
from datasources.errors import SourceUnavailable
from datasources.lookup import Lookup
from datasources.registry import Registry
from datasources.rest import REST_CAPABILITIES, RestSource
from datasources.sql import PostgresSource, SqliteSource
from gateway.app import create_app
from gateway.graph import make_graph
from gateway.settings import DevSettings, Settings
from gateway.settings_auth import AuthSettings
from resolvers import Connection, Function, aggregate_by, belongs_to, computed, entity, has_many, query_type
from resolvers.query import entities_of
from resolvers.rows import materialiser
from tests.gateway.execution import library
from tests.support.postgres import connected, running_postgres
from tests.support.sources import Failing

pytestmark = pytest.mark.anyio


@entity("crm.customers")
class Customer:
    """A company that buys."""

    id: int
    name: str
    since: date

    orders: Connection["Order"] = has_many(by="customer_id")

    @computed(needs=("name",))
    def greeting(self) -> str:
        return f"Hello {self.name}"


@entity("erp.orders", natural_keys=["number"])
class Order:
    """A customer's purchase."""

    id: int
    number: str
    total: int

    customer: Customer | None = belongs_to(by="customer_id")
    shipments: Connection["Shipment"] = has_many(by="order_id")

    @computed(needs=("id",), batched=True)
    @staticmethod
    async def share(rows: "list[Order]", info: Info) -> list[int | None]:
        totals = await aggregate_by(info, Order, Function.SUM, "total", by="id", keys=[row.id for row in rows])
        return [totals.get(row.id) for row in rows]

    @computed(needs=("id", "number"))
    def copies(self, times: int) -> "list[Order]":
        return [self] * times


@entity("scm.shipments", capabilities=REST_CAPABILITIES)
class Shipment:
    """A parcel on its way."""

    id: int
    carrier: str

    order: Order | None = belongs_to(by="order_id")


Query = query_type(Customer, Order, Shipment)
(ORDER,) = (each for each in entities_of(Query) if each.cls is Order)


@strawberry.type
class WithPlain(Query):  # type: ignore[valid-type, misc]
    """The same beside fields of Python's own."""

    @strawberry.field
    def hello(self) -> str:
        return "hello"


CUSTOMERS = [(1, "Ada", "2020-01-01"), (2, "Emmy", "2021-01-01"), (3, "Grace", "2022-01-01")]
ORDERS = [(10, "A-10", 5, 1), (11, "A-11", 7, 1), (12, "A-12", 1, 2)]
SHIPMENTS = [{"id": 1, "carrier": "DHL", "order_id": 10}, {"id": 2, "carrier": "UPS", "order_id": 12}]


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    with running_postgres() as server:
        yield server.url()


@pytest.fixture
async def sources(database: str, tmp_path: Path) -> dict[str, Datasource]:
    """Customers in a file, their orders on a server, and the shipments of these behind a service."""
    with sqlite3.connect(tmp_path / "crm.sqlite") as file:
        file.execute("CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, since TEXT)")
        file.executemany("INSERT INTO customers VALUES (?, ?, ?)", CUSTOMERS)
    file.close()
    async with connected(database) as server:
        await server.execute(
            "DROP TABLE IF EXISTS orders; "
            "CREATE TABLE orders (id bigint PRIMARY KEY, number text, total int, customer_id bigint)"
        )
        await server.executemany("INSERT INTO orders VALUES ($1, $2, $3, $4)", ORDERS)
    service = collection_api({"shipments": SHIPMENTS})
    return {
        "crm": SqliteSource("crm", f"sqlite:///{tmp_path / 'crm.sqlite'}"),
        "erp": PostgresSource("erp", database),
        "scm": RestSource("scm", "http://scm", transport=httpx.ASGITransport(service)),
    }


@asynccontextmanager
async def client_of(
    sources: dict[str, Datasource], settings: Settings | None = None, query: type = Query
) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings or DevSettings(), make_graph(query), Registry(sources))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client,
    ):
        yield client


async def explained(
    sources: dict[str, Datasource], document: str, variables: dict[str, Any] | None = None, query: type = Query
) -> dict[str, Any]:
    """What the gateway tells, without times, and with SQL only by its tables."""
    body = {"query": document, "variables": variables, "extensions": {"explain": True}}
    async with client_of(sources, query=query) as client:
        answer = (await client.post("/graphql", json=body)).json()
        assert "extensions" not in (await client.post("/graphql", json={**body, "extensions": {}})).json()
    told: dict[str, Any] = answer["extensions"]["explain"]
    times = told.pop("milliseconds")
    assert set(times) == {"planning", "executing"}
    assert all(time > 0 for time in times.values())
    return {**told, "fields": [simplified(field) for field in told.get("fields", ())]}


def simplified(field: dict[str, Any]) -> dict[str, Any]:
    for lookup in field.get("lookups", ()):
        spent = lookup.pop("milliseconds", None)
        assert (spent is None) is ("shared" in lookup)
        if "statements" in lookup:
            assert all(0 < statement["milliseconds"] <= spent for statement in lookup["statements"])
            lookup["statements"] = [tables(statement["text"]) for statement in lookup["statements"]]
    for below in field.get("fields", ()):
        simplified(below)
    return field


def tables(statement: str) -> str:
    if not statement.startswith("SELECT"):
        return statement
    return f"SELECT {' '.join(sorted(set(re.findall('customers|orders', statement))))}"


WHOLE = """
query Whole ($first: Int!) {
  customers(first: $first) {
    nodes {
      name
      greeting
      orders(first: 5) {
        totalCount
        edges { node { number share shipments { nodes { carrier } } } }
      }
      ordersAggregate { count }
    }
  }
}
"""


async def test_the_whole_tree_over_a_file_a_server_and_a_service(sources: dict[str, Datasource]) -> None:
    assert await explained(sources, WHOLE, {"first": 2}) == {
        "operation": "query",
        "name": "Whole",
        "engine": "planned",
        "lookups": 5,
        "rows": 12,
        "fields": [
            {
                "path": "customers",
                "kind": "connection",
                "entity": "Customer",
                "lookups": [
                    {
                        "number": 1,
                        "source": "crm",
                        "collection": "customers",
                        "rows": 2,
                        "statements": ["SELECT customers"],
                    }
                ],
                "fields": [
                    {"path": "customers.nodes.greeting", "kind": "computed", "calls": 2},
                    {
                        "path": "customers.nodes.orders",
                        "kind": "relation",
                        "entity": "Order",
                        "relation": "has_many by customer_id",
                        "lookups": [
                            {
                                "number": 2,
                                "source": "erp",
                                "collection": "orders",
                                "key": "customer_id",
                                "keys": 2,
                                "first": [1, 2],
                                "rows": 3,
                                "statements": ["SELECT orders", "SELECT orders"],
                            }
                        ],
                        "fields": [
                            {
                                "path": "customers.nodes.orders.edges.node.share",
                                "kind": "batched",
                                "calls": 3,
                                "lookups": [
                                    {
                                        "number": 4,
                                        "source": "erp",
                                        "collection": "orders",
                                        "key": "id",
                                        "keys": 3,
                                        "first": [10, 11, 12],
                                        "rows": 3,
                                        "statements": ["SELECT orders"],
                                    }
                                ],
                            },
                            {
                                "path": "customers.nodes.orders.edges.node.shipments",
                                "kind": "relation",
                                "entity": "Shipment",
                                "relation": "has_many by order_id",
                                "lookups": [
                                    {
                                        "number": 5,
                                        "source": "scm",
                                        "collection": "shipments",
                                        "key": "order_id",
                                        "keys": 3,
                                        "first": [10, 11, 12],
                                        "rows": 2,
                                        "statements": [
                                            "GET /shipments?order_id=10,11,12&sort=id&limit=50"
                                            "&fields=order_id,carrier&per=order_id"
                                        ],
                                    }
                                ],
                            },
                        ],
                    },
                    {
                        "path": "customers.nodes.ordersAggregate",
                        "kind": "aggregate",
                        "entity": "Order",
                        "relation": "has_many by customer_id",
                        "lookups": [
                            {
                                "number": 3,
                                "source": "erp",
                                "collection": "orders",
                                "key": "customer_id",
                                "keys": 2,
                                "first": [1, 2],
                                "rows": 2,
                                "statements": ["SELECT orders"],
                            }
                        ],
                    },
                ],
            }
        ],
    }


def outline(told: dict[str, Any]) -> list[str]:
    """A line for each field, with its lookups."""
    return [line for field in told["fields"] for line in outline_of(field)]


def outline_of(field: dict[str, Any]) -> Iterator[str]:
    calls = f" x{field['calls']}" if "calls" in field else ""
    lookups = "".join(
        f" #{lookup['number']} {lookup['collection']} {lookup.get('first', 'all')}"
        + (f" merged:{lookup['merged']}" if "merged" in lookup else "")
        + (f" {lookup['shared']}" if "shared" in lookup else "")
        + (f" {lookup['error']}" if "error" in lookup else "")
        for lookup in field.get("lookups", ())
    )
    yield f"{field['path']} {field['kind']}{calls}{lookups}"
    for below in field.get("fields", ()):
        yield from outline_of(below)


@pytest.mark.parametrize(
    ("document", "lines"),
    [
        pytest.param(
            "{ a: order(id: 10) { number customer { name } } b: order(id: 11) { customer { since } } }",
            [
                "a, b entity #1 orders [10, 11]",
                "a.customer relation #2 customers [1] merged:1",
                "b.customer relation #2 customers [1] merged",
            ],
            id="root fields that are one lookup",
        ),
        pytest.param(
            "{ orders { nodes { a: customer { name } b: customer { since } } } }",
            [
                "orders connection #1 orders all",
                "orders.nodes.a relation #2 customers [1, 2] merged:1",
                "orders.nodes.b relation #2 customers [1, 2] merged",
            ],
            id="alike relations",
        ),
        pytest.param(
            "{ orders(last: 1) { nodes { customer { orders { nodes { customer { id } } } } } } }",
            [
                "orders connection #1 orders all",
                "orders.nodes.customer relation #2 customers [2]",
                "orders.nodes.customer.orders relation #3 orders [2]",
                "orders.nodes.customer.orders.nodes.customer relation #2 customers [2] cached",
            ],
            id="the same columns",
        ),
        pytest.param(
            """{ order(id: 10) { id customer { name orders { nodes { id customer { name orders { nodes { id
            customer { name orders { nodes { id } } } } } } } } } } }""",
            [
                "order entity #1 orders [10]",
                "order.customer relation #2 customers [1]",
                "order.customer.orders relation #3 orders [1]",
                "order.customer.orders.nodes.customer relation #2 customers [1] cached",
                "order.customer.orders.nodes.customer.orders relation #3 orders [1] cached",
                "order.customer.orders.nodes.customer.orders.nodes.customer relation #2 customers [1] cached",
                "order.customer.orders.nodes.customer.orders.nodes.customer.orders relation #4 orders [1]",
            ],
            id="what is there is not looked up again",
        ),
        pytest.param(
            '{ nodes(ids: ["Order:10", "Customer:1", "Order:12"]) { id ... on Order { customer { id } } } }',
            [
                "nodes node #1 orders [10, 12]",
                "nodes.customer relation #2 customers [1] cached #3 customers [2]",
                "nodes node #2 customers [1]",
            ],
            id="nodes",
        ),
        pytest.param('{ node(id: "Order:no") { id } }', ["node node"], id="a node that is none"),
        pytest.param(
            "{ z: ordersAggregate { count } a: orders { totalCount } __typename }",
            ["z aggregate #1 orders all", "a connection #2 orders all"],
            id="in the order of the answer",
        ),
        pytest.param(
            "{ order(id: 12) { copies(times: 2) { number shipments { nodes { carrier } } } } }",
            [
                "order entity #1 orders [12]",
                "order.copies resolver x1",
                "Order.shipments relation #2 shipments [12]",
            ],
            id="below a resolver",
        ),
        pytest.param(
            "{ customers(first: 0) { nodes { orders { nodes { id } } } } }",
            ["customers connection #1 customers all", "customers.nodes.orders relation"],
            id="nothing to follow",
        ),
        pytest.param("{ __typename }", [], id="nothing at all"),
    ],
)
async def test_planned(sources: dict[str, Datasource], document: str, lines: list[str]) -> None:
    told = await explained(sources, document)
    assert (told["engine"], outline(told)) == ("planned", lines)


@strawberry.type(name="Query")
class PlainQuery(Query):  # type: ignore[valid-type, misc]
    """The same beside fields of Python's own."""

    @strawberry.field
    def hello(self) -> str:
        return "hello"

    @strawberry.field
    async def latest(self, info: Info) -> list[Order]:
        found = await info.context.sources["erp"].lookup(Lookup(ORDER.collection, ("id", "number"), limit=1))
        return [materialiser(ORDER, ("id", "number"))(found.rows)[0]]


@pytest.mark.parametrize(
    ("document", "variables", "reason", "lines"),
    [
        pytest.param(
            "{ hello customers { nodes { orders { nodes { id } } } } a: order(id: 10) { id } }",
            None,
            "not fields of entities: hello",
            [
                "hello resolver",
                "customers connection #1 customers all",
                "customers.nodes.orders relation #3 orders [1, 2, 3]",
                "a entity #2 orders [10]",
            ],
            id="beside others",
        ),
        pytest.param(
            "{ latest { number shipments { nodes { carrier } } } }",
            None,
            "not fields of entities: latest",
            ["latest resolver", " resolver #1 orders all", "Order.shipments relation #2 shipments [10]"],
            id="below others",
        ),
        pytest.param(
            "query ($v: Boolean = true) { order(id: 10) { customer { id name @skip(if: $v) } } }",
            {"v": None},
            "a variable of @skip or @include has no value",
            [" resolver #1 orders [10] #2 customers [1]"],
            id="directive",
        ),
        pytest.param("{ __schema { description } }", None, "it asks for nothing but the schema", ["__schema resolver"]),
    ],
)
async def test_on_the_standard_engine(
    sources: dict[str, Datasource], document: str, variables: dict[str, Any] | None, reason: str, lines: list[str]
) -> None:
    told = await explained(sources, document, variables, PlainQuery)
    assert (told["engine"], told["reason"], outline(told)) == ("standard", reason, lines)


async def test_what_is_nested_comes_with_its_parents(database: str) -> None:
    await library.fill(database, library.rows(library.dice(1)))
    document = "{ authors(first: 2) { nodes { name books(first: 1) { nodes { title tags { nodes { word } } } } } } }"
    told = await explained({"lib": PostgresSource("lib", database)}, document, query=library.Query)
    (authors,) = told["fields"]
    (books,) = authors["fields"]
    (tags,) = books["fields"]
    assert (told["lookups"], told["rows"], outline(told)) == (
        1,
        2,
        [
            "authors connection #1 authors all",
            "authors.nodes.books relation",
            "authors.nodes.books.nodes.tags relation",
        ],
    )
    assert [field.get("nested") for field in (authors, books, tags)] == [None, True, True]


async def test_a_lookup_that_fails_tells_why(sources: dict[str, Datasource]) -> None:
    error = SourceUnavailable("scm", "is away")
    told = await explained(
        {**sources, "scm": Failing(sources["scm"], error)}, "{ orders { nodes { shipments { totalCount } } } }"
    )
    assert outline(told)[1] == f"orders.nodes.shipments relation #2 shipments [10, 11, 12] {error}"
    assert "rows" not in told["fields"][0]["fields"][0]["lookups"][0]


ASKED: dict[str, Any] = {"query": "{ order(id: 10) { number } }", "extensions": {"explain": True}}
ANSWER = {"data": {"order": {"number": "A-10"}}}


async def test_is_off_unless_the_settings_say_so(sources: dict[str, Datasource]) -> None:
    async with client_of(sources, Settings(auth=AuthSettings(anonymous=True))) as client:
        assert (await client.post("/graphql", json=ASKED)).json() == ANSWER


@pytest.mark.parametrize("value", [False, None, "true", 1, {}], ids=repr)
async def test_only_true_asks_for_it(sources: dict[str, Datasource], value: object) -> None:
    async with client_of(sources) as client:
        response = await client.post("/graphql", json={**ASKED, "extensions": {"explain": value}})
    assert response.json() == ANSWER


async def test_by_get_and_in_batches(sources: dict[str, Datasource]) -> None:
    async with client_of(sources) as client:
        got = await client.get("/graphql", params={**ASKED, "extensions": json.dumps(ASKED["extensions"])})
        batch = await client.post("/graphql", json=[ASKED, {"query": ASKED["query"]}])
    assert [list(answer) for answer in (got.json(), *batch.json())] == [
        ["data", "extensions"],
        ["data", "extensions"],
        ["data"],
    ]


async def test_a_refused_request_has_nothing_to_tell(sources: dict[str, Datasource]) -> None:
    async with client_of(sources) as client:
        response = await client.post("/graphql", json={**ASKED, "query": "{ nothing }"})
    assert list(response.json()) == ["errors"]
