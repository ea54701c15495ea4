"""Values on the wire: what a filter sends, and how an answer's JSON becomes the native values of columns."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from types import NoneType
from typing import Any
from uuid import UUID

from datasources.lookup import ColumnType
from datasources.wire import TO_WIRE, is_date, is_datetime, is_decimal, is_uuid

Json = str | int | float | bool | None

_PLAIN: Mapping[ColumnType, frozenset[type]] = {
    ColumnType.STRING: frozenset({str, NoneType}),
    ColumnType.INTEGER: frozenset({int, NoneType}),
    ColumnType.BIGINT: frozenset({int, NoneType}),
    ColumnType.FLOAT: frozenset({float, NoneType}),
    ColumnType.BOOLEAN: frozenset({bool, NoneType}),
}
"""Column types whose native values JSON has, too."""


def to_json(value: Any) -> Json:
    """A native value as it stands in a request's body."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    plain: Json = value
    return plain


def to_text(value: Any) -> str:
    """A native value as it stands in a URL."""
    plain = to_json(value)
    if isinstance(plain, bool):
        return "true" if plain else "false"
    return str(plain)


def to_native(column_type: ColumnType, values: Sequence[Any]) -> Sequence[Any]:
    """A column's values from JSON. Raises ValueError for one that is of no such type."""
    if column_type is ColumnType.JSON:
        return values
    plain = _PLAIN.get(column_type)
    if plain is not None and plain.issuperset(map(type, values)):
        return values
    convert = _CONVERTERS[column_type]
    try:
        return [None if value is None else convert(value) for value in values]
    except (TypeError, ArithmeticError) as error:
        raise ValueError(f"not {column_type}") from error


def to_wire(column_type: ColumnType, values: Sequence[Any]) -> Sequence[Any]:
    """The same, as they stand in the gateway's own JSON; what is written that way already stays as it is."""
    write = TO_WIRE.get(column_type)
    if write is None:
        return to_native(column_type, values)
    passes = _PASSES.get(column_type)
    if passes is None:
        return [None if value is None else write(value) for value in to_native(column_type, values)]
    read = _CONVERTERS[column_type]
    try:
        return [
            value if value is None or (type(value) is str and passes(value)) else write(read(value)) for value in values
        ]
    except (TypeError, ArithmeticError) as error:
        raise ValueError(f"not {column_type}") from error


def _refuse(value: Any) -> Any:
    raise ValueError(f"a {type(value).__name__}")


def _big_integer(value: Any) -> int:
    """Some services write integers beyond 2^53 as strings."""
    return int(value) if type(value) in (int, str) else _refuse(value)


def _float(value: Any) -> float:
    return float(value) if type(value) in (int, float) else _refuse(value)


def _decimal(value: Any) -> Decimal:
    number = Decimal(str(value)) if type(value) in (str, int, float) else _refuse(value)
    return number if number.is_finite() else _refuse(value)


def _datetime(value: Any) -> datetime:
    moment = datetime.fromisoformat(value)
    return moment.astimezone(UTC) if moment.tzinfo else _refuse(value)


def _uuid(value: Any) -> UUID:
    return UUID(value) if type(value) is str else _refuse(value)


_CONVERTERS: Mapping[ColumnType, Callable[[Any], Any]] = {
    ColumnType.STRING: _refuse,
    ColumnType.INTEGER: _refuse,
    ColumnType.BIGINT: _big_integer,
    ColumnType.FLOAT: _float,
    ColumnType.BOOLEAN: _refuse,
    ColumnType.DECIMAL: _decimal,
    ColumnType.DATETIME: _datetime,
    ColumnType.DATE: date.fromisoformat,
    ColumnType.UUID: _uuid,
}

_PASSES: Mapping[ColumnType, Callable[[str], bool]] = {
    ColumnType.DECIMAL: is_decimal,
    ColumnType.DATETIME: is_datetime,
    ColumnType.DATE: is_date,
    ColumnType.UUID: is_uuid,
}
