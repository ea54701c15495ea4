"""The statements of aggregate lookups."""

from collections.abc import Mapping

from sqlalchemy import func, select

from datasources.filters import EVERYTHING, Order
from datasources.lookup import Aggregate, AggregateLookup, Function
from datasources.sql.builder import Builder, Statement, Table, Unknown
from datasources.sql.dialect import Catalog, Convert, Expression, Figure, Operand, SqlDialect
from datasources.sql.keyed import by_keys, limited
from datasources.sql.predicates import Operands, all_of, order_by, predicate, where


def aggregate_statement(dialect: SqlDialect, catalog: Catalog, lookup: AggregateLookup) -> Statement:
    """([key,] *group_by, *aggregates) of the lookup's groups."""
    builder = Builder(dialect, catalog)
    table = builder.table(lookup.collection)
    condition = predicate(builder, table.operand, lookup.filter)
    figures = [_figure(builder, table, aggregate) for aggregate in lookup.aggregates]

    keyed = None if lookup.key is None else by_keys(builder, table, lookup)
    source = table.source if keyed is None else keyed.source
    condition = condition if keyed is None else all_of([keyed.condition, condition])
    keys = [] if keyed is None else [keyed.read_key]
    grouped_by = [] if keyed is None else [keyed.key]
    groups = [table.read(name) for name in lookup.group_by]
    order = order_by(builder, table, tuple(Order(name) for name in lookup.group_by))

    selected: list[tuple[Expression, Convert | None]] = [*keys, *groups, *((f.expression, f.decode) for f in figures)]
    labelled = [expression.label(f"c{position}") for position, (expression, _) in enumerate(selected)]
    grouped_by += [table.expression(name) for name in lookup.group_by]
    statement = where(select(*labelled).select_from(source), condition).group_by(*grouped_by)
    if lookup.having is not EVERYTHING:
        positions = func.row_number().over(order_by=order).label("position") if order else None
        inner = (statement if positions is None else statement.add_columns(positions)).subquery("groups")
        chosen = [inner.c[label.name] for label in labelled]
        first = len(keys) + len(groups)
        compared = {
            aggregate.name: figure.compared(expression)
            for aggregate, figure, expression in zip(lookup.aggregates, figures, chosen[first:], strict=True)
        }
        statement = where(select(*chosen), predicate(builder, _operands(compared), lookup.having))
        order = [] if positions is None else [inner.c.position]
    return builder.statement(limited(builder, statement.order_by(*order), lookup), [decode for _, decode in selected])


def _figure(builder: Builder, table: Table, aggregate: Aggregate) -> Figure:
    if aggregate.column is None or aggregate.function is Function.COUNT:
        counted = func.count() if aggregate.column is None else func.count(table.expression(aggregate.column))
        return Figure(counted, None, builder.dialect.counted)
    name = aggregate.column
    expression = table.expression(name)
    return builder.dialect.figure(aggregate, table.column(name), table.physical[name], expression)


def _operands(compared: Mapping[str, Operand]) -> Operands:
    def operand(name: str) -> Operand:
        if name not in compared:
            raise Unknown(f"is not asked for the aggregate {name!r} that is compared")
        return compared[name]

    return operand
