"""Which media type to answer with: https://graphql.github.io/graphql-over-http/draft/#sec-Media-Types"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from gateway.errors import NotAcceptable

JSON = "application/json"
GRAPHQL_JSON = "application/graphql-response+json"
HTML = "text/html"
EVENT_STREAM = "text/event-stream"
MULTIPART = "multipart/mixed"
"""Of subscriptions alone, which its parameter subscriptionSpec tells apart."""

_ANSWERS = (GRAPHQL_JSON, JSON, EVENT_STREAM)
_STREAMS = (EVENT_STREAM, MULTIPART)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What a client likes best."""

    answer: str
    """For an answer; MULTIPART where nothing else will do."""
    stream: str = ""
    """For a subscription's events; nothing where it does not name a media type that has many of them."""


@lru_cache(maxsize=256)
def negotiate(accept: str, *, html: bool = False) -> Accepted:
    """The offered media types that Accept likes best; of several, those it names first. Raises NotAcceptable.

    A wildcard means application/json, which every client understands; `html` offers text/html as well.
    """
    answers = (*_ANSWERS, HTML) if html else _ANSWERS
    ranges = _ranges(accept or "*/*")
    stream = _best(ranges, _STREAMS)
    answer = _best(ranges, answers) or stream
    if not answer:
        raise NotAcceptable(f"Accept leaves nothing to answer with; this endpoint answers {' or '.join(answers)}.")
    return Accepted(answer, stream)


def _best(ranges: Sequence[tuple[str, float]], offered: Sequence[str]) -> str:
    best, best_quality = "", 0.0
    for named, quality in ranges:
        found = _match(named, offered)
        if found is not None and quality > best_quality:
            best, best_quality = found, quality
    return best


def _match(named: str, offered: Sequence[str]) -> str | None:
    if named in ("*/*", "application/*") and JSON in offered:
        return JSON
    if named == "text/*" and HTML in offered:
        return HTML
    return named if named in offered else None


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Media ranges with their quality, in order; one that is excluded or malformed has quality 0."""
    ranges = []
    for part in accept.split(","):
        named, *pieces = (piece.strip().lower() for piece in part.split(";"))
        parameters = {name.strip(): value.strip(' "') for name, _, value in (piece.partition("=") for piece in pieces)}
        if named == MULTIPART and parameters.get("subscriptionspec") != "1.0":
            continue
        ranges.append((named, _quality(parameters.get("q", "1"))))
    return ranges


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
