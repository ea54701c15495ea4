"""What an observed source tells: each lookup with its statements, and nothing where nobody observes."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from datasources.base import Datasource
from datasources.errors import SourceUnavailable, UniqueViolated
from datasources.filters import Compare, Operator
from datasources.lookup import Aggregate, AggregateLookup, Collection, Column, ColumnType, Function, Lookup
from datasources.memory import MemorySource
from datasources.observed import Observation, Observed, TransactionObservation, observation
from datasources.resilience import Resilience, resilient
from datasources.rest import Batch
from datasources.sql import SqliteSource
from datasources.write import Insert, Recorded, Update
from tests.datasources.dataset import COLLECTIONS
from tests.datasources.rest.serving import recorded
from tests.support.sources import Failing

pytestmark = pytest.mark.anyio

PEOPLE = Collection("people", "id", (Column("id", ColumnType.BIGINT), Column("name", ColumnType.STRING)))
ROWS = {"people": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Emmy"}]}
BY_ID = Lookup(PEOPLE, ("name",), key="id", keys=(1, 2, 3))


def observed(source: Datasource, *, undo: bool = False) -> tuple[Observed, list[Any]]:
    told: list[Any] = []
    return Observed(source, told.append, undo=undo), told


async def test_tells_each_lookup_before_it_runs_and_its_rows_after() -> None:
    source, told = observed(MemorySource("crm", ROWS))
    await source.open()
    counted = AggregateLookup(PEOPLE, (Aggregate(Function.COUNT),))
    assert len((await source.lookup(BY_ID)).rows) == 2
    assert (await source.aggregate(counted)).rows == [(2,)]
    assert [(each.source, each.asked, each.rows, each.statements) for each in told] == [
        ("crm", BY_ID, 2, []),
        ("crm", counted, 1, []),
    ]
    assert all(each.seconds > 0 for each in told)
    assert observation.get() is None


async def test_tells_what_failed() -> None:
    error = SourceUnavailable("crm", "is away")
    source, told = observed(Failing(MemorySource("crm", ROWS), error))
    await source.open()
    with pytest.raises(SourceUnavailable):
        await source.lookup(BY_ID)
    assert [(each.rows, each.error) for each in told] == [(0, error)]
    assert observation.get() is None


@pytest.fixture
def people(tmp_path: Path) -> SqliteSource:
    with sqlite3.connect(tmp_path / "people.sqlite") as database:
        database.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT)")
        database.executemany("INSERT INTO people VALUES (?, ?)", [(1, "Ada"), (2, "Emmy")])
    database.close()
    return SqliteSource("crm", f"sqlite:///{tmp_path / 'people.sqlite'}")


async def test_databases_tell_their_statements(people: SqliteSource) -> None:
    source, told = observed(people)
    await source.open()
    try:
        await source.lookup(Lookup(PEOPLE, ("name",), limit=1, count=True))
    finally:
        await source.close()
    (each,) = told
    assert [re.sub(r"\s+", " ", statement.text) for statement in each.statements] == [
        "SELECT t0.name FROM people AS t0 LIMIT ? OFFSET ?",
        "SELECT count(*) AS count_1 FROM people AS t0",
    ]
    assert 0 < sum(statement.seconds for statement in each.statements) < each.seconds


async def test_every_attempt_is_told(people: SqliteSource) -> None:
    failing = Failing(people, SourceUnavailable("crm", "is away"), times=1)
    source, told = observed(resilient(failing, Resilience(backoff=0.001)))
    await source.open()
    try:
        await source.lookup(BY_ID)
    finally:
        await source.close()
    (each,) = told
    assert (each.error, each.rows, len(each.statements)) == (None, 2, 2)


@pytest.mark.parametrize("batch", [Batch.LIST, Batch.POST, Batch.EACH], ids=str)
async def test_services_are_told_by_their_requests(batch: Batch) -> None:
    lookup = Lookup(
        COLLECTIONS["people"], ("name",), key="id", keys=(1, 2), filter=Compare("name", Operator.NE, "Ö & Co")
    )
    async with recorded(batch=batch) as (source, app):
        watched, told = observed(source)
        await watched.lookup(lookup)
    (each,) = told
    lines = [request if isinstance(request, str) else request[0] for request in app.requests]
    assert [statement.text.split("\n")[0] for statement in each.statements] == lines
    bodies = ['"where"' in statement.text for statement in each.statements]
    assert bodies == [batch is Batch.POST] * len(lines)


RENAMED = Update(PEOPLE, ("name",), ((1, "Grace"),), returning=("name",))


async def test_a_transaction_is_told_with_what_it_writes_and_reads() -> None:
    source, told = observed(MemorySource("crm", ROWS))
    await source.open()
    async with source.transaction() as transaction:
        assert await transaction.claim("k", b"d") is None
        assert (await transaction.write(RENAMED)).rows == [(1, "Grace")]
        assert (await transaction.lookup(BY_ID)).rows == [(1, "Grace"), (2, "Emmy")]
        await transaction.record("k", b"a")
    async with source.transaction() as transaction:
        assert await transaction.claim("k", b"d") == Recorded(b"d", b"a")
    assert [each.outcome if isinstance(each, TransactionObservation) else (each.asked, each.rows) for each in told] == [
        "committed",
        ("claim", 0),
        (RENAMED, 1),
        (BY_ID, 2),
        ("record", 0),
        "committed",
        ("claim", 1),
    ]
    assert all(each.seconds > 0 for each in told if isinstance(each, Observation))


async def test_a_transaction_that_fails_was_rolled_back() -> None:
    source, told = observed(MemorySource("crm", ROWS))
    await source.open()
    twice = Insert(PEOPLE, ("id", "name"), ((1, "Ada"),))
    with pytest.raises(UniqueViolated) as raised:
        async with source.transaction() as transaction:
            await transaction.write(twice)
    assert [(told[0].outcome, told[0].begin_seconds > 0, told[0].end_seconds > 0)] == [("rolled back", True, True)]
    assert [(each.asked, each.rows, each.error) for each in told[1:]] == [(twice, 0, raised.value)]


async def test_a_transaction_that_cannot_begin_has_no_outcome(people: SqliteSource) -> None:
    source, told = observed(people)
    with pytest.raises(SourceUnavailable):
        async with source.transaction():
            pass
    assert [(each.outcome, each.begin_seconds) for each in told] == [(None, 0.0)]


async def test_databases_tell_what_they_write_and_undo_it_where_that_is_asked(people: SqliteSource) -> None:
    source, told = observed(resilient(people, Resilience()), undo=True)
    await source.open()
    try:
        async with source.transaction() as transaction:
            await transaction.write(RENAMED)
            assert (await transaction.lookup(BY_ID)).rows == [(1, "Grace"), (2, "Emmy")]
        assert (await source.lookup(BY_ID)).rows == [(1, "Ada"), (2, "Emmy")]
    finally:
        await source.close()
    assert told[0].outcome == "rolled back"
    (statement,) = told[1].statements
    assert re.sub(r"\s+", " ", statement.text) == "UPDATE people SET name=? WHERE people.id = ? RETURNING id, name"
    assert 0 < statement.seconds < told[1].seconds


async def test_what_only_some_sources_have_is_there(people: SqliteSource) -> None:
    source, _ = observed(people)
    assert source.reader is people.reader
    assert source.capabilities == people.capabilities
