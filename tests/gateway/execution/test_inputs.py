"""Values of input types are coerced as graphql-core does, or left to it."""

from typing import Any

import pytest
from graphql import Undefined, build_schema
from graphql.utilities import coerce_input_value
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.execution.inputs import coercer

SCHEMA = build_schema(
    """
    scalar Any
    enum Color { RED GREEN }
    input Choice @oneOf { a: Int b: String }
    input Tree {
      name: String! id: ID count: Int = 3 size: Float! ok: Boolean = null color: Color = GREEN
      any: Any children: [Tree!] names: [String] matrix: [[Int!]!] choice: Choice
    }
    type Query { a(tree: Tree): Int }
    """
)
TREE: Any = SCHEMA.type_map["Tree"]

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.floats(allow_nan=True),
    st.sampled_from(["RED", "BLUE", "a", ""]),
)
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner))


def trees() -> st.SearchStrategy[Any]:
    members: dict[str, st.SearchStrategy[Any]] = {
        "name": st.just("n") | LEAVES,
        "id": st.just("1") | LEAVES,
        "count": st.integers(0, 5) | LEAVES,
        "ok": st.booleans() | LEAVES,
        "color": st.sampled_from(["RED", "GREEN"]) | LEAVES,
        "any": VALUES,
        "names": st.lists(st.just("x") | LEAVES, max_size=2) | LEAVES,
        "matrix": st.lists(st.lists(st.integers(0, 3), max_size=2), max_size=2) | VALUES,
        "choice": st.fixed_dictionaries({}, optional={"a": st.integers(0, 1) | LEAVES, "b": LEAVES}),
        "unknown": LEAVES,
    }
    base = st.fixed_dictionaries({"size": st.just(1.5) | LEAVES}, optional=members)
    return st.recursive(
        base,
        lambda inner: st.builds(
            lambda tree, children: {**tree, "children": children}, base, st.lists(inner, max_size=2)
        ),
        max_leaves=4,
    )


@settings(max_examples=400, deadline=None, derandomize=True)
@given(trees())
def test_values_are_coerced_alike_or_not_at_all(value: Any) -> None:
    expected = coerce_input_value(value, TREE)
    try:
        actual = coercer(TREE)(value, 0)
    except Exception:  # noqa: BLE001 - then graphql-core does it
        return
    assert repr(actual) == repr(expected)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "a", "size": 1.0},
        {"name": "a", "size": 1.5, "children": [{"name": "b", "size": 0.5, "color": "RED", "id": None}]},
        {"name": "a", "size": 2.5, "choice": {"a": 1}, "matrix": [[1], []], "any": {"x": [None]}, "ok": True},
    ],
)
def test_what_is_in_order_is_not_left_to_it(value: Any) -> None:
    assert coercer(TREE)(value, 0) == coerce_input_value(value, TREE)


@pytest.mark.parametrize(
    "value",
    [
        {"name": "a"},
        {"name": "a", "size": float("nan")},
        {"name": "a", "size": 1.0, "choice": {"a": 1, "b": "x"}},
        {"name": "a", "size": 1.0, "choice": {"a": None}},
        {"name": "a", "size": 1.0, "unknown": 1},
        {"name": "a", "size": 1.0, "children": [None]},
    ],
)
def test_what_is_wrong_is_left_to_it(value: Any) -> None:
    with pytest.raises(Exception):  # noqa: B017, PT011 - whatever it is
        coercer(TREE)(value, 0)
    assert coerce_input_value(value, TREE) is Undefined
