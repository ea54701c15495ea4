"""Answers that do not keep to the convention."""

from typing import Any
from uuid import UUID

import httpx
import orjson
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from datasources.errors import SourceMisbehaved
from datasources.filters import Order
from datasources.lookup import Lookup
from datasources.rest import Batch, Resource, RestSource
from tests.datasources.dataset import PEOPLE, VALUES
from tests.datasources.rest.serving import opened

pytestmark = pytest.mark.anyio

ALL = Lookup(PEOPLE, ("id", "nick"), limit=2)
COUNTED = Lookup(PEOPLE, ("id",), count=True)
BY_KEY = Lookup(PEOPLE, ("id",), key="manager_id", keys=(1, 2))
WINDOW = Lookup(PEOPLE, ("id",), key="manager_id", keys=(1, 2), limit=1, count=True)

NO_PAGES: list[Any] = [None, [], "items", 7, {}, {"items": []}, {"data": [], "next": None}]
NO_COUNTS: dict[str, dict[str, Any]] = {
    "missing": {},
    "null": {"counts": None},
    "a-list": {"counts": [1]},
    "texts": {"counts": {"1": "2"}},
    "booleans": {"counts": {"1": True}},
}
OTHER_TYPES: dict[str, list[Any]] = {
    "nick": [1, True, ["a"], {}],
    "age": ["1", 1.5, True, []],
    "big": ["x", 1.0, True, "9" * 5000],
    "score": ["1.5", True, {}],
    "active": [1, "true", 0.0],
    "balance": ["much", "NaN", "Infinity", True, []],
    "born": ["2024-13-01", 20240101, "yesterday", True],
    "seen": ["2024-01-01T00:00:00", "0001-01-01T00:00:00+10:00", 1704067200, "soon", []],
    "token": ["xyz", 5, True, []],
}
"""Values that a column cannot hold."""


def source_answering(*answers: Any, **resource: Any) -> RestSource:
    """A source whose service gives one answer after the other, whatever it is asked."""
    remaining = list(answers)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await Response(orjson.dumps(remaining.pop(0)), media_type="application/json")(scope, receive, send)

    resources = {"people": Resource("/people", **resource)}
    return RestSource("scm", "http://scm", resources, transport=httpx.ASGITransport(app))


def page(*items: Any, next: Any = None, **more: Any) -> dict[str, Any]:
    return {"items": list(items), "next": next, **more}


@pytest.mark.parametrize(
    ("lookup", "answer", "message"),
    [
        *(
            pytest.param(ALL, answer, "with something that is no page of items", id=f"{answer!r}"[:20])
            for answer in NO_PAGES
        ),
        pytest.param(ALL, {"items": {}, "next": None}, "with items that are no list", id="items-no-list"),
        pytest.param(ALL, page(1), "with an item that is no object", id="item-a-number"),
        pytest.param(ALL, page([1, "ada"]), "with an item that is no object", id="item-a-list"),
        pytest.param(ALL, page("nick"), "with an item that is no object", id="item-a-string"),
        pytest.param(ALL, page(None), "with an item that is no object", id="item-null"),
        pytest.param(
            ALL, page({"id": 1, "nick": "a"}, {"id": 2}), "with an item that lacks 'nick'", id="column-missing"
        ),
        pytest.param(
            ALL,
            page(*[{"id": 1, "nick": None}] * 3),
            "with more than the 2 items that were asked for",
            id="too-many-items",
        ),
        pytest.param(ALL, page(next=[1]), "with a next page that leads nowhere", id="next-of-an-empty-page"),
        pytest.param(
            ALL, page({"id": 1, "nick": ""}, next=7), "with a next page that leads nowhere", id="next-no-list"
        ),
        pytest.param(
            BY_KEY, page({"id": 1, "manager_id": 9}), "with keys that were not asked for", id="keys-not-asked-for"
        ),
        pytest.param(
            BY_KEY, page({"id": 1, "manager_id": None}), "with keys that were not asked for", id="a-null-for-a-key"
        ),
        pytest.param(
            WINDOW,
            page({"id": 1, "manager_id": 1}, {"id": 2, "manager_id": 1}, counts={"1": 2}),
            "with more than the 1 items of a key that were asked for",
            id="limit-not-per-key",
        ),
        *(
            pytest.param(WINDOW, page(**counts), "without the counts that were asked for", id=f"counts-{id}")
            for id, counts in NO_COUNTS.items()
        ),
        pytest.param(COUNTED, page(counts={}), "without the count that was asked for", id="no-count"),
        pytest.param(WINDOW, page(counts={"9": 1}), "with counts of keys that were not asked for", id="other-counts"),
        *(
            pytest.param(
                Lookup(PEOPLE, (column,)),
                page({column: value}),
                f"with a value of '{column}' that is no {PEOPLE.by_name[column].type}",
                id=f"{column}-{value!r}"[:30],
            )
            for column, values in OTHER_TYPES.items()
            for value in values
        ),
        *(
            pytest.param(
                Lookup(PEOPLE, (column,), wire=frozenset({column})),
                page({column: value}),
                f"with a value of '{column}' that is no {PEOPLE.by_name[column].type}",
                id=f"{column}-{value!r}-written"[:40],
            )
            for column, values in OTHER_TYPES.items()
            for value in values
        ),
    ],
)
async def test_nonsense_is_no_answer(lookup: Lookup, answer: Any, message: str) -> None:
    async with opened(source_answering(answer)) as source:
        with pytest.raises(SourceMisbehaved) as error:
            await source.lookup(lookup)
    assert str(error.value) == f"datasource 'scm' answered 'people' {message}"


