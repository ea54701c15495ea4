"""Turns positional rows into instances of an entity's type that carry just the columns that were asked for."""

from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from datasources.lookup import Row
from resolvers.definition import Entity, EntityColumn, is_enum

Materialise = Callable[[Iterable[Row]], list[Any]]


def materialiser(entity: Entity, columns: tuple[str, ...], *, skip: int = 0) -> Materialise:
    """A function from rows, whose first `skip` values are not columns, to instances of the entity's type.

    An instance has the native value of each column as an attribute: `order.id` is the key, not the global id.
    """
    wanted = [
        (attribute, columns.index(column.column.name) + skip, decoder(column))
        for attribute, column in entity.columns.items()
        if column.column.name in columns
    ]
    plain = [(attribute, index) for attribute, index, decode in wanted if decode is None]
    decoded = [(attribute, index, decode) for attribute, index, decode in wanted if decode is not None]
    cls = entity.cls
    new = object.__new__

    def instances(rows: Iterable[Row]) -> list[Any]:
        made = []
        for row in rows:
            instance: Any = new(cls)
            instance.__dict__ = values = {attribute: row[index] for attribute, index in plain}
            for attribute, index, decode in decoded:
                values[attribute] = decode(row[index])
            made.append(instance)
        return made

    return instances


def decoder(column: EntityColumn) -> Callable[[Any], Any] | None:
    """A function from an enum's stored value to its member; what is no member's value stays as it is."""
    if not is_enum(column.annotation):
        return None
    members = {member.value: member for member in column.annotation}
    return lambda value: members.get(value, value)


def key_getter(entity: Entity, column: str) -> Callable[[Any], Any]:
    """A function from an instance to its native value of `column`."""
    attribute = entity.by_column[column].attribute

    def get(instance: Any) -> Any:
        value = getattr(instance, attribute)
        return value.value if isinstance(value, Enum) else value

    return get
