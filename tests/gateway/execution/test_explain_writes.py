"""What is told of mutations, and how they are undone, over sources of every kind."""

import re
from collections.abc import Mapping
from typing import Any

import httpx
import orjson
import pytest
import strawberry
from strawberry.types import Info

from datasources.registry import Registry
from datasources.write import Insert, writable
from gateway.app import create_app
from gateway.execution.explain import CannotUndo, Explainer
from gateway.execution.explanation import Explanation
from gateway.graph import make_graph
from gateway.settings import DevSettings
from resolvers.context import Idempotency
from resolvers.query import entities_of
from tests.gateway.execution.engines import Engines
from tests.gateway.execution.test_mutations import everything, told
from tests.gateway.writing import Mutation, OpenStore, Query, Store, Word

pytestmark = pytest.mark.anyio

(WORD,) = (each for each in entities_of(Query) if each.cls is Word)


@strawberry.type
class Mixed(Mutation):  # type: ignore[misc]
    """Fields of entities, and one that is written by hand."""

    @strawberry.mutation
    async def coin(self, info: Info, word: str) -> str:
        async with writable(info.context.sources["erp"]).transaction() as transaction:
            await transaction.write(Insert(WORD.collection, ("word",), ((word,),)))
        return word


ENGINES = Engines(Query, Mutation)
MIXED = Engines(Query, Mixed)


async def explained(
    store: Store,
    document: str,
    *,
    undo: bool = False,
    idempotency: Idempotency | None = None,
    engines: Engines = ENGINES,
) -> tuple[Explanation, Any, list[Any]]:
    """What is told, and the answer."""
    operation = engines.operation(document)
    coerced = operation.coerce({})
    assert not isinstance(coerced, list)
    explainer = Explainer(undo=undo)
    data, errors = await explainer.run(operation, coerced, store.context(idempotency))
    assert explainer.explanation is not None
    return explainer.explanation, data, told(errors)


def outline(kind: str, explanation: Explanation) -> dict[str, Any]:
    """All that is told but times; statements by what they do to which table, memory having none."""
    found: dict[str, Any] = orjson.loads(orjson.dumps(explanation.as_json()))
    assert found.pop("milliseconds").keys() == {"planning", "executing"}
    for field in found.get("fields", ()):
        _simplify(kind, field)
    return found


def _simplify(kind: str, field: dict[str, Any]) -> None:
    for transaction in field.get("transactions", ()):
        assert transaction.pop("begin") >= 0
        assert transaction.pop("end") >= 0
    for each in (*field.get("writes", ()), *field.get("lookups", ())):
        assert each.pop("milliseconds") >= 0
        texts = [statement["text"] for statement in each.pop("statements", ())]
        assert bool(texts) is (kind != "memory" and each["source"] == "erp" and "collection" in each)
        assert all(re.search(rf"^(INSERT|UPDATE|DELETE|SELECT)\b[^$]*\b{each['collection']}\b", text) for text in texts)
    for below in field.get("fields", ()):
        _simplify(kind, below)


NESTED = """
mutation Place {
  createOrder(input: { number: "SO-9", total: "1.50", customerId: "1", lines: { create: [
    { position: 1, quantity: 1, productId: 1, parcels: { create: [{ tracking: "a" }, { tracking: "b" }] } }
    { position: 2, quantity: 2, productId: 2 }
  ] } }) {
    title
    customer { name }
    lines { nodes { product { name } } }
  }
}"""


def write(kind: str, collection: str, rows: int | None = 1, **more: object) -> Mapping[str, object]:
    counted = {} if rows is None else {"rows": rows}
    return {"source": "erp", "kind": kind, "collection": collection, **counted, **more}


