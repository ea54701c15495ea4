"""Transactions of writes at random, on few keys and few values, so that they often meet."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from datasources.lookup import Row
from datasources.write import Delete, Insert, Update, Write
from tests.datasources.written import PAPERS, TEAMS

VALUES: dict[str, SearchStrategy[Any]] = {
    "id": st.integers(1, 4),
    "number": st.sampled_from("abcd"),
    "team_id": st.sampled_from([None, 1, 2, 9]),
    "shelf": st.sampled_from([None, 1, 2]),
    "total": st.sampled_from([None, Decimal("-1.00"), Decimal("0.00"), Decimal("5.50")]),
    "status": st.sampled_from(["new", "sent", None]),
}
UNORDERED = ("total", "status")
"""Columns that many rows may be updated in, in any order, with the same outcome."""
RETURNING = ("number", "total", "version")


def transactions() -> SearchStrategy[list[list[Write]]]:
    teams = st.sampled_from([(1,), (2,), (1, 2)])
    writes = st.one_of(
        _inserts(),
        _inserts(),
        _updates(),
        _deletes(),
        teams.map(lambda keys: Insert(TEAMS, ("id", "name"), tuple((key, f"t{key}") for key in keys))),
        teams.map(lambda keys: Delete(TEAMS, keys)),
    )
    return st.lists(st.lists(writes, min_size=1, max_size=3), min_size=1, max_size=5)


@st.composite
def _inserts(draw: st.DrawFn) -> Insert:
    others = draw(st.lists(st.sampled_from(["team_id", "shelf", "total", "status"]), unique=True))
    columns = ("id", "number", *others)
    conflicts = [(), ("number",), ("id",)] + ([("shelf", "team_id")] if {"team_id", "shelf"} <= set(others) else [])
    conflict = draw(st.sampled_from(conflicts))
    update = draw(st.lists(st.sampled_from(columns[1:]), unique=True)) if conflict else []
    version = draw(st.sampled_from([None, "version"])) if conflict else None
    rows = draw(st.lists(_rows(columns), max_size=3))
    return Insert(PAPERS, columns, tuple(rows), RETURNING, conflict=conflict, update=tuple(update), version=version)


@st.composite
def _updates(draw: st.DrawFn) -> Update:
    keys = draw(st.lists(VALUES["id"], unique=True, max_size=3))
    known = [name for name in VALUES if name != "id"] if len(keys) == 1 else UNORDERED
    columns = tuple(draw(st.lists(st.sampled_from(known), unique=True)))
    rows = tuple((key, *draw(_rows(columns))) for key in keys)
    version, expected = draw(_versions(len(keys)))
    return Update(PAPERS, columns, rows, RETURNING, version=version, expected=expected)


@st.composite
def _deletes(draw: st.DrawFn) -> Delete:
    keys = draw(st.lists(VALUES["id"], unique=True, max_size=3))
    version, expected = draw(_versions(len(keys)))
    return Delete(PAPERS, tuple(keys), RETURNING, version=version, expected=expected)


def _rows(columns: tuple[str, ...]) -> SearchStrategy[Row]:
    return st.tuples(*(VALUES[column] for column in columns))


@st.composite
def _versions(draw: st.DrawFn, count: int) -> tuple[str | None, tuple[int, ...]]:
    if draw(st.booleans()):
        return None, ()
    expected = draw(st.lists(st.integers(1, 2), min_size=count, max_size=count)) if draw(st.booleans()) else []
    return "version", tuple(expected)
