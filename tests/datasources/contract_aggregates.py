"""Figures over rows, groups and keys."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from datasources.base import Datasource
from datasources.filters import EVERYTHING, NOTHING, And, Compare, Exists, Not, Operator, Or
from datasources.lookup import Aggregate, AggregateLookup, Function
from tests.datasources.asking import expect
from tests.datasources.dataset import NUMBERS, PEOPLE, RANKED, TAGS, TAGS_OF_PEOPLE, VALUES

COUNT = Aggregate(Function.COUNT)
OLDEST = Aggregate(Function.MAX, "age")
AGES = Aggregate(Function.SUM, "age")

BY_MANAGER = AggregateLookup(PEOPLE, (COUNT, OLDEST), group_by=("manager_id",))
OF_MANAGERS = AggregateLookup(PEOPLE, (COUNT, OLDEST), key="manager_id", keys=(2, 1, 3, 2, None))


class AggregatesContract:
    @pytest.mark.parametrize("column", [column for column in RANKED if column != "token"])
    async def test_takes_the_least_and_the_greatest(self, source: Datasource, column: str) -> None:
        wanted = (Aggregate(Function.MIN, column), Aggregate(Function.MAX, column), Aggregate(Function.COUNT, column))
        low, _, high = VALUES[column]
        await expect(source, AggregateLookup(PEOPLE, wanted), [(low, high, 5)])

    @pytest.mark.parametrize(
        ("column", "total", "average"),
        [
            ("age", 40, 8.0),
            ("big", 2**62, 2**62 / 5),
            ("score", 1234.0, 246.8),
            ("balance", Decimal("9999999980.19"), 1999999996.038),
        ],
    )
    async def test_sums_and_averages(self, source: Datasource, column: str, total: Any, average: float) -> None:
        await expect(source, AggregateLookup(PEOPLE, (Aggregate(Function.SUM, column),)), [(total,)])
        mean = AggregateLookup(PEOPLE, (Aggregate(Function.AVG, column),))
        if source.capabilities.aggregates:
            [(found,)] = (await source.aggregate(mean)).rows
            assert type(found) is float
            assert found == pytest.approx(average, rel=1e-12)

    async def test_counts_rows_and_values(self, source: Datasource) -> None:
        lookup = AggregateLookup(PEOPLE, (COUNT, Aggregate(Function.COUNT, "age"), Aggregate(Function.COUNT, "data")))
        await expect(source, lookup, [(7, 5, 5)])

    @pytest.mark.parametrize(
        "filter",
        [
            pytest.param(NOTHING, id="nothing"),
            pytest.param(Compare("id", Operator.GT, 99), id="no-row"),
            pytest.param(Compare("age", Operator.IS_NULL, True), id="nulls-alone"),
        ],
    )
    async def test_figures_over_no_value_are_null(self, source: Datasource, filter: Any) -> None:
        functions = (Function.SUM, Function.AVG, Function.MIN, Function.MAX, Function.COUNT)
        wanted = tuple(Aggregate(function, "age") for function in functions)
        await expect(source, AggregateLookup(PEOPLE, wanted, filter=filter), [(None, None, None, None, 0)])

    @pytest.mark.parametrize(
        ("changes", "rows"),
        [
            pytest.param({}, [(1, 3, 0), (2, 2, 42), (None, 2, -1)], id="nulls-last"),
            pytest.param({"limit": 2}, [(1, 3, 0), (2, 2, 42)], id="limit"),
            pytest.param({"limit": 0}, [], id="limit-0"),
            pytest.param(
                {"filter": Compare("id", Operator.GT, 2)}, [(1, 2, 0), (2, 2, 42), (None, 1, -1)], id="filter"
            ),
            pytest.param({"filter": NOTHING}, [], id="nothing"),
            pytest.param(
                {"filter": Exists("id", PEOPLE, "manager_id", EVERYTHING)}, [(1, 1, 0), (None, 1, -1)], id="exists"
            ),
            pytest.param({"having": Compare("count", Operator.GT, 2)}, [(1, 3, 0)], id="having"),
            pytest.param({"having": Compare("max_age", Operator.LT, 0)}, [(None, 2, -1)], id="having-max"),
            pytest.param(
                {"having": Or((Compare("count", Operator.IN, (3, 4)), Not(Compare("max_age", Operator.NE, -1))))},
                [(1, 3, 0), (None, 2, -1)],
                id="having-or",
            ),
            pytest.param(
                {"having": And((Compare("count", Operator.EQ, 2),)), "limit": 1}, [(2, 2, 42)], id="having-and-limit"
            ),
        ],
    )
    async def test_groups(self, source: Datasource, changes: dict[str, Any], rows: list[Any]) -> None:
        await expect(source, replace(BY_MANAGER, **changes), rows)

    async def test_having_compares_nulls(self, source: Datasource) -> None:
        lookup = AggregateLookup(PEOPLE, (OLDEST,), group_by=("id",))
        await expect(source, replace(lookup, having=Compare("max_age", Operator.IS_NULL, True)), [(3, None), (6, None)])
        missing = replace(lookup, having=Not(Compare("max_age", Operator.LTE, 0)))
        await expect(source, missing, [(3, None), (4, 42), (6, None)])

    @pytest.mark.parametrize("column", [column for column in RANKED if column not in ("score", "balance")])
    async def test_groups_by_every_type(self, source: Datasource, column: str) -> None:
        low, middle, high = VALUES[column]
        lookup = AggregateLookup(PEOPLE, (COUNT,), group_by=(column,))
        await expect(source, lookup, [(low, 2), (middle, 2), (high, 1), (None, 2)])

    async def test_groups_by_two(self, source: Datasource) -> None:
        lookup = AggregateLookup(PEOPLE, (COUNT, AGES), group_by=("active", "manager_id"))
        expected = [(False, None, 2, -2), (True, 1, 2, 0), (True, 2, 1, 42), (None, 1, 1, None), (None, 2, 1, None)]
        await expect(source, lookup, expected)

    async def test_groups_without_figures(self, source: Datasource) -> None:
        await expect(source, AggregateLookup(PEOPLE, (), group_by=("manager_id",)), [(1,), (2,), (None,)])

    @pytest.mark.parametrize(
        ("changes", "rows"),
        [
            pytest.param({}, {1: [(3, 0)], 2: [(2, 42)]}, id="all"),
            pytest.param({"keys": ()}, {}, id="no-keys"),
            pytest.param({"keys": (99, None)}, {}, id="unknown-keys"),
            pytest.param({"filter": Compare("id", Operator.GT, 5)}, {2: [(1, None)]}, id="filter"),
            pytest.param({"having": Compare("count", Operator.GT, 2)}, {1: [(3, 0)]}, id="having"),
            pytest.param(
                {"group_by": ("active",)},
                {1: [(True, 2, 0), (None, 1, None)], 2: [(True, 1, 42), (None, 1, None)]},
                id="grouped",
            ),
        ],
    )
    async def test_figures_by_key(self, source: Datasource, changes: dict[str, Any], rows: dict[Any, Any]) -> None:
        await expect(source, replace(OF_MANAGERS, **changes), rows)

    async def test_limits_the_groups_of_all_keys(self, source: Datasource) -> None:
        if source.capabilities.aggregates:
            answer = await source.aggregate(replace(OF_MANAGERS, group_by=("id",), limit=3))
            assert len(answer.rows) == 3

    async def test_figures_through_a_junction(self, source: Datasource) -> None:
        lookup = AggregateLookup(
            TAGS,
            (COUNT, Aggregate(Function.SUM, "weight"), Aggregate(Function.MIN, "label")),
            key="person_id",
            keys=(1, 4, 3, 5),
            through=TAGS_OF_PEOPLE,
        )
        await expect(source, lookup, {1: [(2, 4, "comma")], 4: [(3, 6, "comma")], 5: [(1, 2, None)]})

    async def test_figures_of_5000_keys(self, source: Datasource) -> None:
        keys = tuple(range(1000, 6000))
        lookup = AggregateLookup(NUMBERS, (COUNT, Aggregate(Function.SUM, "bucket")), key="id", keys=keys)
        await expect(source, lookup, {key: [(1, key % 10)] for key in range(1000, 5501)})
