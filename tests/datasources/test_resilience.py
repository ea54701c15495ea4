"""Deadlines, concurrency, retries and circuit breakers, around any source."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from datasources.base import EVERYTHING_CAPABLE, Datasource
from datasources.errors import (
    DatasourceError,
    SourceMisbehaved,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from datasources.lookup import Aggregate, AggregateLookup, Function, Lookup, Rows
from datasources.memory import MemorySource
from datasources.resilience import Resilience, resilient
from datasources.write import Transaction, writable
from tests.datasources import written
from tests.datasources.contract import DatasourceContract
from tests.datasources.contract_writes import WritesContract, papers
from tests.datasources.dataset import PEOPLE, ROWS, TYPES
from tests.support.sources import Counted, Failing, Gated

pytestmark = pytest.mark.anyio

LOOKUP = Lookup(PEOPLE, ("id",), limit=1)
COUNT = AggregateLookup(PEOPLE, (Aggregate(Function.COUNT),))
ANSWER = Rows(("id",), [(1,)])

DOWN = SourceUnavailable("erp", "cannot be reached")
SLOW = SourceTimeout("erp", "did not answer in time")
REFUSED = SourceRefused("erp", "refused")
NONSENSE = SourceMisbehaved("erp", "answered nonsense")
LEFT_ALONE = "datasource 'erp' failed repeatedly and is left alone for a moment"

ONCE = Resilience(attempts=1, breaker_failures=2, breaker_seconds=5)


class Clock:
    """A clock that the test moves."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


async def memory() -> MemorySource:
    source = MemorySource("erp", ROWS, columns=TYPES)
    await source.open()
    return source


async def failures(source: Datasource, count: int) -> list[str]:
    """The messages of so many lookups that fail, one after the other."""
    messages = []
    for _ in range(count):
        with pytest.raises(DatasourceError) as error:
            await source.lookup(LOOKUP)
        messages.append(str(error.value))
    return messages


class TestContract(DatasourceContract):
    @pytest.fixture
    async def source(self) -> Datasource:
        return resilient(await memory())


class TestWrites(WritesContract):
    @pytest.fixture
    async def source(self) -> Datasource:
        source = MemorySource("erp", {}, columns=written.TYPES, constraints=written.CONSTRAINTS)
        await source.open()
        return resilient(source)


async def test_passes_everything_on() -> None:
    inner = Counted(MemorySource("erp", ROWS))
    source = resilient(inner)
    assert (source.name, source.capabilities) == ("erp", inner.capabilities)
    await source.open()
    await source.check()
    assert await source.lookup(LOOKUP) == ANSWER
    assert (await source.aggregate(COUNT)).rows == [(7,)]
    assert await source.describe("people") == await inner.describe("people")
    assert inner.lookups == [LOOKUP, COUNT]
    await source.close()
    with pytest.raises(SourceUnavailable):
        await source.check()


async def test_ends_at_the_deadline() -> None:
    source = resilient(Gated(await memory()), Resilience(deadline=0.01))
    for ask in (source.lookup(LOOKUP), source.aggregate(COUNT)):
        with pytest.raises(SourceTimeout, match=r"^datasource 'erp' did not answer within 0.01 s$"):
            await ask


