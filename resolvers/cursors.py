"""Opaque keyset cursors: the order they belong to, and the values of the row's order columns."""

import base64
import binascii
import datetime
import hashlib
import uuid
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import orjson

from datasources.filters import Order
from datasources.lookup import Collection, ColumnType
from resolvers.errors import InvalidCursor


@cache
def _signature(collection: str, order: tuple[Order, ...]) -> str:
    text = repr((collection, [(term.column, term.descending, term.puts_nulls_first) for term in order]))
    return hashlib.blake2s(text.encode(), digest_size=4).hexdigest()


def encode_cursor(collection: Collection, order: tuple[Order, ...], position: Sequence[Any]) -> str:
    payload = orjson.dumps([_signature(collection.name, order), *position], default=str)
    return base64.urlsafe_b64encode(payload).rstrip(b"=").decode()


def decode_cursor(collection: Collection, order: tuple[Order, ...], cursor: str) -> tuple[Any, ...]:
    """The position that `cursor` stands for. Raises InvalidCursor when it is malformed or of another order."""
    try:
        payload = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        raise InvalidCursor(f"{cursor[:80]!r} is not a cursor: pass one that this connection returned.") from None
    if not isinstance(payload, list) or not payload or payload[0] != _signature(collection.name, order):
        raise InvalidCursor("The cursor belongs to another connection, or to another orderBy than this one.")
    try:
        return tuple(
            _native(collection.by_name[term.column].type, value) for term, value in zip(order, payload[1:], strict=True)
        )
    except (ValueError, TypeError, InvalidOperation):
        raise InvalidCursor("The cursor's position is malformed: pass one that this connection returned.") from None


def _native(column_type: ColumnType, value: Any) -> Any:
    if value is None:
        return None
    match column_type:
        case ColumnType.DECIMAL:
            return Decimal(_typed(value, str))
        case ColumnType.DATETIME:
            return datetime.datetime.fromisoformat(_typed(value, str))
        case ColumnType.DATE:
            return datetime.date.fromisoformat(_typed(value, str))
        case ColumnType.UUID:
            return uuid.UUID(_typed(value, str))
        case ColumnType.INTEGER | ColumnType.BIGINT:
            return _typed(value, int)
        case ColumnType.FLOAT:
            return float(value)
        case ColumnType.BOOLEAN:
            return _typed(value, bool)
        case _:
            return _typed(value, str)


def _typed(value: Any, expected: type) -> Any:
    if type(value) is not expected:
        raise TypeError(value)
    return value
