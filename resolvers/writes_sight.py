"""Row rules of writes: the rows that are written are seen by the viewer, as they were and as they become."""

from collections.abc import Sequence
from typing import Any

from datasources.filters import EVERYTHING
from datasources.lookup import Lookup, Row
from datasources.write import Update, Writer
from resolvers.definition import Entity
from resolvers.policies import Sight, unauthorized


async def seen_keys(writer: Writer, sight: Sight, entity: Entity, keys: Sequence[Any]) -> set[Any] | None:
    """Those of `keys` whose rows are seen, and stay as they are until they are written; None where all rows are."""
    if not keys or sight.rows(entity) == EVERYTHING:
        return None
    distinct = tuple(dict.fromkeys(keys))
    lock = Update(entity.collection, (), tuple((key,) for key in distinct))
    await writer.write(lock)  # of no values: or others might take a row out of sight between the look and the write
    return await _seen(writer, sight, entity, distinct)


async def expect_seen(writer: Writer, sight: Sight, entity: Entity, rows: Sequence[Row]) -> None:
    """Raises Unauthorized where a written row, which begins with its key, is not seen any more."""
    if not rows or sight.rows(entity) == EVERYTHING:
        return
    keys = tuple(dict.fromkeys(row[0] for row in rows))
    if len(await _seen(writer, sight, entity, keys)) < len(keys):
        raise unauthorized(f"{entity.name} as it would be written")


async def _seen(writer: Writer, sight: Sight, entity: Entity, keys: tuple[Any, ...]) -> set[Any]:
    lookup = Lookup(entity.collection, (), key=entity.key, keys=keys, filter=sight.rows(entity))
    return {row[0] for row in (await writer.lookup(lookup)).rows}
