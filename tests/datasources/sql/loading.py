"""Writes the dataset of the contract's tests, or any other, into databases."""

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from datasources.lookup import Collection, ColumnType
from datasources.sql.sqlite_values import DDL_TYPES, to_storage
from tests.support.postgres import connected

POSTGRES_TYPES: Mapping[ColumnType, str] = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "integer",
    ColumnType.BIGINT: "bigint",
    ColumnType.FLOAT: "double precision",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DECIMAL: "numeric(14, 2)",
    ColumnType.DATETIME: "timestamptz",
    ColumnType.DATE: "date",
    ColumnType.UUID: "uuid",
    ColumnType.JSON: "jsonb",
}

AllRows = Mapping[str, Sequence[Mapping[str, Any]]]


def load_sqlite(path: Path, collections: Iterable[Collection], rows: AllRows, *, indexed: bool = True) -> None:
    """With primary keys, and an index of each column, unless not `indexed`."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for collection in collections:
            columns = collection.columns
            connection.execute(_create(collection, DDL_TYPES, collection.key if indexed else None))
            connection.executemany(
                f'INSERT INTO "{collection.name}" VALUES ({", ".join("?" * len(columns))})',
                [[to_storage(c.type, row.get(c.name)) for c in columns] for row in rows[collection.name]],
            )
            for number, column in enumerate(columns if indexed else ()):
                connection.execute(
                    f'CREATE INDEX "{collection.name}_{number}" ON "{collection.name}" ("{column.name}")'
                )


async def load_postgres(url: str, collections: Iterable[Collection], rows: AllRows, *, indexed: bool = True) -> None:
    async with connected(url) as connection:
        await connection.set_type_codec("jsonb", schema="pg_catalog", encoder=json.dumps, decoder=json.loads)
        for collection in collections:
            columns = collection.columns
            await connection.execute(_create(collection, POSTGRES_TYPES, collection.key if indexed else None))
            places = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
            await connection.executemany(
                f'INSERT INTO "{collection.name}" VALUES ({places})',
                [[row.get(c.name) for c in columns] for row in rows[collection.name]],
            )
            for column in columns if indexed else ():
                await connection.execute(f'CREATE INDEX ON "{collection.name}" ("{column.name}")')


def _create(collection: Collection, types: Mapping[ColumnType, str], key: str | None = None) -> str:
    columns = [f'"{c.name}" {types[c.type]}{"" if c.nullable else " NOT NULL"}' for c in collection.columns]
    primary = [] if key is None else [f'PRIMARY KEY ("{key}")']
    return f'CREATE TABLE "{collection.name}" ({", ".join(columns + primary)})'
