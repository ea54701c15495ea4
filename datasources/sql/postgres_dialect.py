"""Statements for PostgreSQL."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from typing import Any

from sqlalchemy import Dialect, any_, cast, collate, func, literal_column
from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_compiler

from datasources.filters import Operator
from datasources.lookup import Aggregate, Column, ColumnType, Function
from datasources.sql.dialect import INTEGERS, Bind, Convert, Expression, Figure, Keys, Operand, Physical, RawType
from datasources.sql.postgres_text import finite, to_text
from datasources.wire import TO_WIRE

CANONICAL: Mapping[ColumnType, str] = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.BIGINT: "bigint",
    ColumnType.FLOAT: "double precision",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.DECIMAL: "numeric",
    ColumnType.DATETIME: "timestamp with time zone",
    ColumnType.DATE: "date",
    ColumnType.UUID: "uuid",
    ColumnType.JSON: "jsonb",
}
"""What parameters are, and what columns of no type that suits are cast to."""

_NAIVE = "timestamp without time zone"
_CITEXT = "citext"

_TYPES: Mapping[str, ColumnType] = {
    "text": ColumnType.STRING,
    "character varying": ColumnType.STRING,
    "character": ColumnType.STRING,
    "citext": ColumnType.STRING,
    "name": ColumnType.STRING,
    "smallint": ColumnType.INTEGER,
    "integer": ColumnType.INTEGER,
    "bigint": ColumnType.BIGINT,
    "real": ColumnType.FLOAT,
    "double precision": ColumnType.FLOAT,
    "boolean": ColumnType.BOOLEAN,
    "numeric": ColumnType.DECIMAL,
    "timestamp with time zone": ColumnType.DATETIME,
    _NAIVE: ColumnType.DATETIME,
    "date": ColumnType.DATE,
    "uuid": ColumnType.UUID,
    "jsonb": ColumnType.JSON,
    "json": ColumnType.JSON,
}

_SUITABLE: Mapping[ColumnType, frozenset[str]] = {
    ColumnType.STRING: frozenset({"text", "character varying"}),
    ColumnType.INTEGER: frozenset({"smallint", "integer", "bigint"}),
    ColumnType.BIGINT: frozenset({"smallint", "integer", "bigint"}),
    ColumnType.FLOAT: frozenset({"real", "double precision"}),
    ColumnType.BOOLEAN: frozenset({"boolean"}),
    ColumnType.DECIMAL: frozenset({"numeric"}),
    ColumnType.DATETIME: frozenset({"timestamp with time zone"}),
    ColumnType.DATE: frozenset({"date"}),
    ColumnType.UUID: frozenset({"uuid"}),
    ColumnType.JSON: frozenset({"jsonb"}),
}
"""The column types that answer in the native type, and compare with a parameter of the canonical one."""

_PATTERNS: Mapping[Operator, str] = {
    Operator.CONTAINS: "%{}%",
    Operator.STARTS_WITH: "{}%",
    Operator.ENDS_WITH: "%{}",
    Operator.IEQ: "{}",
    Operator.ICONTAINS: "%{}%",
    Operator.ISTARTS_WITH: "{}%",
    Operator.IENDS_WITH: "%{}",
}

_FOLDING = frozenset({Operator.IEQ, Operator.ICONTAINS, Operator.ISTARTS_WITH, Operator.IENDS_WITH})


class PostgresDialect:
    """Keys and the values of IN travel as one array."""

    nulls_are_largest = True
    has_lateral = True
    nests = True

    def __init__(self, fold: Callable[[Expression], Expression] = func.lower) -> None:
        """`fold` folds the case of text; see `folding`."""
        self.compiler: Dialect = asyncpg_compiler()  # type: ignore[no-untyped-call]
        self._fold = fold

    def table(self, collection: str) -> tuple[str, str | None]:
        schema, _, name = collection.rpartition(".")
        return name, schema or None

    def column_type(self, physical: Physical) -> ColumnType | None:
        return ColumnType.STRING if physical.is_enum else _TYPES.get(physical.type)

    def read(
        self, column: Column, physical: Physical, expression: Expression, *, wire: bool = False
    ) -> tuple[Expression, Convert | None]:
        native = self._native(column, physical, expression)
        if wire and column.type in TO_WIRE:
            return to_text(column.type, native), None
        return native if column.type is not ColumnType.DATETIME else finite(native), None

    def _native(self, column: Column, physical: Physical, expression: Expression) -> Expression:
        if physical.type in _SUITABLE[column.type] or (physical.type == "json" and column.type is ColumnType.JSON):
            return expression
        if column.type is ColumnType.DATETIME and physical.type in (_NAIVE, "date"):
            return _in_utc(cast(expression, RawType(_NAIVE)))
        return cast(expression, RawType(CANONICAL[column.type]))

    def operand(self, column: Column, physical: Physical, expression: Expression) -> Operand:
        encode = _ENCODERS.get(column.type)
        own = physical.type
        if column.type is ColumnType.STRING and (physical.is_enum or own == _CITEXT):
            return Operand(column.type, expression, encode, RawType(own), physical.not_null)
        if column.type is ColumnType.DATETIME and own == _NAIVE:
            return Operand(column.type, expression, _to_naive, RawType(own), physical.not_null)
        if own not in _SUITABLE[column.type]:
            expression = self._native(column, physical, expression)
        return Operand(column.type, expression, encode, RawType(CANONICAL[column.type]), physical.not_null)

    def value(self, operand: Operand, bind: Bind) -> Expression:
        return cast(bind(operand.encode), operand.cast or RawType("text"))

    def one_of(self, operand: Operand, bind: Bind) -> Expression:
        return operand.expression == any_(_array(operand, bind))

    def keys(self, operand: Operand, bind: Bind) -> Keys:
        keys = func.unnest(_array(operand, bind)).table_valued("key").render_derived(name="keys")
        naive = operand.cast is not None and operand.cast.name == _NAIVE
        return Keys(keys, keys.c.key, _in_utc(keys.c.key) if naive else keys.c.key)

    def matches(self, operator: Operator, operand: Operand, bind: Bind) -> Expression:
        expression, text = operand.expression, RawType("text")
        if operand.cast is not None and operand.cast.name != text.name:
            expression = cast(expression, text)
        value: Expression = cast(bind(_pattern(_PATTERNS[operator])), text)
        if operator in _FOLDING:
            expression, value = self._fold(expression), self._fold(value)
        return expression.like(value)

    def figure(self, aggregate: Aggregate, column: Column, physical: Physical, expression: Expression) -> Figure:
        operand = self.operand(column, physical, expression)
        match aggregate.function:
            case Function.AVG:
                average = cast(func.avg(operand.expression), RawType("double precision"))
                return Figure(average, None, _compared(ColumnType.FLOAT))
            case Function.SUM if column.type in INTEGERS:
                return Figure(func.sum(operand.expression), int, _compared(ColumnType.DECIMAL))
            case Function.SUM if column.type is ColumnType.FLOAT:
                total = func.sum(cast(operand.expression, RawType("double precision")))
                return Figure(total, None, _compared(ColumnType.FLOAT))
            case function:
                figure, decode = self.read(column, physical, getattr(func, function)(expression))
                return Figure(figure, decode, _compared(column.type))

    def counted(self, count: Expression) -> Operand:
        return Operand(ColumnType.BIGINT, count, cast=RawType("bigint"), not_null=True)


def folding(version: int, encoding: str, collations: frozenset[str]) -> Callable[[Expression], Expression]:
    """How a server folds case, of all letters whatever the database's locale; `version` like 180004."""
    if encoding == "UTF8" and version >= 180000:
        return lambda text: func.casefold(collate(text, "pg_unicode_fast"))
    for collation in ("pg_unicode_fast", "pg_c_utf8", "und-x-icu"):
        if collation in collations:
            return lambda text, collation=collation: func.lower(collate(text, collation))  # type: ignore[misc]
    return func.lower


