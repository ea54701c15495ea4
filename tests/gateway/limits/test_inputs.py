"""Lists that are too long and values too deep, as literals and as variables."""

import re
from typing import Any

import pytest

from gateway.settings import LimitSettings
from tests.gateway.limits.documents import code, refusal
from tests.gateway.shop import shop_client

LISTS = "{ nodes(ids: [%s]) { id } }"
DEEP = "{ customers(filter: {and: [{or: [{name: {eq: 1}}]}]}) { totalCount } }"  # six lists and objects


def test_literal_lists_have_a_length() -> None:
    assert code(LISTS % "1, 2, 3", list_length=3) is None
    assert refusal(LISTS % "1, 2, 3", list_length=2) == (
        "LIST_LENGTH_EXCEEDED",
        "A list has more than 2 values.",
        [(1, 14)],
    )


@pytest.mark.parametrize(
    "document",
    [
        DEEP,
        "query ($f: CustomerFilter = {and: [{or: [{name: {eq: 1}}]}]}) { customers(filter: $f) { totalCount } }",
        "{ __typename @skip(if: {and: [{or: [{name: {eq: 1}}]}]}) }",
    ],
    ids=["argument", "default", "directive"],
)
def test_literals_have_a_depth(document: str) -> None:
    assert code(document, input_depth=6) != "INPUT_DEPTH_EXCEEDED"
    assert code(document, input_depth=5) == "INPUT_DEPTH_EXCEEDED"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param({"and": [{"or": [{"name": {"eq": "x"}}]}]}, None, id="as-deep-as-may-be"),
        pytest.param({"and": [{"or": [{"not": {"name": {"eq": "x"}}}]}]}, "INPUT_DEPTH_EXCEEDED", id="deeper"),
        pytest.param({"name": {"in": ["a", "b", "c"]}}, None, id="as-long-as-may-be"),
        pytest.param({"name": {"in": ["a", "b", "c", "d"]}}, "LIST_LENGTH_EXCEEDED", id="longer"),
    ],
)
async def test_variables_have_the_same_limits(value: dict[str, Any], expected: str | None) -> None:
    query = "query ($f: CustomerFilter) { customers(filter: $f) { totalCount } }"
    async with shop_client(limits=LimitSettings(input_depth=6, list_length=3)) as client:
        response = await client.post(
            "/graphql",
            json={"query": query, "variables": {"f": value}},
            headers={"accept": "application/graphql-response+json"},
        )
    found = response.json()
    if expected is None:
        assert (response.status_code, found) == (200, {"data": {"customers": {"totalCount": 0}}})
    else:
        assert (response.status_code, found["errors"][0]["extensions"]) == (400, {"code": expected})
        assert re.fullmatch(r"A (list|value) has more than \d .*\.", found["errors"][0]["message"])
