"""The scalars of the graph, and how Python annotations, column types and GraphQL scalars correspond."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, NewType
from uuid import UUID

import strawberry
from graphql import FloatValueNode, GraphQLError, IntValueNode, StringValueNode, ValueNode, value_from_ast_untyped
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from datasources.lookup import ColumnType
from datasources.wire import TO_WIRE

BigInt = NewType("BigInt", int)

INT64 = range(-(2**63), 2**63)

_DECIMAL = re.compile(r"[+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?")
_INTEGER = re.compile(r"-?[0-9]{1,19}")
DECIMAL_DIGITS = 64


def _parse_decimal(text: str) -> Decimal | None:
    if len(text) > DECIMAL_DIGITS + 2 or not _DECIMAL.fullmatch(text):
        return None
    number = Decimal(text)
    return number if abs(number.adjusted()) < DECIMAL_DIGITS else None


def _parse_date_time(text: str) -> datetime | None:
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo is not None else None


def _parse_big_int(text: str) -> int | None:
    number = int(text) if _INTEGER.fullmatch(text) else INT64.stop
    return number if number in INT64 else None


def _scalar(
    name: str,
    description: str,
    expected: str,
    parse: Callable[[str], Any],
    serialize: Callable[[Any], str],
    numbers: tuple[type, ...] = (),
) -> ScalarDefinition:
    """A scalar that is written as a string, or as a number of the types `numbers`; `parse` knows valid text."""

    def parse_text(text: str) -> Any:
        try:
            parsed = parse(text)
        except (ValueError, OverflowError):
            parsed = None
        if parsed is None:
            raise _refusal(text)
        return parsed

    def parse_value(value: Any) -> Any:
        if isinstance(value, str):
            return parse_text(value)
        if type(value) in numbers:
            return parse_text(repr(value))
        raise _refusal(value)

    def parse_literal(node: ValueNode, variables: dict[str, Any] | None = None) -> Any:
        if isinstance(node, StringValueNode):
            return parse_text(node.value)
        if isinstance(node, (IntValueNode, FloatValueNode)) and numbers:
            return parse_text(node.value)
        raise _refusal(value_from_ast_untyped(node, variables))

    def _refusal(value: Any) -> GraphQLError:
        shown = repr(value[:80]) if isinstance(value, str) else f"a value of type {type(value).__name__}"
        return GraphQLError(f"{name} cannot represent {shown}: write {expected}.")

    return strawberry.scalar(
        name=name, description=description, serialize=serialize, parse_value=parse_value, parse_literal=parse_literal
    )


SCALARS: dict[object, ScalarDefinition] = {
    Decimal: _scalar(
        "Decimal",
        'An exact decimal number, as a string with all of its digits: `"1234.50"`. Numbers are read, too.',
        f'a number of at most {DECIMAL_DIGITS} digits, such as "1234.50"',
        _parse_decimal,
        TO_WIRE[ColumnType.DECIMAL],
        (int, float),
    ),
    datetime: _scalar(
        "DateTime",
        "A moment, as ISO 8601. It is read with its offset from UTC, `2026-01-31T09:30:00+01:00`; what comes without "
        "one is refused, as it could mean many moments. It is written in UTC, `2026-01-31T08:30:00+00:00`, with six "
        "digits of the second's fraction where there is any: `2026-01-31T08:30:00.250000+00:00`.",
        'date, time and offset, such as "2026-01-31T09:30:00+01:00" or "2026-01-31T08:30:00Z"',
        _parse_date_time,
        TO_WIRE[ColumnType.DATETIME],
    ),
    date: _scalar(
        "Date",
        "A day, as ISO 8601: `2026-01-31`.",
        'a day, such as "2026-01-31"',
        date.fromisoformat,
        TO_WIRE[ColumnType.DATE],
    ),
    UUID: _scalar(
        "UUID",
        "A UUID: `123e4567-e89b-42d3-a456-426614174000`.",
        'a UUID, such as "123e4567-e89b-42d3-a456-426614174000"',
        UUID,
        TO_WIRE[ColumnType.UUID],
    ),
    BigInt: _scalar(
        "BigInt",
        "A 64-bit integer, as a string, because JSON numbers lose digits beyond 2^53. Numbers are read, too.",
        'an integer of 64 bits, such as "9007199254740993"',
        _parse_big_int,
        TO_WIRE[ColumnType.BIGINT],
        (int,),
    ),
}
"""For `StrawberryConfig(scalar_map=…)`."""

COLUMN_TYPES: dict[Any, ColumnType] = {
    str: ColumnType.STRING,
    int: ColumnType.INTEGER,
    float: ColumnType.FLOAT,
    bool: ColumnType.BOOLEAN,
    Decimal: ColumnType.DECIMAL,
    datetime: ColumnType.DATETIME,
    date: ColumnType.DATE,
    UUID: ColumnType.UUID,
    JSON: ColumnType.JSON,
    BigInt: ColumnType.BIGINT,
}

PYTHON_TYPES: dict[ColumnType, Any] = {column_type: python for python, column_type in COLUMN_TYPES.items()}


def column_type_of(annotation: Any) -> ColumnType | None:
    """The column type for a Python annotation; enums are stored as their string values."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ColumnType.STRING
    return COLUMN_TYPES.get(annotation)
