"""Relations: one lookup for a level however many parents, within a source and across sources, in both directions."""

from typing import Any

import anyio
import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from datasources.errors import SourceUnavailable
from datasources.filters import Compare, Operator, Order
from datasources.memory import MemorySource
from resolvers import belongs_to, computed, entity, query_type
from resolvers.context import PageSizes
from resolvers.scalars import SCALARS
from tests.resolvers.shop import HAMBURG, ROWS, TURIN, Collections, open_shop
from tests.support.sources import Failing, Gated

pytestmark = pytest.mark.anyio


@entity("a.owners")
class Owner:
    """What has a thing, and fails when its id is odd."""

    id: int
    thing: "Thing | None" = belongs_to(by="thing_id")

    @computed(needs=("id",))
    async def fragile(self) -> int:
        """The id, unless it is odd."""
        if self.id % 2:
            raise ValueError("odd")
        return self.id


@entity("b.things")
class Thing:
    """What is had."""

    name: str


FRAGILE = strawberry.Schema(query=query_type(Owner, Thing), config=StrawberryConfig(scalar_map=SCALARS))

FIVE_LEVELS = """{
  customers {
    nodes {
      name
      orders {
        nodes {
          number
          lines { nodes { quantity product { name stockLevels { nodes { quantity warehouse { city } } } } } }
        }
      }
    }
  }
}"""


async def test_five_levels_over_three_sources() -> None:
    shop = await open_shop()
    bolt = {
        "name": "Bolt",
        "stockLevels": {
            "nodes": [
                {"quantity": 40, "warehouse": {"city": "Hamburg"}},
                {"quantity": 2, "warehouse": {"city": "Turin"}},
            ]
        },
    }
    nut = {"name": "Nut", "stockLevels": {"nodes": [{"quantity": 9, "warehouse": {"city": "Hamburg"}}]}}

    def order(number: str, *lines: tuple[int, Any]) -> dict[str, Any]:
        nodes = [{"quantity": quantity, "product": product} for quantity, product in lines]
        return {"number": number, "lines": {"nodes": nodes}}

    assert await shop.ask(FIVE_LEVELS) == {
        "customers": {
            "nodes": [
                {
                    "name": "Müller",
                    "orders": {
                        "nodes": [order("A-1", (3, bolt), (1, nut)), order("A-2", (10, bolt)), order("A-4", (4, bolt))]
                    },
                },
                {"name": "Lefèvre", "orders": {"nodes": [order("A-3", (2, None))]}},
                {"name": "O'Neil", "orders": {"nodes": []}},
            ]
        }
    }


async def test_five_levels_take_one_lookup_each() -> None:
    parents = 40
    erp: Collections = {
        "orders": [
            {"id": n, "number": f"N-{n}", "status": "open", "customer_id": n % parents} for n in range(parents * 4)
        ],
        "lines": [{"id": n, "quantity": 1, "order_id": n % 150, "product_id": f"p-{n % 9}"} for n in range(600)],
        "products": [{"sku": f"p-{n}", "name": f"Part {n}"} for n in range(9)],
    }
    crm: Collections = {"customers": [{"id": n, "public_id": HAMBURG, "name": f"C{n}"} for n in range(parents)]}
    scm: Collections = {
        "stock_levels": [
            {"id": n, "quantity": n, "product_sku": f"p-{n % 9}", "warehouse_id": TURIN} for n in range(30)
        ],
        "warehouses": ROWS["scm"]["warehouses"],
    }
    shop = await open_shop({"crm": crm, "erp": erp, "scm": scm})
    await shop.ask(FIVE_LEVELS)
    assert {name: source.collections for name, source in shop.sources.items()} == {
        "crm": ["customers"],
        "erp": ["orders", "lines", "products"],
        "scm": ["stock_levels", "warehouses"],
    }
    orders, lines, products = shop.lookups("erp")
    assert sorted(orders.keys) == list(range(parents))
    assert len(lines.keys) == len(set(lines.keys)) == parents * 4
    assert len(products.keys) == len(set(products.keys)) == 9
    assert shop.lookups("scm")[1].keys == (TURIN,)


