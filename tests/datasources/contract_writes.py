"""The tests that every writable datasource passes: give `WritesContract` a `source` of empty `written` collections."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, nullcontext
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings

from datasources.base import Datasource
from datasources.errors import (
    CheckViolated,
    ConstraintViolated,
    DatasourceError,
    ForeignKeyViolated,
    NotNullViolated,
    SourceRefused,
    UniqueViolated,
)
from datasources.filters import Compare, Operator, Order
from datasources.lookup import Aggregate, AggregateLookup, Collection, Function, Lookup, Row
from datasources.memory import MemorySource
from datasources.wire import TO_WIRE
from datasources.write import Delete, Insert, Recorded, Transaction, Update, Write, writable
from tests.datasources.generated_writes import transactions
from tests.datasources.written import CONSTRAINTS, KEYS, PAPERS, TEAMS, TYPES, VALUES

BY_ID = (Order("id"),)
PAIRS = Lookup(PAPERS, ("id", "number"), order=BY_ID)


async def write(source: Datasource, *writes: Write) -> list[Row]:
    """The rows of the last of `writes`, in a transaction of their own."""
    rows: list[Row] = []
    async with writable(source).transaction() as transaction:
        for each in writes:
            rows = [tuple(row) for row in (await transaction.write(each)).rows]
    return rows


async def read(source: Datasource | Transaction, lookup: Lookup = PAIRS) -> list[Row]:
    return [tuple(row) for row in (await source.lookup(lookup)).rows]


def papers(*numbers: str, first: int = 1) -> Insert:
    """Papers of these numbers, with ids from `first` on."""
    return Insert(PAPERS, ("id", "number"), tuple(enumerate(numbers, first)))


def teams(*names: str) -> Insert:
    return Insert(TEAMS, ("id", "name"), tuple(enumerate(names, 1)))


@asynccontextmanager
async def violated(error: type[ConstraintViolated], expected: tuple[Any, ...]) -> AsyncIterator[None]:
    """The block raises `error` of (collection, columns, constraint, row); one without a name tells as much."""
    with pytest.raises(ConstraintViolated) as raised:
        yield
    found = raised.value
    assert type(found) is error
    assert (found.collection, found.columns, found.row) == (expected[0], expected[1], expected[3])
    assert found.constraint in (expected[2], None)


async def outcome(source: Datasource, writes: Sequence[Write]) -> list[list[Row]] | type[DatasourceError]:
    """What a transaction returns for each write, or the error that ends it."""
    rows: list[list[Row]] = []
    try:
        async with writable(source).transaction() as transaction:
            for each in writes:
                answer = await transaction.write(each)
                rows.append([tuple(row) for row in answer.rows])
    except ConstraintViolated as error:
        is_many = isinstance(each, Update) and len(each.rows) > 1  # then it depends on their order
        return ConstraintViolated if is_many else type(error)
    except SourceRefused as error:
        return type(error)
    return rows


async def contents(source: Datasource) -> list[list[Row]]:
    return [
        await read(source, Lookup(collection, tuple(collection.by_name), order=BY_ID)) for collection in (TEAMS, PAPERS)
    ]


class WritesContract:
    @given(transactions=transactions())
    @settings(
        deadline=None,
        max_examples=60,
        suppress_health_check=[
            HealthCheck.differing_executors,  # each source's test class runs it
            HealthCheck.function_scoped_fixture,  # it is emptied for each example
            HealthCheck.too_slow,
        ],
    )
    async def test_writes_like_the_reference(self, source: Datasource, transactions: list[list[Write]]) -> None:
        reference = MemorySource("reference", {}, columns=TYPES, constraints=CONSTRAINTS)
        await reference.open()
        for collection in (PAPERS, TEAMS):
            keys = tuple(key for (key,) in await read(source, Lookup(collection, ("id",))))
            await write(source, Delete(collection, keys))
        for writes in transactions:
            assert await outcome(source, writes) == await outcome(reference, writes)
        assert await contents(source) == await contents(reference)

    async def test_inserts_values_of_every_type(self, source: Datasource) -> None:
        columns = tuple(VALUES)
        [(key, *returned)] = await write(source, Insert(PAPERS, columns, (tuple(VALUES.values()),), columns))
        assert dict(zip(columns, returned, strict=True)) == VALUES
        assert [type(value) for value in returned[:4]] == [str, Decimal, int, float]
        assert await read(source, Lookup(PAPERS, columns, key="id", keys=(key,))) == [(key, *VALUES.values())]

    async def test_inserts_nulls_and_defaults(self, source: Datasource) -> None:
        columns = ("number", *(name for name in VALUES if name != "number"))
        empty = ("P-1", *(None for _ in columns[1:]))
        wanted = (*columns, "status", "version", "team_id")
        [(_, *returned)] = await write(source, Insert(PAPERS, columns, (empty,), wanted))
        assert tuple(returned) == (*empty, "draft", 1, None)

    @pytest.mark.parametrize("count", [1, 2, 300])
    async def test_returns_rows_in_their_order(self, source: Datasource, count: int) -> None:
        numbers = [f"P-{(number * 7919) % 1009}" for number in range(count)]
        insert = Insert(PAPERS, ("number",), tuple((number,) for number in numbers), ("number", "status"))
        inserted = await write(source, insert)
        assert [row[1:] for row in inserted] == [(number, "draft") for number in numbers]
        keys = [row[0] for row in inserted][::-1]
        updates = tuple((key, Decimal(number)) for number, key in enumerate(keys))
        updated = await write(source, Update(PAPERS, ("total",), updates, ("total",)))
        assert updated == [(key, Decimal(number)) for number, key in enumerate(keys)]
        assert await write(source, Delete(PAPERS, tuple(keys), ("number",))) == [
            (key, number) for key, number in zip(keys, numbers[::-1], strict=True)
        ]
        assert await read(source) == []

    async def test_makes_keys(self, source: Datasource) -> None:
        first = await write(source, Insert(TEAMS, ("name",), (("a",), ("b",))))
        second = await write(source, Insert(TEAMS, ("name",), (("c",),)))
        keys = [key for (key,) in first + second]
        assert len(set(keys)) == 3
        assert all(type(key) is int for key in keys)
        assert await read(source, Lookup(TEAMS, ("id",), order=(Order("name"),))) == [(key,) for key in keys]

    async def test_keys_may_be_given(self, source: Datasource) -> None:
        key = uuid4()
        assert await write(source, Insert(KEYS, ("id", "label"), ((key, "a"),), ("label",))) == [(key, "a")]
        assert await write(source, Update(KEYS, ("label",), ((key, "b"),), ("label",))) == [(key, "b")]
        assert await write(source, Delete(KEYS, (uuid4(), key))) == [(key,)]

    async def test_inserts_nothing_but_defaults(self, source: Datasource) -> None:
        made = await write(source, Insert(KEYS, (), ((), ()), ("label",)))
        assert [(type(key) is UUID or isinstance(key, UUID), label) for key, label in made] == [(True, None)] * 2

    async def test_returns_what_stands_in_json(self, source: Datasource) -> None:
        columns = tuple(VALUES)
        types = {column.name: column.type for column in PAPERS.columns}
        wire = frozenset(columns)
        expected = tuple(
            TO_WIRE[types[name]](value) if types[name] in TO_WIRE else value for name, value in VALUES.items()
        )
        [(key, *inserted)] = await write(source, Insert(PAPERS, columns, (tuple(VALUES.values()),), columns, wire))
        assert tuple(inserted) == expected
        assert await write(source, Update(PAPERS, ("shelf",), ((key, None),), columns, wire)) == [(key, *expected)]
        assert await write(source, Delete(PAPERS, (key,), columns, wire)) == [(key, *expected)]

    async def test_keeps_moments_and_decimals_in_the_columns_form(self, source: Datasource) -> None:
        east = datetime(2024, 2, 29, 14, tzinfo=timezone(timedelta(hours=2)))
        [(_, seen, total)] = await write(
            source,
            Insert(PAPERS, ("number", "seen", "total"), (("P", east, Decimal("1.005")),), ("seen", "total")),
        )
        assert (seen, seen.utcoffset()) == (datetime(2024, 2, 29, 12, tzinfo=UTC), timedelta(0))
        assert str(total) == "1.01"
        filter = Compare("seen", Operator.EQ, east)
        assert await read(source, Lookup(PAPERS, ("number",), filter=filter)) == [("P",)]

    async def test_updates_only_the_columns_and_rows_that_are_named(self, source: Datasource) -> None:
        await write(source, papers("a", "b", "c"))
        update = Update(PAPERS, ("status", "total"), ((2, "sent", None), (9, "sent", None)), ("number", "status"))
        assert await write(source, update) == [(2, "b", "sent")]
        lookup = Lookup(PAPERS, ("status", "version"), order=BY_ID)
        assert await read(source, lookup) == [("draft", 1), ("sent", 1), ("draft", 1)]

    async def test_an_update_may_change_nothing(self, source: Datasource) -> None:
        await write(source, papers("a", "b"))
        assert await write(source, Update(PAPERS, (), ((1,), (2,)), ("number",))) == [(1, "a"), (2, "b")]
        counted = await write(source, Update(PAPERS, (), ((1,),), ("version",), version="version"))
        assert counted == [(1, 2)]

    @pytest.mark.parametrize("rows", [1, 3])
    async def test_counts_versions(self, source: Datasource, rows: int) -> None:
        await write(source, papers("a", "b", "c"))
        values = tuple((key, "sent") for key in range(1, rows + 1))
        first = Update(PAPERS, ("status",), values, ("version",), version="version")
        assert await write(source, first) == [(key, 2) for key in range(1, rows + 1)]
        stale = Update(PAPERS, ("status",), values, ("version",), version="version", expected=(2, 1, 2)[:rows])
        assert await write(source, stale) == [(key, 3) for key in range(1, rows + 1) if key != 2]
        gone = Delete(PAPERS, tuple(range(1, rows + 1)), ("version",), version="version", expected=(2, 2, 3)[:rows])
        assert await write(source, gone) == [(key, {2: 2, 3: 3}[key]) for key in (2, 3) if key <= rows]

    @pytest.mark.parametrize("more", [False, True], ids=["one", "many"])
    async def test_inserts_or_updates(self, source: Datasource, more: bool) -> None:
        await write(source, papers("a", "b", first=100))
        rows = (("b", "sent", Decimal(2)), ("c", "open", Decimal(3)), ("a", "sent", Decimal(1)))
        insert = Insert(
            PAPERS,
            ("number", "status", "total"),
            rows if more else rows[:1],
            ("number", "status", "total", "version"),
            conflict=("number",),
            update=("total",),
            version="version",
        )
        written = await write(source, insert)
        assert [row[1:] for row in written] == [
            ("b", "draft", Decimal(2), 2),
            ("c", "open", Decimal(3), 1),
            ("a", "draft", Decimal(1), 2),
        ][: len(insert.rows)]
        assert written[0][0] == 101

    async def test_a_row_that_is_there_may_stay_as_it_is(self, source: Datasource) -> None:
        await write(source, papers("a"))
        insert = Insert(PAPERS, ("number",), (("a",),), ("status",), conflict=("number",))
        assert await write(source, insert) == [(1, "draft")]

    async def test_inserts_or_updates_by_several_columns(self, source: Datasource) -> None:
        await write(source, teams("a"))
        insert = Insert(
            PAPERS,
            ("number", "team_id", "shelf", "status"),
            (("x", 1, 1, "new"), ("y", 1, 2, "new"), ("z", 1, None, "new"), ("w", 1, None, "new")),
            ("number", "status"),
            conflict=("team_id", "shelf"),
            update=("status",),
        )
        first = await write(source, insert)
        again = await write(source, Insert(**{**_fields(insert), "rows": (("q", 1, 2, "old"), ("r", 1, None, "old"))}))
        assert again[0] == (first[1][0], "y", "old")
        assert again[1][1:] == ("r", "old")

    @pytest.mark.parametrize(
        ("error", "expected", "failing"),
        [
            pytest.param(
                UniqueViolated, ("papers", ("number",), "papers_number_key", 0), papers("a", first=9), id="unique"
            ),
            pytest.param(
                UniqueViolated,
                ("papers", ("number",), "papers_number_key", 1),
                papers("x", "b", "y", first=9),
                id="unique-of-many",
            ),
            pytest.param(UniqueViolated, ("papers", ("id",), "papers_pkey", 0), papers("x"), id="key"),
            pytest.param(
                UniqueViolated,
                ("papers", ("team_id", "shelf"), "papers_team_id_shelf_key", 0),
                Update(PAPERS, ("team_id", "shelf"), ((2, 1, 1),)),
                id="unique-together",
            ),
            pytest.param(
                UniqueViolated,
                ("papers", ("id",), "papers_pkey", 0),
                Insert(PAPERS, ("id", "number"), ((1, "new"),), conflict=("number",), update=("id",)),
                id="unique-beside-the-conflict",
            ),
            pytest.param(
                ForeignKeyViolated,
                ("papers", ("team_id",), "papers_team_id_fkey", 0),
                Insert(PAPERS, ("id", "number", "team_id"), ((9, "x", 99),)),
                id="foreign-key",
            ),
            pytest.param(
                ForeignKeyViolated,
                ("papers", ("team_id",), "papers_team_id_fkey", 1),
                Insert(PAPERS, ("id", "number", "team_id"), ((8, "x", 1), (9, "y", 99))),
                id="foreign-key-of-many",
            ),
            pytest.param(
                ForeignKeyViolated,
                ("papers", ("team_id",), "papers_team_id_fkey", 0),
                Update(PAPERS, ("team_id",), ((2, 99),)),
                id="foreign-key-updated",
            ),
            pytest.param(
                ForeignKeyViolated, ("papers", ("team_id",), "papers_team_id_fkey", 0), Delete(TEAMS, (1,)), id="parent"
            ),
            pytest.param(
                UniqueViolated,
                ("papers", ("number",), "papers_number_key", 2),
                Insert(PAPERS, ("id", "number"), ((7, "w"), (8, "x, y"), (9, "x, y"))),
                id="unique-among-themselves",
            ),
            pytest.param(
                ForeignKeyViolated,
                ("papers", ("team_id",), "papers_team_id_fkey", 1),
                Delete(TEAMS, (2, 1)),
                id="parent-of-many",
            ),
            pytest.param(
                CheckViolated,
                ("papers", ("total",), "papers_total_check", 0),
                Update(PAPERS, ("total",), ((1, Decimal(-1)),)),
                id="check",
            ),
            pytest.param(
                CheckViolated,
                ("papers", ("team_id", "shelf"), "shelved_by_team", 0),
                Insert(PAPERS, ("id", "number", "shelf"), ((9, "x", 7),)),
                id="check-of-two",
            ),
            pytest.param(
                NotNullViolated,
                ("papers", ("number",), None, 0),
                Insert(PAPERS, ("status",), (("new",),)),
                id="not-null-absent",
            ),
            pytest.param(
                NotNullViolated,
                ("papers", ("status",), None, 1),
                Insert(PAPERS, ("id", "number", "status"), ((8, "x", "new"), (9, "y", None))),
                id="not-null-of-many",
            ),
            pytest.param(
                NotNullViolated,
                ("papers", ("status",), None, 0),
                Update(PAPERS, ("status",), ((1, None),)),
                id="not-null-updated",
            ),
        ],
    )
    async def test_tells_which_constraint_is_violated(
        self, source: Datasource, error: type[ConstraintViolated], expected: tuple[Any, ...], failing: Write
    ) -> None:
        shelved = Insert(PAPERS, ("id", "number", "team_id", "shelf"), ((1, "a", 1, 1), (2, "b", 1, 2)))
        await write(source, teams("t", "u"), shelved)
        for _ in range(2):  # what is learned of a constraint is remembered
            async with violated(error, expected):
                await write(source, papers("before", first=50), failing)
        assert await read(source) == [(1, "a"), (2, "b")]

    async def test_a_write_of_its_own_takes_effect_or_does_not(self, source: Datasource) -> None:
        assert (await writable(source).write(papers("a"))).rows == [(1,)]
        async with violated(UniqueViolated, ("papers", ("number",), "papers_number_key", 1)):
            await writable(source).write(papers("b", "a", first=2))
        assert await read(source) == [(1, "a")]

    @pytest.mark.parametrize("within", [True, False], ids=["in-a-transaction", "by-itself"])
    @pytest.mark.parametrize("count", [0, 1, 30])
    async def test_inserts_a_row_with_rows_that_refer_to_it(self, source: Datasource, count: int, within: bool) -> None:
        [(lead,)] = await write(source, Insert(TEAMS, ("name",), (("first",),)))
        parent = Insert(TEAMS, ("name", "lead_id"), (("new", lead),), ("name",))
        columns = ("number", "total", "seen")
        seen = datetime(2026, 1, 2, tzinfo=UTC)
        rows = tuple([(f"p-{number}", Decimal(number), seen) for number in range(count)])
        children = Insert(PAPERS, columns, rows, ("number", "total", "team_id"), frozenset({"total"}))
        async with writable(source).transaction() if within else nullcontext(writable(source)) as writer:
            made, born = await writer.insert_with(parent, "team_id", children)
        [(key, name)] = made.rows
        assert (name, made.columns, born.columns) == ("new", parent.returning, children.returning)
        assert [tuple(row[1:]) for row in born.rows] == [(f"p-{n}", f"{n}.00", key) for n in range(count)]
        stored = Lookup(PAPERS, ("id", "team_id", "seen"), order=BY_ID)
        assert await read(source, stored) == [(row[0], key, seen) for row in born.rows]

    async def test_rows_of_one_collection_may_be_inserted_together(self, source: Datasource) -> None:
        await write(source, teams("first"))
        parent = Insert(TEAMS, ("id", "name"), ((2, "second"),))
        columns = ("id", "name")
        made, born = await writable(source).insert_with(
            parent, "lead_id", Insert(TEAMS, columns, ((3, "third"), (4, "x")))
        )
        assert (made.rows, born.rows) == ([(2,)], [(3,), (4,)])
        with pytest.raises(UniqueViolated):
            await writable(source).insert_with(
                Insert(TEAMS, columns, ((5, "fifth"),)), "lead_id", Insert(TEAMS, columns, ((6, "third"),))
            )
        assert await read(source, Lookup(TEAMS, ("id", "lead_id"), order=BY_ID)) == [
            (1, None),
            (2, None),
            (3, 2),
            (4, 2),
        ]

    @pytest.mark.parametrize(
        ("error", "expected", "parent", "numbers"),
        [
            pytest.param(UniqueViolated, ("teams", ("name",), "teams_name_key", 0), "t", "xy", id="parent"),
            pytest.param(UniqueViolated, ("papers", ("number",), "papers_number_key", 1), "u", "xa", id="child"),
            pytest.param(NotNullViolated, ("papers", ("number",), None, 1), "u", ["x", None], id="child-null"),
            pytest.param(NotNullViolated, ("teams", ("name",), None, 0), None, "x", id="parent-null"),
        ],
    )
    @pytest.mark.parametrize("within", [True, False], ids=["in-a-transaction", "by-itself"])
    async def test_tells_which_of_rows_and_their_parent_is_to_blame(
        self,
        source: Datasource,
        within: bool,
        error: type[ConstraintViolated],
        expected: tuple[Any, ...],
        parent: str | None,
        numbers: Sequence[str | None],
    ) -> None:
        await write(source, teams("t"), papers("a"))
        inserts = (
            Insert(TEAMS, ("id", "name"), ((9, parent),)),
            Insert(PAPERS, ("id", "number"), tuple(enumerate(numbers, 10))),
        )
        for _ in range(2):
            opened = writable(source).transaction() if within else nullcontext(writable(source))
            async with violated(error, expected), opened as writer:
                await writer.insert_with(inserts[0], "team_id", inserts[1])
        assert await read(source, Lookup(TEAMS, ("name",))) == [("t",)]
        assert await read(source) == [(1, "a")]

    @pytest.mark.parametrize("within", [True, False], ids=["in-a-transaction", "by-itself"])
    async def test_tells_which_of_rows_repeats_what_their_parent_has_once(
        self, source: Datasource, within: bool
    ) -> None:
        children = Insert(PAPERS, ("id", "number", "shelf"), ((7, "a", 1), (8, "b", 2), (9, "c", 2)))
        expected = ("papers", ("team_id", "shelf"), "papers_team_id_shelf_key", 2)
        opened = writable(source).transaction() if within else nullcontext(writable(source))
        async with violated(UniqueViolated, expected), opened as writer:
            await writer.insert_with(Insert(TEAMS, ("id", "name"), ((5, "t"),)), "team_id", children)

    async def test_rows_of_one_write_may_refer_to_each_other(self, source: Datasource) -> None:
        columns = ("id", "name", "lead_id")
        assert await write(source, Insert(TEAMS, columns, ((1, "a", 2), (2, "b", 1)))) == [(1,), (2,)]
        assert await write(source, Delete(TEAMS, (1, 2))) == [(1,), (2,)]

    async def test_a_transaction_reads_what_it_wrote_and_others_do_not(self, source: Datasource) -> None:
        await write(source, papers("a"))
        count = AggregateLookup(PAPERS, (Aggregate(Function.COUNT),))
        async with writable(source).transaction() as transaction:
            assert await read(transaction) == [(1, "a")]
            await transaction.write(papers("b", first=2))
            await transaction.write(Update(PAPERS, ("number",), ((1, "c"),)))
            assert await read(transaction) == [(1, "c"), (2, "b")]
            assert (await transaction.aggregate(count)).rows[0][0] == 2
            assert await read(source) == [(1, "a")]
        assert await read(source) == [(1, "c"), (2, "b")]

    async def test_reads_of_a_transaction_may_be_concurrent(self, source: Datasource) -> None:
        async with writable(source).transaction() as transaction:
            await transaction.write(papers("a", "b"))
            lookups = [Lookup(PAPERS, ("number",), key="id", keys=(key,)) for key in (1, 2, 3)]
            answers = await asyncio.gather(*map(transaction.lookup, lookups))
        assert [[tuple(row) for row in answer.rows] for answer in answers] == [[(1, "a")], [(2, "b")], []]

    async def test_rolls_back_when_the_block_raises(self, source: Datasource) -> None:
        async def failing() -> None:
            async with writable(source).transaction() as transaction:
                await transaction.write(papers("a"))
                raise KeyError

        with pytest.raises(KeyError):
            await failing()
        assert await read(source) == []
        await write(source, papers("b"))

    async def test_rolls_back_when_it_is_cancelled(self, source: Datasource) -> None:
        written = asyncio.Event()

        async def interrupted() -> None:
            async with writable(source).transaction() as transaction:
                await transaction.write(papers("a"))
                written.set()
                await asyncio.Event().wait()

        task = asyncio.create_task(interrupted())
        await written.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await write(source, papers("b"))
        assert await read(source) == [(1, "b")]

    async def test_a_failed_write_cannot_be_committed(self, source: Datasource) -> None:
        async def failing() -> None:
            async with writable(source).transaction() as transaction:
                await transaction.write(papers("a"))
                with pytest.raises(UniqueViolated):
                    await transaction.write(papers("b"))
                with pytest.raises(SourceRefused, match="in which a write failed"):
                    await transaction.write(papers("c", first=3))

        with pytest.raises(SourceRefused, match="rolls a transaction back in which a write failed"):
            await failing()
        assert await read(source) == []

    async def test_a_failed_lookup_leaves_the_transaction_as_it_was(self, source: Datasource) -> None:
        missing = Lookup(Collection("missing", "id", ()), ("id",))
        async with writable(source).transaction() as transaction:
            with pytest.raises(DatasourceError):
                await transaction.lookup(missing)
            await transaction.write(papers("a"))
            with pytest.raises(DatasourceError):
                await transaction.lookup(missing)
            await transaction.write(papers("b", first=2))
        assert await read(source) == [(1, "a"), (2, "b")]

    @pytest.mark.parametrize(
        "unknown",
        [
            pytest.param(Insert(Collection("missing", "id", ()), ("id",), ((1,),)), id="collection"),
            pytest.param(Insert(PAPERS, ("number", "size"), (("a", 1),)), id="column"),
            pytest.param(Insert(PAPERS, ("number",), (("a",),), ("size",)), id="returning"),
            pytest.param(Insert(PAPERS, ("status",), (("a",),), conflict=("status",)), id="conflict"),
            pytest.param(Update(PAPERS, ("size",), ((1, 1),)), id="update"),
            pytest.param(Delete(PAPERS, (1,), ("size",)), id="delete"),
        ],
    )
    async def test_refuses_the_unknown(self, source: Datasource, unknown: Write) -> None:
        with pytest.raises(SourceRefused) as error:
            await write(source, unknown)
        assert "INSERT" not in str(error.value)

    @pytest.mark.parametrize(
        "repeated",
        [
            pytest.param(Update(PAPERS, ("status",), ((1, "a"), (2, "b"), (1, "c"))), id="update"),
            pytest.param(Delete(PAPERS, (1, 1)), id="delete"),
            pytest.param(
                Insert(
                    PAPERS, ("number", "status"), (("a", "x"), ("a", "y")), conflict=("number",), update=("status",)
                ),
                id="insert-or-update",
            ),
        ],
    )
    async def test_refuses_to_write_a_row_twice_at_once(self, source: Datasource, repeated: Write) -> None:
        await write(source, papers("a", "b"))
        with pytest.raises(SourceRefused, match="is to write a row of 'papers' twice at once"):
            await write(source, repeated)

    async def test_writes_nothing_when_there_is_nothing_to_write(self, source: Datasource) -> None:
        for nothing in (Insert(PAPERS, ("number",), ()), Update(PAPERS, ("number",), ()), Delete(PAPERS, ())):
            assert await write(source, nothing) == []

    async def test_many_writers_lose_no_update(self, source: Datasource) -> None:
        await write(source, papers("a"))
        start = asyncio.Barrier(8)

        async def writer() -> None:
            await start.wait()
            for _ in range(5):
                async with writable(source).transaction() as transaction:
                    update = Update(PAPERS, ("status",), ((1, "sent"),), ("version",), version="version")
                    await transaction.write(update)

        await asyncio.gather(*(writer() for _ in range(8)))
        assert await read(source, Lookup(PAPERS, ("version",))) == [(41,)]

    async def test_of_writers_that_expect_a_version_one_wins(self, source: Datasource) -> None:
        await write(source, papers("a"))
        start = asyncio.Barrier(6)

        async def writer(number: int) -> list[Row]:
            await start.wait()
            values = ((1, f"by-{number}"),)
            return await write(source, Update(PAPERS, ("status",), values, version="version", expected=(1,)))

        answers = await asyncio.gather(*(writer(number) for number in range(6)))
        assert sorted(answers) == [[]] * 5 + [[(1,)]]
        winner = answers.index([(1,)])
        assert await read(source, Lookup(PAPERS, ("status", "version"))) == [(f"by-{winner}", 2)]

    async def test_remembers_the_answer_to_a_key(self, source: Datasource) -> None:
        async with writable(source).transaction() as transaction:
            assert await transaction.claim("k", b"digest") is None
            await transaction.write(papers("a"))
            await transaction.record("k", b"answer")
        for digest in (b"digest", b"another"):
            async with writable(source).transaction() as transaction:
                assert await transaction.claim("k", digest) == Recorded(b"digest", b"answer")
                assert await transaction.claim(f"k-{digest!r}", digest) is None

    async def test_forgets_a_key_whose_transaction_was_rolled_back(self, source: Datasource) -> None:
        async def failing() -> None:
            async with writable(source).transaction() as transaction:
                assert await transaction.claim("k", b"1") is None
                await transaction.record("k", b"answer")
                raise KeyError

        with pytest.raises(KeyError):
            await failing()
        async with writable(source).transaction() as transaction:
            assert await transaction.claim("k", b"2") is None

    async def test_a_key_without_an_answer_may_be_claimed_again(self, source: Datasource) -> None:
        async with writable(source).transaction() as transaction:
            assert await transaction.claim("k", b"1") is None
        async with writable(source).transaction() as transaction:
            assert await transaction.claim("k", b"2") is None
            await transaction.record("k", b"answer")
        async with writable(source).transaction() as transaction:
            assert await transaction.claim("k", b"1") == Recorded(b"2", b"answer")

    async def test_tells_what_is_recorded(self, source: Datasource) -> None:
        assert await writable(source).recorded("k") is None
        async with writable(source).transaction() as transaction:
            await transaction.claim("k", b"digest")
            await transaction.record("k", b"answer")
        assert await writable(source).recorded("k") == Recorded(b"digest", b"answer")
        assert await writable(source).recorded("another") is None

    @pytest.mark.parametrize("failing", ["nothing", "write", "lookup"])
    async def test_takes_back_what_was_written_since_a_claim(self, source: Datasource, failing: str) -> None:
        await write(source, papers("a"))
        async with writable(source).transaction() as transaction:
            await transaction.claim("k", b"digest")
            await transaction.write(papers("b", first=2))
            await read(transaction)
            if failing == "write":
                async with violated(UniqueViolated, ("papers", ("id",), "papers_pkey", 0)):
                    await transaction.write(papers("c"))
            if failing == "lookup":
                with pytest.raises(DatasourceError):
                    await transaction.lookup(Lookup(Collection("missing", "id", ()), ("id",)))
            await transaction.undo()
            assert await read(transaction) == [(1, "a")]
            await transaction.record("k", b"answer")
        assert await read(source) == [(1, "a")]
        assert await writable(source).recorded("k") == Recorded(b"digest", b"answer")

    @pytest.mark.parametrize("fails", [False, True], ids=["commits", "rolls-back"])
    async def test_of_concurrent_claims_of_a_key_one_writes(self, source: Datasource, fails: bool) -> None:
        start = asyncio.Barrier(5)
        runs: list[int] = []

        async def request(number: int) -> bytes:
            await start.wait()
            async with writable(source).transaction() as transaction:
                recorded = await transaction.claim("k", b"digest")
                if recorded is not None:
                    return recorded.answer
                runs.append(number)
                await transaction.write(Insert(PAPERS, ("number",), ((f"by-{number}",),)))
                if fails and len(runs) == 1:
                    raise KeyError
                await transaction.record("k", b"by-%d" % number)
                return b"by-%d" % number

        answers = await asyncio.gather(*(request(number) for number in range(5)), return_exceptions=True)
        assert len(runs) == 1 + fails
        winner = b"by-%d" % runs[-1]
        assert [answer for answer in answers if not isinstance(answer, KeyError)] == [winner] * (5 - fails)
        assert await read(source, Lookup(PAPERS, ("number",))) == [(winner.decode(),)]


def _fields(insert: Insert) -> dict[str, Any]:
    return {name: getattr(insert, name) for name in Insert.__dataclass_fields__}
