"""What is told of rows that cannot be written: in the graph's words."""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

from datasources.errors import (
    CheckViolated,
    ConstraintViolated,
    ForeignKeyViolated,
    NotNullViolated,
    UniqueViolated,
)
from datasources.wire import TO_WIRE
from resolvers.definition import Entity, EntityColumn
from resolvers.errors import Conflict, ConstraintBroken
from resolvers.ids import encode_id
from resolvers.policies import Sight
from resolvers.types import camel

InputPath = Sequence[str | int]


def violated(entity: Entity, error: ConstraintViolated, paths: Sequence[InputPath] = ()) -> ConstraintBroken:
    """The error to raise for rows that `paths` lead to in the input; none where it came up at the commit."""
    is_own = error.collection == entity.collection_name
    columns = [entity.by_column[name] for name in error.columns if name in entity.by_column] if is_own else []
    fields = [camel(column.attribute) for column in columns]
    path = list(_path(paths, error.row))
    if len(fields) == 1 and (len(paths) == 1 or error.row is not None):
        path.append(fields[0])
    extensions: dict[str, Any] = {"fields": fields, "constraint": error.constraint}
    if path:
        extensions["inputPath"] = path
    return ConstraintBroken(error.code, _message(entity, error, fields, is_own=is_own), extensions)


def _path(paths: Sequence[InputPath], row: int | None) -> InputPath:
    """Of the row that is to blame, or as far as the paths of all rows are the same."""
    if not paths:
        return ()
    if row is not None and row < len(paths):
        return paths[row]
    common: list[str | int] = []
    for steps in zip(*paths, strict=False):
        if len(set(steps)) > 1:
            break
        common.append(steps[0])
    return common


def _message(entity: Entity, error: ConstraintViolated, fields: Sequence[str], *, is_own: bool) -> str:
    named = " and ".join(fields)
    if not is_own:
        known = [each.name for each in entity.targets.values() if each.collection_name == error.collection]
        return f"{entity.name} is still referred to by {known[0] if known else 'something else'}."
    match error:
        case UniqueViolated():
            return (
                f"{entity.name}: there is one with this {named} already."
                if named
                else f"{entity.name} is there already."
            )
        case ForeignKeyViolated():
            if not named:  # the source does not tell
                return f"{entity.name} refers to what is not there, or something else still refers to it."
            return f"{entity.name}: {named} refers to what is not there."
        case NotNullViolated():
            return f"{entity.name}: {named or 'something'} is missing."
        case CheckViolated() if error.constraint is not None:
            return f"{entity.name} breaks the rule {error.constraint} of its source."
    return f"{entity.name} breaks a rule of its source."


def conflict(entity: Entity, row: Mapping[str, Any], expected: int, path: InputPath, sight: Sight) -> Conflict:
    """Of a row that has another version than was expected; `row` is native values by column."""
    current = {
        camel(column.attribute): _as_json(column, row[name])
        for name, column in entity.by_column.items()
        if sight.allows(column.required)
    }
    version = entity.by_column[entity.version or ""]
    return Conflict(
        f"{encode_id(entity.name, row[entity.key])} has {camel(version.attribute)} {row[version.column.name]} by now, "
        f"not {expected}.",
        {"current": current, "expectedVersion": expected, "inputPath": list(path)},
    )


def _as_json(column: EntityColumn, value: Any) -> Any:
    """The value as the graph writes it."""
    if value is None:
        return None
    if column.refers_to is not None:
        return encode_id(column.refers_to().name, value)
    if isinstance(column.annotation, type) and issubclass(column.annotation, Enum):
        return next((member.name for member in column.annotation if member.value == value), None)
    write = TO_WIRE.get(column.column.type)
    return value if write is None else write(value)
