"""What an observed source tells: each lookup with its statements, and nothing where nobody observes."""

import re
import sqlite3
from pathlib import Path

import pytest

from datasources.base import Datasource
from datasources.errors import SourceUnavailable
from datasources.filters import Compare, Operator
from datasources.lookup import Aggregate, AggregateLookup, Collection, Column, ColumnType, Function, Lookup
from datasources.memory import MemorySource
from datasources.observed import Observation, Observed, observation
from datasources.resilience import Resilience, resilient
from datasources.rest import Batch
from datasources.sql import SqliteSource
from datasources.write import Update
from tests.datasources.dataset import COLLECTIONS
from tests.datasources.rest.serving import recorded
from tests.support.sources import Failing

pytestmark = pytest.mark.anyio

PEOPLE = Collection("people", "id", (Column("id", ColumnType.BIGINT), Column("name", ColumnType.STRING)))
ROWS = {"people": [{"id": 1, "name": "Ada"}, {"id": 2, "name": "Emmy"}]}
BY_ID = Lookup(PEOPLE, ("name",), key="id", keys=(1, 2, 3))


def observed(source: Datasource) -> tuple[Observed, list[Observation]]:
    told: list[Observation] = []
    return Observed(source, told.append), told


async def test_tells_each_lookup_before_it_runs_and_its_rows_after() -> None:
    source, told = observed(MemorySource("crm", ROWS))
    await source.open()
    counted = AggregateLookup(PEOPLE, (Aggregate(Function.COUNT),))
    assert len((await source.lookup(BY_ID)).rows) == 2
    assert (await source.aggregate(counted)).rows == [(2,)]
    assert [(each.source, each.lookup, each.rows, each.statements) for each in told] == [
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


async def test_reads_inside_a_transaction_are_told() -> None:
    source, told = observed(MemorySource("crm", ROWS))
    await source.open()
    renamed = Update(PEOPLE, ("name",), ((1, "Grace"),), returning=("name",))
    async with source.transaction() as transaction:
        assert (await transaction.write(renamed)).rows == [(1, "Grace")]
        assert (await transaction.lookup(BY_ID)).rows == [(1, "Grace"), (2, "Emmy")]
    assert [(each.lookup, each.rows) for each in told] == [(BY_ID, 2)]


async def test_what_only_some_sources_have_is_there(people: SqliteSource) -> None:
    source, _ = observed(people)
    assert source.reader is people.reader
    assert source.capabilities == people.capabilities
