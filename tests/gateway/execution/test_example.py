"""What is told of subscriptions, which are tried out instead of followed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import httpx
import orjson
import pytest

from datasources.errors import SourceUnavailable
from datasources.filters import And, Compare, Exists, Filter, Not, Operator, Or
from datasources.lookup import Collection
from gateway.app import create_app
from gateway.execution.example import filter_text
from gateway.execution.explain import Explainer
from gateway.operations.request import OperationRequest
from gateway.settings import DevSettings
from tests.gateway.subscriptions.watched import House, opened

pytestmark = pytest.mark.anyio


async def explained(house: House, document: str, variables: Mapping[str, Any] | None = None) -> tuple[Any, Any]:
    """What is told, without times and statements, and the answer."""
    explainer = Explainer()
    answer = await house.pipeline.run(OperationRequest(document, variables), "test", explainer.run)
    assert explainer.explanation is not None
    told = orjson.loads(orjson.dumps(explainer.explanation.as_json()))
    assert told.pop("milliseconds").keys() == {"planning", "executing"}
    for field in told.get("fields", ()):
        _simplify(field)
    return told, answer.content


def _simplify(field: dict[str, Any]) -> None:
    for each in field.get("lookups", ()):
        assert each.pop("milliseconds") > 0
        each.pop("statements", None)
    for below in field.get("fields", ()):
        _simplify(below)


ORDERS = """
subscription Orders($filter: OrderFilter) {
  a: orderChanged(filter: $filter) { kind key n: node { number label rank customer { name orders { nodes { id } } } } }
}"""


def orders(feed: Mapping[str, str], *, lookups: bool = True) -> dict[str, Any]:
    """The field of that operation."""

    def asked(number: int, source: str, collection: str, key: str, rows: int) -> dict[str, Any]:
        keys = {"key": key, "keys": 1, "first": [2]}
        told = {"number": number, "source": source, "collection": collection, **keys, "rows": rows}
        return {"lookups": [told]} if lookups else {}

    below = {
        "path": "a.n.customer.orders",
        "kind": "relation",
        "entity": "Order",
        "relation": "has_many by customer_id",
        **asked(2, "erp", "orders", "customer_id", 1),
    }
    customer = {
        "path": "a.n.customer",
        "kind": "relation",
        "entity": "Customer",
        "relation": "belongs_to by customer_id",
        **asked(1, "crm", "customers", "id", 1),
        "fields": [below],
    }
    label = {"path": "a.n.label", "kind": "computed", "calls": int(lookups)}
    rank = {"path": "a.n.rank", "kind": "batched", "calls": int(lookups)}
    return {
        "path": "a",
        "kind": "changes",
        "entity": "Order",
        "feed": {"source": "erp", "collection": "orders", **feed},
        "fields": [label, rank, customer],
    }


TOLD = {"operation": "subscription", "name": "Orders", "engine": "planned"}
SECOND = orders({"filter": "number eq 'SO-2'", "example": "Order:2"})


async def test_the_first_row_that_is_followed_is_told_of() -> None:
    async with opened() as house:
        told, answer = await explained(house, ORDERS, {"filter": {"number": {"eq": "SO-2"}}})
        assert house.subscriptions.groups == {}
    assert answer == {"data": None}
    assert told == {**TOLD, "lookups": 2, "rows": 2, "fields": [SECOND]}


async def test_where_there_is_no_row_the_plan_is_shown() -> None:
    async with opened() as house:
        told, answer = await explained(house, ORDERS, {"filter": {"number": {"eq": "none"}}})
    assert answer == {"data": None}
    field = orders({"filter": "number eq 'none'"}, lookups=False)
    assert told == {**TOLD, "lookups": 0, "rows": 0, "fields": [field]}


async def test_each_entity_that_is_followed_is_tried() -> None:
    document = "subscription { changes { kind node { id ... on Order { lines { nodes { quantity } } } } } }"
    async with opened() as house:
        told, _ = await explained(house, document)
    lines = {"number": 1, "source": "erp", "collection": "lines", "key": "order_id", "keys": 1, "first": [1], "rows": 2}
    relation = {"kind": "relation", "entity": "Line", "relation": "has_many by order_id"}
    assert told["fields"] == [
        {
            "path": "changes",
            "kind": "changes",
            "entity": "Customer",
            "feed": {"source": "crm", "collection": "customers", "example": "Customer:1"},
        },
        {
            "path": "changes",
            "kind": "changes",
            "entity": "Order",
            "feed": {"source": "erp", "collection": "orders", "example": "Order:1"},
            "fields": [{"path": "changes.node.lines", **relation, "lookups": [lines]}],
        },
    ]


async def test_what_goes_wrong_in_an_event_is_told() -> None:
    async with opened() as house:
        await house.update("orders", 1, number="bad")
        _, answer = await explained(house, "subscription { orderChanged { node { place(times: 1) } } }")
    (error,) = answer["errors"]
    assert (error["message"], error["path"]) == ("is bad", ["orderChanged", "node", "place"])


@pytest.mark.parametrize(
    ("filter", "code"),
    [
        pytest.param({"lines": {"some": {"quantity": {"eq": 1}}}}, "BAD_USER_INPUT", id="cannot be followed"),
        pytest.param(None, "DATASOURCE_UNAVAILABLE", id="source is away"),
    ],
)
async def test_what_cannot_be_tried_is_told(filter: Any, code: str) -> None:
    async with opened() as house:
        house.memory["erp"].error = SourceUnavailable("erp", "is away")
        told, answer = await explained(house, ORDERS, {"filter": filter})
    assert told == {**TOLD, "lookups": 0, "rows": 0}
    assert [(error["extensions"]["code"], error["path"]) for error in answer["errors"]] == [(code, ["a"])]


async def test_over_http_where_one_answer_is_wanted() -> None:
    body = {"query": "subscription { orderChanged { node { label } } }", "extensions": {"explain": True}}
    async with opened() as house:
        app = create_app(DevSettings(), house.graph, house.registry)
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
            told = await client.post("/graphql", json=body)
            refused = await client.post("/graphql", json={"query": body["query"]})
    assert told.json()["data"] is None
    assert told.json()["extensions"]["explain"]["fields"][0]["feed"]["example"] == "Order:1"
    assert [error["extensions"]["code"] for error in refused.json()["errors"]] == ["BAD_REQUEST"]


async def test_one_that_is_written_by_hand_is_not_run() -> None:
    async with opened() as house:
        told, answer = await explained(house, "subscription { count(upto: 3) }")
    assert answer == {"data": None}
    assert told == {
        "operation": "subscription",
        "engine": "standard",
        "reason": "not fields of entities: count",
        "lookups": 0,
        "rows": 0,
        "fields": [{"path": "count", "kind": "resolver"}],
    }


A, B = Compare("a", Operator.EQ, "it's"), Compare("b", Operator.IN, (1, Decimal("2.50")))


@pytest.mark.parametrize(
    ("filter", "text"),
    [
        (A, 'a eq "it\'s"'),
        (B, "b in (1, 2.50)"),
        (And((A, Or((A, B)))), 'a eq "it\'s" and (a eq "it\'s" or b in (1, 2.50))'),
        (Not(And((A, B))), 'not (a eq "it\'s" and b in (1, 2.50))'),
        (Compare("c", Operator.IS_NULL, True), "c is_null True"),
        (Compare("d", Operator.LT, datetime(2026, 1, 31, 8, 30, tzinfo=UTC)), "d lt 2026-01-31 08:30:00+00:00"),
        (Exists("id", Collection("lines", "id", ()), "order_id", A), "some of lines"),
        (And(()), "everything"),
        (Or(()), "nothing"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
def test_filters_are_told_in_words(filter: Filter, text: str) -> None:
    assert filter_text(filter) == text
