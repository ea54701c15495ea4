"""Statements for SQLite."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Dialect, Integer, Numeric, cast, func, literal_column, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_compiler

from datasources.filters import Operator
from datasources.lookup import Aggregate, Column, ColumnType, Function
from datasources.sql.dialect import INTEGERS, Bind, Convert, Expression, Figure, Keys, Operand, Physical
from datasources.sql.sqlite_values import (
    ENCODERS,
    digits,
    from_storage,
    is_datetime_as_written,
    number,
    storage_to_wire,
)

FOLD = "casefold"
"""`str.casefold`, as a function of the connection."""
REWRITE = "rewrite_datetime"
"""`sqlite_values.rewrite_datetime`, likewise."""
REAL = "to_real"
"""`float` of text, for SQLite's own reading of numbers in JSON may be one bit off."""

_FOLDED = {
    Operator.IEQ: Operator.EQ,
    Operator.ICONTAINS: Operator.CONTAINS,
    Operator.ISTARTS_WITH: Operator.STARTS_WITH,
    Operator.IENDS_WITH: Operator.ENDS_WITH,
}

_TYPES = (
    ("BOOL", ColumnType.BOOLEAN),
    ("BIGINT", ColumnType.BIGINT),
    ("INT", ColumnType.INTEGER),
    ("JSON", ColumnType.JSON),
    ("UUID", ColumnType.UUID),
    ("CHAR", ColumnType.STRING),
    ("CLOB", ColumnType.STRING),
    ("DATETIME", ColumnType.DATETIME),
    ("TIMESTAMP", ColumnType.DATETIME),
    ("DATE", ColumnType.DATE),
    ("TEXT", ColumnType.STRING),
    ("REAL", ColumnType.FLOAT),
    ("FLOA", ColumnType.FLOAT),
    ("DOUB", ColumnType.FLOAT),
    ("DECIMAL", ColumnType.DECIMAL),
    ("NUMERIC", ColumnType.DECIMAL),
)
"""By what declared types contain; the first that matches counts."""


class SqliteDialect:
    """Keys and the values of IN travel as one JSON parameter, whatever their number."""

    nulls_are_largest = False
    has_lateral = False
    nests = False

    def __init__(self) -> None:
        self.compiler: Dialect = sqlite_compiler(paramstyle="qmark")

    def table(self, collection: str) -> tuple[str, str | None]:
        return collection, None

    def column_type(self, physical: Physical) -> ColumnType | None:
        declared = physical.type.upper()
        return next((native for part, native in _TYPES if part in declared), None)

    def read(
        self, column: Column, physical: Physical, expression: Expression, *, wire: bool = False
    ) -> tuple[Expression, Convert | None]:
        return expression, storage_to_wire(column) if wire else from_storage(column)

    def operand(self, column: Column, physical: Physical, expression: Expression) -> Operand:
        compared = _comparable(column, physical, expression)
        return Operand(column.type, compared, ENCODERS.get(column.type), not_null=physical.not_null)

    def value(self, operand: Operand, bind: Bind) -> Expression:
        return bind(operand.encode)

    def one_of(self, operand: Operand, bind: Bind) -> Expression:
        return operand.expression.in_(select(self.keys(operand, bind).compared))

    def keys(self, operand: Operand, bind: Bind) -> Keys:
        is_real = operand.type in (ColumnType.FLOAT, ColumnType.DECIMAL)
        encode = _number_as_text if is_real else operand.encode

        def encode_all(values: Iterable[Any]) -> str:
            present = (value for value in dict.fromkeys(values) if value is not None)
            if operand.type in INTEGERS:
                present = (value for value in present if -(2**63) <= value < 2**63)
            return orjson.dumps(list(present) if encode is None else list(map(encode, present))).decode()

        keys = func.json_each(bind(encode_all)).table_valued("value", name="keys")
        key = getattr(func, REAL)(keys.c.value) if is_real else keys.c.value
        return Keys(keys, key, key)

    def matches(self, operator: Operator, operand: Operand, bind: Bind) -> Expression:
        expression, encode = operand.expression, operand.encode
        if operator in _FOLDED:
            operator = _FOLDED[operator]
            expression, encode = getattr(func, FOLD)(expression), str.casefold
        value = bind(encode)
        match operator:
            case Operator.EQ:
                return expression == value
            case Operator.CONTAINS:
                return func.instr(expression, value) > literal_column("0")
            case Operator.STARTS_WITH:
                return func.substr(expression, literal_column("1"), func.length(value)) == value
            case _:
                start = func.length(expression) - func.length(value) + literal_column("1")
                fits = func.length(value) <= func.length(expression)
                return fits & (func.substr(expression, start) == value)

    def figure(self, aggregate: Aggregate, column: Column, physical: Physical, expression: Expression) -> Figure:
        match aggregate.function:
            case Function.SUM if column.type is ColumnType.DECIMAL and column.scale is not None:
                return _exact_sum(column.scale, expression)
            case Function.AVG:
                average = Column(column.name, ColumnType.FLOAT)
                return Figure(func.avg(expression), None, lambda made: self.operand(average, physical, made))
            case function:
                figure = getattr(func, function)(expression)
                return Figure(figure, from_storage(column), lambda made: self.operand(column, Physical(""), made))

    def counted(self, count: Expression) -> Operand:
        return Operand(ColumnType.BIGINT, count, not_null=True)


def _comparable(column: Column, physical: Physical, expression: Expression) -> Expression:
    """The column, by its values where the stored forms do not compare as they do."""
    values = [value for value in physical.sample if value is not None]
    if column.type is ColumnType.DATETIME and not all(map(is_datetime_as_written, values)):
        rewritten: Expression = getattr(func, REWRITE)(expression)
        return rewritten
    if column.type is ColumnType.DECIMAL:
        if any(type(value) is str for value in values):
            expression = cast(expression, Numeric)
        if column.scale is not None and any(digits(value) > column.scale for value in values):
            return func.round(expression, literal_column(str(column.scale)))
    return expression


def _exact_sum(scale: int, expression: Expression) -> Figure:
    """Sums whole units of the last digit, for sums of binary fractions drift."""
    units: Expression = literal_column(str(10**scale))
    figure = func.sum(cast(func.round(expression * units), Integer))
    divisor: Expression = literal_column(f"{10**scale}.0")

    def compared(made: Expression) -> Operand:
        return Operand(ColumnType.DECIMAL, made / divisor, number)

    return Figure(figure, lambda units: Decimal(units).scaleb(-scale), compared)


def _number_as_text(value: Decimal | float) -> str:
    return str(number(value) if isinstance(value, Decimal) else value)
