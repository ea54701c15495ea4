"""@transaction, idempotency, and what else transactions promise."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import anyio
import pytest
import strawberry
from strawberry.types import Info

from datasources.errors import SourceUnavailable
from datasources.lookup import Lookup, Rows
from datasources.write import Transaction
from gateway.errors import IdempotencyKeyReused, IdempotencyNotPossible, TransactionNotPossible
from gateway.execution.schema import run_operation
from resolvers.context import Context, Idempotency
from tests.gateway.execution.engines import Engines
from tests.gateway.execution.test_mutations import everything, told
from tests.gateway.writing import Mutation, OpenStore, Query, Store
from tests.support.postgres import Postgres, connected
from tests.support.sources import Counted

pytestmark = pytest.mark.anyio


@strawberry.type
class Mixed(Mutation):  # type: ignore[misc]
    """Fields of entities, and one that is written by hand."""

    @strawberry.mutation
    def shout(self, info: Info, text: str) -> str:
        return text.upper()


ENGINES = Engines(Query, Mutation)
MIXED = Engines(Query, Mixed)


async def run(
    store: Store, document: str, idempotency: Idempotency | None = None, engines: Engines = ENGINES
) -> tuple[Any, list[Any]]:
    """As the pipeline does."""
    operation = engines.operation(document)
    coerced = operation.coerce({})
    assert not isinstance(coerced, list)
    data, errors = await run_operation(operation, coerced, store.context(idempotency))
    return data, told(errors)


FAILING = """
mutation @transaction {
  a: updateOrder(id: 1, patch: { note: "a" }) { note }
  b: updateOrder(id: 77, patch: { note: "b" }) { note }
  c: updateOrder(id: 1, patch: { note: "c" }) { note }
  other: createCustomer(input: { name: "Lefèvre" }) { id }
  d: updateOrder(id: 2, patch: { note: "d" }) { note }
}"""


async def test_a_transaction_is_all_or_nothing(stores: OpenStore, kind: str) -> None:
    async with stores(kind) as store:
        data, errors = await run(store, FAILING)
        assert data == {"a": None, "b": None, "c": None, "other": {"id": "Customer:2"}, "d": {"note": "d"}}
        message = "Nothing was written, because b failed in the same transaction."
        assert errors == [
            (["a"], message, "TRANSACTION_ROLLED_BACK", {}),
            (["b"], "There is no Order:77 here.", "NOT_FOUND", {"inputPath": ["id"]}),
            (["c"], message, "TRANSACTION_ROLLED_BACK", {}),
        ]
        assert store.statements[:4] == ["begin", "update orders 1", "update orders 1", "rollback"]
        rows = await everything(store)
        assert [order["note"] for order in rows["orders"]["nodes"]] == [None, "d"]


SKIPPING = """
CREATE FUNCTION skip() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER skip BEFORE INSERT ON {table} FOR EACH ROW WHEN ({when}) EXECUTE FUNCTION skip();
"""
BOLTS = "lines: { create: [{ position: 1, quantity: 5, productId: 1 }, { position: 2, quantity: 6, productId: 1 }] }"


@pytest.mark.parametrize(
    ("table", "when", "document"),
    [
        pytest.param(
            "products",
            "NEW.sku = 'nail'",
            'createProduct(input: { sku: "nail", name: "Nail", price: 1 }) { id }',
            id="one",
        ),
        pytest.param(
            "products",
            "NEW.sku = 'nail'",
            'createProducts(input: [{ sku: "peg", name: "", price: 1 }, { sku: "nail", name: "", price: 1 }]) { id }',
            id="some-of-many",
        ),
        pytest.param(
            "products",
            "NEW.sku = 'nail'",
            'upsertProductBySku(input: { sku: "nail", name: "Nail", price: 1 }) { id }',
            id="upsert",
        ),
        pytest.param(
            "orders", "true", f'createOrder(input: {{ number: "SO-9", total: 1, {BOLTS} }}) {{ id }}', id="parent"
        ),
        pytest.param(
            "lines",
            "NEW.quantity = 6",
            f'createOrder(input: {{ number: "SO-9", total: 1, {BOLTS} }}) {{ id }}',
            id="child",
        ),
    ],
)
async def test_rows_that_a_trigger_leaves_out_are_refused(
    stores: OpenStore, postgres: Postgres, table: str, when: str, document: str
) -> None:
    async with stores("postgres") as store:
        async with connected(postgres.url()) as connection:
            await connection.execute(SKIPPING.format(table=table, when=when))
        before = await everything(store)
        data, [(_, message, code, _)] = await run(store, f"mutation {{ {document} }}")
        assert (list(data.values()), code) == ([None], "DATASOURCE_REFUSED")
        assert message == f"datasource 'erp' has a trigger that refuses the write to '{table}'"
        assert await everything(store) == before


async def test_fields_of_one_source_share_a_transaction(stores: OpenStore, kind: str) -> None:
    document = """
    mutation @transaction {
      a: updateOrder(id: 1, patch: { note: "a" }) { version lines { totalCount } }
      b: updateOrder(id: 1, patch: { lines: { delete: [1] } }, expectedVersion: 4) { note lines { totalCount } }
    }"""
    async with stores(kind) as store:
        data, errors = await run(store, document)
        assert errors == []
        assert data == {"a": {"version": 4, "lines": {"totalCount": 2}}, "b": {"note": "a", "lines": {"totalCount": 1}}}
        assert (store.statements.count("begin"), store.statements.count("commit")) == (1, 1)


async def test_nothing_begins_when_any_input_is_invalid(stores: OpenStore) -> None:
    document = """
    mutation @transaction {
      a: updateOrder(id: 1, patch: { note: "a" }) { note }
      b: updateOrder(id: "Customer:1", patch: { note: "b" }) { note }
    }"""
    async with stores("memory") as store:
        _, errors = await run(store, document)
        assert [error[2] for error in errors] == ["TRANSACTION_ROLLED_BACK", "INVALID_ID"]
        assert store.statements == []


async def test_the_drop_in_knows_transactions_too(stores: OpenStore) -> None:
    async with stores("memory") as store:
        data, errors = await run(store, FAILING)
    async with stores("memory") as store:
        result = await ENGINES.planned.execute(FAILING, context_value=store.context())
        assert (result.data, told(result.errors)) == (data, errors)
        assert "directive @transaction on MUTATION" in ENGINES.planned.as_str()
        assert "@transaction" not in MIXED.standard.as_str()


async def test_fields_that_are_written_by_hand_go_along(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      shout(text: "hey")
      updateOrder(id: 1, patch: { note: "x" }) { title lines { nodes { product { sku } } } }
      updateOrders(input: [{ id: 1, patch: { lines: { delete: [1] } } }]) { note lines { totalCount } }
    }"""
    for schema in (MIXED.standard, MIXED.planned):
        async with stores(kind) as store:
            result = await schema.execute(document, context_value=store.context())
            assert result.errors is None
            assert result.data == {
                "shout": "HEY",
                "updateOrder": {
                    "title": "SO-1: 10.00",
                    "lines": {"nodes": [{"product": {"sku": "bolt"}}, {"product": {"sku": "nut"}}]},
                },
                "updateOrders": [{"note": "x", "lines": {"totalCount": 1}}],
            }


