"""Which rows a filter selects."""

from typing import Any

import pytest

from datasources.base import Datasource
from datasources.errors import DatasourceError
from datasources.filters import EVERYTHING, NOTHING, And, Compare, Exists, Filter, Not, Operator, Or
from datasources.lookup import Collection, Lookup
from tests.datasources.asking import expect_people
from tests.datasources.dataset import HIGH, LOW, MIDDLE, PEOPLE, RANKED, TAGGINGS, TAGS, VALUES

ALL = [1, 2, 3, 4, 5, 6, 7]

OLD = Compare("age", Operator.EQ, 42)  # 4
YOUNG = Compare("age", Operator.LT, 0)  # 1 and 7
AGELESS = Compare("age", Operator.IS_NULL, True)  # 3 and 6


def compared() -> list[Any]:
    """Comparisons of every column that has ranks, with the ids of those they select."""
    ranks: list[tuple[Operator, Any, list[int]]] = [
        (Operator.EQ, MIDDLE, [2, 5]),
        (Operator.EQ, None, [3, 6]),
        (Operator.NE, MIDDLE, [1, 3, 4, 6, 7]),
        (Operator.NE, None, [1, 2, 4, 5, 7]),
        (Operator.IN, (LOW, HIGH), [1, 4, 7]),
        (Operator.IN, (HIGH, HIGH), [4]),
        (Operator.IN, (), []),
        (Operator.NOT_IN, (LOW, HIGH), [2, 3, 5, 6]),
        (Operator.NOT_IN, (), ALL),
        (Operator.LT, MIDDLE, [1, 7]),
        (Operator.LT, None, []),
        (Operator.LTE, MIDDLE, [1, 2, 5, 7]),
        (Operator.LTE, None, []),
        (Operator.GT, MIDDLE, [4]),
        (Operator.GT, None, []),
        (Operator.GTE, MIDDLE, [2, 4, 5]),
        (Operator.GTE, None, []),
    ]
    return [
        pytest.param(Compare(column, operator, _values(column, rank)), ids, id=f"{column}-{operator}-{rank}")
        for column in RANKED
        for operator, rank, ids in ranks
    ]


def _values(column: str, rank: Any) -> Any:
    if rank is None:
        return None
    return tuple(VALUES[column][each] for each in rank) if isinstance(rank, tuple) else VALUES[column][rank]


def reports(filter: Filter) -> Exists:
    """Someone whom the person manages satisfies `filter`."""
    return Exists("id", PEOPLE, "manager_id", filter)


def manager(filter: Filter) -> Exists:
    """The person's manager satisfies `filter`."""
    return Exists("manager_id", PEOPLE, "id", filter)


def tagged(filter: Filter) -> Exists:
    """One of the person's tags satisfies `filter`."""
    return Exists("id", TAGGINGS, "person_id", Exists("tag_id", TAGS, "id", filter))


