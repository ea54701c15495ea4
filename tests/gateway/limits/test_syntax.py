"""Directives, and questions for the schema."""

import pytest

from gateway.settings import LimitSettings
from tests.gateway.limits.documents import code, refusal
from tests.gateway.shop import shop_client


@pytest.mark.parametrize(
    "document",
    [
        "{ __typename @skip(if: false) @include(if: true) }",
        "{ ... @skip(if: false) { __typename @include(if: true) } }",
        "{ ...A @skip(if: false) } fragment A on Query { __typename @include(if: true) }",
    ],
    ids=["field", "inline-fragment", "fragment"],
)
def test_directives_have_a_limit(document: str) -> None:
    assert code(document, directives=2) is None
    assert code(document, directives=1) == "DIRECTIVES_EXCEEDED"


def test_a_flood_of_directives_is_refused() -> None:
    assert refusal("{ __typename " + "@a" * 2000 + "}") == (
        "DIRECTIVES_EXCEEDED",
        "The document has more than 200 directives.",
        [(1, 414)],
    )


@pytest.mark.parametrize("asked", ["__schema { description }", '__type(name: "Query") { name }'])
def test_the_schema_is_told_where_that_is_allowed(asked: str) -> None:
    for document in (f"{{ {asked} }}", f"{{ ...A }} fragment A on Query {{ {asked} }}"):
        assert code(document) == "INTROSPECTION_DISABLED"
        assert code(document, introspection=True) is None


def test_typenames_are_told_anyway() -> None:
    assert code("{ __typename customers { nodes { __typename } } }") is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("suggestions", "rest"), [(False, ""), (True, " Did you mean 'name'?")], ids=["serve", "development"]
)
async def test_errors_suggest_names_where_that_is_allowed(suggestions: bool, rest: str) -> None:
    async with shop_client(limits=LimitSettings(suggestions=suggestions)) as client:
        field = await client.post("/graphql", json={"query": "{ customers { nodes { nam } } }"})
        query = "query ($f: CustomerFilter) { customers(filter: $f) { totalCount } }"
        variable = await client.post("/graphql", json={"query": query, "variables": {"f": {"nam": {}}}})
    assert field.json()["errors"][0]["message"] == f"Cannot query field 'nam' on type 'Customer'.{rest}"
    assert ("Did you mean" in variable.json()["errors"][0]["message"]) is suggestions
