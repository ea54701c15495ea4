"""`sync`: a copy that is exact once there is nothing more to read, in both engines."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from resolvers.scalars import SCALARS
from tests.gateway.subscriptions.watched import House, Query, Subscription, opened, order

pytestmark = pytest.mark.anyio

SYNC = """
query Sync($since: String, $entities: [WatchedEntity!], $first: Int) {
  sync(since: $since, entities: $entities, first: $first) {
    __typename
    tombstones { entity id }
    hasMore
    upserts { __typename id ... on Order { number total customer { name } } ... on Customer { name } }
    ids: upserts { id }
    cursor
  }
}
"""
Ask = Callable[..., Awaitable[Any]]


def planned(house: House) -> Ask:
    async def ask(document: str = SYNC, **variables: Any) -> Any:
        return await house.query(document, variables)

    return ask


STANDARD = strawberry.Schema(Query, subscription=Subscription, config=StrawberryConfig(scalar_map=SCALARS))


def standard(house: House) -> Ask:
    async def ask(document: str = SYNC, **variables: Any) -> Any:
        result = await STANDARD.execute(document, variables, context_value=house.make_context())
        answer: dict[str, Any] = {"data": result.data}
        return {"errors": [str(error) for error in result.errors], **answer} if result.errors else answer

    return ask


both = pytest.mark.parametrize("engine", [planned, standard], ids=["planned", "standard"])


@both
async def test_everything_then_what_has_changed(engine: Callable[[House], Ask]) -> None:
    async with opened() as house:
        ask = engine(house)
        first = (await ask())["data"]["sync"]
        cursor = first.pop("cursor")
        customers = [
            {"__typename": "Customer", "id": "Customer:1", "name": "Müller"},
            {"__typename": "Customer", "id": "Customer:2", "name": "Lefèvre"},
        ]
        names = {1: "Müller", 2: "Lefèvre", 3: "Müller"}
        orders = [
            {
                "__typename": "Order",
                "id": f"Order:{n}",
                "number": f"SO-{n}",
                "total": "10.50",
                "customer": {"name": name},
            }
            for n, name in names.items()
        ]
        ids = [{"id": each["id"]} for each in customers + orders]
        assert first == {
            "__typename": "Sync",
            "tombstones": [],
            "hasMore": True,
            "upserts": customers + orders,
            "ids": ids,
        }
        assert list(first) == ["__typename", "tombstones", "hasMore", "upserts", "ids"]

        await house.update("orders", 1, number="once")
        await house.update("customers", 1, name="Meyer")
        await house.update("orders", 1, number="twice")
        await house.insert("orders", order(9))
        await house.delete("orders", 9, 3)
        then = (await ask(since=cursor))["data"]["sync"]
        cursor = then.pop("cursor")
        changed = [
            {"__typename": "Customer", "id": "Customer:1", "name": "Meyer"},
            {**orders[0], "number": "twice", "customer": {"name": "Meyer"}},
        ]
        assert then == {
            "__typename": "Sync",
            "tombstones": [{"entity": "ORDER", "id": "Order:9"}, {"entity": "ORDER", "id": "Order:3"}],
            "hasMore": False,
            "upserts": changed,
            "ids": [{"id": "Customer:1"}, {"id": "Order:1"}],
        }
        nothing = (await ask(since=cursor))["data"]["sync"]
        assert (nothing["upserts"], nothing["tombstones"], nothing["hasMore"]) == ([], [], False)


@both
async def test_pages_of_a_snapshot(engine: Callable[[House], Ask]) -> None:
    async with opened() as house:
        ask, cursor, pages = engine(house), None, []
        more = True
        while more:
            page = (await ask(since=cursor, first=2))["data"]["sync"]
            cursor, more = page["cursor"], page["hasMore"]
            pages.append([each["id"] for each in page["ids"]])
    assert pages == [["Customer:1", "Customer:2"], ["Order:1", "Order:2"], ["Order:3"], []]


@both
async def test_some_entities(engine: Callable[[House], Ask]) -> None:
    async with opened() as house:
        ask = engine(house)
        page = (await ask(entities=["CUSTOMER"]))["data"]["sync"]
        assert [each["id"] for each in page["ids"]] == ["Customer:1", "Customer:2"]
        assert "errors" in await ask(since=page["cursor"])
        await house.delete("orders", 1)
        await house.delete("customers", 1)
        page = (await ask(since=page["cursor"], entities=["CUSTOMER"]))["data"]["sync"]
        assert page["tombstones"] == [{"entity": "CUSTOMER", "id": "Customer:1"}]


async def test_rows_of_a_page_are_read_together() -> None:
    async with opened() as house:
        await planned(house)()
        lookups = {name: memory.lookups for name, memory in house.memory.items()}
    assert lookups == {"crm": [("customers", ()), ("customers", (1, 2))], "erp": [("orders", ())]}


async def test_the_cursor_opens_the_subscription_and_back() -> None:
    changes = "subscription { changes { kind key } }"
    async with opened() as house:
        ask = planned(house)
        cursor = (await ask())["data"]["sync"]["cursor"]
        await house.delete("orders", 1)
        subscriber = await house.subscribe(changes, resume_from=cursor)
        await house.delete("orders", 2)
        events = await subscriber.events(2)
        assert [each["data"]["changes"]["key"] for each in events] == ["Order:1", "Order:2"]
        page = (await ask(since=events[0]["extensions"]["cursor"]))["data"]["sync"]
        assert page["tombstones"] == [{"entity": "ORDER", "id": "Order:2"}]


WRONG = [
    pytest.param({"first": 0}, "BAD_USER_INPUT", id="nothing"),
    pytest.param({"first": 501}, "PAGE_SIZE_EXCEEDED", id="too much"),
    pytest.param({"entities": []}, "BAD_USER_INPUT", id="no entity"),
    pytest.param({"since": "nonsense"}, "INVALID_CURSOR", id="no cursor"),
    pytest.param({"since": "first", "entities": ["ORDER"]}, "INVALID_CURSOR", id="other entities midway"),
    pytest.param({"since": "filtered", "entities": ["ORDER"]}, "INVALID_CURSOR", id="of a filter"),
    pytest.param({"since": "expired"}, "CURSOR_EXPIRED", id="expired"),
]


@pytest.mark.parametrize(("variables", "code"), WRONG)
async def test_what_cannot_be_synchronised(variables: dict[str, Any], code: str) -> None:
    async with opened() as house:
        ask = planned(house)
        match variables.get("since"):
            case "first":
                variables = {**variables, "since": (await ask(first=1))["data"]["sync"]["cursor"]}
            case "expired":
                variables = {**variables, "since": (await ask())["data"]["sync"]["cursor"]}
                await house.delete("orders", 1)
                house.memory["erp"].changes.prune(0)
            case "filtered":
                filtered = "subscription { orderChanged(filter: { number: { ne: null } }) { kind } }"
                subscriber = await house.subscribe(filtered)
                await house.delete("orders", 1)
                (event,) = await subscriber.events(1)
                variables = {**variables, "since": event["extensions"]["cursor"]}
        answer = await ask(**variables)
    assert answer["data"] == {"sync": None}
    assert [(error["path"], error["extensions"]["code"]) for error in answer["errors"]] == [(["sync"], code)]


@pytest.mark.parametrize("seed", range(8))
async def test_a_copy_is_exact_whenever_there_is_no_more(seed: int) -> None:
    """Rows are written all the while, also between the pages of the snapshot."""
    rng = random.Random(seed)  # noqa: S311 - the same in every run
    async with opened() as house:
        ask, cursor = planned(house), None
        copy: dict[str, Any] = {}
        next_key = 10
        for _ in range(60):
            for _ in range(rng.randint(0, 3)):
                keys = [row["id"] for row in await _orders(house)]
                match rng.choice(["insert", "update", "delete"]):
                    case "insert":
                        await house.insert("orders", order(next_key))
                        next_key += 1
                    case "update" if keys:
                        await house.update("orders", rng.choice(keys), number=f"n{rng.random()}")
                    case "delete" if keys:
                        await house.delete("orders", rng.choice(keys))
            page = (await ask(since=cursor, first=rng.randint(1, 5)))["data"]["sync"]
            cursor = page["cursor"]
            for tombstone in page["tombstones"]:
                copy.pop(tombstone["id"], None)
            copy |= {row["id"]: row.get("number", row.get("name")) for row in page["upserts"]}
            if not page["hasMore"]:
                expected = {f"Order:{row['id']}": row["number"] for row in await _orders(house)}
                assert copy == {"Customer:1": "Müller", "Customer:2": "Lefèvre", **expected}


async def _orders(house: House) -> list[dict[str, Any]]:
    await asyncio.sleep(0)
    return [dict(row) for row in house.memory["erp"].table("orders").rows]