async def test_but_not_into_transactions_or_with_keys(stores: OpenStore) -> None:
    async with stores("memory") as store:
        with pytest.raises(TransactionNotPossible):
            await run(store, 'mutation @transaction { shout(text: "hey") }', engines=MIXED)
        with pytest.raises(IdempotencyNotPossible):
            await run(store, 'mutation { shout(text: "hey") }', Idempotency("k", b"1"), engines=MIXED)
        document = 'mutation @transaction { shout(text: "hey") }'
        result = await MIXED.planned.execute(document, context_value=store.context())
        assert result.data is None
        assert [error.message for error in result.errors or ()] == [
            "@transaction goes with mutations whose fields all write a datasource."
        ]


NEW = """
mutation {
  a: createProduct(input: { sku: "cap", name: "Cap", price: 1 }) { id sku }
  b: updateOrder(id: 77, patch: {}) { id }
  c: createCustomer(input: { name: "Lefèvre" }) { id name }
}"""


async def test_a_repeated_request_gets_the_same_answer(stores: OpenStore, kind: str) -> None:
    async with stores(kind) as store:
        first = await run(store, NEW, Idempotency("k", b"1"))
        assert first[0] == {
            "a": {"id": "Product:3", "sku": "cap"},
            "b": None,
            "c": {"id": "Customer:2", "name": "Lefèvre"},
        }
        rows = await everything(store)
        store.statements.clear()
        assert await run(store, NEW, Idempotency("k", b"1")) == first
        assert await everything(store) == rows
        assert store.statements[:3] == ["begin", "claim k/0", "commit"]
        other = await run(store, NEW, Idempotency("another", b"1"))
        assert [error[2] for error in other[1]] == ["UNIQUE_VIOLATION", "NOT_FOUND"]


