"""What the records' annotations say about the columns of each collection."""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, get_args, get_origin
from uuid import UUID

from datasources.demo.records import RECORDS
from datasources.lookup import ColumnType

_TYPES: Mapping[Any, ColumnType] = {
    str: ColumnType.STRING,
    int: ColumnType.INTEGER,
    float: ColumnType.FLOAT,
    bool: ColumnType.BOOLEAN,
    Decimal: ColumnType.DECIMAL,
    datetime: ColumnType.DATETIME,
    date: ColumnType.DATE,
    UUID: ColumnType.UUID,
}


@dataclass(frozen=True, slots=True)
class Field:
    """A column; `values` are those of an enum."""

    name: str
    type: ColumnType
    nullable: bool
    values: tuple[str, ...] = ()


@cache
def fields_of(collection: str) -> tuple[Field, ...]:
    """In the order of the record."""
    return tuple(_field(name, each) for name, each in inspect.get_annotations(RECORDS[collection]).items())


def _field(name: str, annotation: Any) -> Field:
    nullable = type(None) in get_args(annotation)
    present = get_args(annotation)[0] if nullable else annotation
    if get_origin(present) is Literal:
        return Field(name, ColumnType.STRING, nullable, get_args(present))
    if get_origin(present) is Annotated:
        return Field(name, get_args(present)[1], nullable)
    return Field(name, _TYPES[present], nullable)


def encoded(
    collection: str, rows: Iterable[tuple[Any, ...]], encoders: Mapping[ColumnType, Callable[[Any], Any]]
) -> Iterator[tuple[Any, ...]]:
    """The rows as a database takes them: values that are not null go through the encoder of their type, if any."""
    columns = [encoders.get(field.type) for field in fields_of(collection)]
    return (
        tuple(
            value if encode is None or value is None else encode(value)
            for encode, value in zip(columns, row, strict=True)
        )
        for row in rows
    )
