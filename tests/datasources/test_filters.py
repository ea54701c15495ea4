"""Positions in an order, and trees of filters."""

import pytest

from datasources.filters import (
    EVERYTHING,
    NOTHING,
    And,
    Compare,
    Exists,
    Filter,
    Not,
    Operator,
    Or,
    Order,
    nodes,
    seek,
)
from tests.datasources.dataset import PEOPLE

IS_A = Compare("a", Operator.EQ, 1)
IS_NULL = Compare("a", Operator.IS_NULL, True)
IS_VALUE = Compare("a", Operator.IS_NULL, False)


@pytest.mark.parametrize(
    ("term", "value", "beyond"),
    [
        pytest.param(Order("a"), 1, Or((Compare("a", Operator.GT, 1), IS_NULL)), id="ascending"),
        pytest.param(Order("a", descending=True), 1, Compare("a", Operator.LT, 1), id="descending"),
        pytest.param(Order("a", nulls_first=True), 1, Compare("a", Operator.GT, 1), id="nulls-first"),
        pytest.param(
            Order("a", descending=True, nulls_first=False),
            1,
            Or((Compare("a", Operator.LT, 1), IS_NULL)),
            id="nulls-last",
        ),
        pytest.param(Order("a", descending=True), None, IS_VALUE, id="a-null-that-comes-first"),
    ],
)
def test_seeks_what_comes_after(term: Order, value: int | None, beyond: Filter) -> None:
    assert seek((term,), (value,)) == Or((And((beyond,)),))


def test_nothing_comes_after_a_null_that_comes_last() -> None:
    assert seek((Order("a"),), (None,)) == NOTHING


def test_seeks_beyond_ties() -> None:
    order = (Order("a", descending=True), Order("b", descending=True))
    assert seek(order, (1, 2)) == Or((And((Compare("a", Operator.LT, 1),)), And((IS_A, Compare("b", Operator.LT, 2)))))


def test_a_position_has_a_value_for_each_term() -> None:
    with pytest.raises(ValueError, match="shorter"):
        seek((Order("a"), Order("b")), (1,))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("nulls_first", [None, False, True])
def test_an_order_reversed_twice_is_the_same(descending: bool, nulls_first: bool | None) -> None:
    order = Order("a", descending, nulls_first)
    assert order.reversed().descending is not descending
    assert order.reversed().puts_nulls_first is not order.puts_nulls_first
    assert order.reversed().reversed() == Order("a", descending, order.puts_nulls_first)


def test_walks_the_whole_tree() -> None:
    exists = Exists("id", PEOPLE, "manager_id", Not(IS_A))
    either = Or((exists, NOTHING))
    tree = And((IS_VALUE, either, EVERYTHING))
    assert list(nodes(tree)) == [tree, IS_VALUE, either, exists, Not(IS_A), IS_A, NOTHING, EVERYTHING]
