"""How plans read: one lookup for a level, alike ones once, independent ones at a time, none that is given up."""

import asyncio
from typing import Any

import anyio
import pytest

from datasources.errors import SourceUnavailable
from datasources.lookup import Lookup
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers.context import Context
from tests.gateway.execution.engines import Engines
from tests.resolvers import shop
from tests.support.sources import Failing, Gated

pytestmark = pytest.mark.anyio

SHOP = Engines(shop.Query)


async def asked(document: str, variables: dict[str, Any] | None = None) -> shop.Shop:
    """The shop after it was asked, by the pipeline's door alone."""
    opened = await shop.open_shop()
    _, errors = await SHOP.run(SHOP.operation(document), Context(Registry(opened.sources)), variables)
    assert errors == []
    return opened


async def test_five_levels_take_one_lookup_each() -> None:
    opened = await asked(
        """{ customers { nodes { orders { nodes { lines { nodes { product {
        stockLevels { nodes { warehouse { city } } } } } } } } } } }"""
    )
    assert {name: source.collections for name, source in opened.sources.items()} == {
        "crm": ["customers"],
        "erp": ["orders", "lines", "products"],
        "scm": ["stock_levels", "warehouses"],
    }


async def test_ten_roots_are_one_lookup_of_all_their_columns() -> None:
    fields = "number", "total", "ledger", "status"
    document = " ".join(f"f{n}: order(id: {n % 5 + 1}) {{ {fields[n % 4]} }}" for n in range(10))
    opened = await asked(f"{{ {document} }}")
    (lookup,) = opened.lookups("erp")
    assert lookup.columns == ("number", "status", "total", "ledger")
    assert lookup.keys == (1, 2, 3, 4, 5)


async def test_relations_that_are_alike_but_for_columns_are_one_lookup() -> None:
    opened = await asked("{ orders { nodes { a: customer { name } b: customer { rating vip } } } }")
    (lookup,) = opened.lookups("crm")
    assert lookup.columns == ("name", "rating", "vip")
    opened = await asked(
        "query ($n: Int = 2) { customers { nodes { a: orders(first: $n) { nodes { number } } "
        "b: orders(first: $n) { nodes { total } } c: orders(first: 1) { nodes { total } } } } }"
    )
    assert [(each.columns, each.limit) for each in opened.lookups("erp")] == [
        (("number", "total"), 2),
        (("total",), 1),
    ]


async def test_what_is_there_is_not_looked_up_again() -> None:
    opened = await asked(
        "{ orders { nodes { customer { orders { nodes { customer { orders { totalCount } } } } } } } }"
    )
    keys = [lookup.keys for lookup in opened.lookups("crm")]
    assert keys == [(1, 2)]


async def test_rows_beyond_the_page_are_not_followed() -> None:
    opened = await asked(
        "{ customers { nodes { orders(first: 1) { pageInfo { hasNextPage } nodes { lines { totalCount } } } } } }"
    )
    assert [(each.limit, each.keys) for each in opened.lookups("erp")] == [(2, (1, 2, 3)), (0, (1, 3))]


async def test_values_are_wanted_as_they_stand_in_json() -> None:
    document = "{ orders(orderBy: [{placedAt: ASC}]) { nodes { total ledger placedAt } pageInfo { endCursor } } }"
    opened = await asked(document)
    (lookup,) = opened.lookups("erp")
    assert lookup.wire == {"total", "ledger"}, "cursors are made of native values"
    opened = await asked("{ orders { nodes { total placedAt title } } }")
    assert opened.lookups("erp")[0].wire == frozenset(), "and so is what Python computes from"
    opened = await asked(
        "{ customers { nodes { id publicId since rating } } stockLevels { nodes { warehouse { id } } } }"
    )
    assert opened.lookups("crm")[0].wire == {"public_id", "since"}
    assert [lookup.wire for lookup in opened.lookups("scm")] == [frozenset(), frozenset()], "keys stay native"


async def test_independent_relations_are_followed_at_the_same_time() -> None:
    gated = Gated(MemorySource("erp", shop.ROWS["erp"]))
    opened = await shop.open_shop(replaced={"erp": gated})
    document = "{ order(id: 1) { lines { totalCount } invoice { amount } labels { totalCount } allLines { id } } }"
    gated.gate.set()
    context = Context(Registry(opened.sources))
    async with anyio.create_task_group() as group:
        gated.gate.clear()
        group.start_soon(SHOP.run, SHOP.operation(document), context)
        await gated.arrived(1)
        gated.gate.set()
        await gated.idle.wait()
        gated.gate.clear()
        await gated.arrived(5)
        assert gated.waiting == 4
        gated.gate.set()


async def test_independent_roots_are_read_at_the_same_time() -> None:
    gates = {name: Gated(MemorySource(name, shop.ROWS[name])) for name in ("crm", "erp")}
    opened = await shop.open_shop(replaced=gates)
    operation = SHOP.operation("{ customers { totalCount } order(id: 1) { number } }")
    async with anyio.create_task_group() as group:
        group.start_soon(SHOP.run, operation, Context(Registry(opened.sources)))
        for gate in gates.values():
            await gate.arrived(1)
        for gate in gates.values():
            gate.gate.set()


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{ customers { nodes { orders { totalCount } } } }", id="alone"),
        pytest.param("{ customers { nodes { orders { totalCount } ordersAggregate { count } } } }", id="beside"),
    ],
)
async def test_a_cancelled_operation_cancels_its_lookups(document: str) -> None:
    gated = Gated(MemorySource("erp", shop.ROWS["erp"]))
    opened = await shop.open_shop(replaced={"erp": gated})
    context = Context(Registry(opened.sources))
    running = asyncio.ensure_future(SHOP.run(SHOP.operation(document), context))
    await gated.arrived(1)
    running.cancel()
    context.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await gated.idle.wait()
    assert gated.waiting == 0


async def test_a_lookup_that_fails_fails_its_fields() -> None:
    failing = Failing(MemorySource("erp", shop.ROWS["erp"]), SourceUnavailable("erp", "is away"), of=["lines"])
    opened = await shop.open_shop(replaced={"erp": failing})
    document = "{ orders(first: 2) { nodes { number lines { totalCount } invoice { amount } } } }"
    data, errors = await SHOP.run(SHOP.operation(document), Context(Registry(opened.sources)))
    assert data == {
        "orders": {
            "nodes": [
                {"number": "A-1", "lines": None, "invoice": {"amount": "100.50"}},
                {"number": "A-2", "lines": None, "invoice": None},
            ]
        }
    }
    assert [error[:3] for error in errors] == [
        (["orders", "nodes", n, "lines"], "datasource 'erp' is away", "SourceUnavailable") for n in (0, 1)
    ]
    assert len([each for each in failing.lookups if isinstance(each, Lookup) and each.collection.name == "lines"]) == 1
