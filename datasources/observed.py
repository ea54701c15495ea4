"""A source that is observed: what it is asked, what comes of it, and the statements that it runs for that."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Literal, TypeVar

from datasources.base import Datasource
from datasources.lookup import AggregateLookup, Lookup, Rows
from datasources.wrapper import Wrapper
from datasources.write import Insert, Recorded, Transaction, Write, writable

T = TypeVar("T")

Question = Lookup | AggregateLookup | Write | Literal["claim", "undo", "record"]
"""The last three are of an idempotency key."""


@dataclass(eq=False, slots=True)
class Statement:
    """What was sent to a database or a service: SQL, or a request's line, with its body below."""

    text: str
    seconds: float = 0.0


@dataclass(eq=False, slots=True)
class Observation:
    """One thing that a source is asked, with all its statements: pages, counts, and further attempts."""

    source: str
    asked: Question
    statements: list[Statement] = field(default_factory=list)
    seconds: float = 0.0
    rows: int = 0
    """Read or written; of a claim, the answers that were there."""
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


@dataclass(eq=False, slots=True)
class TransactionObservation:
    """One transaction of a source."""

    source: str
    begin_seconds: float = 0.0
    """With waiting for a turn."""
    end_seconds: float = 0.0
    outcome: Literal["committed", "rolled back"] | None = None
    """None where it could not begin."""


observation: ContextVar[Observation | None] = ContextVar("observation", default=None)
"""Of what a source is asked now, where somebody observes it; adapters tell it their statements."""


def observing(text: str, work: Awaitable[T]) -> Awaitable[T]:
    """`work`, which is to run this statement, and is observed if anybody does."""
    observed = observation.get()
    return work if observed is None else observed.run(text, work)


Begin = Callable[[Observation | TransactionObservation], None]


class Observed(Wrapper):
    """`source`; all that it is asked is handed to `begin` before it runs."""

    def __init__(self, source: Datasource, begin: Begin, *, undo: bool = False) -> None:
        """With `undo`, its transactions are rolled back where they would be committed."""
        super().__init__(source)
        self._begin = begin
        self._undo = undo

    def __getattr__(self, name: str) -> Any:
        """What only some sources have, such as a change feed."""
        return getattr(self._source, name)

    def observed_by(self, begin: Begin) -> "Observed":
        """The same source, observed by another."""
        return Observed(self._source, begin, undo=self._undo)

    async def lookup(self, lookup: Lookup) -> Rows:
        with _asking(self._begin, self.name, lookup) as made:
            return _counted(made, await self._source.lookup(lookup))

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        with _asking(self._begin, self.name, lookup) as made:
            return _counted(made, await self._source.aggregate(lookup))

    async def write(self, write: Write) -> Rows:
        with _asking(self._begin, self.name, write) as made:
            return _counted(made, await writable(self._source).write(write))

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        with _asking(self._begin, self.name, parent) as made:
            rows, born = await writable(self._source).insert_with(parent, column, children)
            made.rows = len(rows.rows)
        self._begin(Observation(self.name, children, rows=len(born.rows)))  # which had no statement of its own
        return rows, born

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        """One that is observed; of a source that can be written."""
        made = TransactionObservation(self.name)
        self._begin(made)
        started = perf_counter()
        try:
            async with writable(self._source).transaction() as transaction:
                made.begin_seconds, made.outcome = perf_counter() - started, "rolled back"
                try:
                    yield _Transaction(self.name, transaction, self._begin)
                finally:
                    started = perf_counter()
                self._before_commit()
            made.outcome = "committed"
        except _Undone:
            pass
        finally:
            made.end_seconds = perf_counter() - started

    def _before_commit(self) -> None:
        if self._undo:
            raise _Undone


class _Undone(Exception):
    """Has a transaction rolled back."""


class _Transaction:
    def __init__(self, source: str, transaction: Transaction, begin: Begin) -> None:
        self._source = source
        self._begin = begin
        self._transaction = transaction

    async def lookup(self, lookup: Lookup) -> Rows:
        with _asking(self._begin, self._source, lookup) as made:
            return _counted(made, await self._transaction.lookup(lookup))

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        with _asking(self._begin, self._source, lookup) as made:
            return _counted(made, await self._transaction.aggregate(lookup))

    async def write(self, write: Write) -> Rows:
        with _asking(self._begin, self._source, write) as made:
            return _counted(made, await self._transaction.write(write))

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        with _asking(self._begin, self._source, parent) as made:
            rows, born = await self._transaction.insert_with(parent, column, children)
            made.rows = len(rows.rows)
        self._begin(Observation(self._source, children, rows=len(born.rows)))  # which had no statement of its own
        return rows, born

    async def claim(self, key: str, digest: bytes) -> Recorded | None:
        with _asking(self._begin, self._source, "claim") as made:
            found = await self._transaction.claim(key, digest)
            made.rows = int(found is not None)
            return found

    async def undo(self) -> None:
        with _asking(self._begin, self._source, "undo"):
            await self._transaction.undo()

    async def record(self, key: str, answer: bytes) -> None:
        with _asking(self._begin, self._source, "record"):
            await self._transaction.record(key, answer)


@contextmanager
def _asking(begin: Begin, source: str, asked: Question) -> Iterator[Observation]:
    made = Observation(source, asked)
    begin(made)
    token = observation.set(made)
    started = perf_counter()
    try:
        yield made
    except Exception as error:
        made.error = error
        raise
    finally:
        made.seconds = perf_counter() - started
        observation.reset(token)


def _counted(made: Observation, answer: Rows) -> Rows:
    made.rows = len(answer.rows)
    return answer