def _compared(column_type: ColumnType) -> Callable[[Expression], Operand]:
    canonical = RawType(CANONICAL[column_type])
    return lambda figure: Operand(column_type, figure, _ENCODERS.get(column_type), canonical)


def _array(operand: Operand, bind: Bind) -> Expression:
    encode = operand.encode
    array = RawType("text[]" if operand.cast is None else f"{operand.cast.name}[]")
    if operand.type in INTEGERS:
        return cast(cast(bind(_integers), RawType("text")), array)

    def distinct(values: tuple[Any, ...]) -> list[Any]:
        present = [value for value in dict.fromkeys(values) if value is not None]
        return present if encode is None else [encode(value) for value in present]

    return cast(bind(distinct), array)


def _integers(values: tuple[Any, ...]) -> str:
    """An array as PostgreSQL writes it: asyncpg would encode number by number."""
    distinct = dict.fromkeys(values)
    distinct.pop(None, None)
    if distinct and not (min(distinct) >= -(2**63) and max(distinct) < 2**63):
        distinct = {value: None for value in distinct if -(2**63) <= value < 2**63}
    return f"{{{str([*distinct])[1:-1]}}}"


def _in_utc(naive: Expression) -> Expression:
    return func.timezone(literal_column("'UTC'"), naive)


def _to_naive(value: datetime) -> datetime:
    return value.astimezone(UTC).replace(tzinfo=None)


def _to_decimal(value: Any) -> Decimal:
    decimal = Decimal(value)
    if not decimal.is_finite():
        raise ValueError(f"{value} is no number")
    return decimal


@cache
def _pattern(form: str) -> Convert:
    def encode(text: str) -> str:
        return form.format(text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_"))

    return encode


_ENCODERS: Mapping[ColumnType, Convert] = {ColumnType.DECIMAL: _to_decimal}
