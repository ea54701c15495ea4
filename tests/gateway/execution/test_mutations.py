"""Writes: every engine answers alike, over every kind of source, and with no more statements than it takes."""

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.execution.schema import run_operation
from tests.gateway.execution.engines import Engines
from tests.gateway.writing import Mutation, OpenStore, Query

pytestmark = pytest.mark.anyio

ENGINES = Engines(Query, Mutation)
EVERYTHING = """{
  customers { nodes { id name } }
  products { nodes { id sku name price } }
  orders { nodes { id number status total note version customerId } }
  lines { nodes { id position quantity orderId productId parcels { id tracking } } }
  words { nodes { id meaning } }
}"""


def told(errors: Any) -> list[Any]:
    """What clients see of errors, but for where in the document they are."""
    found = []
    for error in errors or ():
        extensions = dict(error.extensions or {})
        code = getattr(error.original_error, "code", None) or extensions.pop("code", None)  # of one that was recorded
        found.append((error.path, error.message, code, extensions))
    return found


class Asked:
    """What was answered, what became of the rows, and what that took."""

    def __init__(self, data: Any, errors: list[Any], rows: Any, statements: list[str]) -> None:
        self.data = data
        self.errors = errors
        self.rows = rows
        self.statements = statements


async def ask(stores: OpenStore, kind: str, document: str, variables: Mapping[str, Any] | None = None) -> Asked:
    """The same from three doors: Strawberry's own engine, the drop-in, and the plan, each with rows of its own."""
    values = dict(variables or {})
    seen = []
    for schema in (ENGINES.standard, ENGINES.planned):
        async with stores(kind) as store:
            result = await schema.execute(document, variable_values=values, context_value=store.context())
            seen.append((result.data, told(result.errors), await everything(store)))
    async with stores(kind) as store:
        operation = ENGINES.operation(document)
        coerced = operation.coerce(values)
        assert not isinstance(coerced, list), coerced
        data, errors = await run_operation(operation, coerced, store.context())
        statements = list(store.statements)
        seen.append((data, told(errors), await everything(store)))
    standard, dropped_in, planned = seen
    assert dropped_in == standard
    assert planned == standard
    return Asked(*planned, statements)


async def everything(store: Any) -> Any:
    result = await ENGINES.planned.execute(EVERYTHING, context_value=store.context())
    assert result.errors is None, result.errors
    return result.data


ORDER = """
mutation ($input: OrderInput!) {
  createOrder(input: $input) {
    id number status total note version title
    customer { name }
    lines { totalCount nodes { id position quantity product { sku } } pageInfo { hasNextPage } }
  }
}
"""
THREE_LINES = {
    "number": "SO-3",
    "total": "12.50",
    "customerId": "Customer:1",
    "lines": {
        "create": [
            {"position": 1, "quantity": 2, "productId": "Product:1"},
            {"position": 2, "quantity": 3, "productId": "2"},
            {"position": 3, "quantity": 4, "productId": "Product:1"},
        ]
    },
}


async def test_an_order_with_its_lines(stores: OpenStore, kind: str) -> None:
    asked = await ask(stores, kind, ORDER, {"input": THREE_LINES})
    assert asked.errors == []
    assert asked.data == {
        "createOrder": {
            "id": "Order:3",
            "number": "SO-3",
            "status": "OPEN",
            "total": "12.50",
            "note": None,
            "version": 1,
            "title": "SO-3: 12.50",
            "customer": {"name": "Müller"},
            "lines": {
                "totalCount": 3,
                "nodes": [
                    {"id": "Line:4", "position": 1, "quantity": 2, "product": {"sku": "bolt"}},
                    {"id": "Line:5", "position": 2, "quantity": 3, "product": {"sku": "nut"}},
                    {"id": "Line:6", "position": 3, "quantity": 4, "product": {"sku": "bolt"}},
                ],
                "pageInfo": {"hasNextPage": False},
            },
        }
    }
    assert asked.statements == ["insert orders 1 with insert lines 3", "lookup products"]


