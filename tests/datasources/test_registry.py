"""The registry opens, checks and closes every source, at the same time and whatever one of them does."""

import asyncio

import pytest

from datasources.errors import SourceMisbehaved, SourceTimeout, SourceUnavailable
from datasources.lookup import Aggregate, AggregateLookup, Collection, Column, ColumnType, Function, Lookup
from datasources.memory import MemorySource
from datasources.registry import Registry
from datasources.write import Insert
from tests.support.sources import Failing

pytestmark = pytest.mark.anyio


class Meeting(MemorySource):
    """Opens, checks and closes only together with all others."""

    def __init__(self, name: str, barrier: asyncio.Barrier) -> None:
        super().__init__(name, {})
        self.barrier = barrier

    async def open(self) -> None:
        await self.barrier.wait()
        await super().open()

    async def check(self) -> None:
        await self.barrier.wait()
        await super().check()

    async def close(self) -> None:
        await self.barrier.wait()
        await super().close()


class Broken(MemorySource):
    """Fails to open, to close, or both."""

    def __init__(self, name: str, *, opening: Exception | None = None, closing: Exception | None = None) -> None:
        super().__init__(name, {})
        self.opening = opening
        self.closing = closing

    async def open(self) -> None:
        if self.opening is not None:
            raise self.opening
        await super().open()

    async def close(self) -> None:
        if self.closing is not None:
            raise self.closing
        await super().close()


async def is_open(source: MemorySource) -> bool:
    try:
        await source.check()
    except SourceUnavailable:
        return False
    return True


async def test_opens_checks_and_closes_concurrently() -> None:
    barrier = asyncio.Barrier(3)
    sources = Registry({name: Meeting(name, barrier) for name in ("crm", "erp", "scm")})
    async with asyncio.timeout(5):
        await sources.open()
        assert await sources.check() == {"crm": None, "erp": None, "scm": None}
        await sources.close()


async def test_closes_the_others_when_one_fails_to() -> None:
    first, second = ValueError("first"), ValueError("second")
    crm, erp, scm = Broken("crm", closing=first), MemorySource("erp", {}), Broken("scm", closing=second)
    sources = Registry({"crm": crm, "erp": erp, "scm": scm})
    await sources.open()
    with pytest.raises(ValueError, match="first"):
        await sources.close()
    assert not await is_open(erp)


async def test_leaves_none_open_when_one_fails_to_open() -> None:
    crm, erp = MemorySource("crm", {}), Broken("erp", opening=ValueError("no such file"))
    with pytest.raises(ValueError, match="no such file"):
        await Registry({"crm": crm, "erp": erp}).open()
    assert not await is_open(crm)


async def test_tells_the_health_of_each() -> None:
    slow, broken = SourceTimeout("erp", "did not answer"), SourceMisbehaved("scm", "answered nonsense")
    crm = MemorySource("crm", {})
    erp, scm = Failing(MemorySource("erp", {}), slow), Failing(MemorySource("scm", {}), broken)
    sources = Registry({"crm": crm, "erp": erp, "scm": scm})
    await sources.open()
    assert await sources.check() == {"crm": None, "erp": slow, "scm": broken}


async def test_knows_its_sources() -> None:
    erp, crm = MemorySource("erp", {}), MemorySource("crm", {})
    sources = Registry({"erp": erp, "crm": crm})
    assert sources["erp"] is erp
    assert list(sources) == ["erp", "crm"]
    assert ("crm" in sources, "scm" in sources) == (True, False)


@pytest.mark.parametrize(("names", "known"), [(["erp", "crm"], "crm, erp"), ([], "none")])
async def test_names_those_that_it_knows(names: list[str], known: str) -> None:
    sources = Registry({name: MemorySource(name, {}) for name in names})
    with pytest.raises(SourceUnavailable) as error:
        sources["scm"]
    assert str(error.value) == f"datasource 'scm' is not among the sources of the settings: {known}"


async def test_reads_inside_of_transactions() -> None:
    crm, erp = MemorySource("crm", {"people": [{"id": 1}]}), MemorySource("erp", {})
    sources = Registry({"crm": crm, "erp": erp})
    await sources.open()
    people = Collection("people", "id", (Column("id", ColumnType.INTEGER, nullable=False),))
    count = AggregateLookup(people, (Aggregate(Function.COUNT),))
    async with crm.transaction() as transaction:
        await transaction.write(Insert(people, ("id",), ((2,),)))
        inside = sources.within({"crm": transaction})
        assert inside["erp"] is erp
        assert (inside["crm"].name, inside["crm"].capabilities) == ("crm", crm.capabilities)
        assert await inside["crm"].describe("people") == await crm.describe("people")
        assert (await inside["crm"].lookup(Lookup(people, ("id",)))).rows == [(1,), (2,)]
        assert (await inside["crm"].aggregate(count)).rows == [(2,)]
        assert (await sources["crm"].lookup(Lookup(people, ("id",)))).rows == [(1,)]
