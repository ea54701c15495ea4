"""Administers the outbox of a PostgreSQL database; see `postgres_triggers` for what it is made of."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import asyncpg

from datasources.errors import SourceRefused, SourceTimeout
from datasources.outbox import FEED, PRUNED, TABLE, OutboxStatus, Retention, TableStatus, Watched
from datasources.sql.postgres_errors import VENDOR, mapped
from datasources.sql.postgres_triggers import (
    NOTIFY,
    RECORD,
    TRUNCATED,
    arguments_of,
    functions,
    quoted,
    tables,
    triggers,
)

LOCK_SECONDS = 2.0
"""How long triggers wait for a table that others are writing: who comes to write meanwhile waits behind them."""
ATTEMPTS = 5

OLDEST = 130000
"""The first version that tells apart transactions for good: 13."""

NOT_INSTALLED = "keeps no changes; run `gateway changes install`"

_PRUNE = f"""
WITH
  doomed AS MATERIALIZED (
    SELECT xid, seq FROM (SELECT xid, seq, at FROM {TABLE} ORDER BY seq LIMIT $3) AS oldest
    WHERE xid < pg_snapshot_xmin(pg_current_snapshot())
      AND (seq <= (SELECT max(seq) FROM {TABLE}) - $1 OR at < clock_timestamp() - make_interval(secs => $2))
  ),
  dropped AS (DELETE FROM {TABLE} WHERE seq IN (SELECT seq FROM doomed)),
  noted AS (
    UPDATE {FEED} SET
      pruned_xid = greatest(pruned_xid, (SELECT xid FROM doomed ORDER BY xid DESC LIMIT 1)),
      pruned_seq = greatest(pruned_seq, (SELECT max(seq) FROM doomed))
  )
SELECT count(*) FROM doomed
"""  # noqa: S608

_TRIGGERS = """
SELECT tgname::text AS name, tgargs AS arguments FROM pg_trigger
WHERE tgrelid = $1 AND NOT tgisinternal AND tgenabled <> 'D' AND tgname = ANY($2)
"""

_WATCHED = """
SELECT convert_from(substring(tgargs FOR position('\\x00'::bytea IN tgargs) - 1), current_setting('server_encoding')),
  format('%I.%I', n.nspname, c.relname)
FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE tgname = $1 AND NOT tgisinternal AND tgparentid = 0 ORDER BY 1
"""
"""Collections as they are told, and their tables, which may have been renamed since."""

_TABLE = """
SELECT c.oid, c.relkind::text AS kind, format('%I.%I', n.nspname, c.relname) AS name,
  ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped) AS columns,
  ARRAY(
    SELECT attname::text FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY(indkey)
    WHERE indrelid = c.oid AND indisprimary
  ) AS primary
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass($1)
"""

_KINDS = {"v": "a view", "m": "a materialized view", "f": "a foreign table"}


class PostgresOutbox:
    """Connects for each piece of work."""

    def __init__(self, source: str, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._source = source
        self._connect = connect

    async def script(self, tables: Sequence[Watched]) -> str:
        async with self._connected() as connection:
            statements = await self._missing_outbox(connection)
            for watched in tables:
                statements += await self._missing(connection, watched)
        return "".join(f"{statement};\n" for statement in statements)

    async def install(self, tables: Sequence[Watched]) -> Sequence[str]:
        """Each table in a transaction of its own, which waits for its writers only a moment, and tries again."""
        installed = []
        async with self._connected() as connection:
            async with connection.transaction():
                for statement in await self._missing_outbox(connection):
                    await connection.execute(statement)
            for watched in tables:
                statements = await self._missing(connection, watched)
                if statements:
                    await self._patiently(connection, watched.table, statements)
                    installed.append(watched.table)
        return installed

    async def uninstall(self, tables: Sequence[str] | None = None) -> Sequence[str]:
        async with self._connected() as connection:
            watched = await self._watched(connection)
            dropped = [table for table in watched if tables is None or table in tables]
            for table in dropped:
                name = watched[table]
                drops = [f"DROP TRIGGER IF EXISTS {trigger} ON {name}" for trigger in (RECORD, TRUNCATED, NOTIFY)]
                await self._patiently(connection, table, drops)
            if tables is None:
                await connection.execute(
                    f"DROP TABLE IF EXISTS {TABLE}, {FEED};"
                    f"DROP FUNCTION IF EXISTS {RECORD}(), {TRUNCATED}(), {NOTIFY}()"
                )
        return dropped

    async def status(self, tables: Sequence[Watched]) -> OutboxStatus:
        async with self._connected() as connection:
            named = {watched.table: watched for watched in tables}
            found = {**{table: Watched(table) for table in await self._watched(connection)}, **named}
            is_there = not await self._missing_outbox(connection)
            states = [await self._state(connection, found[table], is_there=is_there) for table in sorted(found)]
            if not is_there:
                return OutboxStatus(states)
            [(count, oldest)] = await connection.fetch(f"SELECT count(*), min(at) FROM {TABLE}")  # noqa: S608
            return OutboxStatus(states, count, oldest)

    async def prune(self, keep: Retention) -> int:
        async with self._connected() as connection:
            return int(await connection.fetchval(_PRUNE, keep.count, float(keep.seconds), PRUNED))

    async def _state(self, connection: asyncpg.Connection, watched: Watched, *, is_there: bool) -> TableStatus:
        try:
            missing = await self._missing(connection, watched)
        except SourceRefused as error:
            return TableStatus(watched.table, str(error))
        if not missing and is_there:
            return TableStatus(watched.table)
        is_watched = watched.table in await self._watched(connection)
        return TableStatus(
            watched.table,
            "its triggers are not what they should be: install it again"
            if is_watched
            else "its changes are not kept: install it",
        )

    async def _missing_outbox(self, connection: asyncpg.Connection) -> list[str]:
        """Statements for tables and functions that are not there, or not as they should be."""
        if connection.get_server_version() < (13, 0):
            raise SourceRefused(self._source, "keeps no changes: that takes PostgreSQL 13 or later")
        schema = await _schema(connection)
        statements = [] if await connection.fetchval(f"SELECT to_regclass('{TABLE}')") else tables(schema)
        for name, (body, statement) in functions(schema).items():
            found = await connection.fetchval("SELECT prosrc FROM pg_proc WHERE oid = to_regproc($1)", name)
            if found != body:
                statements.append(statement)
        return statements

    async def _missing(self, connection: asyncpg.Connection, watched: Watched) -> list[str]:
        """Statements for triggers that are not there, or not as they should be."""
        table = await self._table(connection, watched.table)
        key = watched.key or (table["primary"][0] if len(table["primary"]) == 1 else "")
        if key not in table["columns"]:
            wanted = f"column '{key}'" if key else "primary key of one column"
            raise SourceRefused(self._source, f"cannot keep the changes of '{watched.table}': it has no {wanted}")
        wanted_triggers = triggers(await _schema(connection), table["name"], watched.table, key)
        rows = await connection.fetch(_TRIGGERS, table["oid"], list(wanted_triggers))
        found = {row["name"]: row["arguments"] for row in rows}
        statements = []
        for name, statement in wanted_triggers.items():
            if found.get(name) != arguments_of(name, watched.table, key):
                statements += [f"DROP TRIGGER IF EXISTS {name} ON {table['name']}", statement]
        return statements

    async def _table(self, connection: asyncpg.Connection, collection: str) -> asyncpg.Record:
        qualified = ".".join(map(quoted, collection.split(".")))
        table = await connection.fetchrow(_TABLE, qualified)
        if table is None:
            raise SourceRefused(self._source, f"has no table '{collection}'")
        if table["kind"] not in ("r", "p"):
            kind = _KINDS.get(table["kind"], "no table")
            raise SourceRefused(self._source, f"cannot keep the changes of '{collection}': it is {kind}, not a table")
        return table

    async def _watched(self, connection: asyncpg.Connection) -> dict[str, str]:
        """The table of each collection, as it is called now."""
        return {name: table for name, table in await connection.fetch(_WATCHED, RECORD)}  # noqa: C416 - of records

    async def _patiently(self, connection: asyncpg.Connection, table: str, statements: Sequence[str]) -> None:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                async with connection.transaction():
                    await connection.execute(f"SET LOCAL lock_timeout = '{int(LOCK_SECONDS * 1000)}ms'")
                    for statement in statements:
                        await connection.execute(statement)
            except asyncpg.LockNotAvailableError as error:
                if attempt == ATTEMPTS:
                    problem = f"has long transactions on '{table}' that did not end in time: try again when they have"
                    raise SourceTimeout(self._source, problem) from error
            else:
                return

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[asyncpg.Connection]:
        connection = None
        try:
            connection = await self._connect()
            yield connection
        except asyncpg.InsufficientPrivilegeError as error:
            raise SourceRefused(self._source, f"does not let this role do so: {error}") from error
        except asyncpg.UndefinedTableError as error:
            raise SourceRefused(self._source, NOT_INSTALLED) from error
        except VENDOR as error:
            raise mapped(self._source, TABLE, error) from error
        finally:
            if connection is not None:
                connection.terminate()


async def _schema(connection: asyncpg.Connection) -> str:
    """Where the outbox is, or is to be."""
    found = await connection.fetchval(
        "SELECT quote_ident(coalesce((SELECT nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
        "WHERE c.oid = to_regclass($1)), current_schema()))",
        TABLE,
    )
    return str(found)