@pytest.mark.parametrize(
    ("selection", "looked_up"),
    [
        pytest.param("id number total", [], id="columns"),
        pytest.param("lines { totalCount nodes { quantity } }", [], id="all-lines"),
        pytest.param("lines(first: 3) { nodes { quantity } pageInfo { hasNextPage endCursor } }", [], id="page"),
        pytest.param("lines(last: 2) { edges { cursor node { quantity } } }", ["lines"], id="part-of-them"),
        pytest.param("lines(first: 2) { nodes { quantity } pageInfo { hasNextPage } }", [], id="one-more"),
        pytest.param("lines(first: 1) { nodes { quantity } }", ["lines"], id="first"),
        pytest.param("lines(orderBy: [{ quantity: DESC }]) { nodes { quantity } }", ["lines"], id="another-order"),
        pytest.param("lines(orderBy: [{ id: DESC }]) { nodes { quantity } }", [], id="backwards"),
        pytest.param("lines(filter: { quantity: { gt: 2 } }) { nodes { quantity } }", ["lines"], id="filter"),
        pytest.param("a: lines { totalCount } b: lines(first: 5) { nodes { id } }", ["lines", "lines"], id="twice"),
        pytest.param("linesAggregate { sum { quantity } }", ["lines"], id="aggregate"),
    ],
)
async def test_new_lines_are_looked_up_only_where_it_takes_that(
    stores: OpenStore, selection: str, looked_up: list[str]
) -> None:
    document = f"mutation ($input: OrderInput!) {{ createOrder(input: $input) {{ {selection} }} }}"
    asked = await ask(stores, "memory", document, {"input": THREE_LINES})
    assert asked.errors == []
    looked = [f"lookup {name}" for name in looked_up]
    assert asked.statements == ["insert orders 1 with insert lines 3", *looked]


async def test_many_orders_take_one_statement_for_each_level(stores: OpenStore, kind: str) -> None:
    orders = [
        {
            "number": f"SO-{number}",
            "total": number,
            "lines": {
                "create": [
                    {
                        "position": position,
                        "quantity": position,
                        "productId": 1,
                        "parcels": {"create": [{"tracking": f"{number}-{position}-{n}"} for n in range(position)]},
                    }
                    for position in range(1, 3)
                ]
            },
        }
        for number in range(10, 15)
    ]
    document = """
    mutation ($input: [OrderInput!]!) {
      createOrders(input: $input) { number lines { nodes { position parcels { tracking } } } }
    }"""
    asked = await ask(stores, kind, document, {"input": orders})
    assert asked.errors == []
    assert asked.data["createOrders"] == [
        {
            "number": f"SO-{number}",
            "lines": {
                "nodes": [
                    {
                        "position": position,
                        "parcels": [{"tracking": f"{number}-{position}-{n}"} for n in range(position)],
                    }
                    for position in range(1, 3)
                ]
            },
        }
        for number in range(10, 15)
    ]
    assert asked.statements == ["begin", "insert orders 5", "insert lines 10", "insert parcels 15", "commit"]


async def test_absent_and_null_are_different(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      a: updateOrder(id: "Order:1", patch: { note: "first" }) { note version customer { name } status }
      b: updateOrder(id: 1, patch: { status: SHIPPED }, expectedVersion: 4) { note version status }
      c: updateOrder(id: 1, patch: { note: null, customerId: null }) { note version customer { name } }
      d: updateOrder(id: 1, patch: {}) { version }
    }"""
    asked = await ask(stores, kind, document)
    assert asked.errors == []
    assert asked.data == {
        "a": {"note": "first", "version": 4, "customer": {"name": "Müller"}, "status": "OPEN"},
        "b": {"note": "first", "version": 5, "status": "SHIPPED"},
        "c": {"note": None, "version": 6, "customer": None},
        "d": {"version": 7},
    }
    assert asked.statements == ["update orders 1"] * 4


async def test_lines_change_with_their_order(stores: OpenStore, kind: str) -> None:
    document = """
    mutation ($lines: OrderLinesChanges!) {
      updateOrder(id: 1, patch: { total: "7", lines: $lines }) {
        total version lines { nodes { id position quantity product { sku } } }
      }
      rest: updateOrder(id: 2, patch: {}) { lines { totalCount } }
    }"""
    lines = {
        "delete": ["Line:1"],
        "update": [{"id": "Line:2", "patch": {"position": 1, "quantity": 9}}],
        "create": [{"position": 3, "quantity": 5, "productId": 2}],
    }
    asked = await ask(stores, kind, document, {"lines": lines})
    assert asked.errors == []
    assert asked.data == {
        "updateOrder": {
            "total": "7.00",
            "version": 4,
            "lines": {
                "nodes": [
                    {"id": "Line:2", "position": 1, "quantity": 9, "product": {"sku": "nut"}},
                    {"id": "Line:4", "position": 3, "quantity": 5, "product": {"sku": "nut"}},
                ]
            },
        },
        "rest": {"lines": {"totalCount": 1}},
    }
    assert asked.statements[:6] == [
        "begin",
        "update orders 1",
        "delete lines 1",
        "update lines 1",
        "insert lines 1",
        "lookup lines",
    ]


async def test_lines_come_over_from_another_order(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      updateOrder(id: 2, patch: { lines: { delete: [3], connect: ["Line:1", 2] } }) { lines { nodes { id orderId } } }
    }"""
    asked = await ask(stores, kind, document)
    assert asked.errors == []
    assert asked.data == {
        "updateOrder": {
            "lines": {"nodes": [{"id": "Line:1", "orderId": "Order:2"}, {"id": "Line:2", "orderId": "Order:2"}]}
        }
    }


