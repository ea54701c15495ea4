"""What subscribers are told of a change: whole events."""

from decimal import Decimal
from typing import Any

import pytest

from datasources.errors import SourceUnavailable
from tests.gateway.subscriptions.watched import BATCHES, opened, order, without_cursor

pytestmark = pytest.mark.anyio

ORDERS = """
subscription Orders($filter: OrderFilter) {
  orderChanged(filter: $filter) {
    __typename kind changedFields key
    node { id number status total placedAt label rank customer { name } lines { nodes { quantity } } }
  }
}
"""
KINDS = "subscription Kinds($filter: OrderFilter) { orderChanged(filter: $filter) { kind key changedFields } }"
FIELDS = ["id", "number", "status", "total", "placedAt", "customerId"]


def kinds(events: list[Any]) -> list[tuple[str, str, list[str]]]:
    told = [event["data"]["orderChanged"] for event in events]
    return [(each["kind"], each["key"], each["changedFields"]) for each in told]


async def test_a_row_is_created_updated_and_deleted() -> None:
    async with opened() as house:
        subscriber = await house.subscribe(ORDERS)
        await house.insert("orders", order(7, customer_id=2))
        await house.update("orders", 7, status="DONE", total=Decimal(11))
        await house.delete("orders", 7)
        events = without_cursor(await subscriber.events(3))
    node = {
        "id": "Order:7",
        "number": "SO-7",
        "status": "OPEN",
        "total": "10.50",
        "placedAt": "2026-01-31T08:30:00+00:00",
        "label": "SO-7: 10.50",
        "rank": 14,
        "customer": {"name": "Lefèvre"},
        "lines": {"nodes": []},
    }
    updated = {**node, "status": "DONE", "total": "11.00", "label": "SO-7: 11.00"}

    def event(kind: str, fields: list[str], node: Any) -> Any:
        told = {"__typename": "OrderChange", "kind": kind, "changedFields": fields, "key": "Order:7", "node": node}
        return {"data": {"orderChanged": told}}

    assert events == [
        event("CREATED", FIELDS, node),
        event("UPDATED", ["status", "total"], updated),
        event("DELETED", FIELDS, None),
    ]
    assert list(events[0]["data"]["orderChanged"]) == ["__typename", "kind", "changedFields", "key", "node"]


@pytest.mark.parametrize(
    ("filter", "told"),
    [
        pytest.param(None, ["CREATED", "UPDATED", "UPDATED", "UPDATED", "DELETED"], id="all"),
        pytest.param({"status": {"eq": "OPEN"}}, ["CREATED", "DELETED", "CREATED", "DELETED"], id="in and out"),
        pytest.param({"total": {"gt": "20"}}, ["CREATED", "UPDATED", "DELETED"], id="later"),
        pytest.param({"not": {"status": {"eq": "OPEN"}}}, ["CREATED", "DELETED"], id="not"),
        pytest.param({"number": {"istartsWith": "so-"}, "customerId": {"eq": "Customer:2"}}, [], id="never"),
        pytest.param(
            {"or": [{"total": {"lt": "20"}}, {"placedAt": {"isNull": True}}]},
            ["CREATED", "UPDATED", "DELETED"],
            id="or",
        ),
    ],
)
async def test_what_a_filter_makes_of_writes(filter: Any, told: list[str]) -> None:
    """The row 7 is OPEN for 10.50, then DONE for 10.50, OPEN for 30, OPEN for 40, and gone."""
    async with opened() as house:
        subscriber = await house.subscribe(KINDS, {"filter": filter})
        await house.insert("orders", order(7))
        await house.update("orders", 7, status="DONE")
        await house.update("orders", 7, status="OPEN", total=Decimal(30))
        await house.update("orders", 7, number="SO-8", total=Decimal(40))
        if filter == {"status": {"eq": "OPEN"}}:  # stays in sight
            told = ["CREATED", "DELETED", "CREATED", "UPDATED", "DELETED"]
        await house.delete("orders", 7)
        await house.insert("orders", order(9, number="SO-end", customer_id=2, total=Decimal(25)))
        events = kinds(await subscriber.events(len(told)))
    assert [(kind, key) for kind, key, _ in events] == [(kind, "Order:7") for kind in told]
    assert all(fields == FIELDS for kind, _, fields in events if kind != "UPDATED")


async def test_a_write_of_other_columns_is_nothing() -> None:
    async with opened() as house:
        subscriber = await house.subscribe(KINDS)
        await house.update("orders", 1, number="SO-1")
        await house.insert("lines", {"id": 9, "quantity": 1, "order_id": 1})
        await house.delete("orders", 3)
        assert kinds(await subscriber.events(1)) == [("DELETED", "Order:3", FIELDS)]


async def test_all_events_of_a_batch_are_read_together() -> None:
    """One lookup for each relation, whatever the number of events; none for the rows themselves."""
    async with opened() as house:
        subscriber = await house.subscribe(ORDERS)
        BATCHES.clear()
        for memory in house.memory.values():
            memory.lookups.clear()
        await house.insert("orders", *(order(n, customer_id=1 + n % 2) for n in range(10, 20)))
        events = await subscriber.events(10)
        lookups = {name: memory.lookups for name, memory in house.memory.items()}
    assert [event["data"]["orderChanged"]["node"]["rank"] for event in events] == [2 * n for n in range(10, 20)]
    assert lookups == {"crm": [("customers", (1, 2))], "erp": [("lines", tuple(range(10, 20)))]}
    assert BATCHES == [10]


