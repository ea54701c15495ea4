"""GraphQL over HTTP with JSON: https://graphql.github.io/graphql-over-http/draft/"""

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from functools import partial
from urllib.parse import parse_qsl

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from gateway.answers import Answer, encode, failed, refused
from gateway.auth.errors import Unauthenticated
from gateway.errors import BadRequest, MethodNotAllowed, PayloadTooLarge, RequestError, UnsupportedMediaType
from gateway.operations.idempotency import with_key
from gateway.operations.request import read_parameters
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings
from gateway.transport.csrf import prevent_csrf
from gateway.transport.etags import etag_of, is_among
from gateway.transport.event_streams import EventStreams, token_of
from gateway.transport.exchange import (
    CORRELATION_ID,
    VARY,
    ClientDisconnected,
    Exchange,
    correlation_id_of,
    headers_of,
    read_body,
    respond,
    unless_disconnected,
)
from gateway.transport.negotiation import EVENT_STREAM, GRAPHQL_JSON, HTML, JSON, Accepted, negotiate
from gateway.transport.streaming import Streaming
from gateway.transport.uploads import is_upload, read_upload
from resolvers.viewer import Viewer

Headers = Mapping[bytes, bytes]

URL_PARAMETERS = ("query", "variables", "operationName", "extensions", "documentId", "doc_id", "id")
JSON_PARAMETERS = ("variables", "extensions")
CONTENT_TYPES = {media_type: f"{media_type}; charset=utf-8".encode() for media_type in (JSON, GRAPHQL_JSON)}
MAXIMUM_ACCEPT = 4096
"""Bytes that are read of Accept: what it leads to is kept."""


class JsonHttp:
    """The endpoint: queries by GET and POST, mutations by POST, subscriptions where they are accepted as a stream."""

    def __init__(
        self,
        pipeline: Pipeline,
        settings: HttpSettings,
        streaming: Streaming,
        event_streams: EventStreams,
        page: ASGIApp | None = None,
    ) -> None:
        """`page` is what a browser sees that opens the endpoint."""
        self._pipeline = pipeline
        self._settings = settings
        self._streaming = streaming
        self._event_streams = event_streams
        self._page = page
        self.answered: Counter[int] = Counter()
        """Answers by the first digit of their status."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        correlation_id = correlation_id_of(headers)
        media_type = JSON
        try:
            accepted = self._accepted(scope, headers)
            if accepted.answer == HTML and self._page is not None:
                await self._page(scope, receive, send)
                return
            media_type = GRAPHQL_JSON if accepted.answer == GRAPHQL_JSON else JSON
            viewer = await self._pipeline.authenticator.of_headers(headers)
            token = token_of(scope, headers)
            if token or scope["method"] in ("PUT", "DELETE"):
                exchange = Exchange(scope, receive, send, correlation_id, headers, viewer)
                read = partial(self._parameters, scope, headers, receive)
                await self._event_streams.respond(exchange, token, accepted.answer == EVENT_STREAM, read)
                return
            if is_upload(headers):
                async with self._upload(scope, headers, receive) as uploaded:
                    parameters = with_key(uploaded, headers)
                    answer = await unless_disconnected(receive, self._answer(parameters, viewer, correlation_id))
            else:
                parameters = await self._parameters(scope, headers, receive)
                read_only = scope["method"] == "GET"
                if accepted.stream and isinstance(parameters, dict):
                    request = read_parameters(parameters, read_only=read_only, viewer=viewer)
                    exchange = Exchange(scope, receive, send, correlation_id, headers, viewer)
                    streamed = await self._streaming.respond(exchange, request, accepted)
                    if streamed is None:
                        return
                    answer = streamed
                else:
                    answer = await unless_disconnected(
                        receive, self._answer(parameters, viewer, correlation_id, read_only)
                    )
        except ClientDisconnected:
            return
        except RequestError as error:
            answer = refused(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the operator a log
            answer = failed(error, correlation_id)
        status = _status(answer, media_type)
        self.answered[status // 100] += 1
        await send_answer(send, correlation_id, media_type, status, answer, headers.get(b"if-none-match"))

    def _accepted(self, scope: Scope, headers: Headers) -> Accepted:
        accept = headers.get(b"accept", b"")[:MAXIMUM_ACCEPT].decode("latin-1")
        return negotiate(accept, html=self._page is not None and scope["method"] == "GET")

    async def _parameters(self, scope: Scope, headers: Headers, receive: Receive) -> object:
        """The request's parameters, decoded from JSON but not yet checked; of a batch, a list of them."""
        if self._settings.csrf_prevention:
            prevent_csrf(headers)
        if scope["method"] == "POST":
            check_content(headers)
            return with_key(decode(await read_body(receive, headers, self._settings.max_body), "The body"), headers)
        if scope["method"] == "GET":
            return _from_url(scope["query_string"])
        raise MethodNotAllowed("Send operations by POST, or queries by GET.", allow="GET, POST, PUT, DELETE")

    def _upload(self, scope: Scope, headers: Headers, receive: Receive) -> AbstractAsyncContextManager[object]:
        """The same from a multipart request; what it holds of files is there as long as the context."""
        prevent_csrf(headers)
        if not self._settings.max_upload:
            check_content(headers)
        if scope["method"] != "POST":
            raise MethodNotAllowed("Send files by POST.", allow="POST")
        return read_upload(scope, receive, self._settings.max_upload)

    async def _answer(
        self, parameters: object, viewer: Viewer, correlation_id: str, read_only: bool = False
    ) -> Answer | list[Answer]:
        if isinstance(parameters, list):
            return await self._batch(parameters, viewer, correlation_id)
        request = read_parameters(parameters, read_only=read_only, viewer=viewer)
        return await self._pipeline.run(request, correlation_id)

    async def _batch(self, batch: list[object], viewer: Viewer, correlation_id: str) -> list[Answer]:
        maximum = self._settings.max_batch
        if maximum == 0:
            raise BadRequest("This gateway takes one operation in a request, not an array of them.")
        if not batch:
            raise BadRequest("The batch is empty.")
        if len(batch) > maximum:
            raise PayloadTooLarge(f"The batch has {len(batch)} operations; {maximum} may be sent.")
        return await asyncio.gather(*(self._one_of_batch(each, viewer, correlation_id) for each in batch))

    async def _one_of_batch(self, parameters: object, viewer: Viewer, correlation_id: str) -> Answer:
        try:
            return await self._pipeline.run(read_parameters(parameters, viewer=viewer), correlation_id)
        except RequestError as error:
            return refused(error)


