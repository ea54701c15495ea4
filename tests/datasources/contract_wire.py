"""Values as they stand in JSON, where a lookup wants them so."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from datasources.base import Datasource
from datasources.filters import Compare, Operator, Order
from datasources.lookup import Lookup
from tests.datasources.asking import BY_ID, expect
from tests.datasources.dataset import PEOPLE, RANKS, TAGS, TAGS_OF_PEOPLE, VALUES

WRITTEN: Mapping[str, tuple[Any, Any, Any]] = {
    **VALUES,
    "big": ("-9007199254740993", "9007199254740993", "4611686018427387904"),
    "balance": ("-10.10", "0.20", "9999999999.99"),
    "born": ("1899-12-31", "2000-02-29", "2024-01-01"),
    "seen": ("1969-07-20T20:17:40.000001+00:00", "2024-02-29T12:00:00+00:00", "2024-02-29T12:00:00.500000+00:00"),
    "token": (
        "00000000-0000-4000-8000-000000000001",
        "7fffffff-0000-4000-8000-000000000000",
        "ffffffff-0000-4000-8000-0000000000ff",
    ),
}
"""The dataset's low, middle and high value of each column, in JSON."""

ALL = frozenset(PEOPLE.by_name)
SOME = ("balance", "seen", "born")


def people(columns: tuple[str, ...], ids: tuple[int, ...], wire: frozenset[str] = ALL) -> list[Any]:
    """The rows of people with `ids`."""
    ranks = [RANKS[id] for id in ids]
    values = {column: WRITTEN[column] if column in wire else VALUES[column] for column in columns}
    return [tuple(None if rank is None else values[column][rank] for column in columns) for rank in ranks]


class WireContract:
    @pytest.mark.parametrize("column", WRITTEN)
    async def test_writes_each_type(self, source: Datasource, column: str) -> None:
        lookup = Lookup(PEOPLE, (column,), order=BY_ID, wire=frozenset({column}))
        await expect(source, lookup, people((column,), tuple(RANKS)))

    async def test_writes_what_is_wanted_so(self, source: Datasource) -> None:
        columns, wire = tuple(WRITTEN), frozenset({"balance", "seen", "name", "active"})
        lookup = Lookup(PEOPLE, columns, order=BY_ID, wire=wire)
        await expect(source, lookup, people(columns, tuple(RANKS), wire))

    @pytest.mark.parametrize("column", ["big", "balance", "born", "seen"])
    async def test_orders_values_and_not_what_is_written(self, source: Datasource, column: str) -> None:
        order = (Order(column, descending=True), Order("id"))
        lookup = Lookup(PEOPLE, SOME, order=order, after=(None, 3), limit=3, count=True, wire=ALL)
        await expect(source, lookup, people(SOME, (6, 4, 2)), {None: 7})
        after = replace(lookup, after=(VALUES[column][1], 2), filter=Compare(column, Operator.LT, VALUES[column][2]))
        await expect(source, after, people(SOME, (5, 1, 7)), {None: 4})

    @pytest.mark.parametrize("column", ["age", "big", "born", "seen", "token"])
    @pytest.mark.parametrize("limit", [None, 1])
    async def test_keys_stay_native(self, source: Datasource, column: str, limit: int | None) -> None:
        low, middle, _ = VALUES[column]
        columns = (column, *SOME)
        lookup = Lookup(PEOPLE, columns, column, (low, middle), order=BY_ID, limit=limit, wire=ALL)
        await expect(source, lookup, {low: people(columns, (1, 7)[:limit]), middle: people(columns, (2, 5)[:limit])})

    async def test_writes_the_window_of_each_key(self, source: Datasource) -> None:
        order = (Order("balance", descending=True), Order("id"))
        lookup = Lookup(PEOPLE, SOME, "manager_id", (1, 2), order=order, limit=2, wire=ALL)
        await expect(source, lookup, {1: people(SOME, (3, 2)), 2: people(SOME, (6, 4))})

    async def test_writes_through_a_junction(self, source: Datasource) -> None:
        wire = frozenset(TAGS.by_name)
        lookup = Lookup(TAGS, ("id", "weight"), "person_id", (2,), TAGS_OF_PEOPLE, order=BY_ID, wire=wire)
        await expect(source, lookup, {2: [("zü", 1)]})

    async def test_writes_no_column(self, source: Datasource) -> None:
        await expect(source, Lookup(PEOPLE, (), order=BY_ID, limit=2, wire=ALL), [(), ()])