async def test_a_key_is_of_one_request(stores: OpenStore, kind: str) -> None:
    async with stores(kind) as store:
        await run(store, NEW, Idempotency("k", b"1"))
        rows = await everything(store)
        with pytest.raises(IdempotencyKeyReused):
            await run(store, "mutation { deleteOrder(id: 1) { id } }", Idempotency("k", b"2"))
        assert await everything(store) == rows
        document = 'mutation { createWord(input: { word: "a" }) { id } }'
        assert (await run(store, document, Idempotency("other", b"2")))[1] == []


REFUSED = 'mutation { createProduct(input: { sku: "bolt", name: "Bolt", price: 1 }) { id } }'


@pytest.mark.parametrize(
    ("document", "codes"),
    [
        pytest.param(REFUSED, ["UNIQUE_VIOLATION"], id="constraint"),
        pytest.param("mutation { updateOrder(id: 77, patch: {}) { id } }", ["NOT_FOUND"], id="missing"),
        pytest.param("mutation { deleteOrder(id: 1, expectedVersion: 1) { id } }", ["CONFLICT"], id="version"),
        pytest.param(FAILING, ["TRANSACTION_ROLLED_BACK", "NOT_FOUND", "TRANSACTION_ROLLED_BACK"], id="transaction"),
    ],
)
async def test_a_refusal_is_an_answer_that_is_kept(
    stores: OpenStore, kind: str, document: str, codes: list[str]
) -> None:
    async with stores(kind) as store:
        first = await run(store, document, Idempotency("k", b"1"))
        assert [error[2] for error in first[1]] == codes
        await run(store, 'mutation { updateOrder(id: 1, patch: { note: "meanwhile" }) { id } }')
        rows = await everything(store)
        assert await run(store, document, Idempotency("k", b"1")) == first
        with pytest.raises(IdempotencyKeyReused):
            await run(store, NEW, Idempotency("k", b"2"))
        assert await everything(store) == rows


@pytest.mark.parametrize(
    "document",
    [
        pytest.param('mutation { createCustomer(input: { name: "Lefèvre" }) { id } }', id="another-source"),
        pytest.param(
            'mutation { createCustomer(input: { name: "Lefèvre" }) { id } deleteOrder(id: 1) { id } }', id="it-later"
        ),
    ],
)
async def test_a_key_is_of_one_request_in_all_sources(stores: OpenStore, kind: str, document: str) -> None:
    async with stores(kind) as store:
        await run(store, 'mutation { createWord(input: { word: "a" }) { id } }', Idempotency("k", b"1"))
        rows = await everything(store)
        with pytest.raises(IdempotencyKeyReused):
            await run(store, document, Idempotency("k", b"2"))
        assert await everything(store) == rows


async def test_a_source_that_is_away_keeps_no_other_from_being_written(stores: OpenStore) -> None:
    async with stores("memory") as store:
        await store.sources["crm"].close()
        data, _ = await run(store, 'mutation { createWord(input: { word: "a" }) { id } }', Idempotency("k", b"1"))
        assert data == {"createWord": {"id": "Word:a"}}


