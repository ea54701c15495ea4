"""A new row and new rows that refer to it, in one PostgreSQL statement."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from sqlalchemy import insert, select, true

from datasources.lookup import Row
from datasources.sql.builder import Builder, Statement, Table
from datasources.sql.dialect import Catalog, Convert, SqlDialect
from datasources.sql.keyed import unzip
from datasources.sql.postgres_writes import PostgresWrites
from datasources.sql.reader import Reader
from datasources.sql.writes import write_shape
from datasources.write import Insert

KEY = "key"
_WRITES = PostgresWrites()


@dataclass(frozen=True, slots=True)
class Family:
    """What `insert_with` is to write."""

    parent: Insert
    column: str
    children: Insert

    @property
    def name(self) -> str:
        """For messages that may be of either."""
        return f"{self.parent.collection.name}, {self.children.collection.name}"

    @property
    def may_be_one_statement(self) -> bool:
        """Whether there are children to speak of, and errors can tell them from the parent."""
        is_other = _table_name(self.parent) != _table_name(self.children)
        return is_other and bool(self.children.rows) and bool(self.children.columns)

    def suits(self, catalog: Catalog) -> bool:
        """Whether one statement does what two would: neither the tables nor the types make a difference."""
        key = catalog[self.parent.collection.name].get(self.parent.collection.key)
        reference = catalog[self.children.collection.name].get(self.column)
        if key is None or reference is None:
            return True  # not there, which the statement is to say
        return key.is_of_plain_table and reference.is_of_plain_table and key.type == reference.type

    @property
    def shape(self) -> Hashable:
        return (Family, write_shape(self.parent, many=False), self.column, write_shape(self.children, many=True))

    @property
    def values(self) -> list[Any]:
        """In the order of the statement's: those of the parent, and then an array for each column of the children."""
        return [*self.parent.rows[0], *zip(*self.children.rows, strict=True)]

    def blamed(self, table: str | None) -> Insert:
        """What writes the table that an error names."""
        return self.parent if table == _table_name(self.parent) else self.children

    def split(self, rows: Sequence[Row]) -> tuple[Row, Sequence[Row]]:
        """The parent, and the children; each row has both."""
        width = 1 + len(self.parent.returning)
        return tuple(rows[0][:width]), [row[width:] for row in rows if row[width] is not None]


def _table_name(insert: Insert) -> str:
    """Without its schema, as in errors."""
    return insert.collection.name.rpartition(".")[2]


async def prepared_family(reader: Reader, family: Family) -> Statement | None:
    """The statement of all families of this shape; None where it takes two."""
    if not family.may_be_one_statement:
        return None

    def build(dialect: SqlDialect, catalog: Catalog) -> tuple[Statement | None, None]:
        return family_statement(dialect, catalog, family) if family.suits(catalog) else None, None

    collections = (family.parent.collection, family.children.collection)
    return (await reader.prepared(family.shape, collections, build)).rows


def family_statement(dialect: SqlDialect, catalog: Catalog, family: Family) -> Statement:
    """(key, *returning) of the parent and behind it the same of a child, for each child."""
    builder, parent, children = Builder(dialect, catalog), family.parent, family.children
    table, target = builder.target(parent.collection)
    columns, parent_decoders = _read(table, parent)
    given = _WRITES.given(builder, table, parent.columns, (), many=False)
    values = dict(zip(parent.columns, given.values, strict=True))
    key = table.expression(parent.collection.key).label(KEY)
    made = insert(target).values(values).returning(key, *columns).cte("gateway_parent")

    table, target = builder.target(children.collection)
    table.expression(family.column)  # must be there
    columns, decoders = _read(table, children)
    given = _WRITES.given(builder, table, children.columns, (), many=True, first=len(parent.columns))
    assert given.source is not None  # noqa: S101 - as of many rows
    rows = select(made.c[KEY], *given.values).select_from(made.join(given.source, true())).order_by(given.number)
    born = (
        insert(target).from_select([family.column, *children.columns], rows).returning(*columns).cte("gateway_children")
    )
    selected = [each for each in chain(made.c, born.c) if each.name != KEY]
    statement = select(*selected).select_from(made.outerjoin(born, true()))
    return builder.statement(statement, [*parent_decoders, *decoders])


def _read(table: Table, write: Insert) -> tuple[list[Any], Sequence[Convert | None]]:
    """(key, *returning) of the written rows, under names of their own."""
    columns, decoders = unzip(
        [table.read(write.collection.key), *(table.read(name, wire=name in write.wire) for name in write.returning)]
    )
    return [column.label(f"c{position}") for position, column in enumerate(columns)], decoders
