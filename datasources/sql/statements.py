"""The statements of lookups."""

from operator import is_not

from sqlalchemy import func, literal_column, select

from datasources.lookup import Lookup
from datasources.sql.builder import Builder, Statement
from datasources.sql.dialect import Catalog, SqlDialect
from datasources.sql.keyed import by_keys, limited, unzip
from datasources.sql.nested import nested_texts, read_found
from datasources.sql.predicates import all_of, beyond, order_by, predicate, where
from datasources.sql.windows import first_rows


def rows_statement(dialect: SqlDialect, catalog: Catalog, lookup: Lookup) -> Statement:
    """([key,] *columns) of the lookup's rows."""
    builder = Builder(dialect, catalog)
    table = builder.table(lookup.collection)
    condition = predicate(builder, table.operand, lookup.filter)
    if lookup.after is not None:
        condition = all_of([condition, beyond(builder, table, lookup.order, lookup.after)])
    if lookup.key is not None and lookup.limit is not None:
        return first_rows(builder, table, lookup, condition)

    order = order_by(builder, table, lookup.order)
    read = [table.read(name, wire=name in lookup.wire) for name in lookup.columns]
    converts = any(map(is_not, unzip(read)[0], map(table.expression, lookup.columns)))
    if lookup.key is None and (converts or lookup.nested) and order and lookup.limit is not None:
        stored = where(select(*table.stored(lookup)).select_from(table.source), condition)
        found = limited(builder, stored.order_by(*order), lookup).subquery("found")
        columns, decoders = unzip(read_found(builder, table, found, lookup))
        return builder.statement(select(*columns).select_from(found), decoders)
    columns, decoders = unzip([*read, *nested_texts(builder, table.operand, lookup)])
    if lookup.key is None:
        statement = where(select(*(columns or [literal_column("1")])).select_from(table.source), condition)
        return builder.statement(limited(builder, statement.order_by(*order), lookup), decoders)
    keyed = by_keys(builder, table, lookup)
    key, decode_key = keyed.read_key
    statement = where(select(key, *columns).select_from(keyed.source), keyed.condition, condition)
    return builder.statement(statement.order_by(*order), [decode_key, *decoders])


def count_statement(dialect: SqlDialect, catalog: Catalog, lookup: Lookup) -> Statement:
    """([key,] count) of the rows that satisfy the lookup's filter."""
    builder = Builder(dialect, catalog)
    table = builder.table(lookup.collection)
    condition = predicate(builder, table.operand, lookup.filter)
    if lookup.key is None:
        return builder.statement(where(select(func.count()).select_from(table.source), condition), [None])
    keyed = by_keys(builder, table, lookup)
    key, decode_key = keyed.read_key
    statement = where(select(key, func.count()).select_from(keyed.source), keyed.condition, condition)
    return builder.statement(statement.group_by(keyed.key), [decode_key, None])
