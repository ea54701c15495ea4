"""The change feed of a SQLite database: the rows of its outbox, by their number."""

import asyncio
import json
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from datasources.changes import Change, change_of
from datasources.errors import DatasourceError, SourceRefused
from datasources.lookup import Collection, Column
from datasources.outbox import FEED, TABLE
from datasources.positions import expired, number_of, written
from datasources.sql.images import Decode, Images
from datasources.sql.sqlite_outbox import NOT_INSTALLED
from datasources.sql.sqlite_pool import Job, Run, T
from datasources.sql.sqlite_values import from_storage

POLL_SECONDS = 0.025
"""How often the database is asked whether anybody has written."""

_FEED = f"SELECT id, pruned, (SELECT seq FROM sqlite_sequence WHERE name = '{TABLE}') FROM {FEED}"  # noqa: S608
_CHANGES = (
    f"SELECT seq, collection, before, after FROM {TABLE} "  # noqa: S608
    "WHERE seq > ? AND seq <= ? AND collection IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?"
)


class SqliteChanges:
    """Reads on the source's connections, and looks out for writes on one of its own."""

    def __init__(self, source: str, path: Path, run: Run, mapped: Callable[[str, Exception], DatasourceError]) -> None:
        """`mapped` makes a datasource's error of SQLite's, given the collection."""
        self._source = source
        self._run = run
        self._mapped = mapped
        self._images = Images(source, _decoder)
        self._lookout = _Lookout(path)

    async def head(self) -> str:
        feed, _, last = await self._outbox(lambda connection: _state(connection))
        return written(feed, last)

    async def read(
        self, after: str, limit: int, collections: Mapping[str, Collection], until: str | None = None
    ) -> tuple[Sequence[Change], str]:
        names = json.dumps([*collections])
        changes: list[Change] = []
        cursor = after
        while True:
            wanted = limit - len(changes)

            def job(connection: sqlite3.Connection, cursor: str = cursor, wanted: int = wanted) -> _Read:
                feed, pruned, last = _state(connection)
                number = number_of(self._source, feed, cursor)
                if not pruned <= number <= last:
                    raise expired(self._source)
                end = last if until is None else number_of(self._source, feed, until)
                rows = connection.execute(_CHANGES, (number, end, names, wanted)).fetchall()
                return feed, rows, rows[-1][0] if len(rows) == wanted else max(number, end)

            feed, rows, number = await self._outbox(job)
            for seq, name, before, after_image in rows:
                collection = collections[name]
                old, new = self._images.native(collection, before), self._images.native(collection, after_image)
                change = change_of(written(feed, seq), collection, old, new)
                if change is not None:
                    changes.append(change)
            cursor = written(feed, number)
            if len(rows) < wanted or len(changes) == limit:
                return changes, cursor

    async def wait(self) -> None:
        try:
            await self._lookout.wait()
        except sqlite3.Error as error:
            raise self._mapped(TABLE, error) from error

    def nudge(self) -> None:
        self._lookout.nudge()

    def close(self) -> None:
        self._lookout.close()

    async def _outbox(self, job: Job[T]) -> T:
        try:
            return await self._run(TABLE, lambda connection: _in_snapshot(connection, job))
        except DatasourceError as error:
            if str(error.__cause__).startswith("no such table"):
                raise SourceRefused(self._source, NOT_INSTALLED) from error
            raise


_Read = tuple[str, list[tuple[int, str, str | None, str | None]], int]


def _in_snapshot(connection: sqlite3.Connection, job: Job[T]) -> T:
    """What is pruned in the meantime must not go unnoticed."""
    connection.execute("BEGIN")
    try:
        return job(connection)
    finally:
        connection.execute("COMMIT")


def _state(connection: sqlite3.Connection) -> tuple[str, int, int]:
    """The feed's name, and the numbers of the last change that is no longer kept and of the last that there was."""
    feed, pruned, last = connection.execute(_FEED).fetchone()
    return feed, pruned, last or 0


def _decoder(_: Collection, column: Column) -> Decode:
    convert = from_storage(column)

    def native(value: Any) -> Any:
        if isinstance(value, dict):
            value = bytes.fromhex(value["blob"])
        return value if convert is None else convert(value)

    return native


class _Lookout:
    """Sees in a thread of its own when others have written: that costs less than timers of the event loop would."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._version: int | None = None
        self._is_nudged = False
        self._wake = threading.Event()
        self._thread: ThreadPoolExecutor | None = None

    async def wait(self) -> None:
        if not self._is_nudged:
            if self._thread is None:
                self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"changes-{self._path.stem}")
            wake = self._wake = threading.Event()
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._look, wake)
            finally:
                wake.set()
        self._is_nudged = False

    def nudge(self) -> None:
        self._is_nudged = True
        self._wake.set()

    def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._wake.set()
            thread.submit(self._disconnect)
            thread.shutdown(wait=False)

    def _look(self, wake: threading.Event) -> None:
        try:
            while not self._has_changed() and not wake.wait(POLL_SECONDS):
                pass
        except sqlite3.Error:
            self._disconnect()
            raise

    def _has_changed(self) -> bool:
        if self._connection is None:
            address = f"{self._path.absolute().as_uri()}?mode=rw"
            self._connection = sqlite3.connect(address, uri=True, timeout=0, check_same_thread=False)
        seen = self._version
        try:
            [self._version] = self._connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":  # which it is while a writer holds the whole file
                raise
        return self._version != seen

    def _disconnect(self) -> None:
        connection, self._connection, self._version = self._connection, None, None
        if connection is not None:
            connection.close()
