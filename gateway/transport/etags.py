"""Answers that a client has already: https://www.rfc-editor.org/rfc/rfc9110#name-etag"""

from hashlib import sha256


def etag_of(body: bytes, media_type: str) -> bytes:
    """A strong one: of the same bytes in the same form."""
    return b'"' + sha256(media_type.encode() + b"\n" + body).hexdigest()[:32].encode() + b'"'


def is_among(tag: bytes, known: bytes) -> bool:
    """Whether `If-None-Match` names the tag; that what is on the way has made it a weak one does not matter."""
    return known.strip() == b"*" or tag in (each.strip().removeprefix(b"W/") for each in known.split(b","))