@pytest.mark.parametrize("change", ["delete: [3]", "update: [{ id: 3, patch: { quantity: 1 } }]"])
async def test_lines_of_another_order_are_not_there(stores: OpenStore, kind: str, change: str) -> None:
    asked = await ask(stores, kind, f"mutation {{ updateOrder(id: 1, patch: {{ lines: {{ {change} }} }}) {{ id }} }}")
    ((path, message, code, extensions),) = asked.errors
    assert (path, message, code) == (["updateOrder"], "There is no Line:3 here.", "NOT_FOUND")
    assert extensions["inputPath"][:4] == ["patch", "lines", change.partition(":")[0], 0]
    assert [line["orderId"] for line in asked.rows["lines"]["nodes"]] == ["Order:1", "Order:1", "Order:2"]


async def test_an_upsert_makes_or_changes(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      a: upsertOrderByNumber(input: { number: "SO-1", total: "99" }) { id total version status customer { name } }
      b: upsertOrderByNumber(input: {
        number: "SO-9", total: "1", lines: { create: [{ position: 1, quantity: 1, productId: 1 }] }
      }) { id total version status lines { totalCount } }
      c: upsertProductBySku(input: { sku: "nut", name: "Wing nut", price: "0.3" }) { id name price }
    }"""
    asked = await ask(stores, kind, document)
    assert asked.errors == []
    made = asked.data["b"].pop("id")
    assert made not in ("Order:1", "Order:2")
    assert asked.data == {
        "a": {"id": "Order:1", "total": "99.00", "version": 4, "status": "OPEN", "customer": {"name": "Müller"}},
        "b": {"total": "1.00", "version": 1, "status": "OPEN", "lines": {"totalCount": 1}},
        "c": {"id": "Product:2", "name": "Wing nut", "price": "0.30"},
    }


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])  # rows in memory do not go with others
async def test_deletes_tell_what_was_there(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      deleteOrder(id: "Order:1", expectedVersion: 3) { number customer { name } lines { totalCount } }
      deleteOrders(ids: [2]) { number status }
    }"""
    asked = await ask(stores, kind, document)
    assert asked.errors == []
    assert asked.data == {
        "deleteOrder": {"number": "SO-1", "customer": {"name": "Müller"}, "lines": {"totalCount": 0}},
        "deleteOrders": [{"number": "SO-2", "status": "SHIPPED"}],
    }
    assert asked.rows["orders"]["nodes"] == asked.rows["lines"]["nodes"] == []


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("sqlite", "Order refers to what is not there, or something else still refers to it."),
        ("postgres", "Order is still referred to by Parcel."),
    ],
)
async def test_what_would_go_along_may_be_referred_to(stores: OpenStore, kind: str, message: str) -> None:
    parcels = 'parcels: { create: [{ tracking: "T" }] }'
    document = f"""
    mutation {{
      updateOrder(id: 2, patch: {{ lines: {{ update: [{{ id: 3, patch: {{ {parcels} }} }}] }} }}) {{ id }}
      deleteOrder(id: 2) {{ id }}
    }}"""
    asked = await ask(stores, kind, document)
    assert [error[:3] for error in asked.errors] == [(["deleteOrder"], message, "FOREIGN_KEY_VIOLATION")]