def check_content(headers: Headers) -> None:
    """Raises UnsupportedMediaType for a body that is not JSON as it is."""
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
        parameters[name] = decode(value.encode(), name) if name in JSON_PARAMETERS else value
    return parameters


def decode(text: bytes, what: str) -> object:
    """Raises BadRequest."""
    try:
        return orjson.loads(text)
    except ValueError:
        raise BadRequest(f"{what} is not JSON.") from None


async def send_answer(
    send: Send,
    correlation_id: str,
    media_type: str,
    status: int,
    answer: Answer | list[Answer],
    known: bytes | None,
) -> None:
    """Answers, or says that nothing has changed; `known` are the ETags of answers that the client has already."""
    headers = [
        (b"content-type", CONTENT_TYPES[media_type]),
        (CORRELATION_ID, correlation_id.encode()),
        (b"vary", VARY),
        (b"x-content-type-options", b"nosniff"),
    ]
    if isinstance(answer, list):
        await respond(send, status, headers, encode([each.content for each in answer]))
        return
    headers += answer.headers
    if answer.refused is not None:
        headers.append((b"cache-control", b"no-store"))  # some statuses may be kept otherwise
    if answer.refused is not None and answer.refused.retry_after is not None:
        headers.append((b"retry-after", str(answer.refused.retry_after).encode()))
    if isinstance(answer.refused, MethodNotAllowed):
        headers.append((b"allow", answer.refused.allow.encode()))
    if isinstance(answer.refused, Unauthenticated):
        headers.append((b"www-authenticate", answer.refused.challenge.encode()))
    body = encode(answer.content)
    if answer.cache_control is not None:
        tag = etag_of(body, media_type)
        headers += [(b"etag", tag), (b"cache-control", answer.cache_control.encode())]
        if known is not None and is_among(tag, known):
            await send({"type": "http.response.start", "status": 304, "headers": headers[1:]})
            await send({"type": "http.response.body", "body": b""})
            return
    await respond(send, status, headers, body)


def _status(answer: Answer | list[Answer], media_type: str) -> int:
    """Legacy clients, who accept application/json alone, see well-formed requests answered with 200."""
    if isinstance(answer, list) or answer.refused is None or (answer.refused.well_formed and media_type == JSON):
        return 200
    return answer.refused.status
