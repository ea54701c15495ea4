"""The cursors of changes that clients see: how far they know each source, as opaque text.

They come with events and with `sync`, and either takes those of the other.
"""

import base64
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from datasources.errors import CursorExpired
from resolvers.errors import InvalidCursor

VERSION, VERSION_OF_SIGHT = 1, 2


@dataclass(frozen=True, slots=True)
class Place:
    """Where a first synchronisation stands that is not finished: behind the row `key` of an entity."""

    entity: str
    key: str | None
    """As in an id; None at its beginning."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a client knows the changes of some sources."""

    sources: Mapping[str, str]
    """The cursor of each source's own feed."""
    entities: Collection[str] | None = None
    """Those that it was told everything of; None where a filter left something out."""
    place: Place | None = None
    sight: str | None = None
    """The digest of what was seen; None where there are no rules."""

    def expect(self, sight: str | None) -> None:
        """Raises CursorExpired where something else is seen by now: what that brings or takes is told by no change."""
        if self.sight != sight:
            raise CursorExpired("What the viewer may see is not what it was when the cursor was made: begin anew.")

    def of(self, sources: Collection[str]) -> dict[str, str]:
        """The cursors of these sources. Raises InvalidCursor."""
        missing = sorted(set(sources) - self.sources.keys())
        if missing:
            raise InvalidCursor(f"The cursor tells nothing of {', '.join(missing)}: it is of other entities.")
        return {source: self.sources[source] for source in sources}


def encode_position(position: Position) -> str:
    entities = None if position.entities is None else sorted(position.entities)
    parts: list[Any] = [VERSION, position.sources, entities]
    if position.sight is not None:
        parts = [VERSION_OF_SIGHT, position.sight, position.sources, entities]
    if position.place is not None:
        parts += (position.place.entity, position.place.key)
    return base64.urlsafe_b64encode(orjson.dumps(parts)).rstrip(b"=").decode()


def decode_position(cursor: str) -> Position:
    """Raises InvalidCursor."""
    try:
        parts = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        match parts:
            case [version, dict(sources), (list() | None) as entities, *place] if version == VERSION:
                position = Position(sources, entities, Place(*place) if place else None)
                if _is_sound(position):
                    return position
            case [version, str(sight), dict(sources), (list() | None) as entities, *place] if (
                version == VERSION_OF_SIGHT
            ):
                position = Position(sources, entities, Place(*place) if place else None, sight)
                if _is_sound(position):
                    return position
    except (ValueError, TypeError):
        pass
    raise InvalidCursor(f"{cursor[:80]!r} is not a cursor of changes: pass one that came with an event or from sync.")


def _is_sound(position: Position) -> bool:
    texts = [*position.sources.values(), *(position.entities or ())]
    place = position.place
    if place is not None:
        texts += [place.entity, "" if place.key is None else place.key]
    return all(isinstance(text, str) for text in texts)
