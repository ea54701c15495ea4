"""The change feed of a PostgreSQL database: what each snapshot sees of the outbox that the one before did not."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg

from datasources.changes import Change, change_of
from datasources.errors import SourceRefused
from datasources.lookup import Collection, Column
from datasources.outbox import FEED, TABLE
from datasources.positions import expired, position_of, unknown, written
from datasources.sql.dialect import Physical
from datasources.sql.images import Decode, Images
from datasources.sql.postgres_errors import VENDOR, mapped
from datasources.sql.postgres_images import decoder
from datasources.sql.postgres_outbox import NOT_INSTALLED
from datasources.sql.postgres_triggers import CHANNEL
from datasources.sql.snapshots import Position, Snapshot

POLL_SECONDS = 2.0
"""How long a wake-up that was lost may delay."""
BLIND_POLL_SECONDS = 0.25
"""The same where the server has none to give: one that only follows another."""
ANSWER_SECONDS = 30.0

_STATE = f"SELECT id, pruned_xid::text::bigint, pruned_seq, pg_current_snapshot()::text FROM {FEED}"  # noqa: S608

_ROWS = f"""
WITH state AS MATERIALIZED ({_STATE}), found AS MATERIALIZED (%s)
SELECT state.*, seq, collection, before::text, after::text
FROM state LEFT JOIN (found JOIN {TABLE} USING (seq)) ON true ORDER BY seq
"""  # noqa: S608

_STEP = _ROWS % (
    f"SELECT seq FROM {TABLE} WHERE (xid >= $1::text::xid8 OR xid = ANY($2::text[]::xid8[])) "  # noqa: S608
    "AND pg_visible_in_snapshot(xid, coalesce($3::text::pg_snapshot, pg_current_snapshot())) "
    "AND collection = ANY($4) ORDER BY seq LIMIT $5"
)
"""A step's first changes: those that a snapshot does not see, found by their transactions."""

_REST = _ROWS % (
    f"SELECT seq FROM {TABLE} WHERE seq > $1 AND NOT pg_visible_in_snapshot(xid, $2::text::pg_snapshot) "  # noqa: S608
    "AND pg_visible_in_snapshot(xid, $3::text::pg_snapshot) AND collection = ANY($4) ORDER BY seq LIMIT $5"
)
"""Its further ones, found by their numbers."""


class PostgresChanges:
    """Reads and listens on a connection of its own, which it makes anew when it is lost."""

    def __init__(
        self,
        source: str,
        connect: Callable[[], Awaitable[asyncpg.Connection]],
        describe: Callable[[str], Awaitable[Mapping[str, Physical]]],
    ) -> None:
        self._source = source
        self._connect = connect
        self._describe = describe
        self._types: dict[str, Mapping[str, Physical]] = {}
        self._images = Images(source, self._decoder, exact=True)
        self._connection: asyncpg.Connection | None = None
        self._turn = asyncio.Lock()
        self._hears = False
        self._news = asyncio.Event()

    async def head(self) -> str:
        [row] = await self._fetch(_STATE)
        state = _State.of(row)
        return written(state.feed, str(Position(state.now)))

    async def read(
        self, after: str, limit: int, collections: Mapping[str, Collection], until: str | None = None
    ) -> tuple[Sequence[Change], str]:
        await self._learn(collections)
        names = list(collections)
        feed = after.partition(".")[0]
        goal = None if until is None else self._position(feed, until).since
        position = self._position(feed, after).before(goal)
        changes: list[Change] = []
        while True:
            wanted = limit - len(changes)
            state, rows = await self._rows(position, goal, names, wanted)
            self._check(position, after, state)
            upto = position.upto or goal or state.now
            is_done = len(rows) < wanted
            end = Position(upto) if is_done else Position(position.since, upto, rows[-1]["seq"])
            for row in rows:
                is_last = row is rows[-1]
                here = end if is_last else Position(position.since, upto, row["seq"])
                collection = collections[row["collection"]]
                old, new = (self._images.native(collection, row[image]) for image in ("before", "after"))
                change = change_of(written(feed, str(here)), collection, old, new)
                if change is not None:
                    changes.append(change)
            was_step = position.upto is None
            position = end
            if len(changes) == limit or (is_done and was_step):
                return changes, written(feed, str(position))

    async def wait(self) -> None:
        connection = self._connection
        if connection is None or connection.is_closed():
            await self._fetch("SELECT 1")  # connects; whatever has been missed meanwhile may be there
            return
        try:
            async with asyncio.timeout(POLL_SECONDS if self._hears else BLIND_POLL_SECONDS):
                await self._news.wait()
        except TimeoutError:
            return
        self._news.clear()

    def nudge(self) -> None:
        self._news.set()

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    def _position(self, feed: str, cursor: str) -> Position:
        position = Position.parse(position_of(self._source, feed, cursor))
        if position is None:
            raise unknown(cursor)
        return position

    def _check(self, position: Position, cursor: str, state: "_State") -> None:
        position_of(self._source, state.feed, cursor)
        if position.misses(state.pruned_xid, state.pruned_seq) or position.is_ahead_of(state.now):
            raise expired(self._source)

    async def _rows(
        self, position: Position, goal: Snapshot | None, names: list[str], wanted: int
    ) -> tuple["_State", list[asyncpg.Record]]:
        since, upto = position.since, position.upto
        if upto is None:
            seen = goal and goal.to_postgres
            arguments = (str(since.below), [str(xid) for xid in since.running], seen, names, wanted)
            rows = await self._fetch(_STEP, *arguments)
        else:
            rows = await self._fetch(_REST, position.seq, since.to_postgres, upto.to_postgres, names, wanted)
        return _State.of(rows[0]), [row for row in rows if row["seq"] is not None]

    async def _learn(self, collections: Mapping[str, Collection]) -> None:
        for name in collections.keys() - self._types.keys():
            self._types[name] = await self._describe(name)

    def _decoder(self, collection: Collection, column: Column) -> Decode:
        physical = self._types[collection.name].get(column.name)
        return decoder(column, None if physical is None else physical.type)

    async def _fetch(self, text: str, *arguments: Any) -> list[asyncpg.Record]:
        try:
            async with self._turn:
                connection = self._connection
                if connection is None or connection.is_closed():
                    connection = self._connection = await self._connected()
                rows: list[asyncpg.Record] = await connection.fetch(text, *arguments, timeout=ANSWER_SECONDS)
                return rows
        except asyncpg.UndefinedTableError as error:
            raise SourceRefused(self._source, NOT_INSTALLED) from error
        except VENDOR as error:
            raise mapped(self._source, TABLE, error) from error

    async def _connected(self) -> asyncpg.Connection:
        connection = await self._connect()
        try:
            # a plan that suits any snapshot would read the whole outbox each time
            await connection.execute("SET plan_cache_mode = force_custom_plan")
            self._hears = await self._listens(connection)
            connection.add_termination_listener(lambda _: self._news.set())
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _listens(self, connection: asyncpg.Connection) -> bool:
        try:
            await connection.add_listener(CHANNEL, lambda *_: self._news.set())
        except (asyncpg.FeatureNotSupportedError, asyncpg.ReadOnlySQLTransactionError):
            return False
        return True


@dataclass(frozen=True, slots=True)
class _State:
    """The feed at one moment."""

    feed: str
    pruned_xid: int
    pruned_seq: int
    now: Snapshot

    @classmethod
    def of(cls, row: asyncpg.Record) -> "_State":
        feed, pruned_xid, pruned_seq, now, *_ = row
        return cls(feed, pruned_xid, pruned_seq, Snapshot.of_postgres(now))
