"""What every source needs: a deadline, bounded concurrency, retries of reads, and a circuit breaker."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import TypeVar

import stamina
from stamina.instrumentation import set_on_retry_hooks

from datasources.base import Datasource
from datasources.deadlines import Call, Deadlines
from datasources.errors import DatasourceError, SourceTimeout, SourceUnavailable
from datasources.joint import Joint
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Rows
from datasources.slots import Slots
from datasources.wrapper import Wrapper
from datasources.write import Insert, Recorded, Transaction, Write, writable

set_on_retry_hooks(())  # stamina would log each retry as a warning; what finally failed is logged once, by the gateway

T = TypeVar("T")
A = TypeVar("A")


@dataclass(frozen=True, slots=True)
class Resilience:
    """How a source is treated; times in seconds."""

    deadline: float = 10.0
    """For a lookup in all, with its waiting and its retries."""
    concurrency: int = 50
    """Lookups at once."""
    waiting: int = 1000
    """Lookups that wait for their turn; one more is refused."""
    attempts: int = 3
    """Of a lookup that finds the source unavailable."""
    backoff: float = 0.1
    """Before the first retry, and as much jitter; doubled for each further retry."""
    breaker_failures: int = 5
    """Lookups in a row that found the source unavailable or timed out, after which it is left alone."""
    breaker_seconds: float = 5.0
    """How long it is left alone, before one lookup may try."""


def resilient(
    source: Datasource, policy: Resilience | None = None, clock: Callable[[], float] = time.monotonic
) -> Datasource:
    """`source` with a deadline, bounded concurrency, retries and a circuit breaker."""
    return _Resilient(source, policy or Resilience(), clock)


class Breaker:
    """Opens after so many failures in a row; after a while lets one call probe, and closes when that is answered.

    An answer that refuses the lookup, or makes no sense, is one: leaving the source alone would not mend it.
    """

    def __init__(self, failures: int, seconds: float, clock: Callable[[], float]) -> None:
        self._limit = failures
        self._seconds = seconds
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are refused now."""
        return self._failures >= self._limit and (self._probing or self._clock() < self._open_until)

    def begin(self) -> bool:
        """Of a call that is not refused; whether it probes."""
        probes = self._failures >= self._limit
        self._probing = self._probing or probes
        return probes

    def end(self, error: BaseException | None, *, probed: bool) -> None:
        """How the call ended; that it was cancelled teaches nothing."""
        if error is None:
            self._failures = 0
        elif isinstance(error, (SourceUnavailable, SourceTimeout)):
            self._failures += 1
            self._open_until = self._clock() + self._seconds
        elif isinstance(error, DatasourceError):
            self._failures = 0
        if probed:
            self._probing = False


