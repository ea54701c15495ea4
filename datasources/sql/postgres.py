"""PostgreSQL, and what speaks its protocol, as a datasource."""

import json
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any, cast

import asyncpg
from sqlalchemy import func

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.errors import SourceMisbehaved, SourceUnavailable
from datasources.lookup import AggregateLookup, ColumnType, Lookup, Row, Rows
from datasources.sql.builder import Statement
from datasources.sql.dialect import Physical
from datasources.sql.postgres_changes import PostgresChanges
from datasources.sql.postgres_constraints import Constraints
from datasources.sql.postgres_dialect import PostgresDialect, folding
from datasources.sql.postgres_errors import VENDOR, mapped, mapped_write
from datasources.sql.postgres_families import Family, prepared_family
from datasources.sql.postgres_idempotency import Idempotency
from datasources.sql.postgres_outbox import PostgresOutbox
from datasources.sql.postgres_pool import PostgresPool
from datasources.sql.postgres_text import SESSION
from datasources.sql.postgres_transaction import PostgresTransaction, Run, is_one_statement
from datasources.sql.reader import CACHED_STATEMENTS, Reader
from datasources.write import Insert, Recorded, Transaction, Write, insert_in_turn

_COLUMNS = """
WITH plain AS (
  SELECT c.relkind = 'r' AND NOT c.relhasrules AND NOT c.relrowsecurity
    AND NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgtype & 6 = 6)
    AND NOT EXISTS (
      SELECT FROM pg_attribute JOIN pg_type t ON t.oid = atttypid WHERE attrelid = c.oid AND t.typtype = 'd'
    )
    AND NOT EXISTS (
      SELECT FROM pg_depend d JOIN pg_proc p ON d.refclassid = 'pg_proc'::regclass AND p.oid = d.refobjid
      WHERE p.provolatile <> 'v' AND (
        d.classid = 'pg_constraint'::regclass AND d.objid IN (SELECT oid FROM pg_constraint WHERE conrelid = c.oid)
        OR d.classid = 'pg_attrdef'::regclass AND d.objid IN (SELECT oid FROM pg_attrdef WHERE adrelid = c.oid)
      )
    ) AS is_plain
  FROM pg_class c WHERE c.oid = to_regclass($1)
)
SELECT a.attname, format_type(t.oid, NULL), a.attnotnull, t.typtype = 'e', EXISTS (
  SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indkey[0] = a.attnum AND i.indpred IS NULL AND i.indisvalid
), (SELECT is_plain FROM plain)
FROM pg_attribute a
JOIN pg_type declared ON declared.oid = a.atttypid
JOIN pg_type t ON t.oid = CASE WHEN declared.typtype = 'd' THEN declared.typbasetype ELSE declared.oid END
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""
"""A plain table has no partitions, rules, row security, triggers before an INSERT (6), domains, nor functions in checks
and defaults that see what was there when the statement began, as all do but volatile ones."""

_SERVER = """
SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
  ARRAY(SELECT collname::text FROM pg_collation WHERE collencoding IN (-1, pg_char_to_encoding(getdatabaseencoding())))
