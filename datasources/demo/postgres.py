"""Loads CRM and ERP into a PostgreSQL database, where the same graph is served from."""

import json
from collections.abc import Mapping, Sequence

import asyncpg
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from datasources.demo.fields import encoded
from datasources.demo.generator import Rows, generate
from datasources.demo.progress import Progress, Step, silent
from datasources.demo.records import COUNTS
from datasources.demo.tables import CRM, ERP
from datasources.errors import GatewayError
from datasources.lookup import ColumnType
from datasources.outbox import FEED, Watched
from datasources.positions import new_feed
from datasources.sql.postgres_outbox import PostgresOutbox

MARK = "Demo data of the GraphQL data gateway; loading it again replaces this table."
"""The comment on every table, by which a later load knows what it may replace."""
_ENCODERS = {ColumnType.JSON: json.dumps}


class DemoNotLoaded(GatewayError):
    """The database cannot take the demo."""


async def load_postgres(url: str, progress: Progress = silent) -> None:
    """Loads the demo into the schema `public` of a database, like `postgresql+asyncpg://user@host/name`.

    Tables of an earlier load are replaced, with whatever has been written to them; who followed their changes begins
    anew. Where other tables are called like the demo's, nothing is loaded. CRM and ERP have a transaction each.
    """
    address = _address(url)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(address.render_as_string(hide_password=False))

    try:
        connection = await connect()
    except (OSError, ValueError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DemoNotLoaded(f"{_shown(address)} cannot be reached: {error}") from error
    try:
        await _load(connection, progress)
        await PostgresOutbox("demo", connect).install([Watched(table) for table in (*CRM.tables, *ERP.tables)])
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise DemoNotLoaded(f"{_shown(address)} did not take the demo: {error}") from error
    finally:
        await connection.close()


def _address(url: str) -> sa.URL:
    try:
        address = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise DemoNotLoaded("The address of a database looks like postgresql+asyncpg://user@host/name.") from None
    if address.get_backend_name() != "postgresql":
        raise DemoNotLoaded(f"The demo is loaded into PostgreSQL; {address.drivername}:// leads to something else.")
    return address.set(drivername="postgresql")


def _shown(address: sa.URL) -> str:
    return address.set(query={}).render_as_string(hide_password=True)


async def _load(connection: asyncpg.Connection, progress: Progress) -> None:
    foreign = await _foreign_tables(connection, [*CRM.tables, *ERP.tables])
    if foreign:
        raise DemoNotLoaded(
            f"The database has tables of its own that are called {', '.join(foreign)}; give the demo another database."
        )
    collections = generate(progress)
    for system, metadata in (("CRM", CRM), ("ERP", ERP)):
        step = Step(progress, f"Loading the {system}", sum(COUNTS[name] for name in metadata.tables))
        async with connection.transaction():
            await _replace_tables(connection, metadata, collections, step)
        for table in metadata.sorted_tables:
            await connection.execute(f"ANALYZE public.{table.name}")


async def _foreign_tables(connection: asyncpg.Connection, names: Sequence[str]) -> list[str]:
    """Relations of `public` that have one of these names and are not from an earlier load."""
    query = """
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relname = ANY($1)
          AND obj_description(oid, 'pg_class') IS DISTINCT FROM $2
        ORDER BY relname
    """
    return [row["relname"] for row in await connection.fetch(query, names, MARK)]


async def _replace_tables(
    connection: asyncpg.Connection, metadata: sa.MetaData, collections: Mapping[str, Rows], step: Step
) -> None:
    tables = metadata.sorted_tables
    await connection.execute("SET LOCAL search_path TO public")
    await connection.execute(f"DROP TABLE IF EXISTS {', '.join(table.name for table in tables)}")
    if await connection.fetchval("SELECT to_regclass($1)", FEED):
        await connection.execute(f"UPDATE {FEED} SET id = '{new_feed()}'")  # noqa: S608
    for table in tables:
        await connection.execute(_sql(CreateTable(table)))
        rows = encoded(table.name, collections[table.name], _ENCODERS)
        await connection.copy_records_to_table(table.name, records=rows, columns=table.columns.keys())
        await connection.execute(f"ALTER TABLE {table.name} ALTER COLUMN id RESTART WITH {COUNTS[table.name] + 1}")
        await connection.execute(f"COMMENT ON TABLE {table.name} IS '{MARK}'")
        for index in sorted(table.indexes, key=lambda index: str(index.name)):
            await connection.execute(_sql(CreateIndex(index)))
        step.advance(COUNTS[table.name])


def _sql(statement: CreateTable | CreateIndex) -> str:
    return str(statement.compile(dialect=postgresql.dialect()))  # type: ignore[no-untyped-call]
