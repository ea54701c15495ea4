"""Files in operations: https://github.com/jaydenseric/graphql-multipart-request-spec"""

import asyncio
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from starlette.datastructures import FormData, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message, Receive, Scope

from gateway.errors import BadRequest, PayloadTooLarge, RequestTimeout
from gateway.transport.exchange import BODY_SECONDS, ClientDisconnected

MULTIPART = b"multipart/form-data"
MAXIMUM_FILES = 100


def is_upload(headers: Mapping[bytes, bytes]) -> bool:
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower() == MULTIPART


@asynccontextmanager
async def read_upload(scope: Scope, receive: Receive, limit: int) -> AsyncIterator[object]:
    """The parameters with files (Starlette's UploadFile) where their variables say null; the files close at the end.

    Files beyond 1 MB wait on disk. Raises BadRequest, PayloadTooLarge when there are more than `limit` bytes,
    RequestTimeout, ClientDisconnected.
    """
    request = Request(scope, _limited(receive, limit))
    parser = MultiPartParser(request.headers, request.stream(), max_files=MAXIMUM_FILES, max_part_size=limit)
    try:
        async with asyncio.timeout(BODY_SECONDS):
            form = await parser.parse()
    except TimeoutError:
        raise RequestTimeout(f"The body did not arrive within {BODY_SECONDS} s.") from None
    except MultiPartException as error:
        raise BadRequest(f"The multipart body cannot be read: {error.message}") from None
    except ClientDisconnect:
        raise ClientDisconnected from None
    try:
        yield _parameters(form)
    finally:
        await form.close()


def _limited(receive: Receive, limit: int) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > limit:
            raise PayloadTooLarge(f"The body has more than {limit} bytes.")
        return message

    return counted


def _parameters(form: FormData) -> object:
    parameters = _json(form, "operations")
    places = _json(form, "map")
    if not isinstance(places, dict):
        raise BadRequest('map must be an object like {"0": ["variables.file"]}.')
    for name, paths in places.items():
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise BadRequest(f"map names the file {name[:80]!r}, which is not in the request.")
        if not isinstance(paths, list):
            raise BadRequest(f"map must give the file {name[:80]!r} a list of paths.")
        for path in paths:
            _put(parameters, path, file)
    return parameters


def _json(form: FormData, name: str) -> Any:
    text = form.get(name)
    if not isinstance(text, str):
        raise BadRequest(f"{name} is missing: it comes before the files.")
    try:
        return orjson.loads(text)
    except ValueError:
        raise BadRequest(f"{name} is not JSON.") from None


def _put(parameters: object, path: object, file: UploadFile) -> None:
    """Puts the file where `path`, like `variables.files.0` or, in a batch, `1.variables.file`, leads to a null."""
    *way, last = str(path).split(".")
    place = parameters
    for step in way:
        place = _at(place, step)
    if isinstance(place, MutableMapping) and place.get(last, "") is None:
        place[last] = file
    elif isinstance(place, list) and last.isdecimal() and int(last) < len(place) and place[int(last)] is None:
        place[int(last)] = file
    else:
        raise BadRequest(f"map leads to {str(path)[:80]!r}, where operations have no null for a file.")


def _at(place: object, step: str) -> object:
    if isinstance(place, dict):
        return place.get(step)
    if isinstance(place, list) and step.isdecimal() and int(step) < len(place):
        found: object = place[int(step)]
        return found
    return None
