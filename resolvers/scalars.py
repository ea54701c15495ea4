"""The scalars of the graph, and how Python annotations, column types and GraphQL scalars correspond."""

import datetime
import uuid
from decimal import Decimal
from enum import Enum
from typing import Any, NewType

import strawberry
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from datasources.lookup import ColumnType

BigInt = NewType("BigInt", int)

INT64 = range(-(2**63), 2**63)


def _parse_big_int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, (int, str)):
        raise TypeError(f"BigInt cannot represent {value!r}: write an integer, or a string of digits.")
    number = int(value) if isinstance(value, int) or len(value) <= 20 else INT64.stop
    if number not in INT64:
        raise ValueError("BigInt cannot represent a value outside of 64 bits.")
    return number


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description="A 64-bit integer, as a string, because JSON numbers lose digits beyond 2^53.",
        serialize=str,
        parse_value=_parse_big_int,
    ),
}
"""For `StrawberryConfig(scalar_map=…)`."""

COLUMN_TYPES: dict[Any, ColumnType] = {
    str: ColumnType.STRING,
    int: ColumnType.INTEGER,
    float: ColumnType.FLOAT,
    bool: ColumnType.BOOLEAN,
    Decimal: ColumnType.DECIMAL,
    datetime.datetime: ColumnType.DATETIME,
    datetime.date: ColumnType.DATE,
    uuid.UUID: ColumnType.UUID,
    JSON: ColumnType.JSON,
    BigInt: ColumnType.BIGINT,
}

PYTHON_TYPES: dict[ColumnType, Any] = {column_type: python for python, column_type in COLUMN_TYPES.items()}


def column_type_of(annotation: Any) -> ColumnType | None:
    """The column type for a Python annotation; enums are stored as their string values."""
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return ColumnType.STRING
    return COLUMN_TYPES.get(annotation)
