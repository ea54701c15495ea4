"""Native values of rows that PostgreSQL wrote as JSON, by `to_jsonb` in the settings of `postgres_triggers`."""

import json
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from datasources.lookup import Column, ColumnType
from datasources.sql.images import Decode

_DATES = {"-infinity": date.min, "infinity": date.max}
_MOMENTS = {"-infinity": datetime.min.replace(tzinfo=UTC), "infinity": datetime.max.replace(tzinfo=UTC)}


def decoder(column: Column, physical: str | None) -> Decode:
    """For a column of the type `physical`, as lookups read it."""
    if physical == "real":
        return lambda value: _NATIVE[column.type](_as_real(float(value)))
    if physical == "character":
        return lambda value: _NATIVE[column.type](value.rstrip(" "))
    return _NATIVE[column.type]


def _as_real(value: float) -> float:
    """What four bytes keep of it, which drivers read."""
    return float(struct.unpack("f", struct.pack("f", value))[0])


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    return format(value, "f") if isinstance(value, Decimal) else json.dumps(_plain(value))


def _plain(value: Any) -> Any:
    """JSON within JSON, whose numbers are those of `json.loads`."""
    match value:
        case Decimal():
            return float(value)
        case dict():
            return {name: _plain(inner) for name, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
    return value


def _moment(value: str) -> datetime:
    infinite = _MOMENTS.get(value)
    if infinite is not None:
        return infinite
    moment = datetime.fromisoformat(value)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


_NATIVE: Mapping[ColumnType, Callable[[Any], Any]] = {
    ColumnType.STRING: _text,
    ColumnType.INTEGER: int,
    ColumnType.BIGINT: int,
    ColumnType.FLOAT: float,
    ColumnType.BOOLEAN: bool,
    ColumnType.DECIMAL: Decimal,
    ColumnType.DATETIME: _moment,
    ColumnType.DATE: lambda value: _DATES.get(value) or date.fromisoformat(value),
    ColumnType.UUID: UUID,
    ColumnType.JSON: _plain,
}
