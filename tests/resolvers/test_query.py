"""Root fields: by id, by natural key, node and nodes; and which columns they ask for."""

from uuid import UUID

import pytest

from resolvers.context import PageSizes
from tests.resolvers.shop import ROWS, open_shop

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("given", ["2", "Order:2"])
async def test_by_id(given: str) -> None:
    shop = await open_shop()
    assert await shop.ask("query($id: ID!) { order(id: $id) { id number } }", id=given) == {
        "order": {"id": "Order:2", "number": "A-2"}
    }


async def test_ids_are_taken_as_numbers_too() -> None:
    shop = await open_shop()
    assert await shop.ask("{ order(id: 2) { number } }") == {"order": {"number": "A-2"}}


async def test_by_ids_of_every_kind() -> None:
    shop = await open_shop()
    warehouse = UUID(int=2)
    document = 'query($id: ID!) { product(id: "p-1") { id sku } warehouse(id: $id) { id city } }'
    assert await shop.ask(document, id=str(warehouse)) == {
        "product": {"id": "Product:p-1", "sku": "p-1"},
        "warehouse": {"id": f"Warehouse:{warehouse}", "city": "Turin"},
    }


async def test_an_id_that_nothing_has_is_null() -> None:
    shop = await open_shop()
    assert await shop.ask('{ order(id: 99) { id } product(id: "p-9") { id } node(id: "Order:99") { id } }') == {
        "order": None,
        "product": None,
        "node": None,
    }


async def test_by_natural_key() -> None:
    shop = await open_shop()
    document = """{
      found: orderByNumber(number: "A-3") { id total }
      missing: orderByNumber(number: "A-99") { id total }
      customerByPublicId(publicId: "00000000-0000-0000-0000-00000000000c") { name }
    }"""
    assert await shop.ask(document) == {
        "found": {"id": "Order:3", "total": "100.50"},
        "missing": None,
        "customerByPublicId": {"name": "Lefèvre"},
    }
    assert [(each.key, each.keys) for each in shop.lookups("erp")] == [("number", ("A-3", "A-99"))]


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ('order(id: "abc")', "'abc' is not an id of Order: ids look like 'Order:key'."),
        ('order(id: "")', "'' is not an id of Order: ids look like 'Order:key'."),
        ('order(id: "Order:")', "'Order:' is not an id of Order: ids look like 'Order:key'."),
        ('order(id: "1_0")', "'1_0' is not an id of Order: ids look like 'Order:key'."),
        ('order(id: "9223372036854775808")', "'9223372036854775808' is not an id of Order: ids look like 'Order:key'."),
        ('order(id: "Customer:1")', "'Customer:1' is an id of Customer, not of Order."),
        ('warehouse(id: "1")', "'1' is not an id of Warehouse: ids look like 'Warehouse:key'."),
        (
            'node(id: "1")',
            "'1' is not a global id: write it as Type:key, where Type is one of "
            "Customer, Invoice, Label, Labelling, Line, Order, Product, StockLevel, Warehouse.",
        ),
        (
            'node(id: "Nothing:1")',
            "'Nothing:1' is not a global id: write it as Type:key, where Type is one of "
            "Customer, Invoice, Label, Labelling, Line, Order, Product, StockLevel, Warehouse.",
        ),
    ],
)
async def test_what_is_no_id_is_an_error(field: str, message: str) -> None:
    shop = await open_shop()
    name = field.partition("(")[0]
    assert await shop.answer(f"{{ {field} {{ id }} customer(id: 1) {{ name }} }}") == {
        "data": {name: None, "customer": {"name": "Müller"}},
        "errors": [(name, "INVALID_ID", message)],
    }


async def test_nodes_keep_the_order_of_their_ids() -> None:
    shop = await open_shop()
    document = """query($ids: [ID!]!) {
      nodes(ids: $ids) { __typename id ... on Order { number } ... on Customer { name } }
    }"""
    ids = ["Order:3", "Customer:2", "Order:99", "Order:1", "Order:3"]
    assert await shop.ask(document, ids=ids) == {
        "nodes": [
            {"__typename": "Order", "id": "Order:3", "number": "A-3"},
            {"__typename": "Customer", "id": "Customer:2", "name": "Lefèvre"},
            None,
            {"__typename": "Order", "id": "Order:1", "number": "A-1"},
            {"__typename": "Order", "id": "Order:3", "number": "A-3"},
        ]
    }
    assert [(each.columns, each.keys) for each in shop.lookups("erp")] == [(("id", "number"), (3, 99, 1))]
    assert [(each.columns, each.keys) for each in shop.lookups("crm")] == [(("id", "name"), (2,))]


