"""The first rows of each key, in the way that serves the database best."""

from typing import Any

from sqlalchemy import Select, func, literal_column, select, true

from datasources.lookup import Lookup
from datasources.sql.builder import Builder, Statement, Table
from datasources.sql.dialect import Expression
from datasources.sql.keyed import by_keys, limited, unzip
from datasources.sql.nested import read_found
from datasources.sql.predicates import order_by, where
from datasources.sql.shapes import KEYS, LIMIT


def first_rows(builder: Builder, table: Table, lookup: Lookup, condition: Expression) -> Statement:
    """(key, *columns) of the first rows of each key that satisfy `condition`."""
    if _finds_by_key(builder, table, lookup):
        if builder.dialect.has_lateral:
            return _lateral(builder, table, lookup, condition)
        if lookup.through is None and _has_primary_key(table):
            return _picked(builder, table, lookup, condition)
    return _ranked(builder, table, lookup, condition)


def _finds_by_key(builder: Builder, table: Table, lookup: Lookup) -> bool:
    """Whether an index finds the rows of one key, so that each may be looked for by itself."""
    through, key = lookup.through, lookup.key or ""
    if through is None:
        return table.is_indexed(key)
    return builder.table(through.collection).is_indexed(through.key) and table.is_indexed(through.column)


def _has_primary_key(table: Table) -> bool:
    primary = table.physical.get(table.collection.key)
    return primary is not None and primary.is_primary


def _lateral(builder: Builder, table: Table, lookup: Lookup, condition: Expression) -> Statement:
    """Reads so many rows of each key as it returns, where there is an index."""
    through, bind = lookup.through, builder.bind(KEYS)
    stored: list[Any] = [*table.stored(lookup)]
    if through is None:
        operand = table.operand(lookup.key or "")
        keys = builder.dialect.keys(operand, bind)
        of_key = operand.expression == keys.compared
    else:
        junction = builder.table(through.collection)
        operand = junction.operand(through.key)
        keys = builder.dialect.keys(operand, bind)
        links = select(junction.operand(through.target).expression).where(operand.expression == keys.compared)
        of_key = table.operand(through.column).expression.in_(links.correlate_except(junction.source))

    rows: Select[Any] = select(*stored or [literal_column("1")]).select_from(table.source)
    found = (
        where(rows, of_key, condition).order_by(*order_by(builder, table, lookup.order)).correlate_except(table.source)
    )
    window = limited(builder, found, lookup).lateral("found")
    columns, decoders = unzip(read_found(builder, table, window, lookup))
    statement = select(keys.selected, *columns).select_from(keys.source.join(window, true()))
    return builder.statement(statement, [None, *decoders])


def _picked(builder: Builder, table: Table, lookup: Lookup, condition: Expression) -> Statement:
    """What LATERAL does, where there is none: rows are picked by their primary keys."""
    key, primary = lookup.key or "", lookup.collection.key
    operand = table.operand(key)
    keys = builder.dialect.keys(operand, builder.bind(KEYS))
    rows: Select[Any] = select(table.expression(primary))
    picked = (
        where(rows, operand.expression == keys.compared, condition)
        .order_by(*order_by(builder, table, lookup.order))
        .correlate_except(table.source)
    )

    found = builder.table(lookup.collection)
    read = (found.read(name, wire=name in lookup.wire) for name in lookup.columns)
    columns, decoders = unzip([found.read(key), *read])
    statement = select(*columns).select_from(
        keys.source.join(found.source, found.expression(primary).in_(limited(builder, picked, lookup)))
    )
    order = order_by(builder, found, lookup.order)
    return builder.statement(statement.order_by(found.expression(key), *order), decoders)


def _ranked(builder: Builder, table: Table, lookup: Lookup, condition: Expression) -> Statement:
    """Reads all rows of the keys, once."""
    keyed = by_keys(builder, table, lookup)
    key, decode_key = keyed.read_key
    order = order_by(builder, table, lookup.order)
    rank = func.row_number().over(partition_by=keyed.key, order_by=order or None).label("rank")
    rows = select(key.label("key"), *table.stored(lookup), rank).select_from(keyed.source)
    ranked = where(rows, keyed.condition, condition).subquery("ranked")
    columns, decoders = unzip(read_found(builder, table, ranked, lookup))
    within = ranked.c.rank <= builder.bind(LIMIT)(None)
    statement = select(ranked.c.key, *columns).where(within).order_by(ranked.c.key, ranked.c.rank)
    return builder.statement(statement, [decode_key, *decoders])
