"""Filters: every operator of every type, null, `and or not`, and conditions on related rows."""

from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from datasources.base import Capabilities
from datasources.filters import And, Compare, Exists, Not, Operator, Or
from datasources.memory import MemorySource
from resolvers import Connection, belongs_to, column, entity, has_many, query_type
from resolvers.scalars import SCALARS
from tests.resolvers.shop import TURIN, Collections, open_shop

pytestmark = pytest.mark.anyio


async def orders(conditions: str) -> str:
    """The orders that satisfy the conditions, as digits."""
    shop = await open_shop()
    found = await shop.ask(f"{{ orders(filter: {conditions}) {{ totalCount nodes {{ number }} }} }}")
    numbers = [order["number"].removeprefix("A-") for order in found["orders"]["nodes"]]
    assert found["orders"]["totalCount"] == len(numbers)
    return "".join(numbers)


async def customers(conditions: str) -> str:
    shop = await open_shop()
    found = await shop.ask(f"{{ customers(filter: {conditions}) {{ nodes {{ id }} }} }}")
    return "".join(each["id"].removeprefix("Customer:") for each in found["customers"]["nodes"])


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("{}", "12345"),
        ("null", "12345"),
        ('{number: {eq: "A-2"}}', "2"),
        ('{number: {ne: "A-2"}}', "1345"),
        ('{number: {in: ["A-2", "A-4", "A-9"]}}', "24"),
        ("{number: {in: []}}", ""),
        ("{number: {notIn: []}}", "12345"),
        ('{number: {notIn: ["A-2", "A-4"]}}', "135"),
        ('{number: {lt: "A-2"}}', "1"),
        ('{number: {gte: "A-2", lt: "A-4"}}', "23"),
        ('{number: {contains: "-3"}}', "3"),
        ('{number: {startsWith: "a-"}}', ""),
        ('{number: {istartsWith: "a-"}}', "12345"),
        ('{number: {endsWith: "5"}}', "5"),
        ('{number: {ieq: "a-1"}}', "1"),
        ('{number: {icontains: "a-1"}}', "1"),
        ('{number: {iendsWith: "-1"}}', "1"),
        ("{number: {}}", "12345"),
        ('{id: {eq: "Order:2"}}', "2"),
        ('{id: {in: ["2", "Order:3"]}}', "23"),
        ("{id: {ne: 1}}", "2345"),
        ("{status: {eq: OPEN}}", "135"),
        ("{status: {in: [SHIPPED]}}", "24"),
        ("{status: {notIn: [SHIPPED]}}", "135"),
        ("{status: {ne: OPEN}}", "24"),
        ('{total: {eq: "100.5"}}', "13"),
        ("{total: {gt: 7}}", "13"),
        ("{total: {lte: 7.00}}", "25"),
        ('{total: {ne: "100.50"}}', "245"),
        ("{total: {isNull: true}}", "4"),
        ("{total: {isNull: false}}", "1235"),
        ("{total: {eq: null}}", "4"),
        ("{total: {ne: null}}", "1235"),
        ('{total: {notIn: ["100.50"]}}', "245"),
        ('{placedAt: {gte: "2026-01-05T09:30:00+01:00"}}', "12"),
        ('{placedAt: {lt: "2026-01-01T00:00:00Z"}}', "4"),
        ('{ledger: {eq: "1152921504606846976"}}', "1"),
        ('{customerId: {eq: "Customer:1"}}', "124"),
        ("{customerId: {eq: 2}}", "3"),
        ("{customerId: {isNull: true}}", "5"),
        ('{customerId: {ne: "1"}}', "35"),
        ('{status: {eq: OPEN}, total: {gt: "1"}}', "13"),
        ("{and: []}", "12345"),
        ("{or: []}", ""),
        ("{not: {}}", ""),
        ("{not: {total: {gt: 7}}}", "245"),
        ("{or: [{status: {eq: SHIPPED}}, {total: {lt: 1}}]}", "245"),
        ("{and: [{status: {eq: OPEN}}, {or: [{total: {lt: 1}}, {not: {id: {ne: 1}}}]}]}", "15"),
        ("{status: null, number: null}", "12345"),
        ("{lines: {some: {}}}", "1234"),
        ("{lines: {none: {}}}", "5"),
        ("{lines: {some: {quantity: {gte: 4}}}}", "24"),
        ("{lines: {every: {quantity: {gte: 2}}}}", "2345"),
        ("{lines: {none: {quantity: {gte: 4}}}}", "135"),
        ("{lines: {some: {quantity: {eq: 3}}, none: {quantity: {eq: 1}}}}", ""),
        ("{lines: {some: {quantity: {eq: 3}}, every: {quantity: {lt: 4}}}}", "1"),
        ("{lines: {some: null}}", "12345"),
        ("{lines: {}}", "12345"),
        ('{lines: {some: {product: {name: {eq: "Nut"}}}}}', "1"),
        ('{lines: {some: {product: {sku: {startsWith: "p"}}}}}', "124"),
        ('{lines: {some: {not: {product: {name: {eq: "Bolt"}}}}}}', "13"),
        ("{invoice: {}}", "13"),
        ("{not: {invoice: {}}}", "245"),
        ('{invoice: {amount: {gt: "100"}}}', "13"),
        ('{labels: {some: {text: {eq: "export"}}}}', "12"),
        ('{labels: {every: {text: {eq: "export"}}}}', "2345"),
        ("{labels: {none: {}}}", "345"),
        ('{lines: {some: {order: {labels: {some: {text: {eq: "urgent"}}}}}}}', "1"),
    ],
)
async def test_orders(conditions: str, found: str) -> None:
    assert await orders(conditions) == found


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ("{vip: {eq: true}}", "1"),
        ("{vip: {ne: true}}", "23"),
        ("{vip: {isNull: true}}", "3"),
        ("{rating: {gte: 3}}", "13"),
        ("{rating: {in: [3, 4.5]}}", "13"),
        ('{since: {lt: "2020-01-01"}}', "1"),
        ('{publicId: {eq: "00000000-0000-0000-0000-00000000000c"}}', "2"),
        ("{profile: {isNull: false}}", "1"),
        ('{name: {icontains: "MÜ"}}', "1"),
        ('{name: {contains: "\'"}}', "3"),
    ],
)
async def test_customers(conditions: str, found: str) -> None:
    assert await customers(conditions) == found