@pytest.mark.parametrize("undo", [False, True], ids=["kept", "undone"])
async def test_a_nested_write_tells_each_level(stores: OpenStore, kind: str, undo: bool) -> None:
    async with stores(kind) as store:
        before = await everything(store)
        explanation, data, errors = await explained(store, NESTED, undo=undo)
        assert (data["createOrder"]["title"], errors) == ("SO-9: 1.50", [])
        assert (await everything(store) == before) is undo
    assert outline(kind, explanation) == {
        "operation": "mutation",
        "name": "Place",
        "engine": "planned",
        **({"undone": True} if undo else {}),
        "writes": 3,
        "written": 5,
        "lookups": 2,
        "rows": 3,
        "fields": [
            {
                "path": "createOrder",
                "kind": "write",
                "entity": "Order",
                "transactions": [{"source": "erp", "outcome": "rolled back" if undo else "committed"}],
                "writes": [write("insert", "orders"), write("insert", "lines", 2), write("insert", "parcels", 2)],
                "fields": [
                    {"path": "createOrder.title", "kind": "computed", "calls": 1},
                    {
                        "path": "createOrder.customer",
                        "kind": "relation",
                        "entity": "Customer",
                        "relation": "belongs_to by customer_id",
                        "lookups": [
                            {
                                "number": 1,
                                "source": "crm",
                                "collection": "customers",
                                "key": "id",
                                "keys": 1,
                                "first": [1],
                                "rows": 1,
                            }
                        ],
                    },
                    {
                        "path": "createOrder.lines",
                        "kind": "relation",
                        "entity": "Line",
                        "relation": "has_many by order_id",
                        "nested": True,
                        "fields": [
                            {
                                "path": "createOrder.lines.nodes.product",
                                "kind": "relation",
                                "entity": "Product",
                                "relation": "belongs_to by product_id",
                                "lookups": [
                                    {
                                        "number": 2,
                                        "source": "erp",
                                        "collection": "products",
                                        "key": "id",
                                        "keys": 2,
                                        "first": [1, 2],
                                        "rows": 2,
                                    }
                                ],
                            }
                        ],
                    },
                ],
            }
        ],
    }


TOGETHER = """
mutation @transaction {
  a: updateOrder(id: 1, patch: { note: "a", lines: { delete: [1] } }) { note }
  b: updateOrder(id: 2, expectedVersion: 7, patch: { note: "b" }) { note }
  c: upsertProductBySku(input: { sku: "bolt", name: "Bolt", price: "2.00" }) { name }
}"""


async def test_fields_of_one_transaction_and_what_failed_in_it(stores: OpenStore, kind: str) -> None:
    async with stores(kind) as store:
        explanation, data, errors = await explained(store, TOGETHER)
    assert (data, [error[2] for error in errors]) == (
        {"a": None, "b": None, "c": None},
        ["TRANSACTION_ROLLED_BACK", "CONFLICT", "TRANSACTION_ROLLED_BACK"],
    )
    read = {"number": 1, "source": "erp", "collection": "orders", "key": "id", "keys": 1, "first": [2], "rows": 1}
    order = {"kind": "write", "entity": "Order"}
    told = outline(kind, explanation)
    assert ([told[name] for name in ("writes", "written", "lookups", "rows")], told["fields"]) == (
        [3, 2, 1, 1],
        [
            {
                "path": "a",
                **order,
                "transactions": [{"source": "erp", "outcome": "rolled back"}],
                "writes": [write("update", "orders"), write("delete", "lines")],
            },
            {"path": "b", **order, "writes": [write("update", "orders", 0)], "lookups": [read]},
            {"path": "c", "kind": "write", "entity": "Product"},
        ],
    )


async def test_a_violation_is_told_where_it_happened(stores: OpenStore, kind: str) -> None:
    document = (
        'mutation { createOrder(input: { number: "SO-1", total: "1" }) { id } other: deleteWord(id: "x") { word } }'
    )
    async with stores(kind) as store:
        explanation, _, errors = await explained(store, document)
    assert [error[2] for error in errors] == ["UNIQUE_VIOLATION", "NOT_FOUND"]
    told = outline(kind, explanation)
    refused = "datasource 'erp' refuses a write: it would repeat what is unique in 'orders' of number"
    assert told["fields"] == [
        {
            "path": "createOrder",
            "kind": "write",
            "entity": "Order",
            "writes": [write("insert", "orders", None, error=refused)],
        },
        {
            "path": "other",
            "kind": "write",
            "entity": "Word",
            "writes": [write("delete", "words", 0)],
        },
    ]


