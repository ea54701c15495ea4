"""The answers to idempotent requests, kept in a table of a PostgreSQL database."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import asyncpg

from datasources.errors import SourceRefused
from datasources.write import KEPT_SECONDS, Recorded

PRUNED = 1000
"""Answers that go at once, at most, when they have been kept long enough."""
RECORDED = 100
"""Answers that one process records between two times that it looks for such."""

INSTALL = """
CREATE TABLE IF NOT EXISTS gateway_idempotency (
  key text PRIMARY KEY, digest bytea NOT NULL, answer bytea, at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS gateway_idempotency_at ON gateway_idempotency (at);
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('gateway_idempotency'))"
"""For IF NOT EXISTS does not see what others are about to make."""
_IS_INSTALLED = "SELECT to_regclass('gateway_idempotency') IS NOT NULL"
_CLAIM = """
INSERT INTO gateway_idempotency AS kept (key, digest) VALUES ($1, $2)
ON CONFLICT (key) DO UPDATE SET digest = excluded.digest, answer = NULL, at = excluded.at
WHERE kept.answer IS NULL OR kept.at <= now() - make_interval(secs => $3)
RETURNING 1
"""
_RECORDED = """
SELECT digest, answer FROM gateway_idempotency
WHERE key = $1 AND answer IS NOT NULL AND at > now() - make_interval(secs => $2)
"""
_FIND = "SELECT digest, answer FROM gateway_idempotency WHERE key = $1"
_RECORD = "UPDATE gateway_idempotency SET answer = $2 WHERE key = $1"
_PRUNE = """
DELETE FROM gateway_idempotency WHERE key IN (
  SELECT key FROM gateway_idempotency WHERE at <= now() - make_interval(secs => $1)
  ORDER BY at LIMIT $2 FOR UPDATE SKIP LOCKED
)
"""


async def install_idempotency(connection: asyncpg.Connection) -> None:
    """Makes the table, unless it is there; raises what asyncpg does."""
    await connection.execute(f"{_ONE_AT_A_TIME};{INSTALL}")


_CLAIMED = "claimed"

Fetch = Callable[[str, Sequence[Any]], Awaitable[list[asyncpg.Record]]]
"""Runs a statement with its arguments."""


class Idempotency:
    """Of one database; the table is made when it is first needed."""

    def __init__(self, source: str, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._source = source
        self._connect = connect
        self._is_installed = False
        self._recorded = 0

    async def recorded(self, fetch: Fetch, key: str) -> Recorded | None:
        try:
            rows = await fetch(_RECORDED, [key, KEPT_SECONDS])
        except asyncpg.UndefinedTableError:
            return None
        return Recorded(*rows[0]) if rows else None

    async def claim(self, connection: asyncpg.Connection, key: str, digest: bytes) -> Recorded | None:
        """What was recorded, or None: then writes can be taken back with `undo`."""
        if not self._is_installed:
            await self._install(connection)
        if await connection.fetchval(_CLAIM, key, digest, KEPT_SECONDS):
            await connection.execute(f"SAVEPOINT {_CLAIMED}")
            return None
        [row] = await connection.fetch(_FIND, key)  # which the claim in vain has locked
        return Recorded(row[0], row[1])

    async def undo(self, connection: asyncpg.Connection) -> None:
        await connection.execute(f"ROLLBACK TO SAVEPOINT {_CLAIMED}")

    async def record(self, connection: asyncpg.Connection, key: str, answer: bytes) -> None:
        await connection.execute(_RECORD, key, answer)
        if self._recorded % RECORDED == 0:
            await connection.execute(_PRUNE, KEPT_SECONDS, PRUNED)
        self._recorded += 1

    async def _install(self, connection: asyncpg.Connection) -> None:
        """On a connection of its own, for the table is to stay when the transaction is rolled back."""
        if not await connection.fetchval(_IS_INSTALLED):
            installing = await self._connect()
            try:
                await install_idempotency(installing)
            except asyncpg.InsufficientPrivilegeError as error:
                error.add_note(f"Run this as a role that may, and grant the gateway's the use of it:{INSTALL}")
                raise SourceRefused(
                    self._source, "lacks the table 'gateway_idempotency', and does not let the gateway make it"
                ) from error
            finally:
                await installing.close()
        self._is_installed = True
