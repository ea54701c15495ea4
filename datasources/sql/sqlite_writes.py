"""How SQLite is written: a row at a time, with values in the forms in which the file keeps those that are there."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from sqlalchemy import TableClause
from sqlalchemy.dialects.sqlite import Insert, insert

from datasources.lookup import Column, ColumnType
from datasources.sql.builder import Builder, Table
from datasources.sql.dialect import Convert, Physical
from datasources.sql.sqlite_values import ENCODERS, is_datetime_as_written, number
from datasources.sql.writes import Given

_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([ T])\d\d:\d\d:\d\d(?:\.(\d{1,6}))?(|Z|\+00:00)")
_TIMESPEC = {0: "seconds", 3: "milliseconds", 6: "microseconds"}


class SqliteWrites:
    """Statements of one row each: they cost no round trip, and so tell which row is to blame."""

    def insert(self, table: TableClause) -> Insert:
        return insert(table)

    def given(
        self, builder: Builder, table: Table, stored: Sequence[str], compared: Sequence[str], many: bool
    ) -> Given:
        encoders = [storing(table.column(name), table.known(name)) for name in stored]
        encoders += [table.operand(name).encode for name in compared]
        return Given([builder.bind(position)(encode) for position, encode in enumerate(encoders)])


def storing(column: Column, physical: Physical) -> Convert | None:
    """How native values, but nulls, become those that are stored."""
    sample = [value for value in physical.sample if value is not None]
    match column.type:
        case ColumnType.DECIMAL:
            return _decimal_encoder(column.scale, as_text=sample != [] and all(type(value) is str for value in sample))
        case ColumnType.DATETIME:
            return _nullable(_datetime_encoder(sample))
        case ColumnType.FLOAT:
            return _nullable(float)
    encode = ENCODERS.get(column.type)
    return None if encode is None else _nullable(encode)


def _nullable(encode: Convert) -> Convert:
    return lambda value: None if value is None else encode(value)


def _decimal_encoder(scale: int | None, *, as_text: bool) -> Convert:
    unit = None if scale is None else Decimal(1).scaleb(-scale)

    def encode(value: Decimal) -> str | float:
        exact = Decimal(value) if unit is None else Decimal(value).quantize(unit, ROUND_HALF_UP)
        if as_text:
            return format(exact, "f")
        kept = number(exact)
        if Decimal(repr(kept)) != exact:
            raise ValueError(f"{exact} has more digits than a number of SQLite's")
        return kept

    return _nullable(encode)


def _datetime_encoder(sample: Sequence[Any]) -> Convert:
    """In the form of the stored moments where they all have one, with all the digits that it takes."""
    found = [_MOMENT.fullmatch(value) if type(value) is str else None for value in sample]
    forms = {(match[1], match[3]) for match in found if match is not None}
    if len(forms) != 1 or None in found or all(map(is_datetime_as_written, sample)):
        return ENCODERS[ColumnType.DATETIME]
    [(separator, suffix)] = forms
    digits = {len(match[2] or "") for match in found if match is not None}
    timespec = _TIMESPEC.get(digits.pop(), "auto") if len(digits) == 1 else "auto"

    def encode(value: datetime) -> str:
        naive = value.astimezone(UTC).replace(tzinfo=None)
        text = naive.isoformat(separator, timespec)
        if datetime.fromisoformat(text) != naive:
            text = naive.isoformat(separator)
        return text + suffix

    return encode
