"""Filters, orders and positions as SQL."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVarTuple

from sqlalchemy import Select, and_, false, literal_column, null, or_, select, true, tuple_

from datasources.filters import And, Compare, Exists, Filter, Not, Operator, Or, Order, seek
from datasources.sql.builder import Builder, Table
from datasources.sql.dialect import INTEGERS, Expression, Operand
from datasources.sql.shapes import beyond_64_bits, has_value

Operands = Callable[[str], Operand]
Selected = TypeVarTuple("Selected")


@dataclass(frozen=True, slots=True)
class _Position:
    """Stands for the value of this number in a comparison."""

    number: int


def predicate(builder: Builder, operands: Operands, tree: Filter) -> Expression:
    """`tree` as a condition, of which TRUE counts; takes its values from the builder, in their order."""
    match tree:
        case And(filters):
            return all_of([predicate(builder, operands, inner) for inner in filters])
        case Or(filters):
            return _any_of([predicate(builder, operands, inner) for inner in filters])
        case Not(inner):
            return _complement(predicate(builder, operands, inner))
        case Exists(local, collection, column, inner):
            other = builder.table(collection)
            equal = other.operand(column).expression == operands(local).expression
            rows: Select[Any] = select(literal_column("1")).select_from(other.source)
            rows = where(rows, equal, predicate(builder, other.operand, inner))
            return rows.correlate_except(other.source).exists()
        case Compare():
            return _compare(builder, operands(tree.column), tree)


def all_of(conditions: Sequence[Expression]) -> Expression:
    if any(condition is false() for condition in conditions):
        return false()
    needed = [condition for condition in conditions if condition is not true()]
    return and_(*needed) if needed else true()


def where(statement: Select[*Selected], *conditions: Expression) -> Select[*Selected]:
    condition = all_of(conditions)
    return statement if condition is true() else statement.where(condition)


def order_by(builder: Builder, table: Table, order: tuple[Order, ...]) -> list[Expression]:
    """The terms of ORDER BY; they speak of nulls only where they must, so that indexes serve."""
    terms: list[Expression] = []
    for term in order:
        operand = table.operand(term.column)
        expression = operand.expression.desc() if term.descending else operand.expression.asc()
        by_default = term.descending is builder.dialect.nulls_are_largest
        if not operand.not_null and term.puts_nulls_first is not by_default:
            expression = expression.nulls_first() if term.puts_nulls_first else expression.nulls_last()
        terms.append(expression)
    return terms


def beyond(builder: Builder, table: Table, order: tuple[Order, ...], after: tuple[Any, ...]) -> Expression:
    """The rows that come after the position; takes its values from the builder."""
    if not order:
        return false()
    position = tuple(None if value is None else _Position(builder.take()) for value in after)
    operands = [table.operand(term.column) for term in order]
    directions = {term.descending for term in order}
    if len(directions) == 1 and None not in position and all(operand.not_null for operand in operands):
        row = tuple_(*(operand.expression for operand in operands))
        values = tuple_(*(_value(builder, *pair) for pair in zip(operands, position, strict=True)))
        return row < values if order[0].descending else row > values
    general = predicate(builder, table.operand, seek(order, position))
    if position[0] is None or not (operands[0].not_null or order[0].puts_nulls_first):
        return general
    leading = Compare(order[0].column, Operator.LTE if order[0].descending else Operator.GTE, position[0])
    return all_of([_compare(builder, operands[0], leading), general])


def _any_of(conditions: Sequence[Expression]) -> Expression:
    if any(condition is true() for condition in conditions):
        return true()
    needed = [condition for condition in conditions if condition is not false()]
    return or_(*needed) if needed else false()


def _complement(condition: Expression) -> Expression:
    if condition is false():
        return true()
    return false() if condition is true() else condition.is_not(true())


def _value(builder: Builder, operand: Operand, position: Any) -> Expression:
    return builder.dialect.value(operand, builder.bind(position.number))


_COMPARISONS: Mapping[Operator, Callable[[Expression, Expression], Expression]] = {
    Operator.EQ: lambda left, right: left == right,
    Operator.NE: lambda left, right: left.is_distinct_from(right),
    Operator.LT: lambda left, right: left < right,
    Operator.LTE: lambda left, right: left <= right,
    Operator.GT: lambda left, right: left > right,
    Operator.GTE: lambda left, right: left >= right,
}


def _compare(builder: Builder, operand: Operand, comparison: Compare) -> Expression:
    operator, value = comparison.operator, comparison.value
    if not has_value(comparison):
        return _compare_with_null(operand, comparison)
    position = value if isinstance(value, _Position) else _Position(builder.take())
    if operand.type in INTEGERS and beyond_64_bits(value):
        return _compare_with_giant(operand, operator, beyond_64_bits(value))
    if operator in _COMPARISONS:
        return _COMPARISONS[operator](operand.expression, _value(builder, operand, position))
    bind = builder.bind(position.number)
    if operator is Operator.IN:
        return builder.dialect.one_of(operand, bind)
    if operator is Operator.NOT_IN:
        return _complement(builder.dialect.one_of(operand, bind))
    return builder.dialect.matches(operator, operand, bind)


def _compare_with_null(operand: Operand, comparison: Compare) -> Expression:
    operator, value = comparison.operator, comparison.value
    if operator not in (Operator.IS_NULL, Operator.EQ, Operator.NE):
        return false()
    wanted = value if operator is Operator.IS_NULL else operator is Operator.EQ
    if operand.not_null:
        return false() if wanted else true()
    return operand.expression.is_(null()) if wanted else operand.expression.is_not(null())


def _compare_with_giant(operand: Operand, operator: Operator, sign: int) -> Expression:
    """An integer that is larger (or smaller, by its sign) than every one that a column can hold."""
    if operator is Operator.NE:
        return true()
    smaller = operator in (Operator.LT, Operator.LTE) and sign > 0
    larger = operator in (Operator.GT, Operator.GTE) and sign < 0
    return operand.expression.is_not(null()) if smaller or larger else false()
