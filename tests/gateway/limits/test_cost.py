"""Estimates of operations, the limit for them, and what is told of them on request."""

from collections.abc import Mapping
from typing import Any

import pytest
import strawberry

from gateway.errors import ValidationFailed
from gateway.execution.schema import Schema
from gateway.limits.cost import Estimator
from gateway.limits.errors import CostExceeded
from gateway.operations.documents import DocumentCache
from gateway.settings import HttpSettings, LimitSettings
from resolvers import Cost, ListSize
from tests.gateway.shop import shop_client, shop_graph

SHOP = shop_graph().schema
LIMITS = LimitSettings(page_default=10, page_maximum=100, introspection=True)


def estimate(
    query: str,
    variables: Mapping[str, Any] | None = None,
    schema: strawberry.Schema = SHOP,
    limits: LimitSettings = LIMITS,
) -> int:
    operation = DocumentCache(schema, limits).load(query).operation(None)
    coerced = operation.coerce(variables)
    assert not isinstance(coerced, list)
    return Estimator(limits).check(operation, coerced)


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        pytest.param("{ __typename __schema { types { name } } }", 0, id="the-schema"),
        pytest.param("{ customer(id: 1) { id name } }", 1, id="object"),
        pytest.param("{ customers { nodes { name } } }", 1 + 10, id="page-by-default"),
        pytest.param("{ customers(first: 3) { nodes { name } } }", 1 + 3, id="first"),
        pytest.param("{ customers(last: 3) { edges { cursor node { name } } } }", 1 + 3, id="last-by-edges"),
        pytest.param("{ customers(first: 101) { nodes { name } } }", 1 + 100, id="pages-have-a-maximum"),
        pytest.param("{ customers(first: -1) { nodes { name } } }", 1, id="negative"),
        pytest.param("{ customers { totalCount pageInfo { hasNextPage } } }", 2, id="no-rows"),
        pytest.param(
            "{ customers(first: 3) { nodes { orders(first: 2) { nodes { number } } } } }",
            1 + 3 * (1 + 1 + 2),
            id="nested",
        ),
        pytest.param("{ a: customer(id: 1) { id } b: customer(id: 1) { id } }", 2, id="aliases"),
        pytest.param("{ ...A ...A } fragment A on Query { customer(id: 1) { id } }", 1, id="merged"),
        pytest.param("{ customers(first: 3) @skip(if: true) { nodes { id } } }", 0, id="skipped"),
        pytest.param("{ nodes(ids: [1, 2, 3]) { id } }", 3, id="list-of-ids"),
        pytest.param(
            "{ node(id: 1) { ... on Order { id } ... on Customer { orders(first: 5) { nodes { id } } } } }",
            1 + 1 + 5,
            id="the-most-expensive-type",
        ),
        pytest.param("{ ordersAggregate { count } }", 10, id="aggregate"),
    ],
)
def test_estimates(query: str, cost: int) -> None:
    assert estimate(query) == cost


PAGES = "query ($f: Int, $g: Int = 4) { customers(first: $f) { nodes { orders(first: $g) { nodes { id } } } } }"
SWITCHED = "query ($s: Boolean = true) { customer(id: 1) { id } customers @include(if: $s) { nodes { id } } }"


@pytest.mark.parametrize(
    ("query", "variables", "cost"),
    [
        pytest.param(PAGES, {"f": 3, "g": 2}, 1 + 3 * 4, id="pages"),
        pytest.param(PAGES, {"f": 3}, 1 + 3 * 6, id="by-default"),
        pytest.param(PAGES, {"g": None}, 1 + 10 * 12, id="null"),
        pytest.param("query ($i: [ID!]!) { nodes(ids: $i) { id } }", {"i": ["a", "b"]}, 2, id="length"),
        pytest.param(SWITCHED, {"s": False}, 1, id="switched-off"),
        pytest.param(SWITCHED, {"s": True}, 12, id="switched-on"),
        pytest.param(SWITCHED, {"s": None}, 13, id="switched-by-null"),
    ],
)
def test_variables_decide(query: str, variables: dict[str, Any], cost: int) -> None:
    assert estimate(query, variables) == cost


@strawberry.type(directives=[Cost(weight=3)])
class Report:
    """Dear."""

    name: str