async def test_clients_choose_keys_that_the_source_does_not_make(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      createWord(input: { word: "urgent", meaning: "now" }) { id word }
      updateWord(id: "Word:urgent", patch: { meaning: "tomorrow" }) { meaning }
    }"""
    asked = await ask(stores, kind, document)
    assert asked.errors == []
    assert asked.data == {
        "createWord": {"id": "Word:urgent", "word": "urgent"},
        "updateWord": {"meaning": "tomorrow"},
    }


CASES = [
    pytest.param(
        'createProduct(input: { sku: "bolt", name: "B", price: 1 }) { id }',
        ("UNIQUE_VIOLATION", {"fields": ["sku"], "inputPath": ["input", "sku"]}),
        id="unique",
    ),
    pytest.param(
        'createOrder(input: { number: "SO-3", total: 1, lines: { create: ['
        "{ position: 1, quantity: 1, productId: 77 }] } }) { id }",
        ("FOREIGN_KEY_VIOLATION", {"fields": ["productId"], "inputPath": ["input", "lines", "create", 0, "productId"]}),
        id="foreign-key",
    ),
    pytest.param(
        "updateOrder(id: 1, patch: { lines: { update: [{ id: 1, patch: { quantity: 0 } }] } }) { id }",
        ("CHECK_VIOLATION", {"constraint": "lines_quantity_check"}),
        id="check",
    ),
    pytest.param(
        'createOrder(input: { number: "SO-3", total: 1, lines: { create: ['
        "{ position: 1, quantity: 1, productId: 1 }, { position: 1, quantity: 1, productId: 1 }] } }) { id }",
        ("UNIQUE_VIOLATION", {"fields": ["orderId", "position"]}),
        id="unique-together",
    ),
    pytest.param(
        'updateOrder(id: 1, patch: { note: "x" }, expectedVersion: 2) { id }',
        (
            "CONFLICT",
            {
                "current": {
                    "id": "Order:1",
                    "number": "SO-1",
                    "status": "OPEN",
                    "total": "10.00",
                    "note": None,
                    "placedOn": None,
                    "dueOn": None,
                    "version": 3,
                    "customerId": "Customer:1",
                },
                "expectedVersion": 2,
                "inputPath": ["expectedVersion"],
            },
        ),
        id="conflict",
    ),
    pytest.param(
        "deleteOrder(id: 1, expectedVersion: 4) { id }",
        ("CONFLICT", {"expectedVersion": 4, "inputPath": ["expectedVersion"]}),
        id="stale",
    ),
    pytest.param("deleteOrder(id: 77, expectedVersion: 4) { id }", ("NOT_FOUND", {"inputPath": ["id"]}), id="gone"),
    pytest.param(
        'updateOrders(input: [{ id: 1, patch: { note: "x" } }, { id: 77, patch: { note: "y" } }]) { id }',
        ("NOT_FOUND", {"inputPath": ["input", 1, "id"]}),
        id="one-of-many",
    ),
]


@pytest.mark.parametrize(("field", "expected"), CASES)
async def test_what_cannot_be_written_leaves_nothing(
    stores: OpenStore, kind: str, field: str, expected: tuple[str, dict[str, Any]]
) -> None:
    async with stores(kind) as store:
        before = await everything(store)
    asked = await ask(stores, kind, f"mutation {{ failed: {field} }}")
    ((path, _, code, extensions),) = asked.errors
    assert (path, code) == (["failed"], expected[0])
    for name, value in expected[1].items():
        if name == "constraint" or extensions.get(name) or kind != "sqlite":
            assert extensions[name] == value, name
    assert asked.data == {"failed": None}
    assert asked.rows == before
    assert "commit" not in asked.statements


async def test_all_that_is_wrong_with_an_input_is_told_at_once(stores: OpenStore) -> None:
    document = """
    mutation ($orders: [OrderInput!]!) {
      createOrders(input: $orders) { id }
      updateOrder(id: 1, patch: { number: null, total: "1.234", lines: { delete: [1, 1], update: [
        { id: "Order:2", patch: { quantity: 1001 } }
      ] } }) { id }
      createProduct(input: { sku: "x", name: "X", price: -1 }) { id }
    }"""
    orders = [
        {"number": "SO-3", "total": 1, "placedOn": "2026-02-02", "dueOn": "2026-02-01"},
        {
            "number": "3",
            "total": 1,
            "customerId": "Order:1",
            "lines": {
                "create": [
                    {"position": 1, "quantity": 1, "productId": 1},
                    *[{"position": 2, "quantity": 1001, "productId": ""}],
                ]
            },
        },
    ]
    asked = await ask(stores, "memory", document, {"orders": orders})
    assert asked.data == {"createOrders": None, "updateOrder": None, "createProduct": None}
    assert {code for _, _, code, _ in asked.errors} == {"VALIDATION_FAILED"}
    found = [
        [(problem["inputPath"], problem["rule"]) for problem in extensions["problems"]]
        for _, _, _, extensions in asked.errors
    ]
    assert found == [
        [
            (["input", 0], "dueAfterPlaced"),
            (["input", 1, "number"], "pattern"),
            (["input", 1, "customerId"], "id"),
            (["input", 1, "lines", "create", 1, "quantity"], "maximum"),
            (["input", 1, "lines", "create", 1, "productId"], "id"),
        ],
        [
            (["patch", "number"], "notNull"),
            (["patch", "total"], "scale"),
            (["patch", "lines", "update", 0, "id"], "id"),
            (["patch", "lines", "update", 0, "patch", "quantity"], "maximum"),
            (["patch", "lines", "delete", 1], "unique"),
        ],
        [(["input", "sku"], "minLength"), (["input", "price"], "minimum")],
    ]
    assert asked.errors[0][1] == "dueOn is before placedOn. And 4 more."
    assert asked.statements == [], "no transaction began"


async def test_more_than_a_page_is_refused(stores: OpenStore) -> None:
    ids = list(range(21))
    asked = await ask(stores, "memory", "mutation ($ids: [ID!]!) { deleteOrders(ids: $ids) { id } }", {"ids": ids})
    assert [error[:3] for error in asked.errors] == [
        (["deleteOrders"], "deleteOrders was given 21 rows; it takes 20 at most.", "PAGE_SIZE_EXCEEDED")
    ]


async def test_one_field_follows_the_other(stores: OpenStore, kind: str) -> None:
    """A failing field takes none of the others along."""
    document = """
    mutation {
      a: updateOrder(id: 1, patch: { note: "a" }) { version }
      b: updateOrder(id: 77, patch: { note: "b" }) { version }
      c: updateOrder(id: 1, patch: { note: "c" }, expectedVersion: 4) { version }
      __typename
    }"""
    asked = await ask(stores, kind, document)
    assert asked.data == {"a": {"version": 4}, "b": None, "c": {"version": 5}, "__typename": "Mutation"}
    assert [error[0] for error in asked.errors] == [["b"]]


@pytest.mark.parametrize(
    ("field", "path"),
    [
        pytest.param('updateOrder(id: 1, patch: { dueOn: "2026-01-01" }) { id }', ["patch"], id="update"),
        pytest.param(
            'updateOrders(input: [{ id: 2, patch: { note: "x" } }, { id: 1, patch: { dueOn: "2026-01-01" } }]) { id }',
            ["input", 1, "patch"],
            id="bulk",
        ),
        pytest.param(
            'upsertOrderByNumber(input: { number: "SO-1", total: 1, dueOn: "2026-01-01" }) { id }',
            ["input"],
            id="upsert",
        ),
    ],
)
async def test_what_the_input_lacks_of_a_rule_is_read_from_the_row(
    stores: OpenStore, kind: str, field: str, path: list[str | int]
) -> None:
    prepared = 'updateOrder(id: 1, patch: { placedOn: "2026-02-01", dueOn: "2026-02-02" }) { version }'
    asked = await ask(stores, kind, f"mutation {{ {prepared} failed: {field} }}")
    problem = {"inputPath": path, "message": "dueOn is before placedOn.", "rule": "dueAfterPlaced"}
    assert asked.errors == [(["failed"], problem["message"], "VALIDATION_FAILED", {"problems": [problem]})]
    assert asked.data == {"updateOrder": {"version": 4}, "failed": None}
    assert [order["version"] for order in asked.rows["orders"]["nodes"]] == [4, 1]
