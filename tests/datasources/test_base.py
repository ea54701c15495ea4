"""What a lookup requires of a source, and what a source lacks."""

from dataclasses import fields, replace
from typing import Any

import pytest

from datasources.base import EVERYTHING_CAPABLE, Capabilities, required
from datasources.filters import EVERYTHING, NOTHING, And, Compare, Exists, Filter, Not, Operator, Or, Order
from datasources.lookup import Aggregate, AggregateLookup, Function, Lookup
from datasources.nested import Nested, Value
from tests.datasources.dataset import PEOPLE, TAGS, TAGS_OF_PEOPLE

PLAIN = Lookup(PEOPLE, ("id",))
KEYED = Lookup(PEOPLE, ("id",), key="manager_id", keys=(1,))
COUNT = AggregateLookup(PEOPLE, (Aggregate(Function.COUNT),))
IS_ONE = Compare("id", Operator.EQ, 1)
YOUNG = Compare("age", Operator.LT, 0)

BARE = Capabilities(frozenset(), **{field.name: False for field in fields(Capabilities) if field.name != "operators"})


def reading(filter: Filter) -> Lookup:
    return replace(PLAIN, filter=filter)


@pytest.mark.parametrize(
    ("lookup", "needs"),
    [
        pytest.param(PLAIN, [], id="nothing"),
        pytest.param(replace(PLAIN, limit=1), [], id="limit"),
        pytest.param(KEYED, [], id="keys"),
        pytest.param(replace(KEYED, limit=1), ["window"], id="limit-per-key"),
        pytest.param(replace(KEYED, order=(Order("id"),), after=(1,)), ["order", "window"], id="after-per-key"),
        pytest.param(replace(PLAIN, count=True), ["count"], id="count"),
        pytest.param(replace(PLAIN, order=(Order("age", descending=True),)), ["order"], id="order"),
        pytest.param(
            replace(PLAIN, order=(Order("age", nulls_first=True),)), ["order", "null_order"], id="nulls-first"
        ),
        pytest.param(
            replace(PLAIN, order=(Order("age", descending=True, nulls_first=False),)),
            ["order", "null_order"],
            id="nulls-last",
        ),
        pytest.param(replace(PLAIN, order=(Order("id", nulls_first=True),)), ["order"], id="never-null"),
        pytest.param(reading(And((IS_ONE, YOUNG))), ["the operator eq", "the operator lt"], id="and"),
        pytest.param(reading(Or((IS_ONE,))), ["the operator eq", "combine"], id="or"),
        pytest.param(reading(Not(EVERYTHING)), ["combine"], id="not"),
        pytest.param(reading(NOTHING), [], id="nothing-selected"),
        pytest.param(
            reading(Exists("id", PEOPLE, "manager_id", Not(YOUNG))),
            ["the operator lt", "combine", "exists"],
            id="exists",
        ),
        pytest.param(
            Lookup(TAGS, ("id",), key="person_id", keys=(1,), through=TAGS_OF_PEOPLE), ["through"], id="through"
        ),
        pytest.param(COUNT, ["aggregates"], id="aggregate"),
        pytest.param(
            replace(PLAIN, nested=(Nested("reports", "id", KEYED.of(()), (Value("id", "id"),), many=True),)),
            ["nest"],
            id="nested",
        ),
        pytest.param(
            replace(COUNT, filter=IS_ONE, having=Not(Compare("count", Operator.GT, 1)), key="id", limit=1),
            ["the operator eq", "the operator gt", "combine", "aggregates"],
            id="having",
        ),
    ],
)
def test_a_lookup_requires(lookup: Lookup | AggregateLookup, needs: list[Any]) -> None:
    assert required(lookup).beyond(BARE) == needs
    assert required(lookup).beyond(replace(EVERYTHING_CAPABLE, nest=True)) == []


def test_what_is_beyond_a_source() -> None:
    assert EVERYTHING_CAPABLE.beyond(EVERYTHING_CAPABLE) == []
    assert BARE.beyond(EVERYTHING_CAPABLE) == []
    assert EVERYTHING_CAPABLE.beyond(replace(EVERYTHING_CAPABLE, operators=frozenset({*Operator} - {Operator.IN}))) == [
        "the operator in"
    ]
