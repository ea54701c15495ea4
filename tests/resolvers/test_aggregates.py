"""Aggregates: figures over all rows or over those of each parent, in groups or as one."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from datasources.filters import EVERYTHING, And, Compare, Operator
from datasources.lookup import Aggregate, Function
from resolvers.context import PageSizes
from tests.resolvers.shop import ROWS, open_shop

pytestmark = pytest.mark.anyio


async def test_figures_over_all_rows() -> None:
    shop = await open_shop()
    document = """{
      ordersAggregate {
        count
        sum { total ledger }
        avg { total }
        min { placedAt number }
        max { placedAt total }
      }
      linesAggregate { sum { quantity } avg { quantity } min { quantity } max { quantity } }
      customersAggregate { sum { rating } max { since } }
    }"""
    assert await shop.ask(document) == {
        "ordersAggregate": {
            "count": 5,
            "sum": {"total": "208.10", "ledger": str(2**60)},
            "avg": {"total": 52.025},
            "min": {"placedAt": "2025-12-31T23:59:59.250000+00:00", "number": "A-1"},
            "max": {"placedAt": "2026-01-05T08:30:00+00:00", "total": "100.50"},
        },
        "linesAggregate": {
            "sum": {"quantity": "20"},
            "avg": {"quantity": 4.0},
            "min": {"quantity": 1},
            "max": {"quantity": 10},
        },
        "customersAggregate": {"sum": {"rating": 7.5}, "max": {"since": "2019-02-28"}},
    }
    (lookup,) = (each for each in shop.aggregates("erp") if each.collection.name == "orders")
    assert lookup.aggregates == (
        Aggregate(Function.COUNT),
        Aggregate(Function.SUM, "total"),
        Aggregate(Function.SUM, "ledger"),
        Aggregate(Function.AVG, "total"),
        Aggregate(Function.MIN, "placed"),
        Aggregate(Function.MIN, "number"),
        Aggregate(Function.MAX, "placed"),
        Aggregate(Function.MAX, "total"),
    )


async def test_figures_over_no_row() -> None:
    shop = await open_shop()
    document = """{ ordersAggregate(filter: {number: {eq: "none"}}, groupBy: [STATUS]) {
      count sum { total } max { placedAt } groups { count }
    } }"""
    assert await shop.ask(document) == {
        "ordersAggregate": {"count": 0, "sum": {"total": None}, "max": {"placedAt": None}, "groups": []}
    }


async def test_groups_with_totals_beside_them() -> None:
    shop = await open_shop()
    document = """{
      ordersAggregate(filter: {id: {ne: 5}}, groupBy: [STATUS, CUSTOMER_ID, STATUS]) {
        count
        groups { keys { status customerId number } count sum { total } }
      }
    }"""

    def group(status: str, customer: str, count: int, total: str) -> dict[str, Any]:
        keys = {"status": status, "customerId": customer, "number": None}
        return {"keys": keys, "count": count, "sum": {"total": total}}

    assert await shop.ask(document) == {
        "ordersAggregate": {
            "count": 4,
            "groups": [
                group("OPEN", "Customer:1", 1, "100.50"),
                group("OPEN", "Customer:2", 1, "100.50"),
                group("SHIPPED", "Customer:1", 2, "7.00"),
            ],
        }
    }
    assert [(each.group_by, each.limit) for each in shop.aggregates("erp")] == [
        ((), None),
        (("status", "customer_id"), 10_001),
    ]


@pytest.mark.parametrize(
    ("having", "customers"),
    [
        ("{}", ["Customer:1", "Customer:2", None]),
        ("null", ["Customer:1", "Customer:2", None]),
        ("{count: {gte: 2}}", ["Customer:1"]),
        ("{count: {in: [1]}, sum: {total: {gt: 1}}}", ["Customer:2"]),
        ("{sum: {total: {lt: 1}}}", [None]),
        ('{max: {number: {eq: "A-3"}}}', ["Customer:2"]),
        ('{min: {placedAt: {lt: "2026-01-01T00:00:00Z"}}}', ["Customer:1"]),
        ("{avg: {total: {isNull: true}}}", []),
        ("{max: {placedAt: {isNull: true}}}", ["Customer:2", None]),
        ("{count: null, sum: {total: null}}", ["Customer:1", "Customer:2", None]),
    ],
)
async def test_having(having: str, customers: list[str | None]) -> None:
    shop = await open_shop()
    document = (
        f"{{ ordersAggregate(groupBy: [CUSTOMER_ID], having: {having}) {{ groups {{ keys {{ customerId }} }} }} }}"
    )
    assert await shop.ask(document) == {
        "ordersAggregate": {"groups": [{"keys": {"customerId": customer}} for customer in customers]}
    }
    assert len(shop.aggregates("erp")) == 1


async def test_keys_of_every_type() -> None:
    shop = await open_shop()
    document = """{
      customersAggregate(groupBy: [NAME, VIP, SINCE, PUBLIC_ID, RATING], filter: {id: {eq: 1}}) {
        groups { keys { name vip since publicId rating } }
      }
      ordersAggregate(groupBy: [PLACED_AT, TOTAL, LEDGER], filter: {id: {in: [1, 5]}}) {
        groups { keys { placedAt total ledger } }
      }
    }"""
    assert await shop.ask(document) == {
        "customersAggregate": {
            "groups": [
                {
                    "keys": {
                        "name": "Müller",
                        "vip": True,
                        "since": "2019-02-28",
                        "publicId": "00000000-0000-0000-0000-00000000000b",
                        "rating": 4.5,
                    }
                }
            ]
        },
        "ordersAggregate": {
            "groups": [
                {"keys": {"placedAt": "2026-01-05T08:30:00+00:00", "total": "100.50", "ledger": str(2**60)}},
                {"keys": {"placedAt": None, "total": "0.10", "ledger": None}},
            ]
        },
    }


async def test_figures_of_each_parent_in_one_lookup() -> None:
    shop = await open_shop()
    document = """{
      customers {
        nodes {
          ordersAggregate(filter: {total: {gt: 5}}) { count sum { total } max { placedAt } }
        }
      }
    }"""

    def figures(count: int, total: str | None, placed: str | None) -> dict[str, Any]:
        return {"ordersAggregate": {"count": count, "sum": {"total": total}, "max": {"placedAt": placed}}}

    assert await shop.ask(document) == {
        "customers": {
            "nodes": [
                figures(2, "107.50", "2026-01-05T08:30:00+00:00"),
                figures(1, "100.50", None),
                figures(0, None, None),
            ]
        }
    }
    (lookup,) = shop.aggregates("erp")
    assert (lookup.key, lookup.keys, lookup.filter) == (
        "customer_id",
        (1, 2, 3),
        Compare("total", Operator.GT, Decimal(5)),
    )


async def test_groups_of_each_parent_take_a_second_lookup() -> None:
    shop = await open_shop()
    document = """{
      customers {
        nodes {
          ordersAggregate(groupBy: [STATUS], having: {count: {lt: 9}}) {
            count
            groups { keys { status } count avg { total } }
          }
        }
      }
    }"""

    def group(status: str, count: int, average: float | None) -> dict[str, Any]:
        return {"keys": {"status": status}, "count": count, "avg": {"total": average}}

    assert await shop.ask(document) == {
        "customers": {
            "nodes": [
                {"ordersAggregate": {"count": 3, "groups": [group("OPEN", 1, 100.5), group("SHIPPED", 2, 7.0)]}},
                {"ordersAggregate": {"count": 1, "groups": [group("OPEN", 1, 100.5)]}},
                {"ordersAggregate": {"count": 0, "groups": []}},
            ]
        }
    }
    totals, groups = shop.aggregates("erp")
    assert (totals.having, groups.having) == (EVERYTHING, And((Compare("count", Operator.LT, 9),)))


async def test_figures_through_a_junction() -> None:
    shop = await open_shop()
    assert await shop.ask("{ labels { nodes { text ordersAggregate { count sum { total } } } } }") == {
        "labels": {
            "nodes": [
                {"text": "urgent", "ordersAggregate": {"count": 1, "sum": {"total": "100.50"}}},
                {"text": "export", "ordersAggregate": {"count": 2, "sum": {"total": "107.50"}}},
                {"text": "unused", "ordersAggregate": {"count": 0, "sum": {"total": None}}},
            ]
        }
    }


async def test_groups_alone_ask_for_no_totals() -> None:
    shop = await open_shop()
    document = "{ ordersAggregate(groupBy: [STATUS]) { ...G } } fragment G on OrderAggregate { groups { ...K } } "
    document += "fragment K on OrderGroup { keys { status } max { ...M } } fragment M on OrderMax { total }"
    await shop.ask(document)
    (lookup,) = shop.aggregates("erp")
    assert lookup.aggregates == (Aggregate(Function.MAX, "total"),)


async def test_nothing_selected_asks_for_nothing() -> None:
    shop = await open_shop()
    assert await shop.ask("{ ordersAggregate { __typename } customer(id: 1) { ordersAggregate { __typename } } }") == {
        "ordersAggregate": {"__typename": "OrderAggregate"},
        "customer": {"ordersAggregate": {"__typename": "OrderAggregate"}},
    }
    assert shop.collections == ["customers"]


@pytest.mark.parametrize(
    ("arguments", "selection", "code", "message"),
    [
        (
            "",
            "{ groups { count } }",
            "BAD_USER_INPUT",
            "groups needs groupBy: say what the rows of a group have in common.",
        ),
        (
            "(groupBy: [])",
            "{ groups { count } }",
            "BAD_USER_INPUT",
            "groups needs groupBy: say what the rows of a group have in common.",
        ),
        ("(having: {count: {gt: 1}})", "{ count }", "BAD_USER_INPUT", "having needs groupBy: it chooses among groups."),
        (
            "(groupBy: [STATUS], having: {sum: {total: {gt: null}}})",
            "{ groups { count } }",
            "BAD_USER_INPUT",
            "OrderHaving.sum.total: gt cannot be null; write isNull, or leave gt out.",
        ),
        (
            "(groupBy: [STATUS], having: {count: {in: null}})",
            "{ groups { count } }",
            "BAD_USER_INPUT",
            "OrderHaving.count: in cannot be null; write isNull, or leave in out.",
        ),
    ],
)
async def test_arguments_that_make_no_sense(arguments: str, selection: str, code: str, message: str) -> None:
    shop = await open_shop()
    field = f"ordersAggregate{arguments} {selection}"
    assert await shop.answer(f"{{ {field} customer(id: 1) {{ name {field} }} }}") == {
        "data": {"ordersAggregate": None, "customer": {"name": "Müller", "ordersAggregate": None}},
        "errors": [("customer.ordersAggregate", code, message), ("ordersAggregate", code, message)],
    }


async def test_too_many_groups() -> None:
    shop = await open_shop(sizes=PageSizes(groups=2))
    groups = "ordersAggregate(groupBy: [NUMBER]) { groups { count } }"
    message = "There are more than 2 groups; narrow them down with filter or having, or group by less."
    assert await shop.answer(f"{{ {groups} }}") == {
        "data": {"ordersAggregate": None},
        "errors": [("ordersAggregate", "TOO_MANY_GROUPS", message)],
    }
    assert (await shop.ask("{ ordersAggregate(groupBy: [STATUS]) { groups { count } } }"))["ordersAggregate"] == {
        "groups": [{"count": 3}, {"count": 2}]
    }


async def test_too_many_groups_of_all_parents_together_are_not_cut_off() -> None:
    shop = await open_shop(sizes=PageSizes(groups=3))
    document = "{ customers { nodes { ordersAggregate(groupBy: [NUMBER]) { groups { count } } } } }"
    message = (
        "There are more than 3 groups over all parents together; "
        "narrow them down with filter or having, or group by less."
    )
    assert await shop.answer(document) == {
        "data": {"customers": {"nodes": [{"ordersAggregate": None}] * 3}},
        "errors": [(f"customers.nodes.{n}.ordersAggregate", "TOO_MANY_GROUPS", message) for n in range(3)],
    }


async def test_a_group_of_what_is_no_value_of_its_enum() -> None:
    order = {"id": 1, "number": "A", "status": "lost", "placed": datetime(2026, 1, 1, tzinfo=UTC)}
    shop = await open_shop({**ROWS, "erp": {**ROWS["erp"], "orders": [order]}})
    answer = await shop.answer("{ ordersAggregate(groupBy: [STATUS]) { groups { count keys { status } } } }")
    assert answer["data"] == {"ordersAggregate": {"groups": [{"count": 1, "keys": {"status": None}}]}}
    assert [path for path, _, _ in answer["errors"]] == ["ordersAggregate.groups.0.keys.status"]