async def test_a_cancelled_lookup_cancels_its_source() -> None:
    gated = Gated(await memory())
    asking = asyncio.create_task(resilient(gated).lookup(LOOKUP))
    await gated.arrived(1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert gated.waiting == 0


async def test_asks_so_many_at_once_and_lets_so_many_wait() -> None:
    gated = Gated(await memory())
    source = resilient(gated, Resilience(concurrency=2, waiting=3))
    asking = [asyncio.create_task(source.lookup(LOOKUP)) for _ in range(5)]
    await gated.arrived(2)
    with pytest.raises(SourceUnavailable, match=r"^datasource 'erp' is overloaded$"):
        await source.lookup(LOOKUP)
    assert len(gated.lookups) == 2

    asking[3].cancel()  # a lookup that waits no longer makes room
    with pytest.raises(asyncio.CancelledError):
        await asking[3]
    asking[3] = asyncio.create_task(source.lookup(LOOKUP))
    gated.gate.set()
    assert await asyncio.gather(*asking) == [ANSWER] * 5


async def test_waits_no_longer_than_the_deadline() -> None:
    gated = Gated(await memory())
    source = resilient(gated, Resilience(deadline=0.01, concurrency=1))
    results = await asyncio.gather(source.lookup(LOOKUP), source.lookup(LOOKUP), return_exceptions=True)
    assert isinstance(results[0], SourceTimeout)
    assert isinstance(results[1], (SourceTimeout, SourceUnavailable))  # it may get its turn in its last moment
    gated.gate.set()
    assert await source.lookup(LOOKUP) == ANSWER


@pytest.mark.parametrize(
    ("error", "times", "asked"),
    [
        pytest.param(DOWN, 1, 2, id="answered-by-the-second"),
        pytest.param(DOWN, 2, 3, id="answered-by-the-third"),
    ],
)
async def test_tries_again_when_unavailable(error: DatasourceError, times: int, asked: int) -> None:
    failing = Failing(await memory(), error, times=times)
    source = resilient(failing, Resilience(attempts=3, backoff=0.001))
    assert await source.lookup(LOOKUP) == ANSWER
    assert failing.lookups == [LOOKUP] * asked
    failing.times = times
    assert (await source.aggregate(COUNT)).rows == [(7,)]


@pytest.mark.parametrize(
    ("error", "asked"),
    [
        pytest.param(DOWN, 3, id="unavailable"),
        pytest.param(SLOW, 1, id="timeout"),
        pytest.param(REFUSED, 1, id="refused"),
        pytest.param(NONSENSE, 1, id="misbehaved"),
    ],
)
async def test_tries_again_only_when_unavailable(error: DatasourceError, asked: int) -> None:
    failing = Failing(await memory(), error)
    with pytest.raises(DatasourceError) as raised:
        await resilient(failing, Resilience(attempts=3, backoff=0.001)).lookup(LOOKUP)
    assert raised.value is error
    assert len(failing.lookups) == asked


async def test_the_deadline_ends_retries() -> None:
    failing = Failing(await memory(), DOWN)
    source = resilient(failing, Resilience(deadline=0.05, attempts=100, backoff=60))
    with pytest.raises(SourceTimeout):
        await source.lookup(LOOKUP)
    assert len(failing.lookups) == 1


@pytest.mark.parametrize("error", [DOWN, SLOW], ids=["unavailable", "timeout"])
async def test_the_breaker_opens_probes_and_closes(error: DatasourceError) -> None:
    clock = Clock()
    failing = Failing(await memory(), error)
    source = resilient(failing, ONCE, clock)
    assert await failures(source, 4) == [str(error)] * 2 + [LEFT_ALONE] * 2

    clock.now = 4.9
    assert await failures(source, 1) == [LEFT_ALONE]

    clock.now = 5.0  # the probe fails, and it is left alone for as long again
    assert await failures(source, 2) == [str(error), LEFT_ALONE]
    clock.now = 9.9
    assert await failures(source, 1) == [LEFT_ALONE]
    assert len(failing.lookups) == 3

    clock.now, failing.times = 10.0, 0  # the probe is answered
    for _ in range(3):
        assert await source.lookup(LOOKUP) == ANSWER
    failing.times = 1  # and it takes as many failures as before to open it
    assert await failures(source, 1) == [str(error)]
    assert await source.lookup(LOOKUP) == ANSWER


@pytest.mark.parametrize("answer", [REFUSED, NONSENSE, None], ids=["refusal", "nonsense", "answer"])
async def test_an_answer_between_failures_keeps_it_closed(answer: DatasourceError | None) -> None:
    failing = Failing(await memory(), DOWN)
    source = resilient(failing, ONCE)
    for _ in range(3):
        failing.error, failing.times = DOWN, None
        assert await failures(source, 1) == [str(DOWN)]
        if answer is None:
            failing.times = 0
            assert await source.lookup(LOOKUP) == ANSWER
        else:
            failing.error = answer
            assert await failures(source, 1) == [str(answer)]


async def test_one_lookup_probes() -> None:
    clock = Clock()
    failing = Failing(await memory(), DOWN)
    gated = Gated(failing)
    gated.gate.set()
    source = resilient(gated, ONCE, clock)
    await failures(source, 2)

    clock.now, failing.times = 5.0, 0
    gated.gate.clear()
    probe = asyncio.create_task(source.lookup(LOOKUP))
    await gated.arrived(3)
    assert await failures(source, 2) == [LEFT_ALONE] * 2
    gated.gate.set()
    assert await probe == ANSWER
    assert await source.lookup(LOOKUP) == ANSWER


async def test_a_cancelled_probe_teaches_nothing() -> None:
    clock = Clock()
    failing = Failing(await memory(), DOWN)
    gated = Gated(failing)
    gated.gate.set()
    source = resilient(gated, ONCE, clock)
    await failures(source, 2)

    clock.now = 5.0
    gated.gate.clear()
    probe = asyncio.create_task(source.lookup(LOOKUP))
    await gated.arrived(3)
    probe.cancel()
    await asyncio.wait([probe])
    gated.gate.set()
    assert await failures(source, 2) == [str(DOWN), LEFT_ALONE]  # the next one probes


async def test_cancelled_lookups_do_not_open_it() -> None:
    gated = Gated(await memory())
    source = resilient(gated, ONCE)
    asking = [asyncio.create_task(source.lookup(LOOKUP)) for _ in range(5)]
    await gated.arrived(5)
    for task in asking:
        task.cancel()
    await asyncio.wait(asking)
    gated.gate.set()
    assert await source.lookup(LOOKUP) == ANSWER


async def test_what_waits_is_refused_once_it_opens() -> None:
    gated = Gated(Failing(await memory(), DOWN))
    source = resilient(gated, Resilience(attempts=1, breaker_failures=2, concurrency=2))
    asking = [asyncio.create_task(source.lookup(LOOKUP)) for _ in range(5)]
    await gated.arrived(2)
    gated.gate.set()
    results: Sequence[object] = await asyncio.gather(*asking, return_exceptions=True)
    assert [str(result) for result in results] == [str(DOWN)] * 2 + [LEFT_ALONE] * 3
    assert len(gated.lookups) == 2


async def test_its_health_is_asked_for_also_while_it_is_open() -> None:
    failing = Failing(await memory(), DOWN)
    source = resilient(failing, ONCE)
    await failures(source, 2)
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        await source.check()
    failing.times = 0
    await source.check()
    assert await failures(source, 1) == [LEFT_ALONE]
    assert await source.describe("people") is not None


async def writing(source: Datasource, error: BaseException | None = None) -> None:
    """A transaction that ends as it should, or with an error."""
    async with writable(source).transaction():
        if error is not None:
            raise error


async def hold(source: Datasource) -> None:
    async with writable(source).transaction():
        await asyncio.Event().wait()


async def test_a_transaction_takes_the_place_of_a_lookup() -> None:
    source = resilient(await memory(), Resilience(concurrency=1, waiting=1))
    async with writable(source).transaction() as transaction:
        waiting = asyncio.create_task(source.lookup(LOOKUP))
        await asyncio.sleep(0)
        with pytest.raises(SourceUnavailable, match="is overloaded"):
            await writing(source)
        assert await transaction.lookup(LOOKUP) == ANSWER
        assert not waiting.done()
    assert await waiting == ANSWER


async def test_a_transaction_has_a_deadline_and_is_rolled_back_then() -> None:
    inner = MemorySource("erp", {}, columns=written.TYPES)
    source = resilient(inner, Resilience(deadline=0.01))
    await source.open()

    async def stall() -> None:
        async with writable(source).transaction() as transaction:
            await transaction.write(papers("a"))
            await asyncio.Event().wait()

    with pytest.raises(SourceTimeout, match=r"^datasource 'erp' did not answer within 0\.01 s$"):
        await stall()
    assert (await source.lookup(Lookup(written.PAPERS, ("id",)))).rows == []
    await writing(source)


async def test_a_transaction_that_waits_in_vain_is_refused() -> None:
    source = resilient(await memory(), Resilience(concurrency=1, deadline=0.01))
    holding = asyncio.create_task(hold(source))
    await asyncio.sleep(0)
    with pytest.raises(SourceUnavailable, match="is overloaded"):
        await writing(source)
    with pytest.raises(SourceTimeout):
        await holding


async def test_a_transaction_is_not_made_twice() -> None:
    begun = 0

    class Away(MemorySource):
        @asynccontextmanager
        async def transaction(self) -> AsyncIterator[Transaction]:
            nonlocal begun
            begun += 1
            async with super().transaction() as transaction:
                yield transaction
            raise DOWN

    source = resilient(Away("erp", {}), Resilience(attempts=3))
    await source.open()
    with pytest.raises(SourceUnavailable, match="cannot be reached"):
        await writing(source)
    assert begun == 1


@pytest.mark.parametrize(
    ("error", "opens"),
    [
        pytest.param(DOWN, True, id="unavailable"),
        pytest.param(SLOW, True, id="timeout"),
        pytest.param(REFUSED, False, id="refused"),
        pytest.param(SourceUnavailable("crm", "cannot be reached"), False, id="another-sources"),
        pytest.param(KeyError(), False, id="the-blocks-own"),
    ],
)
async def test_a_transaction_teaches_the_breaker(error: Exception, opens: bool) -> None:
    source = resilient(await memory(), ONCE)
    for _ in range(2):
        with pytest.raises(type(error)):
            await writing(source, error)
    if opens:
        with pytest.raises(SourceUnavailable, match=LEFT_ALONE):
            await writing(source)
    else:
        await writing(source)


async def test_what_cannot_be_written_has_no_transactions() -> None:
    source = resilient(MemorySource("erp", ROWS, capabilities=replace(EVERYTHING_CAPABLE, write=False)))
    await source.open()
    with pytest.raises(SourceRefused, match=r"^datasource 'erp' cannot be written$"):
        await writing(source)
