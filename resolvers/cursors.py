"""Opaque keyset cursors: the connection and order they belong to, and the values of the row's order columns."""

import base64
import datetime
import hashlib
import math
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import orjson

from datasources.filters import Order
from datasources.lookup import ColumnType, Row
from resolvers.definition import Entity
from resolvers.errors import InvalidCursor
from resolvers.scalars import INT64


def _signature(entity: Entity, order: Sequence[Order]) -> str:
    text = repr((entity.name, [(term.column, term.descending, term.puts_nulls_first) for term in order]))
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()


def cursor_encoder(
    entity: Entity, order: Sequence[Order], columns: Sequence[str], *, skip: int
) -> Callable[[Row], str]:
    """A function from a row, whose values after the first `skip` are `columns`, to its cursor in `order`."""
    signature = _signature(entity, order)
    positions = [columns.index(term.column) + skip for term in order if term.column in columns]
    floats = {column.name for column in entity.collection.columns if column.type is ColumnType.FLOAT}
    has_floats = any(term.column in floats for term in order)

    def encode(row: Row) -> str:
        position = [row[index] for index in positions]
        if has_floats:
            position = [str(value) if _is_infinite(value) else value for value in position]
        payload = orjson.dumps([signature, *position], default=str)
        return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()

    return encode


def _is_infinite(value: Any) -> bool:
    """Whether JSON has no number for the value."""
    return isinstance(value, float) and not math.isfinite(value)


def decode_cursor(entity: Entity, order: Sequence[Order], cursor: str) -> tuple[Any, ...]:
    """The position that `cursor` stands for. Raises InvalidCursor when it is malformed or of another order."""
    try:
        payload = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
    except ValueError:
        raise InvalidCursor(f"{cursor[:80]!r} is not a cursor: pass one that this connection returned.") from None
    if not isinstance(payload, list) or not payload or payload[0] != _signature(entity, order):
        raise InvalidCursor("The cursor belongs to another connection, or to another orderBy than this one.")
    types = entity.collection.by_name
    try:
        return tuple(_native(types[term.column].type, value) for term, value in zip(order, payload[1:], strict=True))
    except (ValueError, TypeError, ArithmeticError):
        raise InvalidCursor("The cursor's position is malformed: pass one that this connection returned.") from None


def _native(column_type: ColumnType, value: Any) -> Any:
    """The value as it was before it became JSON. Raises ValueError, TypeError or ArithmeticError when it is none."""
    match column_type:
        case _ if value is None:
            return None
        case ColumnType.DECIMAL:
            return _finite(Decimal(_typed(value, str)))
        case ColumnType.DATETIME:
            return datetime.datetime.fromisoformat(_typed(value, str)).astimezone(datetime.UTC)
        case ColumnType.DATE:
            return datetime.date.fromisoformat(_typed(value, str))
        case ColumnType.UUID:
            return uuid.UUID(_typed(value, str))
        case ColumnType.INTEGER | ColumnType.BIGINT:
            return _of_64_bits(_typed(value, int))
        case ColumnType.FLOAT:
            return float(value) if value in ("inf", "-inf", "nan") or type(value) is int else _typed(value, float)
        case ColumnType.BOOLEAN:
            return _typed(value, bool)
        case _:
            return _typed(value, str)


def _typed(value: Any, expected: type) -> Any:
    if type(value) is not expected:
        raise TypeError(value)
    return value


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite():
        raise ValueError(number)
    return number


def _of_64_bits(number: int) -> int:
    if number not in INT64:
        raise ValueError(number)
    return number
