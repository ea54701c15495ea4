"""A source that is observed: what it is asked, what comes of it, and the statements that it runs for that."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from datasources.base import Capabilities, Datasource
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Rows
from datasources.write import Transaction, writable

T = TypeVar("T")
L = TypeVar("L", Lookup, AggregateLookup)


@dataclass(eq=False, slots=True)
class Statement:
    """What was sent to a database or a service: SQL, or a request's line, with its body below."""

    text: str
    seconds: float = 0.0


@dataclass(eq=False, slots=True)
class Observation:
    """One lookup of a source, with all its statements: pages, counts, and further attempts."""

    source: str
    lookup: Lookup | AggregateLookup
    statements: list[Statement] = field(default_factory=list)
    seconds: float = 0.0
    rows: int = 0
    error: Exception | None = None

    async def run(self, text: str, work: Awaitable[T]) -> T:
        """What `work` returns, which is to run this statement."""
        statement = Statement(text)
        self.statements.append(statement)
        started = perf_counter()
        try:
            return await work
        finally:
            statement.seconds = perf_counter() - started


observation: ContextVar[Observation | None] = ContextVar("observation", default=None)
"""Of the lookup that runs, where somebody observes it; adapters tell it their statements."""

Begin = Callable[[Observation], None]


class Observed:
    """`source`, each of whose lookups is handed to `begin` before it runs."""

    def __init__(self, source: Datasource, begin: Begin) -> None:
        self._source = source
        self._begin = begin

    def __getattr__(self, name: str) -> Any:
        """What only some sources have, such as a change feed."""
        return getattr(self._source, name)

    def observed_by(self, begin: Begin) -> "Observed":
        """The same source, observed by another."""
        return Observed(self._source, begin)

    @property
    def name(self) -> str:
        return self._source.name

    @property
    def capabilities(self) -> Capabilities:
        return self._source.capabilities

    async def open(self) -> None:
        await self._source.open()

    async def close(self) -> None:
        await self._source.close()

    async def check(self) -> None:
        await self._source.check()

    async def describe(self, collection: str) -> dict[str, ColumnType | None] | None:
        return await self._source.describe(collection)

    async def lookup(self, lookup: Lookup) -> Rows:
        return await _observed(self._begin, self.name, self._source.lookup, lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await _observed(self._begin, self.name, self._source.aggregate, lookup)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One whose lookups are observed; of a source that can be written."""
        async with writable(self._source).transaction() as transaction:
            yield _Transaction(self.name, transaction, self._begin)


class _Transaction:
    def __init__(self, source: str, transaction: Transaction, begin: Begin) -> None:
        self._source = source
        self._begin = begin
        self._transaction = transaction
        self.write = transaction.write
        self.insert_with = transaction.insert_with
        self.claim = transaction.claim
        self.undo = transaction.undo
        self.record = transaction.record

    async def lookup(self, lookup: Lookup) -> Rows:
        return await _observed(self._begin, self._source, self._transaction.lookup, lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await _observed(self._begin, self._source, self._transaction.aggregate, lookup)


async def _observed(begin: Begin, source: str, ask: Callable[[L], Awaitable[Rows]], lookup: L) -> Rows:
    made = Observation(source, lookup)
    begin(made)
    token = observation.set(made)
    started = perf_counter()
    try:
        answer = await ask(lookup)
    except Exception as error:
        made.error = error
        raise
    finally:
        made.seconds = perf_counter() - started
        observation.reset(token)
    made.rows = len(answer.rows)
    return answer