class FiltersContract:
    @pytest.mark.parametrize(("filter", "ids"), compared())
    async def test_compares(self, source: Datasource, filter: Filter, ids: list[int]) -> None:
        await expect_people(source, ids, filter)

    @pytest.mark.parametrize(
        ("filter", "ids"),
        [
            pytest.param(Compare("active", Operator.EQ, True), [2, 4, 5], id="true"),
            pytest.param(Compare("active", Operator.EQ, False), [1, 7], id="false"),
            pytest.param(Compare("active", Operator.NE, True), [1, 3, 6, 7], id="not-true"),
            pytest.param(Compare("active", Operator.IN, (True, False)), [1, 2, 4, 5, 7], id="true-or-false"),
            *(
                pytest.param(Compare(column, Operator.IS_NULL, null), ids, id=f"{column}-is-null-{null}".lower())
                for column in (*RANKED, "active", "data")
                for null, ids in ((True, [3, 6]), (False, [1, 2, 4, 5, 7]))
            ),
        ],
    )
    async def test_compares_booleans_and_nulls(self, source: Datasource, filter: Filter, ids: list[int]) -> None:
        await expect_people(source, ids, filter)

    @pytest.mark.parametrize(
        ("operator", "value", "ids"),
        [
            (Operator.EQ, "ada", []),
            (Operator.EQ, "", [6]),
            (Operator.EQ, "100%_\\,'x\"", [5]),
            (Operator.NE, "Жанна", [1, 2, 3, 5, 6, 7]),
            (Operator.IN, ("", "Ada", "élodie"), [1, 2, 6]),
            (Operator.NOT_IN, ("100%_\\,'x\"", "Ada"), [2, 3, 4, 6, 7]),
            (Operator.CONTAINS, "da", [1, 7]),
            (Operator.CONTAINS, "DA", []),
            (Operator.CONTAINS, "É", [3]),
            (Operator.CONTAINS, "%", [5]),
            (Operator.CONTAINS, "_", [5]),
            (Operator.CONTAINS, "\\", [5]),
            (Operator.CONTAINS, "'", [5]),
            (Operator.CONTAINS, "[a-z]", []),
            (Operator.CONTAINS, "*", []),
            (Operator.CONTAINS, "", ALL),
            (Operator.STARTS_WITH, "Ada", [1]),
            (Operator.STARTS_WITH, "100%", [5]),
            (Operator.STARTS_WITH, "1%", []),
            (Operator.STARTS_WITH, "", ALL),
            (Operator.ENDS_WITH, "lodie", [2]),
            (Operator.ENDS_WITH, "_\\,'x\"", [5]),
            (Operator.ENDS_WITH, '%x"', []),
            (Operator.IEQ, "aDA", [1]),
            (Operator.IEQ, "Élodie", [2, 3]),
            (Operator.IEQ, "жАННА", [4]),
            (Operator.IEQ, "%", []),
            (Operator.IEQ, "", [6]),
            (Operator.ICONTAINS, "DA", [1, 7]),
            (Operator.ICONTAINS, "аНн", [4]),
            (Operator.ICONTAINS, "%_", [5]),
            (Operator.ICONTAINS, "\\", [5]),
            (Operator.ISTARTS_WITH, "aDA", [1, 7]),
            (Operator.ISTARTS_WITH, "é", [2, 3]),
            (Operator.ISTARTS_WITH, "_", []),
            (Operator.IENDS_WITH, "LODiE", [2, 3]),
            (Operator.IENDS_WITH, 'X"', [5]),
        ],
    )
    async def test_compares_strings(self, source: Datasource, operator: Operator, value: Any, ids: list[int]) -> None:
        await expect_people(source, ids, Compare("name", operator, value))

    @pytest.mark.parametrize(
        ("operator", "value", "ids"),
        [
            (Operator.CONTAINS, "b", [2, 5]),
            (Operator.IEQ, "BOB", [2, 5]),
            *(
                (operator, None, [])
                for operator in Operator
                if operator.removeprefix("i") in ("contains", "starts_with", "ends_with", "eq")
                and operator is not Operator.EQ
            ),
        ],
    )
    async def test_no_string_is_like_null(
        self, source: Datasource, operator: Operator, value: Any, ids: list[int]
    ) -> None:
        await expect_people(source, ids, Compare("nick", operator, value))
        await expect_people(source, [id for id in ALL if id not in ids], Not(Compare("nick", operator, value)))

    @pytest.mark.parametrize(
        ("filter", "ids"),
        [
            pytest.param(EVERYTHING, ALL, id="everything"),
            pytest.param(NOTHING, [], id="nothing"),
            pytest.param(Not(EVERYTHING), [], id="not-everything"),
            pytest.param(Not(NOTHING), ALL, id="not-nothing"),
            pytest.param(And((YOUNG,)), [1, 7], id="and-of-one"),
            pytest.param(And((YOUNG, Compare("id", Operator.GT, 1))), [7], id="and"),
            pytest.param(And((YOUNG, EVERYTHING, And(()))), [1, 7], id="and-everything"),
            pytest.param(And((YOUNG, NOTHING)), [], id="and-nothing"),
            pytest.param(
                And((Compare("id", Operator.GT, 2), Compare("id", Operator.LTE, 5), Compare("id", Operator.NE, 3))),
                [4, 5],
                id="one-column-thrice",
            ),
            pytest.param(
                And((Compare("id", Operator.IN, (1, 2, 3)), Compare("id", Operator.IN, (3, 2, 9)))),
                [2, 3],
                id="in-both",
            ),
            pytest.param(And((Compare("id", Operator.EQ, 1), Compare("id", Operator.EQ, 2))), [], id="contradiction"),
            pytest.param(
                And((Compare("age", Operator.IS_NULL, True), Compare("age", Operator.EQ, 0))), [], id="null-and-a-value"
            ),
            pytest.param(Or((YOUNG, OLD)), [1, 4, 7], id="or"),
            pytest.param(Or((YOUNG, AGELESS, NOTHING)), [1, 3, 6, 7], id="or-nothing"),
            pytest.param(Or((YOUNG, EVERYTHING)), ALL, id="or-everything"),
            pytest.param(Not(YOUNG), [2, 3, 4, 5, 6], id="not-takes-nulls"),
            pytest.param(Not(Not(YOUNG)), [1, 7], id="not-not"),
            pytest.param(Not(AGELESS), [1, 2, 4, 5, 7], id="not-null"),
            pytest.param(Not(Compare("age", Operator.NE, 42)), [4], id="not-ne"),
            pytest.param(Not(Compare("age", Operator.NOT_IN, (42, 0))), [2, 4, 5], id="not-not-in"),
            pytest.param(Not(Compare("age", Operator.LT, None)), ALL, id="not-of-a-null-comparison"),
            pytest.param(Not(Or((YOUNG, OLD))), [2, 3, 5, 6], id="not-or"),
            pytest.param(Not(And((YOUNG, OLD))), ALL, id="not-and"),
            pytest.param(
                And((Or((YOUNG, OLD)), Not(Compare("id", Operator.IN, (1,))))), [4, 7], id="and-of-or-and-not"
            ),
            pytest.param(Or((And((OLD, NOTHING)), Not(Or((AGELESS, OLD))))), [1, 2, 5, 7], id="deep"),
        ],
    )
    async def test_combines(self, source: Datasource, filter: Filter, ids: list[int]) -> None:
        await expect_people(source, ids, filter)

    @pytest.mark.parametrize(
        ("filter", "ids"),
        [
            pytest.param(reports(EVERYTHING), [1, 2], id="some-row"),
            pytest.param(Not(reports(EVERYTHING)), [3, 4, 5, 6, 7], id="no-row"),
            pytest.param(reports(NOTHING), [], id="nothing"),
            pytest.param(reports(OLD), [2], id="filtered"),
            pytest.param(Not(reports(Not(Compare("age", Operator.GTE, 0)))), [3, 4, 5, 6, 7], id="every-row"),
            pytest.param(manager(YOUNG), [2, 3, 5], id="to-one"),
            pytest.param(Not(manager(YOUNG)), [1, 4, 6, 7], id="not-to-one"),
            pytest.param(And((reports(AGELESS), reports(OLD))), [2], id="two"),
            pytest.param(Or((reports(OLD), OLD)), [2, 4], id="or"),
            pytest.param(reports(reports(OLD)), [1], id="nested"),
            pytest.param(manager(reports(AGELESS)), [2, 3, 4, 5, 6], id="there-and-back"),
            pytest.param(manager(Not(reports(OLD))), [2, 3, 5], id="negated-inside"),
            pytest.param(Not(manager(manager(EVERYTHING))), [1, 2, 3, 5, 7], id="nested-negated"),
            pytest.param(reports(And((OLD, manager(Compare("name", Operator.EQ, "élodie"))))), [2], id="thrice"),
            pytest.param(tagged(EVERYTHING), [1, 2, 4, 5], id="through-a-junction"),
            pytest.param(tagged(Compare("label", Operator.IEQ, "UMLAUT")), [1, 2, 4], id="through-filtered"),
            pytest.param(
                And((tagged(Compare("id", Operator.EQ, "a,b")), Not(tagged(Compare("id", Operator.EQ, "m"))))),
                [1],
                id="through-twice",
            ),
        ],
    )
    async def test_asks_related_rows(self, source: Datasource, filter: Filter, ids: list[int]) -> None:
        await expect_people(source, ids, filter)

    @pytest.mark.parametrize("operator", [Operator.IN, Operator.NOT_IN])
    async def test_takes_5000_values(self, source: Datasource, operator: Operator) -> None:
        ids = ALL if operator is Operator.IN else []
        await expect_people(source, ids, Compare("id", operator, tuple(range(1, 5001))))

    async def test_refuses_related_rows_of_an_unknown_collection(self, source: Datasource) -> None:
        unknown = Collection("unknown", "id", PEOPLE.columns)
        with pytest.raises(DatasourceError):
            await source.lookup(Lookup(PEOPLE, ("id",), filter=Exists("id", unknown, "id", EVERYTHING)))
