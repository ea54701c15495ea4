"""GraphQL over HTTP with JSON: https://graphql.github.io/graphql-over-http/draft/"""

import asyncio
import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.answers import Answer, failed, refused
from gateway.errors import (
    BadRequest,
    MethodNotAllowed,
    PayloadTooLarge,
    RequestError,
    UnsupportedMediaType,
)
from gateway.execution.schema import Written
from gateway.operations.request import read_parameters
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings
from gateway.transport.csrf import prevent_csrf
from gateway.transport.exchange import (
    CORRELATION_ID,
    ClientDisconnected,
    correlation_id_of,
    headers_of,
    read_body,
    respond,
    unless_disconnected,
)
from gateway.transport.negotiation import GRAPHQL_JSON, HTML, JSON, negotiate
from gateway.transport.uploads import is_upload, read_upload

Headers = Mapping[bytes, bytes]

URL_PARAMETERS = ("query", "variables", "operationName", "extensions", "documentId")
JSON_PARAMETERS = ("variables", "extensions")
CONTENT_TYPES = {media_type: f"{media_type}; charset=utf-8".encode() for media_type in (JSON, GRAPHQL_JSON)}


class JsonHttp:
    """The endpoint: queries by GET and POST, mutations by POST."""

    def __init__(self, pipeline: Pipeline, settings: HttpSettings, page: ASGIApp | None = None) -> None:
        """`page` is what a browser sees that opens the endpoint."""
        self._pipeline = pipeline
        self._settings = settings
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        correlation_id = correlation_id_of(headers)
        media_type = JSON
        try:
            media_type = self._media_type(scope, headers)
            if media_type == HTML and self._page is not None:
                await self._page(scope, receive, send)
                return
            if is_upload(headers):
                async with self._upload(scope, headers, receive) as parameters:
                    answer = await unless_disconnected(receive, self._answer(parameters, correlation_id))
            else:
                parameters = await self._parameters(scope, headers, receive)
                read_only = scope["method"] == "GET"
                answer = await unless_disconnected(receive, self._answer(parameters, correlation_id, read_only))
        except ClientDisconnected:
            return
        except RequestError as error:
            answer = refused(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the operator a log
            answer = failed(error, correlation_id)
        await _send(send, correlation_id, media_type, answer)

    def _media_type(self, scope: Scope, headers: Headers) -> str:
        accept = headers.get(b"accept", b"").decode("latin-1")
        return negotiate(accept, html=self._page is not None and scope["method"] == "GET")

    async def _parameters(self, scope: Scope, headers: Headers, receive: Receive) -> object:
        """The request's parameters, decoded from JSON but not yet checked; of a batch, a list of them."""
        if self._settings.csrf_prevention:
            prevent_csrf(headers)
        if scope["method"] == "POST":
            _check_content(headers)
            return _decode(await read_body(receive, headers, self._settings.max_body), "The body")
        if scope["method"] == "GET":
            return _from_url(scope["query_string"])
        raise MethodNotAllowed("Send operations by POST, or queries by GET.", allow="GET, POST")

    def _upload(self, scope: Scope, headers: Headers, receive: Receive) -> AbstractAsyncContextManager[object]:
        """The same from a multipart request; what it holds of files is there as long as the context."""
        prevent_csrf(headers)
        if not self._settings.max_upload:
            _check_content(headers)
        if scope["method"] != "POST":
            raise MethodNotAllowed("Send files by POST.", allow="POST")
        return read_upload(scope, receive, self._settings.max_upload)

    async def _answer(self, parameters: object, correlation_id: str, read_only: bool = False) -> Answer | list[Answer]:
        if isinstance(parameters, list):
            return await self._batch(parameters, correlation_id)
        return await self._pipeline.run(read_parameters(parameters, read_only=read_only), correlation_id)

    async def _batch(self, batch: list[object], correlation_id: str) -> list[Answer]:
        maximum = self._settings.max_batch
        if maximum == 0:
            raise BadRequest("This gateway takes one operation in a request, not an array of them.")
        if not batch:
            raise BadRequest("The batch is empty.")
        if len(batch) > maximum:
            raise PayloadTooLarge(f"The batch has {len(batch)} operations; {maximum} may be sent.")
        return await asyncio.gather(*(self._one_of_batch(each, correlation_id) for each in batch))

    async def _one_of_batch(self, parameters: object, correlation_id: str) -> Answer:
        try:
            return await self._pipeline.run(read_parameters(parameters), correlation_id)
        except RequestError as error:
            return refused(error)


def _check_content(headers: Headers) -> None:
    media_type, *parameters = headers.get(b"content-type", b"").decode("latin-1").split(";")
    if media_type.strip().lower() != JSON:
        given = media_type.strip()[:80]
        raise UnsupportedMediaType(f"Content-Type is {given or 'missing'}; send {JSON}.")
    for parameter in parameters:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "charset" and value.strip('"').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType(f"The charset is {value[:80]}; send UTF-8.")
    encoding = headers.get(b"content-encoding", b"identity").decode("latin-1").strip().lower()
    if encoding != "identity":
        raise UnsupportedMediaType(f"Content-Encoding is {encoding[:80]}; send the body as it is.")


def _from_url(query_string: bytes) -> dict[str, object]:
    parameters: dict[str, object] = {}
    try:
        pairs = parse_qsl(query_string.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100)
    except ValueError:
        raise BadRequest("The URL's parameters cannot be read.") from None
    for name, value in pairs:
        if name not in URL_PARAMETERS:
            continue
        if name in parameters:
            raise BadRequest(f"{name} is given twice.")
        parameters[name] = _decode(value.encode(), name) if name in JSON_PARAMETERS else value
    return parameters


def _decode(text: bytes, what: str) -> object:
    try:
        return orjson.loads(text)
    except ValueError:
        raise BadRequest(f"{what} is not JSON.") from None


async def _send(send: Send, correlation_id: str, media_type: str, answer: Answer | list[Answer]) -> None:
    headers = [
        (b"content-type", CONTENT_TYPES[media_type]),
        (CORRELATION_ID, correlation_id.encode()),
        (b"vary", b"Accept, Origin"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if isinstance(answer, list):
        await respond(send, 200, headers, encode([each.content for each in answer]))
        return
    if isinstance(answer.refused, MethodNotAllowed):
        headers.append((b"allow", answer.refused.allow.encode()))
    await respond(send, _status(answer, media_type), headers, encode(answer.content))


def _status(answer: Answer, media_type: str) -> int:
    """Legacy clients, who accept application/json alone, see well-formed requests answered with 200."""
    if answer.refused is None or (answer.refused.well_formed and media_type == JSON):
        return 200
    return answer.refused.status


def encode(content: object) -> bytes:
    """JSON. What orjson refuses is JSON all the same: integers beyond 64 bits and lone surrogates in JSON scalars."""
    try:
        return orjson.dumps(content, default=_written)
    except TypeError:
        return json.dumps(content, default=_read).encode()


def _written(value: object) -> orjson.Fragment:
    if isinstance(value, Written):
        return orjson.Fragment(value.json)
    raise TypeError(value)


def _read(value: object) -> object:
    if isinstance(value, Written):
        return orjson.loads(value.json)
    if isinstance(value, orjson.Fragment):
        return orjson.loads(orjson.dumps(value))
    raise TypeError(value)
