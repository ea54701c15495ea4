"""Global ids: `Customer:42`, the type's name and the row's key.

Where the type is known (`customer(id:)`, filters), the bare key is taken as well.
"""

import re
from typing import TYPE_CHECKING, Any
from uuid import UUID

from datasources.lookup import ColumnType
from resolvers.errors import InvalidId
from resolvers.scalars import INT64

if TYPE_CHECKING:
    from resolvers.definition import Entity

INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
"""As keys are written, so that a row has one id only."""


def encode_id(type_name: str, key: Any) -> str:
    return f"{type_name}:{key}"


def split_id(text: str) -> tuple[str, str]:
    """The type's name, empty when there is none, and the key."""
    type_name, colon, key = text.partition(":")
    return (type_name, key) if colon else ("", text)


def decode_id(entity: "Entity", text: str) -> Any:
    """The key that `text` stands for. Raises InvalidId when it is malformed or another type's."""
    type_name, bare = split_id(text)
    if type_name and type_name != entity.name:
        raise InvalidId(f"{text[:80]!r} is an id of {type_name[:40]}, not of {entity.name}.")
    key = parse_key(entity.key_type, bare)
    if key is None:
        raise InvalidId(
            f"{text[:80]!r} is not an id of {entity.name}: ids look like {encode_id(entity.name, 'key')!r}."
        )
    return key


def parse_key(key_type: ColumnType, text: str) -> Any:
    """The native value of a key, or None when `text` cannot be one."""
    try:
        if key_type is ColumnType.UUID:
            return UUID(text)
        if key_type is ColumnType.STRING:
            return text or None
    except ValueError:
        return None
    number = int(text) if INTEGER.fullmatch(text) else INT64.stop
    return number if number in INT64 else None