async def test_a_request_that_was_cut_short_goes_on(stores: OpenStore, kind: str) -> None:
    """Its fields are recorded one by one."""
    async with stores(kind) as store:
        short = 'mutation { createProduct(input: { sku: "cap", name: "Cap", price: 1 }) { id } }'
        await run(store, short, Idempotency("k", b"1"))
        document = """
        mutation {
          createProduct(input: { sku: "cap", name: "Cap", price: 1 }) { id }
          updateOrder(id: 1, patch: { note: "x" }) { note }
        }"""
        data, errors = await run(store, document, Idempotency("k", b"1"))
        assert (data, errors) == ({"createProduct": {"id": "Product:3"}, "updateOrder": {"note": "x"}}, [])


async def test_repeats_at_the_same_time_run_once(stores: OpenStore, kind: str) -> None:
    async with stores(kind) as store:
        answers: list[Any] = []

        async def send() -> None:
            answers.append(await run(store, NEW, Idempotency("k", b"1")))

        async with anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(send)
        assert [answer == answers[0] for answer in answers] == [True] * 5
        assert store.statements.count("insert products 1") == 1
        assert len((await everything(store))["products"]["nodes"]) == 3


class Inside(Counted):
    """What happens when products are looked up inside of transactions."""

    def __init__(self, source: Counted, happens: Callable[[], Awaitable[None]]) -> None:
        super().__init__(source)
        self.happens = happens

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with super().transaction() as transaction:
            found = transaction.lookup

            async def happening(lookup: Lookup) -> Rows:
                if lookup.collection.name == "products":
                    await self.happens()
                return await found(lookup)

            transaction.lookup = happening  # type: ignore[method-assign]
            yield transaction


async def is_away() -> None:
    raise SourceUnavailable("erp", "is away")


async def test_what_cannot_be_read_is_written_all_the_same(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      updateOrder(id: 1, patch: { note: "x" }) { note lines { nodes { quantity product { sku } } } }
    }"""
    async with stores(kind) as store:
        store.sources["erp"] = Inside(store.sources["erp"], is_away)
        first = await run(store, document, Idempotency("k", b"1"))
        data, errors = first
        nodes = [{"quantity": 4, "product": None}, {"quantity": 8, "product": None}]
        assert data == {"updateOrder": {"note": "x", "lines": {"nodes": nodes}}}
        message, code = "datasource 'erp' is away", "DATASOURCE_UNAVAILABLE"
        assert errors == [(["updateOrder", "lines", "nodes", n, "product"], message, code, {}) for n in (0, 1)]
        rows = await everything(store)
        assert rows["orders"]["nodes"][0]["note"] == "x"
        assert await run(store, document, Idempotency("k", b"1")) == first


async def test_a_cancelled_write_is_undone(stores: OpenStore, kind: str) -> None:
    document = """
    mutation {
      updateOrder(id: 1, patch: { note: "x", lines: { delete: [1] } }) { lines { nodes { product { sku } } } }
    }
    """
    reading = anyio.Event()

    async def forever() -> None:
        reading.set()
        await anyio.sleep_forever()

    async with stores(kind) as store:
        store.sources["erp"] = Inside(store.sources["erp"], forever)
        async with anyio.create_task_group() as group:
            group.start_soon(run, store, document)
            await reading.wait()
            group.cancel_scope.cancel()
        assert store.statements[-1] == "rollback"
        assert (await everything(store))["orders"]["nodes"][0]["note"] is None


def test_a_context_within_forgets_what_was_read() -> None:
    outer: Context = Context(None, idempotency=Idempotency("k", b"1"))  # type: ignore[arg-type]
    outer.memory["known"] = 1
    inner = outer.within(None)  # type: ignore[arg-type]
    assert (inner.memory, inner.idempotency, inner.batches is outer.batches) == ({}, None, True)
