"""How SQLite keeps native values, which it has fewer types for than `ColumnType`.

DECIMAL   a number, in a column of NUMERIC affinity; exact up to 15 digits, read with `Column.scale` digits
DATETIME  text in UTC, always `YYYY-MM-DD HH:MM:SS.ffffff`, so that the order of text is that of time
DATE      text, `YYYY-MM-DD`
UUID      text, in lower case with dashes
JSON      text
BOOLEAN   0 or 1

Other ISO 8601 forms of DATETIME (without an offset: UTC), decimals as text, and decimals of more digits are read, too.
Where a sample of a column shows any, it is compared and ordered by its values, which no plain index serves.
"""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from datasources.lookup import Column, ColumnType
from datasources.wire import MIDNIGHT, OFFSET, TO_WIRE, datetime_to_wire, decimal_to_wire, is_date, is_uuid

DDL_TYPES: Mapping[ColumnType, str] = {
    ColumnType.STRING: "TEXT",
    ColumnType.INTEGER: "INTEGER",
    ColumnType.BIGINT: "BIGINT",
    ColumnType.FLOAT: "REAL",
    ColumnType.BOOLEAN: "BOOLEAN",
    ColumnType.DECIMAL: "NUMERIC",
    ColumnType.DATETIME: "DATETIME",
    ColumnType.DATE: "DATE",
    ColumnType.UUID: "UUID",
    ColumnType.JSON: "JSON TEXT",
}
"""What columns are declared as; the affinities that follow from these names are part of the form."""

Convert = Callable[[Any], Any]

_WRITTEN = len("YYYY-MM-DD HH:MM:SS.ffffff")


def to_storage(column_type: ColumnType, value: Any) -> Any:
    """A native value as SQLite keeps it."""
    convert = ENCODERS.get(column_type)
    return value if convert is None or value is None else convert(value)


def from_storage(column: Column) -> Convert | None:
    """How a column's values, but nulls, become native; None where they are."""
    if column.type is ColumnType.DECIMAL:
        return _decimal_reader(column.scale)
    return _DECODERS.get(column.type)


def storage_to_wire(column: Column) -> Convert | None:
    """How a column's values, but nulls, become those that stand in JSON; what is written as usual takes a short way."""
    write, read = TO_WIRE.get(column.type), from_storage(column)
    if write is None or read is None:
        return write or read
    if column.type is ColumnType.DECIMAL and column.scale is not None:
        return _decimal_writer(column.scale, read)
    return _WRITERS.get(column.type) or (lambda value: write(read(value)))


def is_datetime_as_written(value: Any) -> bool:
    """Whether the order of such text is that of time."""
    return type(value) is str and len(value) == _WRITTEN and value[4:20:3] == "-- ::."


def rewrite_datetime(value: Any) -> Any:
    """A stored moment in the form that is written; what is none stays what it is."""
    try:
        return _encode_datetime(_decode_datetime(value))
    except (TypeError, ValueError, OverflowError):
        return value


def digits(value: Any) -> int:
    """How many digits a stored number has after its point."""
    return len(repr(value).partition("e")[0].partition(".")[2].rstrip("0")) if type(value) is float else 0


def number(value: Decimal | int) -> int | float:
    """A decimal as the integer or the float that a NUMERIC column makes of it."""
    value = Decimal(value)
    if not value.is_finite():
        raise ValueError(f"{value} is no number")
    whole = int(value)
    return whole if whole == value and -(2**63) <= whole < 2**63 else float(value)


def _encode_datetime(value: datetime) -> str:
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


def _decode_datetime(text: str) -> datetime:
    try:  # the form that is written; to read it with an offset is many times faster than to set tzinfo later
        moment = datetime.fromisoformat(text + "+00:00" if len(text) == _WRITTEN else text)
    except ValueError:
        moment = datetime.fromisoformat(text)
    if moment.tzinfo is UTC:
        return moment
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _write_datetime(text: str) -> str:
    if is_datetime_as_written(text) and text[11:13] != MIDNIGHT:
        written = text.replace(" ", "T").removesuffix(".000000") + OFFSET
        try:
            datetime.fromisoformat(written)
            return written
        except ValueError:
            pass  # it may be of another form that is as long
    return datetime_to_wire(_decode_datetime(text))


def _write_date(text: str) -> str:
    return text if is_date(text) else date.fromisoformat(text).isoformat()


def _write_uuid(text: str) -> str:
    return text if is_uuid(text) else str(UUID(text))


def _decode_json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, (str, bytes)) else value


def _decimal_reader(scale: int | None) -> Convert:
    if scale is None:
        return lambda value: Decimal(str(value))
    form = f".{scale}f"
    unit = Decimal(1).scaleb(-scale)

    def read(value: Any) -> Decimal:
        return Decimal(format(value, form)) if type(value) is float else Decimal(value).quantize(unit)

    return read


def _decimal_writer(scale: int, read: Convert) -> Convert:
    form = f".{scale}f"
    zeros = f".{'0' * scale}" if scale else ""

    def write(value: Any) -> str:
        if type(value) is float and isfinite(value):
            return format(value, form)
        return f"{value}{zeros}" if type(value) is int else decimal_to_wire(read(value))

    return write


ENCODERS: Mapping[ColumnType, Convert] = {
    ColumnType.BOOLEAN: int,
    ColumnType.DECIMAL: number,
    ColumnType.DATETIME: _encode_datetime,
    ColumnType.DATE: date.isoformat,
    ColumnType.UUID: str,
    ColumnType.JSON: json.dumps,
}

_DECODERS: Mapping[ColumnType, Convert] = {
    ColumnType.FLOAT: float,
    ColumnType.BOOLEAN: bool,
    ColumnType.DATETIME: _decode_datetime,
    ColumnType.DATE: date.fromisoformat,
    ColumnType.UUID: UUID,
    ColumnType.JSON: _decode_json,
}

_WRITERS: Mapping[ColumnType, Convert] = {
    ColumnType.DATETIME: _write_datetime,
    ColumnType.DATE: _write_date,
    ColumnType.UUID: _write_uuid,
}