async def test_idempotency_keys_are_claimed_and_answers_replayed(stores: OpenStore, kind: str) -> None:
    document = 'mutation { upsertWord: createWord(input: { word: "a" }) { word } }'
    claim, record = {"source": "erp", "kind": "claim", "rows": 0}, {"source": "erp", "kind": "record"}
    kept = {"path": "upsertWord", "kind": "write", "entity": "Word"}
    committed = {"transactions": [{"source": "erp", "outcome": "committed"}]}
    async with stores(kind) as store:
        for writes in ([claim, write("insert", "words"), record], [{**claim, "rows": 1}]):
            explanation, data, errors = await explained(store, document, idempotency=Idempotency("k", b"d"))
            assert (data, errors) == ({"upsertWord": {"word": "a"}}, [])
            assert outline(kind, explanation)["fields"] == [{**kept, **committed, "writes": writes}]


async def test_a_refusal_of_a_request_with_a_key_is_taken_back_and_recorded(stores: OpenStore, kind: str) -> None:
    document = 'mutation { updateOrder(id: 77, patch: { note: "x" }) { note } }'
    async with stores(kind) as store:
        explanation, _, errors = await explained(store, document, idempotency=Idempotency("k", b"d"))
    assert [error[2] for error in errors] == ["NOT_FOUND"]
    assert outline(kind, explanation)["fields"] == [
        {
            "path": "updateOrder",
            "kind": "write",
            "entity": "Order",
            "transactions": [{"source": "erp", "outcome": "committed"}],
            "writes": [
                {"source": "erp", "kind": "claim", "rows": 0},
                write("update", "orders", 0),
                {"source": "erp", "kind": "undo"},
                {"source": "erp", "kind": "record"},
            ],
        }
    ]


async def test_what_python_code_writes_is_told_and_not_begun_where_it_is_to_be_undone(
    stores: OpenStore, kind: str
) -> None:
    document = 'mutation { updateOrder(id: 1, patch: { note: "x" }) { note } coin(word: "fnord") }'
    async with stores(kind) as store:
        with pytest.raises(CannotUndo) as refused:
            await explained(store, document, undo=True, engines=MIXED)
        assert store.statements == []
        explanation, data, errors = await explained(store, document, engines=MIXED)
        assert (data, errors) == ({"updateOrder": {"note": "x"}, "coin": "fnord"}, [])
    reason = "not fields of entities: coin"
    assert str(refused.value) == f"What it does may be impossible to undo, and so was not done: {reason}."
    committed = [{"source": "erp", "outcome": "committed"}]
    told = outline(kind, explanation)
    assert (told["engine"], told["reason"], told["writes"], told["written"]) == ("standard", reason, 2, 2)
    assert told["fields"] == [
        {
            "path": "updateOrder",
            "kind": "write",
            "entity": "Order",
            "writes": [write("update", "orders")],
        },
        {"path": "coin", "kind": "resolver"},
        {"path": "", "kind": "resolver", "transactions": committed, "writes": [write("insert", "words")]},
    ]


async def test_a_request_that_asks_for_it_is_kept(stores: OpenStore) -> None:
    document = 'mutation { updateOrder(id: 1, patch: { note: "x" }) { note } }'
    async with stores("memory") as store:
        app = create_app(DevSettings(), make_graph(Query, mutation=Mutation), Registry(dict(store.sources)))
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://gateway") as client,
        ):
            answer = (await client.post("/graphql", json={"query": document, "extensions": {"explain": True}})).json()
            kept = (await client.post("/graphql", json={"query": "{ order(id: 1) { note } }"})).json()
    assert (answer["data"], kept) == ({"updateOrder": {"note": "x"}}, {"data": {"order": {"note": "x"}}})
    told = answer["extensions"]["explain"]
    assert ("undone" in told, told["writes"], "transactions" in told["fields"][0]) == (False, 1, False)
