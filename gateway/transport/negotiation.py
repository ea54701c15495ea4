"""Which media type to answer with: https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types"""

from collections.abc import Sequence
from functools import lru_cache

from gateway.errors import NotAcceptable

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
HTML = "text/html"

_TYPES = (GRAPHQL_JSON, JSON)


@lru_cache(maxsize=256)
def negotiate(accept: str, *, html: bool = False) -> str:
    """The offered media type that Accept likes best; of several, the one it names first. Raises NotAcceptable.

    A wildcard means application/json, which every client understands; `html` offers text/html as well.
    """
    offered = (*_TYPES, HTML) if html else _TYPES
    best, best_quality = None, 0.0
    for named, quality in _ranges(accept or "*/*"):
        found = _match(named, offered)
        if found is not None and quality > best_quality:
            best, best_quality = found, quality
    if best is None:
        raise NotAcceptable(f"Accept leaves nothing to answer with; this endpoint answers {' or '.join(offered)}.")
    return best


def _match(named: str, offered: Sequence[str]) -> str | None:
    if named in ("*/*", "application/*"):
        return JSON
    if named == "text/*" and HTML in offered:
        return HTML
    return named if named in offered else None


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Media ranges with their quality, in order; one that is excluded or malformed has quality 0."""
    ranges = []
    for part in accept.split(","):
        named, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = next((value[2:] for value in parameters if value.startswith("q=")), "1")
        ranges.append((named, _quality(quality)))
    return ranges


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