async def test_the_way_back_up() -> None:
    shop = await open_shop()
    document = """{
      stockLevels { nodes { quantity product { sku } } }
      lines { nodes { quantity order { number customer { name } } } }
    }"""
    assert await shop.ask(document) == {
        "stockLevels": {
            "nodes": [
                {"quantity": 40, "product": {"sku": "p-1"}},
                {"quantity": 2, "product": {"sku": "p-1"}},
                {"quantity": 9, "product": {"sku": "p-2"}},
            ]
        },
        "lines": {
            "nodes": [
                {"quantity": 3, "order": {"number": "A-1", "customer": {"name": "Müller"}}},
                {"quantity": 1, "order": {"number": "A-1", "customer": {"name": "Müller"}}},
                {"quantity": 10, "order": {"number": "A-2", "customer": {"name": "Müller"}}},
                {"quantity": 2, "order": {"number": "A-3", "customer": {"name": "Lefèvre"}}},
                {"quantity": 4, "order": {"number": "A-4", "customer": {"name": "Müller"}}},
            ]
        },
    }
    assert [lookup.keys for lookup in shop.lookups("crm")] == [(1, 2)]
    assert shop.collections == ["customers", "lines", "products", "orders", "stock_levels"]


async def test_has_one_list_and_many_to_many() -> None:
    shop = await open_shop()
    document = """{
      orders(first: 3) {
        nodes {
          invoice { amount order { number } }
          allLines { quantity }
          labels(orderBy: [{text: ASC}]) { totalCount nodes { text orders { nodes { number } } } }
        }
      }
    }"""
    export = {"text": "export", "orders": {"nodes": [{"number": "A-1"}, {"number": "A-2"}]}}
    urgent = {"text": "urgent", "orders": {"nodes": [{"number": "A-1"}]}}
    assert await shop.ask(document) == {
        "orders": {
            "nodes": [
                {
                    "invoice": {"amount": "100.50", "order": {"number": "A-1"}},
                    "allLines": [{"quantity": 3}, {"quantity": 1}],
                    "labels": {"totalCount": 2, "nodes": [export, urgent]},
                },
                {
                    "invoice": None,
                    "allLines": [{"quantity": 10}],
                    "labels": {"totalCount": 1, "nodes": [export]},
                },
                {
                    "invoice": {"amount": "100.50", "order": {"number": "A-3"}},
                    "allLines": [{"quantity": 2}],
                    "labels": {"totalCount": 0, "nodes": []},
                },
            ]
        }
    }
    assert sorted(shop.collections) == ["invoices", "labels", "lines", "orders", "orders", "orders"]


async def test_a_row_without_key_leads_nowhere_and_costs_nothing() -> None:
    shop = await open_shop()
    assert await shop.ask(
        "{ order(id: 5) { customerId customer { name } } line(id: 4) { productId product { name } } }"
    ) == {
        "order": {"customerId": None, "customer": None},
        "line": {"productId": None, "product": None},
    }
    assert shop.collections == ["orders", "lines"]


async def test_a_key_that_nothing_has_is_null() -> None:
    orders = [{"id": 1, "number": "A-1", "status": "open", "customer_id": 77}]
    shop = await open_shop({**ROWS, "erp": {**ROWS["erp"], "orders": orders}})
    assert await shop.ask("{ order(id: 1) { customerId customer { name } } }") == {
        "order": {"customerId": "Customer:77", "customer": None}
    }


async def test_aliases_of_a_relation_with_other_arguments() -> None:
    shop = await open_shop()
    document = """query($open: OrderFilter) {
      customers {
        nodes {
          open: orders(filter: $open) { nodes { number } }
          latest: orders(first: 1, orderBy: [{placedAt: DESC_NULLS_LAST}, {number: DESC}]) { nodes { number } }
          count: orders { totalCount }
          again: orders { totalCount }
        }
      }
    }"""

    def customer(open: list[str], latest: list[str], count: int) -> dict[str, Any]:
        return {
            "open": {"nodes": [{"number": number} for number in open]},
            "latest": {"nodes": [{"number": number} for number in latest]},
            "count": {"totalCount": count},
            "again": {"totalCount": count},
        }

    assert await shop.ask(document, open={"status": {"eq": "OPEN"}}) == {
        "customers": {
            "nodes": [
                customer(["A-1"], ["A-2"], 3),
                customer(["A-3"], ["A-3"], 1),
                customer([], [], 0),
            ]
        }
    }
    opened, latest, counted = shop.lookups("erp")
    assert opened.filter == Compare("status", Operator.EQ, "open")
    assert latest.order == (Order("placed", True, False), Order("number", True), Order("id", True))
    assert (latest.limit, latest.count) == (1, False)
    assert (counted.limit, counted.count) == (0, True)


async def test_a_fragment_in_two_places_with_other_fields_beside_it() -> None:
    shop = await open_shop()
    document = """
      { a: order(id: 1) { ...Lines lines { totalCount } } b: order(id: 2) { ...Lines } }
      fragment Lines on Order { lines { nodes { quantity } } }
    """
    assert await shop.ask(document) == {
        "a": {"lines": {"nodes": [{"quantity": 3}, {"quantity": 1}], "totalCount": 2}},
        "b": {"lines": {"nodes": [{"quantity": 10}]}},
    }
    assert [lookup.count for lookup in shop.lookups("erp")[-2:]] == [True, False]