@strawberry.type
class Query:
    """Hand-written."""

    @strawberry.field(directives=[Cost(weight=7)])  # type: ignore[untyped-decorator]
    def number(self) -> int:
        return 1

    @strawberry.field(directives=[ListSize(assumed_size=4)])  # type: ignore[untyped-decorator]
    def reports(self) -> list[Report]:
        return []

    @strawberry.field(directives=[ListSize(slicing_arguments=["limit", "offset"])])  # type: ignore[untyped-decorator]
    def sliced(self, limit: int = 5, offset: int = 2) -> list[Report]:
        return []

    @strawberry.field(directives=[Cost(weight=2)])  # type: ignore[untyped-decorator]
    def dear(self) -> Report:
        return Report(name="")

    @strawberry.field
    def plain(self) -> list[Report]:
        return []


@strawberry.type
class Mutation:
    """Writes."""

    @strawberry.mutation
    def write(self) -> int:
        return 1


HAND_WRITTEN = Schema(Query, Mutation)


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        ("{ number }", 7),
        ("{ reports { name } }", 4 * 3),
        ("{ sliced(limit: 2) { name } }", 2 * 3),
        ("{ dear { name } }", 2),
        ("{ plain { name } }", 10 * 3),
        ("mutation { write again: write }", 20),
    ],
)
def test_hand_written_fields(query: str, cost: int) -> None:
    assert estimate(query, schema=HAND_WRITTEN) == cost


@pytest.mark.parametrize("arguments", ["", "(limit: 1, offset: 2)"], ids=["none", "both"])
def test_one_slicing_argument_may_be_required(arguments: str) -> None:
    with pytest.raises(ValidationFailed) as failure:
        estimate(f"{{ sliced{arguments} {{ name }} }}", schema=HAND_WRITTEN)
    assert str(failure.value) == "sliced takes one of limit, offset, to tell how long its list is."


def test_costs_have_a_limit() -> None:
    limits = LIMITS.model_copy(update={"cost": 11})
    assert estimate("{ customers { nodes { id } } }", limits=limits) == 11
    with pytest.raises(CostExceeded) as failure:
        estimate("{ customers { nodes { id } } customer(id: 1) { id } }", limits=limits)
    assert str(failure.value) == "The operation may cost 12, which is more than 11."


def test_a_cyclic_fan_out_is_refused() -> None:
    query = "{ customers { nodes {" + "orders { nodes { customer {" * 5 + "id" + "} } }" * 5 + "} } }"
    with pytest.raises(CostExceeded):
        estimate(query)


pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("query", "cost"),
    [
        pytest.param("{ customers { nodes { name } } }", (51, 3), id="page"),
        pytest.param("{ customer(id: 1) { name } }", (1, 1), id="object"),
        pytest.param("{ customers(first: 1) { nodes { orders(first: 1) { nodes { id } } } } }", (4, 3), id="nested"),
        pytest.param("{ __typename }", (0, 0), id="nothing"),
    ],
)
async def test_costs_are_told_on_request(query: str, cost: tuple[int, int]) -> None:
    async with shop_client() as client:
        told = await client.post("/graphql", json={"query": query, "extensions": {"cost": True}})
        silent = await client.post("/graphql", json={"query": query})
    assert told.json() == {
        **silent.json(),
        "extensions": {"cost": {"estimated": cost[0], "actual": cost[1], "available": 100_000}},
    }


async def test_costs_and_explanations_go_together() -> None:
    async with shop_client(HttpSettings(explain=True)) as client:
        response = await client.post(
            "/graphql", json={"query": "{ customer(id: 1) { id } }", "extensions": {"cost": True, "explain": True}}
        )
    assert list(response.json()["extensions"]) == ["cost", "explain"]


async def test_the_limit_is_answered_before_a_source_is_asked() -> None:
    async with shop_client(limits=LimitSettings(cost=10)) as client:
        response = await client.post(
            "/graphql",
            json={"query": "{ customers { nodes { id } } }"},
            headers={"accept": "application/graphql-response+json"},
        )
    assert (response.status_code, response.json()) == (
        400,
        {
            "errors": [
                {
                    "message": "The operation may cost 51, which is more than 10.",
                    "extensions": {"code": "COST_EXCEEDED"},
                }
            ]
        },
    )
