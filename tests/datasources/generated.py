"""Lookups of the dataset at random, within a source's capabilities."""

from functools import cache
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from datasources.base import Capabilities
from datasources.filters import And, Compare, Exists, Filter, Not, Operator, Or, Order
from datasources.lookup import Aggregate, AggregateLookup, Collection, ColumnType, Function, Lookup
from tests.datasources.dataset import PEOPLE, ROWS, TAGGINGS, TAGS, TAGS_OF_PEOPLE

UNORDERED = ("name", "data")
"""Sources may order strings each in their own way, and JSON not at all."""
EQUALITY = {Operator.EQ, Operator.NE, Operator.IN, Operator.NOT_IN}
RANGE = {Operator.LT, Operator.LTE, Operator.GT, Operator.GTE}
TEXTS = st.sampled_from(["", "a", "A", "da", "É", "лод", "анн", "%", "_", "\\", "'", "lodie", 'x"', "ß"])

LINKS = (
    (PEOPLE, "id", PEOPLE, "manager_id"),
    (PEOPLE, "manager_id", PEOPLE, "id"),
    (PEOPLE, "id", TAGGINGS, "person_id"),
    (TAGGINGS, "tag_id", TAGS, "id"),
    (TAGGINGS, "person_id", PEOPLE, "id"),
    (TAGS, "id", TAGGINGS, "tag_id"),
)
"""Columns that `Exists` may follow."""


def lookups(capabilities: Capabilities) -> SearchStrategy[Lookup | AggregateLookup]:
    reads = _reads(capabilities)
    return st.one_of(reads, _aggregates(capabilities)) if capabilities.aggregates else reads


@st.composite
def _reads(draw: st.DrawFn, capabilities: Capabilities) -> Lookup:
    key, keys, through = draw(_keys(capabilities))
    collection = PEOPLE if through is None else TAGS
    order = draw(_orders(collection, capabilities))
    windowed = key is None or capabilities.window
    positions = st.tuples(*(_values(collection, term.column, null=True) for term in order))
    columns = tuple(draw(st.lists(st.sampled_from(list(collection.by_name)), unique=True)))
    return Lookup(
        collection,
        columns,
        key,
        keys,
        through,
        draw(filters(collection, capabilities)),
        order,
        draw(st.none() | positions) if windowed else None,
        draw(st.none() | st.integers(0, 4)) if windowed else None,
        draw(st.booleans()) and capabilities.count,
        frozenset(draw(st.lists(st.sampled_from(columns)))) if columns else frozenset(),
    )


@st.composite
def _aggregates(draw: st.DrawFn, capabilities: Capabilities) -> AggregateLookup:
    key, keys, through = draw(_keys(capabilities))
    collection = PEOPLE if through is None else TAGS
    numbers = ("age", "big", "balance") if through is None else ("weight",)
    figure = st.builds(Aggregate, st.sampled_from(Function), st.sampled_from(numbers))
    # floats of other engines differ in the last digits
    exact = figure.filter(lambda each: each.function is not Function.AVG) | st.just(Aggregate(Function.COUNT))
    groups = ("manager_id", "active", "nick", "age", "born") if through is None else ("label",)
    wanted = draw(st.lists(exact, unique=True, min_size=1))
    having = draw(
        st.none() | st.tuples(st.sampled_from([each.name for each in wanted]), st.sampled_from(sorted(RANGE)))
    )
    return AggregateLookup(
        collection,
        tuple(wanted),
        tuple(draw(st.lists(st.sampled_from(groups), unique=True, max_size=2))),
        key,
        keys,
        through,
        draw(filters(collection, capabilities)),
        And(()) if having is None else Compare(having[0], Operator(having[1]), draw(st.integers(-1, 3))),
        draw(st.none() | st.integers(0, 4)) if key is None else None,
    )


@st.composite
def _keys(draw: st.DrawFn, capabilities: Capabilities) -> Any:
    """A key, keys and a junction for them, or none of these."""
    columns = ("id", "manager_id", "age", "nick", "born", "token", "name")
    key = draw(st.none() | st.sampled_from((*columns, "person_id") if capabilities.through else columns))
    if key is None:
        return None, (), None
    through = TAGS_OF_PEOPLE if key == "person_id" else None
    values = _values(TAGGINGS if through else PEOPLE, key, null=True)
    return key, tuple(draw(st.lists(values, max_size=6))), through


@st.composite
def _orders(draw: st.DrawFn, collection: Collection, capabilities: Capabilities) -> tuple[Order, ...]:
    columns = [name for name in collection.by_name if name not in UNORDERED]
    nulls = st.none() | st.booleans() if capabilities.null_order else st.none()
    order = draw(
        st.lists(
            st.builds(Order, st.sampled_from(columns), st.booleans(), nulls),
            unique_by=lambda term: term.column,
            max_size=3,
        )
    )
    return tuple(order) if any(term.column == "id" for term in order) else (*order, Order("id", draw(st.booleans())))


@cache
def filters(collection: Collection, capabilities: Capabilities, depth: int = 3) -> SearchStrategy[Filter]:
    leaves = st.one_of(*(_comparisons(collection, name, capabilities) for name in collection.by_name))
    if depth == 0:
        return leaves
    inner = st.deferred(lambda: filters(collection, capabilities, depth - 1))
    some = st.lists(inner, max_size=3).map(tuple)
    choices: list[SearchStrategy[Filter]] = [leaves, st.builds(And, some)]
    if capabilities.combine:
        choices += [st.builds(Or, some), st.builds(Not, inner)]
    if capabilities.exists:
        choices += [
            st.builds(Exists, st.just(local), st.just(other), st.just(column), filters(other, capabilities, depth - 1))
            for of, local, other, column in LINKS
            if of is collection
        ]
    return st.one_of(choices)


@st.composite
def _comparisons(draw: st.DrawFn, collection: Collection, column: str, capabilities: Capabilities) -> Compare:
    column_type = collection.by_name[column].type
    known = {Operator.IS_NULL} if column_type is ColumnType.JSON else {Operator.IS_NULL, *EQUALITY}
    if column not in UNORDERED and column_type is not ColumnType.BOOLEAN:
        known |= RANGE
    if column_type is ColumnType.STRING:
        known |= set(Operator) - RANGE
    operator = draw(st.sampled_from(sorted(known & capabilities.operators)))
    if operator is Operator.IS_NULL:
        return Compare(column, operator, draw(st.booleans()))
    if operator in (Operator.IN, Operator.NOT_IN):
        return Compare(column, operator, tuple(draw(st.lists(_values(collection, column), max_size=4))))
    if operator in EQUALITY | RANGE:
        return Compare(column, operator, draw(_values(collection, column, null=True)))
    return Compare(column, operator, draw(st.none() | TEXTS))


@cache
def _values(collection: Collection, column: str, *, null: bool = False) -> SearchStrategy[Any]:
    """Values of the column, and such as it might have."""
    if collection.by_name[column].type is ColumnType.INTEGER:
        found = st.integers(-2, 9)
    else:
        found = st.sampled_from([row[column] for row in ROWS[collection.name] if row[column] is not None])
    return st.none() | found if null else found
