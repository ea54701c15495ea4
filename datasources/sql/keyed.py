"""The rows of a lookup's keys."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import FromClause, Select, select, true

from datasources.lookup import AggregateLookup, Lookup
from datasources.sql.builder import Builder, Table
from datasources.sql.dialect import Convert, Expression
from datasources.sql.shapes import KEYS, LIMIT

Read = tuple[Expression, Convert | None]
"""What is selected, and how its values are decoded."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A collection's rows by key: where they come from, and the key that they are found under."""

    source: FromClause
    condition: Expression
    key: Expression
    read_key: Read


def by_keys(builder: Builder, table: Table, lookup: Lookup | AggregateLookup) -> Keyed:
    """The table's rows of all the lookup's keys; what a junction links twice is found once."""
    through, column, bind = lookup.through, lookup.key or "", builder.bind(KEYS)
    if through is None:
        on_key = builder.dialect.one_of(table.operand(column), bind)
        return Keyed(table.source, on_key, table.expression(column), table.read(column))
    junction = builder.table(through.collection)
    key, target = junction.expression(through.key), junction.operand(through.target).expression
    links = (
        select(key.label("key"), target.label("target"))
        .where(builder.dialect.one_of(junction.operand(through.key), bind))
        .distinct()
        .subquery("links")
    )
    source = table.source.join(links, links.c.target == table.operand(through.column).expression)
    return Keyed(source, true(), links.c.key, junction.read_as(through.key, links.c.key))


def limited(builder: Builder, statement: Select[Any], lookup: Lookup | AggregateLookup) -> Select[Any]:
    return statement if lookup.limit is None else statement.limit(builder.bind(LIMIT)(None))


def unzip(columns: Iterable[Read]) -> tuple[list[Expression], list[Convert | None]]:
    pairs = list(columns)
    return [expression for expression, _ in pairs], [decode for _, decode in pairs]
