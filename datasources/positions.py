"""Cursors of change feeds, as text: the feed that they belong to, and a position that only it understands.

A feed gets its name, some random digits, when its outbox is made. So a cursor of an outbox that was made anew is told
apart from one of the same position in this.
"""

import re
from secrets import token_hex

from datasources.errors import CursorExpired, UnknownCursor

_CURSOR = re.compile(r"(?P<feed>[0-9a-f]{8})\.(?P<position>[0-9._-]{1,20000})")
_BEYOND = 2**63


def new_feed() -> str:
    return token_hex(4)


def written(feed: str, position: int | str) -> str:
    return f"{feed}.{position}"


def position_of(source: str, feed: str, cursor: str) -> str:
    """The position of a cursor. Raises UnknownCursor, and CursorExpired when it is another feed's."""
    parts = _CURSOR.fullmatch(cursor)
    if parts is None:
        raise unknown(cursor)
    if parts["feed"] != feed:
        raise expired(source)
    return parts["position"]


def number_of(source: str, feed: str, cursor: str) -> int:
    """The position where that is a number."""
    position = position_of(source, feed, cursor)
    if not position.isdigit() or int(position) >= _BEYOND:
        raise unknown(cursor)
    return int(position)


def unknown(cursor: str) -> UnknownCursor:
    return UnknownCursor(f"{cursor[:80]!r} is not a cursor: pass one that came with a change.")


def expired(source: str) -> CursorExpired:
    return CursorExpired(f"The changes of '{source}' behind this cursor are no longer kept: read the data anew.")
