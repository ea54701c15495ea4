"""The statements of writes: of one row each, or of many rows at once."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from sqlalchemy import FromClause, TableClause, delete, literal_column, select, update
from sqlalchemy.dialects.postgresql import Insert as PostgresInsert
from sqlalchemy.dialects.sqlite import Insert as SqliteInsert

from datasources.lookup import Row
from datasources.sql.builder import Builder, Statement, Table
from datasources.sql.dialect import Catalog, Expression, SqlDialect
from datasources.sql.keyed import unzip
from datasources.sql.reader import Reader
from datasources.write import Delete, Insert, Update, Write


@dataclass(frozen=True, slots=True)
class Given:
    """The values of a write in its statement, or, of many rows, the table whose columns they are."""

    values: Sequence[Expression]
    source: FromClause | None = None
    number: Expression | None = None
    """Counts the table's rows."""


class WriteDialect(Protocol):
    """How writes are written for a database."""

    def insert(self, table: TableClause) -> PostgresInsert | SqliteInsert: ...

    def given(
        self, builder: Builder, table: Table, stored: Sequence[str], compared: Sequence[str], many: bool
    ) -> Given:
        """Values for the columns `stored`, and behind them such as `compared` are compared with."""


def write_shape(write: Write, many: bool) -> Hashable:
    """All of the write but its values."""
    conflict = (write.conflict, write.update) if isinstance(write, Insert) else write_expects(write)
    columns = None if isinstance(write, Delete) else write.columns
    return (type(write), many, id(write.collection), columns, write.returning, write.wire, conflict, write.version)


def write_expects(write: Update | Delete) -> bool:
    """Whether rows must have a certain version."""
    return write.version is not None and write.expected != ()


def write_rows(write: Write) -> Sequence[Row]:
    """The values of each row, in the order of the statement's: stored, then compared ones."""
    match write:
        case Insert():
            return write.rows
        case Update():
            rows = [(*values, key) for key, *values in write.rows]
        case Delete():
            rows = [(key,) for key in write.keys]
    if not write_expects(write):
        return rows
    return [(*row, version) for row, version in zip(rows, write.expected, strict=True)]


async def prepared_write(reader: Reader, writing: WriteDialect, write: Write, *, many: bool) -> Statement:
    """The statement of all writes of this shape."""

    def build(dialect: SqlDialect, catalog: Catalog) -> tuple[Statement, None]:
        return write_statement(dialect, writing, catalog, write, many=many), None

    prepared = await reader.prepared(write_shape(write, many), (write.collection,), build)
    return cast("Statement", prepared.rows)


def write_statement(
    dialect: SqlDialect, writing: WriteDialect, catalog: Catalog, write: Write, *, many: bool
) -> Statement:
    """(key, *returning) of the written rows.

    Many inserted rows come in the order in which they were given; many updated or deleted ones in any, with the numbers
    of those given as a last column.
    """
    builder = Builder(dialect, catalog)
    table, target = builder.target(write.collection)
    columns, decoders = unzip(
        [table.read(write.collection.key), *(table.read(name, wire=name in write.wire) for name in write.returning)]
    )
    if isinstance(write, Insert):
        return builder.statement(_insert(builder, writing, table, target, write, many).returning(*columns), decoders)
    compared = [write.collection.key, *([write.version] if write_expects(write) and write.version else [])]
    stored = write.columns if isinstance(write, Update) else ()
    given = writing.given(builder, table, stored, compared, many)
    conditions = [
        table.operand(name).expression == value
        for name, value in zip(compared, given.values[len(stored) :], strict=True)
    ]
    if given.number is not None:
        columns, decoders = [*columns, given.number], [*decoders, None]
    if isinstance(write, Delete):
        return builder.statement(delete(target).where(*conditions).returning(*columns), decoders)
    values = dict(zip(stored, given.values, strict=False)) | _counted(table, write.version)
    if not values:
        values = {write.collection.key: table.expression(write.collection.key)}
    return builder.statement(update(target).values(values).where(*conditions).returning(*columns), decoders)


def _insert(
    builder: Builder, writing: WriteDialect, table: Table, target: TableClause, write: Insert, many: bool
) -> PostgresInsert | SqliteInsert:
    given = writing.given(builder, table, write.columns, (), many)
    statement = writing.insert(target)
    if given.source is not None and given.number is not None:
        rows = select(*given.values).select_from(given.source).order_by(given.number)
        statement = statement.from_select(list(write.columns), rows)
    elif write.columns:
        statement = statement.values(dict(zip(write.columns, given.values, strict=True)))
    if not write.conflict:
        return statement
    for name in write.conflict:
        table.expression(name)  # must be there
    unchanged = {write.conflict[0]: table.expression(write.conflict[0])}  # or the row would not be returned
    values: dict[str, Any] = {name: statement.excluded[name] for name in write.update}
    values = values | _counted(table, write.version) or unchanged
    return statement.on_conflict_do_update(index_elements=list(write.conflict), set_=values)


def _counted(table: Table, version: str | None) -> dict[str, Expression]:
    return {} if version is None else {version: table.expression(version) + literal_column("1")}