"""

_SETTINGS = """
SELECT set_config(name, wanted.value, false) FROM pg_settings JOIN (VALUES
  ('client_connection_check_interval', '1s'), ('extra_float_digits', '1'), ('jit', 'off')
) AS wanted (name, value) USING (name)
"""
"""Where a server knows them. Statements of many subqueries may look costly enough to be compiled, in 100 ms each."""


class PostgresSource:
    """The database at `postgresql+asyncpg://…`; collections may be named with their schema, `sales.orders`.

    Connections are made when lookups need them: a server that is away fails them until it is back, and no start.
    """

    def __init__(
        self, name: str, url: str, *, pool_size: int = 10, connect_timeout: float = 5.0, nest: bool = True
    ) -> None:
        """`connect_timeout` in seconds; without `nest` lookups are not to be nested."""
        self._name = name
        self._dsn = re.sub(r"^postgres(ql)?(\+asyncpg)?://", "postgresql://", url)
        self._pool_size = pool_size
        self._connect_timeout = connect_timeout
        self._capabilities = replace(EVERYTHING_CAPABLE, nest=nest)
        self._pool: PostgresPool | None = None
        self._dialect = PostgresDialect(func.lower)
        self.reader = Reader(name, lambda: self._dialect, self._physical, self._fetch)
        self._constraints = Constraints(name)
        self._idempotency = Idempotency(name, self._connect)
        self.changes = PostgresChanges(name, self._connect, self._physical)
        self.outbox = PostgresOutbox(name, self._connect)

    @property
    def name(self) -> str:
        return self._name

    @property
    def capabilities(self) -> Capabilities:
        return self._capabilities

    async def open(self) -> None:
        self._pool = PostgresPool(self._connect, self._pool_size)

    async def close(self) -> None:
        self.changes.close()
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def check(self) -> None:
        await self._query("pg_catalog", "SELECT 1", [])

    async def lookup(self, lookup: Lookup) -> Rows:
        return await self.reader.lookup(lookup)

    async def aggregate(self, lookup: AggregateLookup) -> Rows:
        return await self.reader.aggregate(lookup)

    async def write(self, write: Write) -> Rows:
        async with self._connected() if is_one_statement(write) else self.transaction() as transaction:
            return await transaction.write(write)

    async def insert_with(self, parent: Insert, column: str, children: Insert) -> tuple[Rows, Rows]:
        family = Family(parent, column, children)
        statement = await prepared_family(self.reader, family)
        if statement is None:
            async with self.transaction() as transaction:
                return await insert_in_turn(self._name, transaction, parent, column, children)
        async with self._connected() as connected:
            return await connected.insert_family(family, statement)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Transaction]:
        async with self._connected() as transaction:
            await transaction.begin()
            yield transaction
            await transaction.commit()

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[PostgresTransaction]:
        """One that has not begun."""
        pool = self._pool
        if pool is None:
            raise SourceUnavailable(self._name, "is not open")
        try:
            connection = await pool.acquire()
        except VENDOR as error:
            raise mapped_write(self._name, "pg_catalog", error) from error
        transaction = PostgresTransaction(self._name, connection, self._reading, self._constraints, self._idempotency)
        try:
            yield transaction
        except BaseException:
            pool.recover(connection, "SELECT 1" if transaction.is_over else "ROLLBACK")
            raise
        pool.release(connection)

    async def recorded(self, key: str) -> Recorded | None:
        if self._pool is None:
            raise SourceUnavailable(self._name, "is not open")
        try:
            return await self._idempotency.recorded(self._pool.fetch, key)
        except VENDOR as error:
            raise mapped(self._name, "gateway_idempotency", error) from error

    def _reading(self, run: Run) -> Reader:
        return self.reader.within(partial(self._physical, run=run), partial(self._fetch, run=run))

    async def describe(self, collection: str) -> dict[str, ColumnType | None]:
        physical = await self._physical(collection)
        return {name: self._dialect.column_type(column) for name, column in physical.items()}

    async def _physical(self, collection: str, run: Run | None = None) -> Mapping[str, Physical]:
        table, schema = self._dialect.table(collection)
        quote = self._dialect.compiler.identifier_preparer.quote_identifier
        qualified = ".".join(quote(part) for part in (schema, table) if part)
        rows = await self._query(collection, _COLUMNS, [qualified], run)
        return {
            name: Physical(type, not_null, is_enum, is_indexed=is_indexed, is_of_plain_table=is_plain)
            for name, type, not_null, is_enum, is_indexed, is_plain in rows
        }

    async def _fetch(
        self, collection: str, statement: Statement, arguments: list[Any], run: Run | None = None
    ) -> Sequence[Row]:
        rows = await self._query(collection, statement.text, arguments, run)
        return rows if statement.decode is None else statement.decode(rows)

    async def _query(self, collection: str, text: str, arguments: list[Any], run: Run | None = None) -> Sequence[Row]:
        """Rows are asyncpg's records, which are as good as tuples."""
        pool = self._pool
        if pool is None:
            raise SourceUnavailable(self._name, "is not open")
        try:
            return cast("Sequence[Row]", await (run or pool.fetch)(text, arguments))
        except asyncpg.InvalidDatetimeFormatError as error:
            raise ValueError("a stored date is none") from error
        except VENDOR as error:
            failure = mapped(self._name, collection, error)
            if isinstance(failure, SourceMisbehaved):
                self.reader.forget()
            raise failure from error

    async def _connect(self) -> asyncpg.Connection:
        connection = await asyncpg.connect(
            self._dsn,
            timeout=self._connect_timeout,
            statement_cache_size=CACHED_STATEMENTS,
            max_cached_statement_lifetime=0,
            server_settings={"application_name": "graphql-data-gateway", **SESSION},
        )
        try:
            await self._prepare(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    async def _prepare(self, connection: asyncpg.Connection) -> None:
        for name in ("json", "jsonb"):
            await connection.set_type_codec(name, schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        [(version, encoding, collations)] = await connection.fetch(_SERVER)
        await connection.execute(_SETTINGS)
        self._dialect = PostgresDialect(folding(version, encoding, frozenset(collations)))
