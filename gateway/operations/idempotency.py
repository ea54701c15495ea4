"""Requests that a client may send again without having their effect again: they carry a key."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import orjson

from gateway.errors import BadRequest
from resolvers.context import Idempotency
from resolvers.viewer import ANONYMOUS, Viewer

HEADER = b"idempotency-key"
"""https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/"""
EXTENSION = "idempotencyKey"
_SANE_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def with_key(parameters: object, headers: Mapping[bytes, bytes]) -> object:
    """The request's parameters with the key that came as a header, as the extension that it stands for."""
    key = key_of(headers)
    if key is None:
        return parameters
    if isinstance(parameters, list):
        raise BadRequest(f"Each operation of a batch has its own extensions.{EXTENSION}; there is no header for all.")
    if not isinstance(parameters, dict):
        return parameters
    extensions = parameters.get("extensions") or {}
    if not isinstance(extensions, dict):
        return parameters
    if extensions.get(EXTENSION, key) != key:
        raise BadRequest(f"The Idempotency-Key header and extensions.{EXTENSION} are different.")
    return {**parameters, "extensions": {**extensions, EXTENSION: key}}


def key_of(headers: Mapping[bytes, bytes]) -> str | None:
    """The header, as it came."""
    header = headers.get(HEADER)
    return None if header is None else header.decode("latin-1").strip().strip('"')


def read_key(extensions: Mapping[str, Any] | None) -> str | None:
    """The request's key. Raises BadRequest."""
    key = None if extensions is None else extensions.get(EXTENSION)
    if key is not None and not (isinstance(key, str) and _SANE_KEY.fullmatch(key)):
        raise BadRequest("An idempotency key is 1 to 255 visible ASCII characters; a random UUID is a good one.")
    return key


def identify(
    key: str,
    query: str,
    variables: Mapping[str, Any] | None,
    operation_name: str | None,
    viewer: Viewer = ANONYMOUS,
    sight: str | None = None,
) -> Idempotency:
    """What the request is recognised by. The same key of another viewer is another key.

    `sight` is the digest of what the viewer sees: who sees otherwise by now asks for another answer.
    """
    if not viewer.is_anonymous:
        who = hashlib.sha256(orjson.dumps(viewer.identity)).hexdigest()
        key = f"{who} {key}"  # which no client can send, for it has a space
    try:
        text = orjson.dumps([query, variables or {}, operation_name], default=_of_file, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # of integers beyond 64 bits and lone surrogates
        text = repr((query, variables, operation_name)).encode(errors="surrogatepass")
    return Idempotency(key, hashlib.sha256(text if sight is None else text + sight.encode()).digest())


def _of_file(value: object) -> object:
    """A file's name and size, for its object is another one each time."""
    return [str(getattr(value, name, "")) for name in ("filename", "size")]