async def test_a_list_that_does_not_end_is_refused() -> None:
    shop = await open_shop(sizes=PageSizes(default=1, maximum=1))
    assert await shop.answer("{ a: order(id: 1) { number allLines { id } } b: order(id: 2) { allLines { id } } }") == {
        "data": {"a": {"number": "A-1", "allLines": None}, "b": {"allLines": [{"id": "Line:3"}]}},
        "errors": [
            (
                "a.allLines",
                "PAGE_SIZE_EXCEEDED",
                "Order.allLines is a list of more than 1 rows; declared as a Connection it can be read in pages.",
            )
        ],
    }


async def test_a_source_that_fails_takes_only_its_own_fields() -> None:
    broken = Failing(MemorySource("scm", ROWS["scm"]), SourceUnavailable("scm", "cannot be reached"))
    shop = await open_shop(replaced={"scm": broken})
    document = """{
      product(id: "p-1") { name stockLevels { nodes { quantity } } }
      stockLevels { nodes { quantity } }
      stockLevel(id: 1) { quantity }
      node(id: "StockLevel:1") { id }
      nodes(ids: ["StockLevel:1", "Product:p-2"]) { id }
      stockLevelsAggregate { count }
    }"""
    message = "datasource 'scm' cannot be reached"
    paths = ["node", "nodes.0", "product.stockLevels", "stockLevel", "stockLevels", "stockLevelsAggregate"]
    assert await shop.answer(document) == {
        "data": {
            "product": {"name": "Bolt", "stockLevels": None},
            "stockLevels": None,
            "stockLevel": None,
            "node": None,
            "nodes": [None, {"id": "Product:p-2"}],
            "stockLevelsAggregate": None,
        },
        "errors": [(path, "DATASOURCE_UNAVAILABLE", message) for path in paths],
    }


@pytest.mark.parametrize("of", ["customers", "lines", "invoices", "labels"])
async def test_a_failing_collection_takes_every_shape_of_relation(of: str) -> None:
    error = SourceUnavailable("it", "is away")
    broken = {name: Failing(MemorySource(name, rows), error, of=[of]) for name, rows in ROWS.items() if of in rows}
    shop = await open_shop(replaced=broken)
    document = """{
      order(id: 1) {
        number
        customer { name }
        lines { totalCount }
        allLines { quantity }
        linesAggregate { count }
        invoice { amount }
        labels { totalCount }
      }
    }"""
    fields: dict[str, Any] = {
        "customer": {"name": "Müller"},
        "lines": {"totalCount": 2},
        "allLines": [{"quantity": 3}, {"quantity": 1}],
        "linesAggregate": {"count": 2},
        "invoice": {"amount": "100.50"},
        "labels": {"totalCount": 2},
    }
    gone = [name for name in fields if of[:-1] in name.lower()]
    answer = await shop.answer(document)
    assert answer["data"] == {"order": {"number": "A-1", **fields, **dict.fromkeys(gone)}}
    assert [(path, code) for path, code, _ in answer["errors"]] == sorted(
        (f"order.{name}", "DATASOURCE_UNAVAILABLE") for name in gone
    )


async def test_what_fails_beside_a_shared_row_does_not_take_it_from_others() -> None:
    """graphql-core cancels the siblings of a failed field; what they wait for, others may wait for, too."""
    gated = Gated(MemorySource("b", {"things": [{"id": 1, "name": "shared"}]}))
    owners = [{"id": 1, "thing_id": 1}, {"id": 2, "thing_id": 1}]
    shop = await open_shop({"a": {"owners": owners}, "b": {}}, schema=FRAGILE, replaced={"b": gated})
    document = '{ nodes(ids: ["Owner:1", "Owner:2"]) { ... on Owner { fragile thing { name } } } }'
    async with anyio.create_task_group() as group:
        answers: list[Any] = []

        async def ask() -> None:
            answers.append(await shop.answer(document))

        group.start_soon(ask)
        await gated.arrived(1)
        await anyio.wait_all_tasks_blocked()
        gated.gate.set()
    assert answers == [
        {
            "data": {"nodes": [None, {"fragile": 2, "thing": {"name": "shared"}}]},
            "errors": [("nodes.0.fragile", "ValueError", "odd")],
        }
    ]
    assert len(gated.lookups) == 1