async def test_a_page_that_leads_to_itself_is_no_answer() -> None:
    first = page({"id": 1}, next=[1])
    async with opened(source_answering(first, first, page=1)) as source:
        with pytest.raises(SourceMisbehaved, match=r"with a next page that leads nowhere$"):
            await source.lookup(Lookup(PEOPLE, ("id",)))


async def test_follows_pages_while_there_are_any() -> None:
    pages = [page({"id": 3}, next=["c", 3], counts={"": 3}), page({"id": 1}, {"id": 2}, next=["b", 2]), page()]
    async with opened(source_answering(*pages)) as source:
        answer = await source.lookup(Lookup(PEOPLE, ("id",), order=(Order("nick"),), count=True))
    assert (answer.rows, answer.counts) == ([(3,), (1,), (2,)], {None: 3})


async def test_takes_the_forms_that_services_write() -> None:
    """Big integers and decimals as numbers or strings, times in any zone, and columns nobody asked for."""
    item = {
        "big": str(2**62),
        "balance": 0.2,
        "seen": "2024-02-29T14:00:00.5+02:00",
        "token": "FFFFFFFF0000400080000000000000FF",
        "score": 1,
        "more": None,
    }
    columns = ("big", "balance", "seen", "token", "score")
    async with opened(source_answering(page(item))) as source:
        [row] = (await source.lookup(Lookup(PEOPLE, columns))).rows
    assert row == (2**62, VALUES["balance"][1], VALUES["seen"][2], UUID("ffffffff-0000-4000-8000-0000000000ff"), 1.0)
    assert [type(value).__name__ for value in row] == ["int", "Decimal", "datetime", "UUID", "float"]

    wire = frozenset(columns)
    async with opened(source_answering(page(item, {**item, "balance": "1E+2", "big": 7}))) as source:
        rows = (await source.lookup(Lookup(PEOPLE, columns, wire=wire))).rows
    written = (str(2**62), "0.2", "2024-02-29T12:00:00.500000+00:00", "ffffffff-0000-4000-8000-0000000000ff", 1.0)
    assert rows == [written, ("7", "100", *written[2:])]


@pytest.mark.parametrize("batch", [Batch.LIST, Batch.EACH])
async def test_other_keys_of_a_request_are_no_answer(batch: Batch) -> None:
    answers = [page({"id": 1, "manager_id": 3}), page()]
    async with opened(source_answering(*answers, batch=batch)) as source:
        with pytest.raises(SourceMisbehaved, match=r"with keys that were not asked for$"):
            await source.lookup(BY_KEY)