async def test_references_of_every_kind_of_key() -> None:
    shop = await open_shop()
    document = """{
      lines(filter: {productId: {in: ["Product:p-1", "p-9"]}}) { nodes { id productId } }
      stockLevels(filter: {warehouseId: {eq: "00000000-0000-0000-0000-000000000002"}}) { nodes { id warehouseId } }
      linesAggregate(groupBy: [PRODUCT_ID]) { groups { keys { productId } count } }
    }"""
    groups = [("Product:p-1", 3), ("Product:p-2", 1), (None, 1)]
    assert await shop.ask(document) == {
        "lines": {"nodes": [{"id": f"Line:{number}", "productId": "Product:p-1"} for number in (1, 3, 5)]},
        "stockLevels": {"nodes": [{"id": "StockLevel:2", "warehouseId": f"Warehouse:{TURIN}"}]},
        "linesAggregate": {"groups": [{"keys": {"productId": key}, "count": count} for key, count in groups]},
    }


async def test_filters_of_variables() -> None:
    shop = await open_shop()
    document = """query($filter: OrderFilter, $status: [Status!], $number: StringFilter) {
      a: orders(filter: $filter) { totalCount }
      b: orders(filter: {status: {in: $status}, number: $number}) { totalCount }
    }"""
    values = {"filter": {"total": {"gt": "7.00"}, "or": [{"status": {"eq": "OPEN"}}]}, "status": ["OPEN", "SHIPPED"]}
    assert await shop.ask(document, **values, number=None) == {"a": {"totalCount": 2}, "b": {"totalCount": 5}}


async def test_what_a_source_gets() -> None:
    shop = await open_shop()
    await shop.ask("""{ orders(filter: {
      status: {in: [OPEN]}
      lines: {every: {quantity: {gt: 1}}}
      or: [{customerId: {eq: "Customer:7"}}, {not: {total: {eq: null}}}]
    }) { totalCount } }""")
    (lookup,) = shop.lookups("erp")
    exists = lookup.filter.filters[1].filter  # type: ignore[union-attr]
    assert isinstance(exists, Exists)
    assert exists.collection.name == "lines"
    assert lookup.filter == And(
        (
            Compare("status", Operator.IN, ("open",)),
            Not(Exists("id", exists.collection, "order_id", Not(Compare("quantity", Operator.GT, 1)))),
            Or((Compare("customer_id", Operator.EQ, 7), Not(Compare("total", Operator.EQ, None)))),
        )
    )


BAD_INPUT = "BAD_USER_INPUT"


@pytest.mark.parametrize(
    ("conditions", "code", "message"),
    [
        *(
            (
                f"{{total: {{{name}: null}}}}",
                BAD_INPUT,
                f"OrderFilter.total: {name} cannot be null; write isNull, or leave {name} out.",
            )
            for name in ("in", "notIn", "lt", "gte", "isNull")
        ),
        (
            "{number: {contains: null}}",
            BAD_INPUT,
            "OrderFilter.number: contains cannot be null; write isNull, or leave contains out.",
        ),
        (
            "{lines: {some: {quantity: {gt: null}}}}",
            BAD_INPUT,
            "LineFilter.quantity: gt cannot be null; write isNull, or leave gt out.",
        ),
        ('{customerId: {eq: "Order:1"}}', "INVALID_ID", "'Order:1' is an id of Order, not of Customer."),
        ('{customerId: {in: ["x"]}}', "INVALID_ID", "'x' is not an id of Customer: ids look like 'Customer:key'."),
        ('{id: {ne: "x"}}', "INVALID_ID", "'x' is not an id of Order: ids look like 'Order:key'."),
    ],
)
async def test_conditions_that_make_no_sense(conditions: str, code: str, message: str) -> None:
    shop = await open_shop()
    document = f"{{ orders(filter: {conditions}) {{ totalCount }} ordersAggregate(filter: {conditions}) {{ count }} }}"
    assert await shop.answer(document) == {
        "data": {"orders": None, "ordersAggregate": None},
        "errors": [("orders", code, message), ("ordersAggregate", code, message)],
    }
    assert shop.collections == []


