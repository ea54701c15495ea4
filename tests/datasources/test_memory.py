"""The reference datasource."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from datasources.base import Capabilities, Datasource
from datasources.errors import SourceRefused, SourceUnavailable
from datasources.filters import Compare, Not, Operator
from datasources.lookup import Collection, Column, ColumnType, Lookup
from datasources.memory import MemorySource
from tests.datasources import written
from tests.datasources.contract import DatasourceContract
from tests.datasources.contract_writes import WritesContract
from tests.datasources.dataset import ROWS, TAGS, TYPES

pytestmark = pytest.mark.anyio


class TestContract(DatasourceContract):
    @pytest.fixture(scope="class")
    async def source(self) -> AsyncIterator[Datasource]:
        source = MemorySource("memory", ROWS, columns=TYPES)
        await source.open()
        yield source
        await source.close()


class TestWrites(WritesContract):
    @pytest.fixture
    async def source(self) -> AsyncIterator[Datasource]:
        source = MemorySource("memory", {}, columns=written.TYPES, constraints=written.CONSTRAINTS)
        await source.open()
        yield source
        await source.close()


async def test_columns_and_their_types_are_those_of_the_rows_unless_declared() -> None:
    rows: list[dict[str, Any]] = [{"id": 1, "data": None}, {"id": 2, "data": [1], "note": "a"}]
    source = MemorySource("memory", {"rows": rows}, columns={"none": {"id": ColumnType.UUID}})
    await source.open()
    assert await source.describe("rows") == {
        "id": ColumnType.BIGINT,
        "data": ColumnType.JSON,
        "note": ColumnType.STRING,
    }
    assert await source.describe("none") == {"id": ColumnType.UUID}

    columns = (Column("id", ColumnType.INTEGER), Column("note", ColumnType.STRING))
    answer = await source.lookup(Lookup(Collection("rows", "id", columns), ("id", "note")))
    assert answer.rows == [(1, None), (2, "a")]
    assert (await source.lookup(Lookup(Collection("none", "id", columns), ("id",)))).rows == []


@pytest.mark.parametrize(
    ("lookup", "message"),
    [
        pytest.param(Lookup(TAGS, ("id", "size")), "has no 'size' in 'tags'", id="column"),
        pytest.param(Lookup(Collection("tag", "id", ()), ("id",)), "has no 'tag'", id="collection"),
        pytest.param(
            Lookup(TAGS, ("id",), filter=Not(Compare("id", Operator.CONTAINS, "a")), count=True),
            "cannot do this for 'tags': the operator contains, combine",
            id="capabilities",
        ),
    ],
)
async def test_refuses(lookup: Lookup, message: str) -> None:
    capabilities = Capabilities(operators=frozenset({Operator.EQ}), combine=False)
    source = MemorySource("memory", ROWS, capabilities=capabilities)
    await source.open()
    with pytest.raises(SourceRefused) as error:
        await source.lookup(lookup)
    assert str(error.value) == f"datasource 'memory' {message}"


async def test_answers_only_while_it_is_open() -> None:
    source = MemorySource("memory", ROWS)
    for ask in (source.check, lambda: source.lookup(Lookup(TAGS, ("id",)))):
        with pytest.raises(SourceUnavailable, match=r"^datasource 'memory' is not open$"):
            await ask()
