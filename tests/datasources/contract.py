"""The tests that every datasource passes: subclass `DatasourceContract` and give it a `source` that holds the dataset.

What a source's capabilities leave out, it must refuse.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from datasources.base import EVERYTHING_CAPABLE, Capabilities, Datasource
from datasources.errors import DatasourceError, SourceRefused
from datasources.filters import Compare, Operator, Order
from datasources.lookup import Aggregate, AggregateLookup, Collection, Column, ColumnType, Function, Lookup
from datasources.memory import MemorySource
from datasources.write import writable
from tests.datasources.asking import BY_ID, ask, by_key, expect
from tests.datasources.contract_aggregates import AggregatesContract
from tests.datasources.contract_filters import FiltersContract
from tests.datasources.contract_keys import KeysContract
from tests.datasources.contract_wire import WireContract
from tests.datasources.dataset import (
    COLLECTIONS,
    NUMBERS,
    PEOPLE,
    RANKED,
    RANKS,
    ROWS,
    TAGS,
    TYPES,
)
from tests.datasources.generated import lookups

ASCENDING, DESCENDING, NULLS = [1, 7, 2, 5, 4], [4, 2, 5, 1, 7], [3, 6]
"""People by the rank of their values, ties by id."""

ALIKE = (
    {ColumnType.INTEGER, ColumnType.BIGINT},
    {ColumnType.FLOAT, ColumnType.DECIMAL, ColumnType.INTEGER, ColumnType.BIGINT},
    {ColumnType.STRING, ColumnType.UUID},
)
"""Types that a source need not tell apart when it describes a collection."""


def orders() -> list[Any]:
    """Each way to order the people, with the ids in that order."""
    return [
        pytest.param(
            (Order(column, descending, nulls_first), Order("id")),
            (NULLS if nulls_first else []) + (DESCENDING if descending else ASCENDING) + ([] if nulls_first else NULLS),
            id=f"{column}-{'desc' if descending else 'asc'}-nulls-{'first' if nulls_first else 'last'}",
        )
        for column in RANKED
        for descending in (False, True)
        for nulls_first in (False, True)
    ]


def answers_like_the_reference(capabilities: Capabilities) -> Callable[..., None]:
    """A test of lookups at random, within `capabilities`."""

    @given(lookup=lookups(capabilities))
    @settings(
        deadline=None,
        suppress_health_check=[
            HealthCheck.differing_executors,  # each source's test class runs it
            HealthCheck.function_scoped_fixture,  # lookups leave a source as it was
            HealthCheck.too_slow,
        ],
    )
    async def test(_contract: object, source: Datasource, lookup: Lookup | AggregateLookup) -> None:
        reference = MemorySource("reference", ROWS, columns=TYPES)
        await reference.open()
        expected = await ask(reference, lookup)
        await expect(source, lookup, expected.rows if lookup.key is None else by_key(expected), expected.counts)

    return test


class DatasourceContract(KeysContract, FiltersContract, AggregatesContract, WireContract):
    async def test_is_healthy(self, source: Datasource) -> None:
        await source.check()

    async def test_has_transactions_if_it_can_be_written(self, source: Datasource) -> None:
        if not source.capabilities.write:
            with pytest.raises(SourceRefused, match=f"^datasource '{source.name}' cannot be written$"):
                writable(source)
            return
        async with writable(source).transaction() as transaction:
            assert (await transaction.lookup(Lookup(PEOPLE, ("id",), limit=0))).rows == []

    @pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=COLLECTIONS)
    async def test_describes_its_collections(self, source: Datasource, collection: Collection) -> None:
        described = await source.describe(collection.name)
        if described is None:
            return
        assert set(described) == set(TYPES[collection.name])
        for column, described_type in described.items():
            declared = TYPES[collection.name][column]
            assert (
                described_type is None
                or described_type is declared
                or any({declared, described_type} <= alike for alike in ALIKE)
            ), column

    async def test_describes_nothing_of_an_unknown_collection(self, source: Datasource) -> None:
        assert await source.describe("unknown") in (None, {})

    @pytest.mark.parametrize("collection", COLLECTIONS.values(), ids=COLLECTIONS)
    async def test_answers_native_values(self, source: Datasource, collection: Collection) -> None:
        columns = tuple(collection.by_name)
        rows = sorted(ROWS[collection.name], key=lambda row: str(row["id"]) if collection is TAGS else int(row["id"]))
        lookup = Lookup(collection, columns, order=BY_ID)
        await expect(source, lookup, [tuple(row[column] for column in columns) for row in rows])

    @pytest.mark.parametrize(
        ("columns", "expected"),
        [
            pytest.param(("name",), [("Ada",), ("élodie",)], id="one"),
            pytest.param(("name", "id"), [("Ada", 1), ("élodie", 2)], id="in-the-order-asked-for"),
            pytest.param((), [(), ()], id="none"),
        ],
    )
    async def test_answers_the_columns_asked_for(
        self, source: Datasource, columns: tuple[str, ...], expected: list[Any]
    ) -> None:
        await expect(source, Lookup(PEOPLE, columns, order=BY_ID, limit=2), expected)

    async def test_answers_all_rows_without_an_order(self, source: Datasource) -> None:
        answer = await source.lookup(Lookup(PEOPLE, ("id",)))
        assert sorted(answer.rows) == [(id,) for id in RANKS]

    @pytest.mark.parametrize(("limit", "ids"), [(0, []), (1, [7]), (2, [7, 6]), (99, [7, 6, 5, 4, 3, 2, 1])])
    async def test_limits(self, source: Datasource, limit: int, ids: list[int]) -> None:
        lookup = Lookup(PEOPLE, ("id",), order=(Order("id", descending=True),), limit=limit)
        await expect(source, lookup, [(id,) for id in ids])

    @pytest.mark.parametrize(("order", "ids"), orders())
    async def test_orders(self, source: Datasource, order: tuple[Order, ...], ids: list[int]) -> None:
        await expect(source, Lookup(PEOPLE, ("id",), order=order), [(id,) for id in ids])

    @pytest.mark.parametrize(
        ("order", "ids"),
        [
            pytest.param(
                (Order("age"), Order("id", descending=True)), [7, 1, 5, 2, 4, 6, 3], id="nulls-last-ascending"
            ),
            pytest.param(
                (Order("age", descending=True), Order("id")), [3, 6, 4, 2, 5, 1, 7], id="nulls-first-descending"
            ),
            pytest.param((Order("active"), Order("id")), [1, 7, 2, 4, 5, 3, 6], id="false-before-true"),
            pytest.param(
                (Order("manager_id"), Order("age", descending=True), Order("id")),
                [3, 2, 5, 6, 4, 1, 7],
                id="three-terms",
            ),
        ],
    )
    async def test_orders_by_default(self, source: Datasource, order: tuple[Order, ...], ids: list[int]) -> None:
        await expect(source, Lookup(PEOPLE, ("id",), order=order), [(id,) for id in ids])

    @pytest.mark.parametrize("limit", [1, 2, 7])
    @pytest.mark.parametrize(("order", "ids"), orders())
    async def test_pages_both_ways(
        self, source: Datasource, order: tuple[Order, ...], ids: list[int], limit: int
    ) -> None:
        for terms, whole in ((order, ids), (tuple(term.reversed() for term in order), ids[::-1])):
            for start in range(0, len(whole), limit):
                after = None if start == 0 else _position(whole[start - 1], terms)
                lookup = Lookup(PEOPLE, ("id",), order=terms, after=after, limit=limit, count=True)
                await expect(source, lookup, [(id,) for id in whole[start : start + limit]], {None: len(whole)})
            last = _position(whole[-1], terms)
            await expect(source, Lookup(PEOPLE, ("id",), order=terms, after=last), [])

    async def test_a_position_need_not_be_a_rows(self, source: Datasource) -> None:
        lookup = Lookup(PEOPLE, ("id",), order=(Order("age"), Order("id")), after=(-1, 99))
        await expect(source, lookup, [(2,), (5,), (4,), (3,), (6,)])

    @pytest.mark.parametrize("limit", [0, 1, None])
    async def test_counts_what_the_filter_selects(self, source: Datasource, limit: int | None) -> None:
        filter = Compare("age", Operator.LTE, 0)
        lookup = Lookup(PEOPLE, ("id",), filter=filter, order=BY_ID, after=(1,), limit=limit, count=True)
        await expect(source, lookup, [(2,), (5,), (7,)][:limit], {None: 4})
        await expect(source, replace(lookup, filter=Compare("id", Operator.GT, 99)), [])

    async def test_answers_50_lookups_at_once(self, source: Datasource) -> None:
        lookups = [
            Lookup(NUMBERS, ("bucket",), key="id", keys=(number, number + 1000), order=BY_ID) for number in range(1, 51)
        ]
        answers = await asyncio.gather(*map(source.lookup, lookups))
        assert [by_key(answer) for answer in answers] == [
            {number: [(number % 10,)], number + 1000: [(number % 10,)]} for number in range(1, 51)
        ]

    test_answers_like_the_reference = answers_like_the_reference(EVERYTHING_CAPABLE)
    """To be replaced where a source is capable of less, or most of the lookups would only be refused."""

    @pytest.mark.parametrize(
        "lookup",
        [
            pytest.param(Lookup(Collection("unknown", "id", PEOPLE.columns), ("id",)), id="collection"),
            *(
                pytest.param(lookup, id=id)
                for collection in [replace(PEOPLE, columns=(*PEOPLE.columns, Column("unknown", ColumnType.STRING)))]
                for id, lookup in {
                    "column": Lookup(collection, ("id", "unknown")),
                    "key": Lookup(collection, ("id",), key="unknown", keys=("a",)),
                    "filter": Lookup(collection, ("id",), filter=Compare("unknown", Operator.EQ, "a")),
                    "order": Lookup(collection, ("id",), order=(Order("unknown"),)),
                    "aggregate": AggregateLookup(collection, (Aggregate(Function.MIN, "unknown"),)),
                    "group": AggregateLookup(collection, (Aggregate(Function.COUNT),), group_by=("unknown",)),
                }.items()
            ),
        ],
    )
    async def test_refuses_the_unknown(self, source: Datasource, lookup: Lookup | AggregateLookup) -> None:
        with pytest.raises(DatasourceError) as error:
            await (source.lookup(lookup) if isinstance(lookup, Lookup) else source.aggregate(lookup))
        assert error.value.source == source.name
        assert "SELECT" not in str(error.value)
        await source.lookup(Lookup(PEOPLE, ("id",)))


def _position(id: int, order: tuple[Order, ...]) -> tuple[Any, ...]:
    row = next(row for row in ROWS["people"] if row["id"] == id)
    return tuple(row[term.column] for term in order)