class _Resilient(Wrapper):
    """Its change feed is as it was: whoever follows one waits and tries again in a way of its own."""

    def __init__(self, source: Datasource, policy: Resilience, clock: Callable[[], float]) -> None:
        super().__init__(source)
        self._policy = policy
        self._breaker = Breaker(policy.breaker_failures, policy.breaker_seconds, clock)
        self._slots = Slots(policy.concurrency)
        self._deadlines = Deadlines(policy.deadline)
        self._waiting = 0
        self._joint = Joint(lambda lookup: self._guarded(source.lookup, lookup), self._anew)

    async def open(self) -> None:
        self._deadlines = Deadlines(self._policy.deadline)
        await self._source.open()

    async def check(self) -> None:
        """Asks the source itself, also while the breaker is open, and leaves the breaker as it is."""
        await self._before_deadline(self._source.check())

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        return await self._before_deadline(self._source.describe(collection))

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self._joint.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self._guarded(self._source.aggregate, lookup)

    async def recorded(self, key: str) -> Recorded | None:
        return await self._guarded(writable(self._source).recorded, key)

    async def write(self, write: Write) -> Rows:
        async with self._once():
            return await writable(self._source).write(write)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        async with self._once():
            return await writable(self._source).insert_with(parent, column, children)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._once(), writable(self._source).transaction() as transaction:
            yield transaction

    @asynccontextmanager
    async def _once(self) -> AsyncIterator[None]:
        """The block is a call as a lookup is, but never made twice."""
        self._refuse_when_open()
        call = self._deadlines.start()
        try:
            if not self._slots.take():
                await self._wait_for_slot(call)
            try:
                self._refuse_when_open()
                with self._watching(call):
                    yield
            finally:
                self._slots.give_back()
        finally:
            call.stop()

    @contextmanager
    def _watching(self, call: Call) -> Iterator[None]:
        """Of the block's errors only the source's own are for its breaker."""
        probes = self._breaker.begin()
        failure: BaseException | None = None
        try:
            yield
        except asyncio.CancelledError as error:
            failure = error
            if not call.stop():
                raise
            failure = self._too_late()
            raise failure from error
        except BaseException as error:
            is_foreign = isinstance(error, DatasourceError) and error.source != self.name
            failure = asyncio.CancelledError() if is_foreign else error
            raise
        finally:
            self._breaker.end(failure, probed=probes)

    async def _guarded(self, ask: Callable[[A], Awaitable[T]], asked: A) -> T:
        """Every lookup comes through here: what is not needed when all goes well stands aside."""
        self._refuse_when_open()
        call = self._deadlines.start()
        try:
            if not self._slots.take():
                await self._wait_for_slot(call)
            try:
                self._refuse_when_open()  # it may have opened in the meantime
                return await self._watched(ask, asked, call)
            finally:
                self._slots.give_back()
        finally:
            call.stop()

    async def _watched(self, ask: Callable[[A], Awaitable[T]], asked: A, call: Call) -> T:
        probes = self._breaker.begin()
        failure: BaseException | None = None
        try:
            try:
                return await ask(asked)
            except SourceUnavailable as error:
                return await self._again(ask, asked, error)
        except (asyncio.CancelledError, TimeoutError) as error:
            failure = error
            if isinstance(error, asyncio.CancelledError) and not call.stop():
                raise
            failure = self._too_late()
            raise failure from error
        except BaseException as error:
            failure = error
            raise
        finally:
            self._breaker.end(failure, probed=probes)

    def _refuse_when_open(self) -> None:
        if self._breaker.is_open:
            raise SourceUnavailable(self.name, "failed repeatedly and is left alone for a moment")

    async def _wait_for_slot(self, call: Call) -> None:
        if self._waiting >= self._policy.waiting:
            raise SourceUnavailable(self.name, "is overloaded")
        self._waiting += 1
        try:
            await self._slots.wait()
        except asyncio.CancelledError:
            if not call.stop():
                raise
            raise SourceUnavailable(self.name, "is overloaded") from None
        finally:
            self._waiting -= 1

    async def _anew(self, lookup: Lookup, began: float) -> Rows:
        """A lookup that has waited for others in vain since it began."""
        return await self._before_deadline(self._guarded(self._source.lookup, lookup), began)

    async def _before_deadline(self, asked: Awaitable[T], began: float | None = None) -> T:
        began = asyncio.get_running_loop().time() if began is None else began
        try:
            async with asyncio.timeout_at(began + self._policy.deadline):
                return await asked
        except TimeoutError as error:
            raise self._too_late() from error

    def _too_late(self) -> SourceTimeout:
        return SourceTimeout(self.name, f"did not answer within {self._policy.deadline:g} s")

    async def _again(self, ask: Callable[[A], Awaitable[T]], asked: A, first: SourceUnavailable) -> T:
        """Further attempts, after the first that failed."""
        if self._policy.attempts == 1:
            raise first
        backoff = self._policy.backoff
        attempts = stamina.retry_context(
            SourceUnavailable, self._policy.attempts, timeout=None, wait_initial=backoff, wait_jitter=backoff
        )
        async for attempt in attempts:
            with attempt:
                if attempt.num == 1:
                    raise first
                return await ask(asked)
        raise first
