"""GraphQL over HTTP with JSON: https://graphql.github.io/graphql-over-http/draft/"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.answers import Answer, refused
from gateway.errors import (
    BadRequest,
    CsrfPrevented,
    MethodNotAllowed,
    PayloadTooLarge,
    RequestError,
    UnsupportedMediaType,
)
from gateway.operations.request import read_parameters
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings
from gateway.transport.exchange import (
    CORRELATION_ID,
    ClientDisconnected,
    correlation_id_of,
    headers_of,
    read_body,
    respond,
    unless_disconnected,
)
from gateway.transport.negotiation import HTML, JSON, negotiate

Headers = Mapping[bytes, bytes]

SIMPLE_CONTENT_TYPES = {b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"}
"""https://fetch.spec.whatwg.org/#cors-safelisted-request-header"""
PREFLIGHT_HEADERS = (b"graphql-require-preflight", b"apollo-require-preflight", b"x-apollo-operation-name")
URL_PARAMETERS = ("query", "variables", "operationName", "extensions", "documentId")
JSON_PARAMETERS = ("variables", "extensions")


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
            parameters = await self._parameters(scope, headers, receive)
            read_only = scope["method"] == "GET"
            if isinstance(parameters, list):
                answers = self._batch(parameters, correlation_id)
                content = [answer.content for answer in await unless_disconnected(receive, answers)]
                await _send(send, correlation_id, media_type, 200, content)
                return
            request = read_parameters(parameters, read_only=read_only)
            answer = await unless_disconnected(receive, self._pipeline.run(request, correlation_id))
        except ClientDisconnected:
            return
        except RequestError as error:
            answer = refused(error)
        await _send(send, correlation_id, media_type, _status(answer, media_type), answer.content, answer.refused)

    def _media_type(self, scope: Scope, headers: Headers) -> str:
        accept = headers.get(b"accept", b"").decode("latin-1")
        return negotiate(accept, html=self._page is not None and scope["method"] == "GET")

    async def _parameters(self, scope: Scope, headers: Headers, receive: Receive) -> object:
        """The request's parameters, decoded from JSON but not yet checked; of a batch, a list of them."""
        if self._settings.csrf_prevention:
            _prevent_csrf(headers)
        match scope["method"]:
            case "GET":
                return _from_url(scope["query_string"])
            case "POST":
                _check_content(headers)
                return _decode(await read_body(receive, headers, self._settings.max_body), "The body")
        raise MethodNotAllowed("Send operations by POST, or queries by GET.", allow="GET, POST")

    async def _batch(self, batch: list[Any], correlation_id: str) -> list[Answer]:
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


def _prevent_csrf(headers: Headers) -> None:
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type and content_type not in SIMPLE_CONTENT_TYPES:
        return
    if not any(headers.get(name) for name in PREFLIGHT_HEADERS):
        raise CsrfPrevented(
            "A web page could send this request without its user's knowledge. Send Content-Type: application/json, "
            "or the header GraphQL-Require-Preflight with any value."
        )


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


def _status(answer: Answer, media_type: str) -> int:
    """Legacy clients, who accept application/json alone, see well-formed requests answered with 200."""
    if answer.refused is None or (answer.refused.well_formed and media_type == JSON):
        return 200
    return answer.refused.status


async def _send(
    send: Send, correlation_id: str, media_type: str, status: int, content: object, refused: RequestError | None = None
) -> None:
    headers = [
        (b"content-type", f"{media_type}; charset=utf-8".encode()),
        (CORRELATION_ID, correlation_id.encode()),
        (b"vary", b"Accept"),
        (b"x-content-type-options", b"nosniff"),
    ]
    if isinstance(refused, MethodNotAllowed):
        headers.append((b"allow", refused.allow.encode()))
    await respond(send, status, headers, encode(content))


def encode(content: object) -> bytes:
    """JSON. What orjson refuses is JSON all the same: integers beyond 64 bits and lone surrogates in JSON scalars."""
    try:
        return orjson.dumps(content)
    except TypeError:
        return json.dumps(content).encode()
