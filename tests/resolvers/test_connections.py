"""Pages: forward and backward, at the root and along relations, with keyset cursors that stay right."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasources.filters import Order
from resolvers.context import PageSizes
from tests.resolvers.shop import ROWS, Shop, open_shop

pytestmark = pytest.mark.anyio

PAGE = """query(
  $first: Int, $after: String, $last: Int, $before: String, $orderBy: [OrderOrderBy!], $filter: OrderFilter
) {
  orders(first: $first, after: $after, last: $last, before: $before, orderBy: $orderBy, filter: $filter) {
    nodes { number }
    edges { cursor node { number } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


def info(page: Mapping[str, Any]) -> tuple[list[str], bool, bool]:
    """The numbers on a page, and whether there is one before and after; what a page tells twice agrees."""
    numbers = [node["number"] for node in page["nodes"]]
    assert [edge["node"]["number"] for edge in page["edges"]] == numbers
    cursors = [edge["cursor"] for edge in page["edges"]] or [None]
    assert (page["pageInfo"]["startCursor"], page["pageInfo"]["endCursor"]) == (cursors[0], cursors[-1])
    return numbers, page["pageInfo"]["hasPreviousPage"], page["pageInfo"]["hasNextPage"]


async def page(shop: Shop, **variables: Any) -> Any:
    return (await shop.ask(PAGE, **variables))["orders"]


async def test_forward_and_back_again() -> None:
    shop = await open_shop()
    first = await page(shop, first=2)
    assert info(first) == (["A-1", "A-2"], False, True)
    second = await page(shop, first=2, after=first["pageInfo"]["endCursor"])
    assert info(second) == (["A-3", "A-4"], True, True)
    third = await page(shop, first=2, after=second["pageInfo"]["endCursor"])
    assert info(third) == (["A-5"], True, False)
    back = await page(shop, last=2, before=third["pageInfo"]["startCursor"])
    assert info(back) == (["A-3", "A-4"], True, True)
    start = await page(shop, last=2, before=back["pageInfo"]["startCursor"])
    assert info(start) == (["A-1", "A-2"], False, True)
    assert info(await page(shop, last=3)) == (["A-3", "A-4", "A-5"], True, False)
    assert info(await page(shop, last=5)) == (["A-1", "A-2", "A-3", "A-4", "A-5"], False, False)


async def test_the_cursor_of_any_edge_leads_on() -> None:
    shop = await open_shop()
    edges = (await page(shop))["edges"]
    assert info(await page(shop, first=1, after=edges[2]["cursor"])) == (["A-4"], True, True)
    assert info(await page(shop, last=1, before=edges[2]["cursor"])) == (["A-2"], True, True)


async def test_empty_pages() -> None:
    shop = await open_shop()
    nothing = {"number": {"eq": "nothing"}}
    assert info(await page(shop, filter=nothing)) == ([], False, False)
    assert info(await page(shop, last=3, filter=nothing)) == ([], False, False)
    assert info(await page(shop, first=0)) == ([], False, True)
    assert info(await page(shop, first=0, filter=nothing)) == ([], False, False)
    assert info(await page(shop, last=0)) == ([], True, False)
    end = (await page(shop))["pageInfo"]["endCursor"]
    assert info(await page(shop, first=1, after=end)) == ([], True, False)


@pytest.mark.parametrize(
    ("direction", "numbers"),
    [
        ("ASC", ["A-5", "A-2", "A-1", "A-3", "A-4"]),
        ("DESC", ["A-4", "A-3", "A-1", "A-2", "A-5"]),
        ("ASC_NULLS_FIRST", ["A-4", "A-5", "A-2", "A-1", "A-3"]),
        ("DESC_NULLS_LAST", ["A-3", "A-1", "A-2", "A-5", "A-4"]),
    ],
)
async def test_directions_ties_and_nulls(direction: str, numbers: list[str]) -> None:
    shop = await open_shop()
    order = [{"total": direction}]
    assert info(await page(shop, orderBy=order))[0] == numbers
    assert info(await page(shop, last=50, orderBy=order))[0] == numbers


async def test_an_order_is_total_by_the_key_and_names_a_column_once() -> None:
    shop = await open_shop()
    await page(shop, orderBy=[{"status": "DESC"}, {"placedAt": "ASC"}, {"status": "ASC"}])
    await page(shop, orderBy=[{"id": "DESC"}, {"number": "ASC"}], last=1)
    await page(shop)
    assert [lookup.order for lookup in shop.lookups("erp")] == [
        (Order("status", True), Order("placed"), Order("id")),
        (Order("id", False, False), Order("number", True, True)),
        (Order("id"),),
    ]


@pytest.mark.parametrize(
    ("selection", "limit", "count", "columns"),
    [
        ("{ totalCount }", 0, True, ("id",)),
        ("{ __typename }", 0, False, ("id",)),
        ("{ nodes { total } }", 3, False, ("id", "total")),
        ("{ nodes { total } totalCount }", 3, True, ("id", "total")),
        ("{ edges { cursor } }", 3, False, ("id", "number")),
        ("{ edges { node { total } } nodes { ledger } }", 3, False, ("id", "total", "ledger")),
        ("{ nodes { total } pageInfo { hasPreviousPage } }", 3, False, ("id", "total")),
        ("{ nodes { total } pageInfo { hasNextPage } }", 4, False, ("id", "total")),
        ("{ pageInfo { ...P } } fragment P on PageInfo { endCursor }", 3, False, ("id", "number")),
        (
            "{ ...P } fragment P on OrderConnection { edges { ...E } } "
            "fragment E on OrderEdge { cursor node { total } }",
            3,
            False,
            ("id", "number", "total"),
        ),
    ],
)
async def test_only_what_is_selected_is_asked_for(
    selection: str, limit: int, count: bool, columns: tuple[str, ...]
) -> None:
    shop = await open_shop()
    body, _, fragments = selection.partition(" fragment ")
    document = f"{{ orders(first: 3, orderBy: [{{number: ASC}}]) {body} }} {fragments and 'fragment ' + fragments}"
    await shop.ask(document)
    (lookup,) = shop.lookups("erp")
    assert (lookup.limit, lookup.count, set(lookup.columns)) == (limit, count, set(columns))


async def test_a_page_without_arguments_has_the_default_size() -> None:
    shop = await open_shop(sizes=PageSizes(default=2, maximum=4))
    assert info(await page(shop)) == (["A-1", "A-2"], False, True)
    assert info(await page(shop, first=4)) == (["A-1", "A-2", "A-3", "A-4"], False, True)


async def test_pages_of_each_parent() -> None:
    shop = await open_shop()
    document = """query($after: String) {
      customers {
        nodes {
          orders(first: 1, after: $after, orderBy: [{number: DESC}]) {
            totalCount
            edges { cursor node { number } }
            pageInfo { hasNextPage hasPreviousPage }
          }
        }
      }
    }"""

    def orders(total: int, numbers: list[str], following: bool, preceding: bool) -> Any:
        page_info = {"hasNextPage": following, "hasPreviousPage": preceding}
        return {
            "orders": {"totalCount": total, "edges": [{"node": {"number": n}} for n in numbers], "pageInfo": page_info}
        }

    first = await shop.ask(document)
    cursor = first["customers"]["nodes"][0]["orders"]["edges"][0]["cursor"]
    second = await shop.ask(document, after=cursor)
    for answer in (first, second):
        for customer in answer["customers"]["nodes"]:
            for edge in customer["orders"]["edges"]:
                del edge["cursor"]
    assert first["customers"]["nodes"] == [
        orders(3, ["A-4"], True, False),
        orders(1, ["A-3"], False, False),
        orders(0, [], False, False),
    ]
    assert second["customers"]["nodes"] == [
        orders(3, ["A-2"], True, True),
        orders(1, ["A-3"], False, True),
        orders(0, [], False, True),
    ]
    assert shop.collections == ["customers", "customers", "orders", "orders"]


async def test_a_relation_backward() -> None:
    shop = await open_shop()
    document = """{ customer(id: 1) { orders(last: 2) {
      nodes { number } pageInfo { hasNextPage hasPreviousPage }
    } } }"""
    assert await shop.ask(document) == {
        "customer": {
            "orders": {
                "nodes": [{"number": "A-2"}, {"number": "A-4"}],
                "pageInfo": {"hasNextPage": False, "hasPreviousPage": True},
            }
        }
    }


async def test_rows_that_come_and_go_between_pages() -> None:
    shop = await open_shop()
    order = [{"total": "DESC_NULLS_LAST"}]
    first = await page(shop, first=2, orderBy=order)
    assert info(first)[0] == ["A-3", "A-1"]
    after = first["pageInfo"]["endCursor"]
    rows = [row for row in ROWS["erp"]["orders"] if row["id"] != 1]
    rows += [
        {"id": 6, "number": "A-6", "status": "open", "total": Decimal(999)},
        {"id": 7, "number": "A-7", "status": "open", "total": Decimal(50)},
        {"id": 8, "number": "A-8", "status": "open", "total": None},
    ]
    later = await open_shop({**ROWS, "erp": {**ROWS["erp"], "orders": rows}})
    assert info(await page(later, first=9, after=after, orderBy=order))[0] == ["A-7", "A-2", "A-5", "A-8", "A-4"]
    assert info(await page(later, last=9, before=after, orderBy=order))[0] == ["A-6", "A-3"]


def _cursor_of_customers() -> str:
    async def ask() -> str:
        shop = await open_shop()
        found = await shop.ask("{ customers(first: 1) { pageInfo { endCursor } } }")
        return str(found["customers"]["pageInfo"]["endCursor"])

    return anyio.run(ask)


MALFORMED = "is not a cursor: pass one that this connection returned."
FOREIGN = "The cursor belongs to another connection, or to another orderBy than this one."


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ("first: -1", "BAD_USER_INPUT", "first cannot be negative; it is -1."),
        ("last: -5", "BAD_USER_INPUT", "last cannot be negative; it is -5."),
        (
            "first: 1, last: 1",
            "BAD_USER_INPUT",
            "first and last cannot be combined: first takes rows from the start, last from the end.",
        ),
        ("first: 501", "PAGE_SIZE_EXCEEDED", "first is 501; a page holds 500 rows at most."),
        ("last: 501", "PAGE_SIZE_EXCEEDED", "last is 501; a page holds 500 rows at most."),
        ('last: 1, after: "x"', "BAD_USER_INPUT", "last goes with before, not with after."),
        ('first: 1, before: "x"', "BAD_USER_INPUT", "before goes with last: say how many rows before the cursor."),
        ('before: "x"', "BAD_USER_INPUT", "before goes with last: say how many rows before the cursor."),
        ('after: ""', "INVALID_CURSOR", f"'' {MALFORMED}"),
        ('after: "nonsense"', "INVALID_CURSOR", f"'nonsense' {MALFORMED}"),
        ('after: "é"', "INVALID_CURSOR", f"'é' {MALFORMED}"),
        ('last: 1, before: "W10"', "INVALID_CURSOR", FOREIGN),
        (f'after: "{_cursor_of_customers()}"', "INVALID_CURSOR", FOREIGN),
    ],
)
@pytest.mark.parametrize("parent", ["", "customer"])
async def test_arguments_that_make_no_sense(arguments: str, code: str, message: str, parent: str) -> None:
    shop = await open_shop()
    field = f"orders({arguments}) {{ nodes {{ id }} }}"
    document = f"{{ customer(id: 1) {{ name {field} }} }}" if parent else f"{{ {field} warehouses {{ totalCount }} }}"
    data = (
        {"customer": {"name": "Müller", "orders": None}}
        if parent
        else {"orders": None, "warehouses": {"totalCount": 2}}
    )
    path = f"{parent}.orders".lstrip(".")
    assert await shop.answer(document) == {"data": data, "errors": [(path, code, message)]}
    assert shop.lookups("erp") == []


async def test_the_cursor_of_another_order_is_refused() -> None:
    shop = await open_shop()
    cursor = (await page(shop, first=1, orderBy=[{"number": "ASC"}]))["pageInfo"]["endCursor"]
    for order in ([{"number": "DESC"}], [{"total": "ASC"}], None, [{"number": "ASC_NULLS_FIRST"}]):
        assert (await shop.answer(PAGE, first=1, after=cursor, orderBy=order))["errors"] == [
            ("orders", "INVALID_CURSOR", FOREIGN)
        ]


async def test_a_wrong_argument_is_an_error_at_each_parent() -> None:
    shop = await open_shop()
    message = "first cannot be negative; it is -1."
    assert await shop.answer("{ customers { nodes { orders(first: -1) { totalCount } } } }") == {
        "data": {"customers": {"nodes": [{"orders": None}] * 3}},
        "errors": [(f"customers.nodes.{index}.orders", "BAD_USER_INPUT", message) for index in range(3)],
    }


DIRECTIONS = ("ASC", "DESC", "ASC_NULLS_FIRST", "DESC_NULLS_LAST")
MOMENTS = [None, *(datetime(2026, 1, 1, tzinfo=UTC).replace(microsecond=n) for n in (0, 1, 500000))]
TOTALS = [None, Decimal("0.10"), Decimal("0.1"), Decimal(-3), Decimal("12345678901234567890.12")]


@st.composite
def orders(draw: st.DrawFn) -> list[dict[str, Any]]:
    count = draw(st.integers(0, 12))
    return [
        {
            "id": number,
            "number": draw(st.sampled_from(["", "a", "B", "é", "漢", "a'\"\\%"])),
            "status": draw(st.sampled_from(["open", "shipped"])),
            "placed": draw(st.sampled_from(MOMENTS)),
            "total": draw(st.sampled_from(TOTALS)),
            "ledger": draw(st.sampled_from([None, 2**62, -(2**63), 0])),
            "customer_id": draw(st.sampled_from([None, 1, 2])),
        }
        for number in draw(st.permutations(range(count)))
    ]


TERMS = st.lists(
    st.tuples(
        st.sampled_from(["id", "number", "status", "placedAt", "total", "ledger", "customerId"]),
        st.sampled_from(DIRECTIONS),
    ).map(lambda term: {term[0]: term[1]}),
    max_size=3,
)


async def _walk(shop: Shop, parent: bool, size: int, backward: bool, order: Sequence[Mapping[str, str]]) -> list[str]:
    """Every id, by pages of `size`."""
    fields = "edges { cursor node { id } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor }"
    arguments = "last: $size, before: $cursor" if backward else "first: $size, after: $cursor"
    body = f"orders({arguments}, orderBy: $order) {{ {fields} }}"
    document = "query($size: Int, $cursor: String, $order: [OrderOrderBy!]) {" + (
        f"customer(id: 1) {{ {body} }} }}" if parent else f"{body} }}"
    )
    found: list[str] = []
    cursor = None
    for _ in range(20):
        data = await shop.ask(document, size=size, cursor=cursor, order=order)
        page = (data["customer"] if parent else data)["orders"]
        ids = [edge["node"]["id"] for edge in page["edges"]]
        found = ids + found if backward else found + ids
        more, other = ("hasPreviousPage", "hasNextPage") if backward else ("hasNextPage", "hasPreviousPage")
        assert page["pageInfo"][other] is (cursor is not None)
        cursor = page["pageInfo"]["startCursor" if backward else "endCursor"]
        if not page["pageInfo"][more]:
            return found
        assert len(ids) == size
    raise AssertionError("the pages do not end")


@settings(max_examples=60, deadline=None)
@given(rows=orders(), size=st.integers(1, 4), order=TERMS, parent=st.booleans())
def test_paging_visits_every_row_once_in_the_order_of_one_page(
    rows: list[dict[str, Any]], size: int, order: list[dict[str, str]], parent: bool
) -> None:
    async def check() -> None:
        shop = await open_shop({**ROWS, "erp": {**ROWS["erp"], "orders": rows}})
        whole = await _walk(shop, parent, 500, False, order)
        assert sorted(whole) == sorted(f"Order:{row['id']}" for row in rows if not parent or row["customer_id"] == 1)
        assert await _walk(shop, parent, size, False, order) == whole
        assert await _walk(shop, parent, size, True, order) == whole

    anyio.run(check)


async def test_pages_through_a_junction() -> None:
    shop = await open_shop()
    document = """query($after: String) {
      labels {
        nodes {
          text
          orders(first: 1, after: $after, orderBy: [{number: DESC}]) {
            totalCount nodes { number } pageInfo { hasNextPage endCursor }
          }
        }
      }
    }"""
    first = (await shop.ask(document))["labels"]["nodes"]
    cursor = first[1]["orders"]["pageInfo"]["endCursor"]
    second = (await shop.ask(document, after=cursor))["labels"]["nodes"]

    def seen(labels: Any) -> list[tuple[str, int, list[str], bool]]:
        return [
            (
                label["text"],
                label["orders"]["totalCount"],
                [order["number"] for order in label["orders"]["nodes"]],
                label["orders"]["pageInfo"]["hasNextPage"],
            )
            for label in labels
        ]

    assert seen(first) == [("urgent", 1, ["A-1"], False), ("export", 2, ["A-2"], True), ("unused", 0, [], False)]
    assert seen(second) == [("urgent", 1, ["A-1"], False), ("export", 2, ["A-1"], False), ("unused", 0, [], False)]
    assert shop.collections == ["labels", "orders"] * 2


async def test_pages_in_the_order_of_uuids() -> None:
    shop = await open_shop()
    document = """query($after: String) {
      warehouses(first: 1, after: $after, orderBy: [{id: DESC}]) { nodes { city } pageInfo { endCursor } }
    }"""
    first = (await shop.ask(document))["warehouses"]
    assert first["nodes"] == [{"city": "Turin"}]
    second = (await shop.ask(document, after=first["pageInfo"]["endCursor"]))["warehouses"]
    assert second["nodes"] == [{"city": "Hamburg"}]