async def test_what_a_row_leads_to_is_never_older_than_the_event() -> None:
    async with opened() as house:
        subscriber = await house.subscribe("subscription { orderChanged { node { customer { name } } } }")
        for name in ("Meyer", "Maier"):
            await house.update("customers", 1, name=name)
            await house.update("orders", 1, number=name)
            assert without_cursor(await subscriber.events(1)) == [
                {"data": {"orderChanged": {"node": {"customer": {"name": name}}}}}
            ]


async def test_a_source_that_fails_takes_its_fields_out_of_the_event() -> None:
    async with opened() as house:
        subscriber = await house.subscribe(
            "subscription { it: orderChanged { node { number of: customer { name } } } }"
        )
        house.memory["crm"].error = SourceUnavailable("crm", "is away")
        await house.update("orders", 1, number="a")
        (failed,) = without_cursor(await subscriber.events(1))
        house.memory["crm"].error = None
        await house.update("orders", 1, number="b")
        (whole,) = without_cursor(await subscriber.events(1))
    (error,) = failed["errors"]
    assert failed["data"] == {"it": {"node": {"number": "a", "of": None}}}
    assert (error["message"], error["path"], error["extensions"]["code"]) == (
        "datasource 'crm' is away",
        ["it", "node", "of"],
        "DATASOURCE_UNAVAILABLE",
    )
    assert whole == {"data": {"it": {"node": {"number": "b", "of": {"name": "Müller"}}}}}


async def test_resolvers_see_where_they_are() -> None:
    async with opened() as house:
        subscriber = await house.subscribe("subscription { it: orderChanged { of: node { place(times: 2) } } }")
        await house.insert("orders", order(7), order(8, number="bad"))
        fine, bad = without_cursor(await subscriber.events(2))
    assert fine == {"data": {"it": {"of": {"place": "it.of.place.it.of.place"}}}}
    (error,) = bad["errors"]
    assert bad["data"] == {"it": {"of": {"place": None}}}
    assert (error["message"], error["path"]) == ("is bad", ["it", "of", "place"])


CHANGES = """
subscription Changes($entities: [WatchedEntity!]) {
  changes(entities: $entities) {
    __typename kind
    again: node { id }
    ... on OrderChange { node { number customer { name } } }
    ... on CustomerChange { node { city } }
  }
}
"""


async def test_changes_of_several_entities_and_sources() -> None:
    async with opened() as house:
        subscriber = await house.subscribe(CHANGES)
        orders = await house.subscribe(CHANGES, {"entities": ["ORDER"]})
        await house.update("orders", 1, number="a")
        events = await subscriber.events(1)
        await house.update("customers", 1, city="Köln")
        events += await subscriber.events(1)
        await house.delete("orders", 1)
        events += await subscriber.events(1)
        told = without_cursor(events)
        assert without_cursor(await orders.events(2)) == [told[0], told[2]]
    assert told == [
        {
            "data": {
                "changes": {
                    "__typename": "OrderChange",
                    "kind": "UPDATED",
                    "again": {"id": "Order:1"},
                    "node": {"number": "a", "customer": {"name": "Müller"}},
                }
            }
        },
        {
            "data": {
                "changes": {
                    "__typename": "CustomerChange",
                    "kind": "UPDATED",
                    "again": {"id": "Customer:1"},
                    "node": {"city": "Köln"},
                }
            }
        },
        {"data": {"changes": {"__typename": "OrderChange", "kind": "DELETED", "again": None, "node": None}}},
    ]


async def test_the_cursor_can_be_selected() -> None:
    async with opened() as house:
        subscriber = await house.subscribe("subscription { orderChanged { cursor at: cursor } }")
        await house.delete("orders", 1)
        (event,) = await subscriber.events(1)
    cursor = event["extensions"]["cursor"]
    assert event == {"data": {"orderChanged": {"cursor": cursor, "at": cursor}}, "extensions": {"cursor": cursor}}


@pytest.mark.parametrize(
    ("document", "variables", "message", "path"),
    [
        pytest.param(
            KINDS,
            {"filter": {"lines": {"some": {"quantity": {"gt": 1}}}}},
            "Conditions on related rows cannot be followed: their own changes would go unnoticed. "
            "Filter by the row's own fields, such as the id of what it belongs to.",
            ["orderChanged"],
            id="relation",
        ),
        pytest.param(
            "subscription { changes(entities: []) { kind } }",
            None,
            "entities is empty: name some, or leave it out for all.",
            ["changes"],
            id="no entity",
        ),
    ],
)
async def test_arguments_that_make_no_sense(document: str, variables: Any, message: str, path: list[str]) -> None:
    async with opened() as house:
        (error,) = (await house.refused(document, variables))["errors"]
    assert (error["message"], error["path"], error["extensions"]) == (message, path, {"code": "BAD_USER_INPUT"})


async def test_hand_written_subscriptions_stand_beside() -> None:
    async with opened() as house:
        stream = (await house.subscribe("subscription { count(upto: 2) }")).stream
        taken = [await stream.take() for _ in range(3)]
    assert [[(event.json, event.cursor) for event in events] for events in taken] == [
        [(b'{"data":{"count":0}}', None)],
        [(b'{"data":{"count":1}}', None)],
        [],
    ]


async def test_switches_of_the_selection() -> None:
    document = "subscription S($more: Boolean!) { orderChanged { kind node @include(if: $more) { number } } }"
    async with opened() as house:
        with_node = await house.subscribe(document, {"more": True})
        without = await house.subscribe(document, {"more": False})
        await house.delete("orders", 1)
        told = [without_cursor(await each.events(1)) for each in (with_node, without)]
    assert told == [
        [{"data": {"orderChanged": {"kind": "DELETED", "node": None}}}],
        [{"data": {"orderChanged": {"kind": "DELETED"}}}],
    ]
