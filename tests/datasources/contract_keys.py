"""Rows by key: one window for each, through a junction or not, however many keys."""

from dataclasses import replace
from typing import Any

import pytest

from datasources.base import Datasource
from datasources.filters import Compare, Operator, Order
from datasources.lookup import Lookup
from tests.datasources.asking import BY_ID, expect
from tests.datasources.dataset import (
    HIGH,
    LOW,
    MIDDLE,
    NAMES,
    NUMBERS,
    PEOPLE,
    PEOPLE_OF_TAGS,
    TAGS,
    TAGS_OF_PEOPLE,
    VALUES,
)

REPORTS = Lookup(PEOPLE, ("id",), key="manager_id", keys=(1, 2, 3, 99), order=BY_ID)


class KeysContract:
    @pytest.fixture
    def many(self) -> range:
        """So many keys that drivers and URLs cannot take them at once."""
        return range(1000, 6000)

    async def test_answers_keys_before_the_columns(self, source: Datasource) -> None:
        lookup = Lookup(PEOPLE, ("id", "name"), key="id", keys=(2, 7))
        answer = await source.lookup(lookup)
        assert answer.columns == ("id", "name")
        assert sorted(answer.rows) == [(2, 2, "élodie"), (7, 7, "ada lovelace")]

    async def test_answers_keys_alone(self, source: Datasource) -> None:
        answer = await source.lookup(Lookup(PEOPLE, (), key="manager_id", keys=(1, 2)))
        assert sorted(answer.rows) == [(1,), (1,), (1,), (2,), (2,)]

    @pytest.mark.parametrize("column", ["nick", "age", "big", "born", "seen", "token"])
    async def test_finds_by_keys_of_every_type(self, source: Datasource, column: str) -> None:
        values = VALUES[column]
        keys = (values[MIDDLE], values[LOW], values[HIGH])
        lookup = Lookup(PEOPLE, ("id",), key=column, keys=keys, order=BY_ID)
        people = {values[LOW]: [(1,), (7,)], values[MIDDLE]: [(2,), (5,)], values[HIGH]: [(4,)]}
        await expect(source, lookup, people)
        counts = {key: len(rows) for key, rows in people.items()}
        first = {key: rows[:1] for key, rows in people.items()}
        await expect(source, replace(lookup, limit=1, count=True), first, counts)

    @pytest.mark.parametrize("limit", [None, 1])
    async def test_finds_by_keys_that_need_quoting(self, source: Datasource, limit: int | None) -> None:
        expected = {name: [(id,)] for id, name in NAMES.items()}
        lookup = Lookup(PEOPLE, ("id",), key="name", keys=tuple(expected), order=BY_ID, limit=limit)
        await expect(source, lookup, expected)
        for name in expected:
            await expect(source, replace(lookup, keys=(name,)), {name: expected[name]})

    @pytest.mark.parametrize(
        ("keys", "expected"),
        [
            pytest.param((), {}, id="no-keys"),
            pytest.param((99,), {}, id="unknown-key"),
            pytest.param((None,), {}, id="null"),
            pytest.param((2, None, 2, 99, 2), {2: [(4,), (6,)]}, id="repeated"),
        ],
    )
    async def test_a_key_counts_once_and_null_is_nobodys(
        self, source: Datasource, keys: tuple[Any, ...], expected: dict[Any, list[Any]]
    ) -> None:
        lookup = replace(REPORTS, keys=keys)
        await expect(source, lookup, expected)
        counts = {key: len(rows) for key, rows in expected.items()}
        await expect(source, replace(lookup, count=True), expected, counts)
        first = {key: rows[:1] for key, rows in expected.items()}
        await expect(source, replace(lookup, limit=1, count=True), first, counts)

    @pytest.mark.parametrize(
        ("changes", "expected"),
        [
            pytest.param({}, {1: [2, 3, 5], 2: [4, 6]}, id="all"),
            pytest.param({"limit": 2}, {1: [2, 3], 2: [4, 6]}, id="limit"),
            pytest.param({"limit": 0}, {}, id="limit-0"),
            pytest.param(
                {"order": (Order("age", descending=True), Order("id"))}, {1: [3, 2, 5], 2: [6, 4]}, id="order"
            ),
            pytest.param({"after": (3,)}, {1: [5], 2: [4, 6]}, id="after"),
            pytest.param({"after": (3,), "limit": 1}, {1: [5], 2: [4]}, id="after-and-limit"),
            pytest.param(
                {"order": (Order("age"), Order("id")), "after": (0, 2), "limit": 2}, {1: [5, 3], 2: [4, 6]}, id="window"
            ),
            pytest.param(
                {"order": (Order("age", descending=True), Order("id")), "after": (None, 3), "limit": 2},
                {1: [2, 5], 2: [6, 4]},
                id="after-null",
            ),
        ],
    )
    async def test_answers_each_key_its_own_window(
        self, source: Datasource, changes: dict[str, Any], expected: dict[int, list[int]]
    ) -> None:
        rows = {key: [(id,) for id in ids] for key, ids in expected.items()}
        await expect(source, replace(REPORTS, **changes), rows)
        await expect(source, replace(REPORTS, **changes, count=True), rows, {1: 3, 2: 2})

    async def test_filters_before_it_limits_and_counts(self, source: Datasource) -> None:
        lookup = replace(REPORTS, filter=Compare("id", Operator.GT, 2), limit=1, count=True)
        await expect(source, lookup, {1: [(3,)], 2: [(4,)]}, {1: 2, 2: 2})

    @pytest.mark.parametrize(
        ("changes", "expected", "counts"),
        [
            pytest.param({}, {1: ["a,b", "zü"], 2: ["zü"], 4: ["a,b", "m", "zü"]}, {1: 2, 2: 1, 4: 3}, id="all"),
            pytest.param({"limit": 1}, {1: ["a,b"], 2: ["zü"], 4: ["a,b"]}, {1: 2, 2: 1, 4: 3}, id="limit"),
            pytest.param({"limit": 0}, {}, {1: 2, 2: 1, 4: 3}, id="limit-0"),
            pytest.param(
                {"order": (Order("weight"),), "after": (1,), "limit": 1},
                {1: ["a,b"], 4: ["m"]},
                {1: 2, 2: 1, 4: 3},
                id="window",
            ),
            pytest.param(
                {"filter": Compare("weight", Operator.LTE, 2)},
                {1: ["zü"], 2: ["zü"], 4: ["m", "zü"]},
                {1: 1, 2: 1, 4: 2},
                id="filter",
            ),
        ],
    )
    async def test_finds_through_a_junction(
        self, source: Datasource, changes: dict[str, Any], expected: dict[int, list[str]], counts: dict[int, int]
    ) -> None:
        keys = (1, 2, 3, 4, 99, 1, None)
        lookup = Lookup(TAGS, ("id",), key="person_id", keys=keys, through=TAGS_OF_PEOPLE, order=BY_ID)
        rows = {key: [(id,) for id in ids] for key, ids in expected.items()}
        await expect(source, replace(lookup, **changes), rows)
        await expect(source, replace(lookup, **changes, count=True), rows, counts)

    async def test_finds_through_a_junction_backwards(self, source: Datasource) -> None:
        lookup = Lookup(PEOPLE, ("id",), key="tag_id", keys=("zü", "m", "unused"), through=PEOPLE_OF_TAGS, order=BY_ID)
        await expect(source, lookup, {"zü": [(1,), (2,), (4,)], "m": [(4,), (5,)]})

    @pytest.mark.parametrize("limit", [None, 1])
    async def test_answers_many_keys(self, source: Datasource, many: range, limit: int | None) -> None:
        lookup = Lookup(NUMBERS, ("bucket",), key="id", keys=tuple(many), limit=limit, count=True)
        found = {key: [(key % 10,)] for key in many if key <= 5500}
        await expect(source, lookup, found, dict.fromkeys(found, 1))

    async def test_answers_many_rows_of_few_keys(self, source: Datasource) -> None:
        lookup = Lookup(NUMBERS, ("id",), key="bucket", keys=(0, 7), order=BY_ID, count=True)
        rows = {0: [(id,) for id in range(10, 5501, 10)], 7: [(id,) for id in range(7, 5501, 10)]}
        await expect(source, lookup, rows, {0: 550, 7: 550})