async def test_a_bad_id_among_nodes_is_an_error_in_its_place() -> None:
    shop = await open_shop()
    document = '{ nodes(ids: ["Order:1", "Order:x", "Customer:1"]) { id } }'
    assert await shop.answer(document) == {
        "data": {"nodes": [{"id": "Order:1"}, None, {"id": "Customer:1"}]},
        "errors": [("nodes.1", "INVALID_ID", "'Order:x' is not an id of Order: ids look like 'Order:key'.")],
    }


async def test_more_nodes_than_a_page_holds_are_refused() -> None:
    shop = await open_shop(sizes=PageSizes(default=2, maximum=2))
    assert await shop.answer('{ nodes(ids: ["Order:1", "Order:2", "Order:3"]) { id } }') == {
        "data": {"nodes": None},
        "errors": [("nodes", "PAGE_SIZE_EXCEEDED", "nodes was asked for 3 ids; it takes 2 at most.")],
    }


async def test_no_nodes() -> None:
    shop = await open_shop()
    assert await shop.ask("{ nodes(ids: []) { id } }") == {"nodes": []}
    assert shop.collections == []


@pytest.mark.parametrize(
    ("selection", "columns"),
    [
        ("{ __typename }", ("id",)),
        ("{ id }", ("id",)),
        ("{ total number }", ("id", "number", "total")),
        ("{ placedAt }", ("id", "placed")),
        ("{ a: total b: total }", ("id", "total")),
        ("{ customerId }", ("id", "customer_id")),
        ("{ customer { name } }", ("id", "customer_id")),
        ("{ lines { totalCount } linesAggregate { count } }", ("id",)),
        ("{ title }", ("id", "number", "placed")),
        ("{ pieces }", ("id",)),
        ("{ ...F } fragment F on Order { total ...G } fragment G on Order { number }", ("id", "number", "total")),
        ("{ ... on Order { total } ... on Node { id } ... { number } }", ("id", "number", "total")),
        ("{ number total @skip(if: true) ledger @include(if: false) }", ("id", "number")),
        ("{ number total @skip(if: $no) ledger @include(if: $yes) }", ("id", "number", "total", "ledger")),
        (
            "{ number ... @include(if: $no) { total } ...F @skip(if: $yes) } fragment F on Order { ledger }",
            ("id", "number"),
        ),
        ("{ number total @include(if: $yes) @skip(if: $yes) }", ("id", "number")),
    ],
)
async def test_only_the_columns_that_are_selected_are_asked_for(selection: str, columns: tuple[str, ...]) -> None:
    shop = await open_shop()
    body, _, fragments = selection.partition(" fragment ")
    fragments = fragments and f"fragment {fragments}"
    switches = "a: customer(id: 1) @include(if: $yes) { id } b: customer(id: 1) @include(if: $no) { id }"
    document = f"query($yes: Boolean! = true, $no: Boolean! = false) {{ order(id: 1) {body} {switches} }} {fragments}"
    await shop.ask(document)
    assert shop.lookups("erp")[0].columns == columns


async def test_fragments_on_node_and_on_types() -> None:
    shop = await open_shop()
    document = """
      query { node(id: "Order:1") { ...Any ... on Customer { name } ... on Order { total } } }
      fragment Any on Node { __typename id ... on Order { number } ... on Product { sku } }
    """
    assert await shop.ask(document) == {
        "node": {"__typename": "Order", "id": "Order:1", "number": "A-1", "total": "100.50"}
    }
    assert shop.lookups("erp")[0].columns == ("id", "number", "total")


async def test_aliases_with_the_same_selection_share_a_lookup() -> None:
    shop = await open_shop()
    document = "{ a: order(id: 1) { number } b: order(id: 2) { number } c: order(id: 1) { total } }"
    assert await shop.ask(document) == {"a": {"number": "A-1"}, "b": {"number": "A-2"}, "c": {"total": "100.50"}}
    assert [(each.columns, each.keys) for each in shop.lookups("erp")] == [
        (("id", "number"), (1, 2)),
        (("id", "total"), (1,)),
    ]


async def test_what_is_no_value_of_an_enum_is_the_sources_fault() -> None:
    orders = [{"id": 1, "number": "A-1", "status": "lost"}, {"id": 2, "number": "A-2", "status": "open"}]
    shop = await open_shop({**ROWS, "erp": {**ROWS["erp"], "orders": orders}})
    assert await shop.answer("{ a: order(id: 1) { number status } b: order(id: 2) { number status } }") == {
        "data": {"a": None, "b": {"number": "A-2", "status": "OPEN"}},
        "errors": [
            (
                "a.status",
                "DATASOURCE_MISBEHAVED",
                "datasource 'erp' has 'lost' in 'orders', which is no value of Order.status",
            )
        ],
    }