async def test_a_filter_has_so_many_conditions_at_most() -> None:
    shop = await open_shop()
    document = "query($filter: OrderFilter) { orders(filter: $filter) { totalCount } }"
    few = {"id": {"in": [str(number) for number in range(5000)]}}
    assert await shop.ask(document, filter=few) == {"orders": {"totalCount": 5}}
    message = "OrderFilter has 1001 conditions; 1000 are allowed. `in` takes many values."
    many = {"or": [{"number": {"eq": str(number)}} for number in range(1000)]}
    assert await shop.answer(document, filter=many) == {
        "data": {"orders": None},
        "errors": [("orders", "BAD_USER_INPUT", message)],
    }


async def test_a_filter_nested_too_deeply_is_refused() -> None:
    shop = await open_shop()
    deep: dict[str, Any] = {"number": {"eq": "x"}}
    for _ in range(700):
        deep = {"not": deep}
    answer = await shop.answer("query($filter: OrderFilter) { orders(filter: $filter) { totalCount } }", filter=deep)
    assert answer["data"] in (None, {"orders": None})
    assert len(answer["errors"]) == 1


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ("{status: {eq: LOST}}", "Value 'LOST' does not exist in 'Status' enum."),
        ("{status: {in: [OPEN, null]}}", "Expected value of non-null type 'Status!' not to be None."),
        ("{status: {gt: OPEN}}", "Expected value of type 'StatusFilter' not to include unknown field 'gt'"),
        ("{profit: {gt: 1}}", "Expected value of type 'OrderFilter' not to include unknown field 'profit'"),
        ("{customer: {}}", "Expected value of type 'OrderFilter' not to include unknown field 'customer'"),
        ('{total: {eq: "abc"}}', "Decimal cannot represent 'abc'"),
        ("{lines: {some: {quantity: {eq: 99999999999}}}}", "Int cannot represent non 32-bit signed integer value"),
    ],
)
async def test_conditions_that_are_not_valid(conditions: str, message: str) -> None:
    shop = await open_shop()
    answer = await shop.answer(f"{{ orders(filter: {conditions}) {{ totalCount }} }}")
    assert answer["data"] is None
    (error,) = answer["errors"]
    assert error[2].startswith(message)


LITTLE = Capabilities(
    operators=frozenset({Operator.EQ, Operator.IN}), combine=False, null_order=False, aggregates=False, through=False
)


@entity("few.parents", capabilities=LITTLE)
class Parent:
    """Of a source that can do little."""

    name: str | None
    code: str = column(filterable=False, sortable=False)
    children: Connection["Child"] = has_many(by="parent_id")


@entity("few.children", capabilities=LITTLE)
class Child:
    """Of the same source."""

    parent: Parent | None = belongs_to(by="parent_id")


LITTLE_SCHEMA = strawberry.Schema(query=query_type(Parent, Child), config=StrawberryConfig(scalar_map=SCALARS))


def _input_fields(name: str) -> dict[str, str]:
    found: Any = LITTLE_SCHEMA._schema.type_map[name]
    return {field: str(value.type) for field, value in found.fields.items()}


def test_a_source_is_asked_only_what_it_can_do() -> None:
    members = {"id": "IDFewFilter", "name": "StringFewFilter", "and": "[ParentFilter!]"}
    assert _input_fields("ParentFilter") == members
    assert _input_fields("StringFewFilter") == {"eq": "String", "in": "[String!]"}
    assert _input_fields("ParentOrderBy") == {"id": "PlainOrderDirection", "name": "PlainOrderDirection"}
    assert "parentsAggregate" not in LITTLE_SCHEMA._schema.type_map["Query"].fields  # type: ignore[attr-defined]
    assert "childrenAggregate" not in LITTLE_SCHEMA._schema.type_map["Parent"].fields  # type: ignore[attr-defined]


async def test_what_such_a_source_can_do_works() -> None:
    rows: Collections = {
        "parents": [{"id": 1, "name": "a", "code": "x"}, {"id": 2, "code": "y"}],
        "children": [{"id": 5, "parent_id": 1}],
    }
    source = MemorySource("few", rows, capabilities=LITTLE)
    shop = await open_shop({"few": rows}, schema=LITTLE_SCHEMA, replaced={"few": source})
    document = """{
      parents(filter: {and: [{name: {in: ["a"]}}]}, orderBy: [{name: DESC}], last: 3) {
        totalCount
        nodes { code children(first: 1) { nodes { id parent { id } } pageInfo { hasNextPage } } }
      }
    }"""
    children = {"nodes": [{"id": "Child:5", "parent": {"id": "Parent:1"}}], "pageInfo": {"hasNextPage": False}}
    assert await shop.ask(document) == {"parents": {"totalCount": 1, "nodes": [{"code": "x", "children": children}]}}
