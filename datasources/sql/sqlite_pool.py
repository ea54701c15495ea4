"""SQLite connections, each used by one job at a time, in threads of their own."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

from datasources.sql.sqlite_dialect import FOLD, REAL, REWRITE
from datasources.sql.sqlite_values import rewrite_datetime

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], T]


class Run(Protocol):
    """Runs a job on a connection; the collection is for messages."""

    def __call__(self, collection: str, job: Job[T]) -> Awaitable[T]: ...


BUSY_SECONDS = 5.0
INTERRUPT_SECONDS = 0.01
CACHED_STATEMENTS = 256
"""Of one connection; SQLite takes 14 kB for each, and 230 kB for one that compares a thousand times."""

_READING = ("PRAGMA query_only = ON",)
_WRITING = ("PRAGMA journal_mode = WAL", "PRAGMA foreign_keys = ON", "PRAGMA busy_timeout = 0")


class SqlitePool:
    """Connections are opened when first needed. A job whose task is cancelled is interrupted."""

    def __init__(self, path: Path, size: int, *, writes: bool = False) -> None:
        """Connections only read, unless `writes`: then they never wait for a lock."""
        self._slots = asyncio.Semaphore(size)
        self._size = size
        self._idle = [_Slot(path, writes) for _ in range(size)]
        self._busy: set[_Slot] = set()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix=f"sqlite-{path.stem}")

    async def run(self, job: Job[T]) -> T:
        await self._slots.acquire()
        slot = self._idle.pop()
        self._busy.add(slot)
        running = asyncio.get_running_loop().run_in_executor(self._threads, slot.run, job)
        running.add_done_callback(lambda done: self._release(slot, done))
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            self._interrupt(slot, running)
            raise

    async def close(self) -> None:
        """Interrupts what runs, waits for it, and closes the connections."""
        for slot in self._busy:
            slot.interrupt()
        for _ in range(self._size):
            await self._slots.acquire()
        for slot in self._idle:
            slot.close()
        self._threads.shutdown(wait=False)

    def _release(self, slot: "_Slot", done: "asyncio.Future[T]") -> None:
        if not done.cancelled():
            done.exception()  # a cancelled task does not fetch it
        self._busy.discard(slot)
        self._idle.append(slot)
        self._slots.release()

    def _interrupt(self, slot: "_Slot", running: "asyncio.Future[T]") -> None:
        """Interrupts until the job has ended: it may be between two statements, or not have begun."""
        if not running.done():
            slot.interrupt()
            asyncio.get_running_loop().call_later(INTERRUPT_SECONDS, self._interrupt, slot, running)


class _Slot:
    """Place for one connection."""

    def __init__(self, path: Path, writes: bool) -> None:
        self._path = path
        self._writes = writes
        self._connection: sqlite3.Connection | None = None

    def run(self, job: Job[T]) -> T:
        if self._connection is None:
            self._connection = _connect(self._path, self._writes)
        return job(self._connection)

    def interrupt(self) -> None:
        if self._connection is not None:
            self._connection.interrupt()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _connect(path: Path, writes: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",  # not to create a database where there is none
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=CACHED_STATEMENTS,
    )
    try:
        for pragma in _WRITING if writes else _READING:
            connection.execute(pragma)
        connection.create_function(FOLD, 1, _fold, deterministic=True)
        connection.create_function(REAL, 1, float, deterministic=True)
        connection.create_function(REWRITE, 1, rewrite_datetime, deterministic=True)
    except BaseException:
        connection.close()
        raise
    return connection


def _fold(value: Any) -> Any:
    return value.casefold() if isinstance(value, str) else value
