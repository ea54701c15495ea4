"""How PostgreSQL is written: one row in VALUES, many as arrays, one for each column."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import TableClause, cast, func
from sqlalchemy.dialects.postgresql import Insert, insert

from datasources.lookup import ColumnType
from datasources.sql.builder import Builder, Table
from datasources.sql.dialect import Convert, Expression, RawType
from datasources.sql.writes import Given

_TEXT = RawType("text")
_PADDED = "character"
"""Of any length by its name; as what one casts to it is of one character."""


class PostgresWrites:
    """Statements of one row, or of any number."""

    def insert(self, table: TableClause) -> Insert:
        return insert(table)

    def given(
        self,
        builder: Builder,
        table: Table,
        stored: Sequence[str],
        compared: Sequence[str],
        many: bool,
        first: int = 0,
    ) -> Given:
        """`first` is the number of the first value."""
        parameters = [_stored(table, name) for name in stored] + [_compared(table, name) for name in compared]
        if not many:
            values = [
                cast(builder.bind(position)(each.encode), each.type) for position, each in enumerate(parameters, first)
            ]
            return Given([each.finished(value) for each, value in zip(parameters, values, strict=True)])
        arrays = [
            cast(builder.bind(position)(_of_each(each.encode)), RawType(f"{each.type.name}[]"))
            for position, each in enumerate(parameters, first)
        ]
        names = [f"c{position}" for position in range(len(parameters))]
        rows = func.unnest(*arrays).table_valued(*names, with_ordinality="number").render_derived(name="given")
        items = [each.finished(rows.c[name]) for each, name in zip(parameters, names, strict=True)]
        return Given(items, rows, rows.c.number)


@dataclass(frozen=True, slots=True)
class _Parameter:
    """How a value travels, and what it is cast to when it is there."""

    type: RawType
    encode: Convert | None = None
    last: RawType | None = None

    def finished(self, value: Expression) -> Expression:
        return value if self.last is None else cast(value, self.last)


def _stored(table: Table, name: str) -> _Parameter:
    physical, operand = table.known(name), table.operand(name)
    own = RawType(physical.type)
    if operand.type is ColumnType.JSON:  # as text, for in an array a list would be part of it
        return _Parameter(_TEXT, _nullable(json.dumps), own)
    is_converted = operand.expression is not table.expression(name) and physical.type != _PADDED
    encode = None if operand.encode is None else _nullable(operand.encode)
    return _Parameter(operand.cast or _TEXT, encode, own if is_converted else None)


def _compared(table: Table, name: str) -> _Parameter:
    operand = table.operand(name)
    return _Parameter(operand.cast or _TEXT, operand.encode)


def _nullable(encode: Convert) -> Convert:
    return lambda value: None if value is None else encode(value)


def _of_each(encode: Convert | None) -> Convert:
    def encode_all(values: Sequence[Any]) -> list[Any]:
        return list(values) if encode is None else [encode(value) for value in values]

    return encode_all
