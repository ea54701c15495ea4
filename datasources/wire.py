"""Values as they stand in JSON: the one form of each column type that JSON has no type for.

BIGINT    `"9007199254740993"`, its digits
DECIMAL   `"1234.50"`, with all of its digits and without an exponent
DATE      `"2026-01-31"`
DATETIME  `"2026-01-31T08:30:00+00:00"` in UTC; six digits follow the seconds where these are not whole
UUID      `"123e4567-e89b-42d3-a456-426614174000"`, in lower case

These are the forms of `datetime.isoformat`, too. Values of the other types are JSON as they are.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from datasources.lookup import ColumnType

OFFSET = "+00:00"
MIDNIGHT = "24"
"""The hour by which ISO 8601, and Python since 3.14, may write the end of a day."""

_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def decimal_to_wire(value: Decimal | float | str) -> str:
    return format(value if isinstance(value, Decimal) else Decimal(str(value)), "f")


def datetime_to_wire(value: datetime) -> str:
    """Raises ValueError for a moment that is none, for want of an offset."""
    if value.tzinfo is UTC:
        return value.isoformat()
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no offset from UTC.")
    return value.astimezone(UTC).isoformat()


TO_WIRE: Mapping[ColumnType, Callable[[Any], str]] = {
    ColumnType.BIGINT: str,
    ColumnType.DECIMAL: decimal_to_wire,
    ColumnType.DATE: date.isoformat,
    ColumnType.DATETIME: datetime_to_wire,
    ColumnType.UUID: str,
}
"""How native values, but nulls, are written."""


def is_decimal(text: str) -> bool:
    """Whether `text` has the form, so that it may stay as it is; so do the following."""
    return _DECIMAL.fullmatch(text) is not None


def is_uuid(text: str) -> bool:
    return _UUID.fullmatch(text) is not None


def is_date(text: str) -> bool:
    """Slices tell the form from other ISO 8601, and faster than a pattern would."""
    if len(text) != 10 or text[4:8:3] != "--":
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_datetime(text: str) -> bool:
    marks, size = text[4:20:3], len(text)
    whole = marks == "--T::+" and size == 25
    if not whole and (marks != "--T::." or size != 32 or ".000000+" in text):
        return False
    if not text.endswith(OFFSET) or text[11:13] == MIDNIGHT:
        return False
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
