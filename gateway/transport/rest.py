"""Published operations for clients that do not speak GraphQL: `GET` and `POST` of `/operations/{client}/{name}`."""

import orjson
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from gateway.answers import Answer, failed, refused
from gateway.errors import BadRequest, MethodNotAllowed, RequestError
from gateway.execution.operation import Operation, core_schema
from gateway.operations.errors import NotInList
from gateway.operations.idempotency import EXTENSION, key_of, read_key
from gateway.operations.openapi import EVERYBODYS, PATH, describe
from gateway.operations.request import OperationRequest
from gateway.operations.store import EVERYBODY, Published
from gateway.operations.trusted import TrustedDocuments
from gateway.operations.url_variables import check_names, read_variables
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings
from gateway.transport.exchange import (
    ClientDisconnected,
    correlation_id_of,
    headers_of,
    read_body,
    unless_disconnected,
)
from gateway.transport.json_http import Headers, check_content, decode, send_answer
from gateway.transport.negotiation import JSON
from resolvers.viewer import Viewer

NOBODYS = "No such operation is published here."


def rest_routes(pipeline: Pipeline, settings: HttpSettings) -> list[BaseRoute]:
    """Those of all clients."""
    trusted = pipeline.persisted.trusted
    if trusted is None:
        return []
    return [
        Route(f"{PATH}/{{client}}/openapi.json", _Document(pipeline, trusted)),
        Route(f"{PATH}/{{client}}/{{name}}", _Operations(pipeline, trusted, settings)),
    ]


class _Door:
    """What answers one exchange, with an answer of GraphQL's, or with a response of its own."""

    def __init__(self, pipeline: Pipeline, trusted: TrustedDocuments) -> None:
        self._pipeline = pipeline
        self._trusted = trusted

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope)
        correlation_id = correlation_id_of(headers)
        try:
            viewer = await self._pipeline.authenticator.of_headers(headers)
            answer = await self.answer(scope, receive, headers, viewer, correlation_id)
        except ClientDisconnected:
            return
        except RequestError as error:
            answer = refused(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the client gets an answer and the operator a log
            answer = failed(error, correlation_id)
        if isinstance(answer, Response):
            await answer(scope, receive, send)
            return
        status = 200 if answer.refused is None else answer.refused.status
        await send_answer(send, correlation_id, JSON, status, answer, headers.get(b"if-none-match"))

    async def answer(
        self, scope: Scope, receive: Receive, headers: Headers, viewer: Viewer, correlation_id: str
    ) -> Answer | Response:
        """Raises RequestError, ClientDisconnected."""
        raise NotImplementedError

    def client(self, scope: Scope, viewer: Viewer) -> str:
        """Whose operations the URL names, as they are stored. Raises NotInList where they are not the viewer's."""
        client: str = scope["path_params"]["client"]
        if client not in (EVERYBODYS, viewer.client):
            raise NotInList(NOBODYS)
        return EVERYBODY if client == EVERYBODYS else client


class _Operations(_Door):
    """Executes one."""

    def __init__(self, pipeline: Pipeline, trusted: TrustedDocuments, settings: HttpSettings) -> None:
        super().__init__(pipeline, trusted)
        self._settings = settings

    async def answer(
        self, scope: Scope, receive: Receive, headers: Headers, viewer: Viewer, correlation_id: str
    ) -> Answer | Response:
        found = self._trusted.named(self.client(scope, viewer), scope["path_params"]["name"])
        if found is None or found.kind == "subscription":
            raise NotInList(NOBODYS)
        operation = self._pipeline.documents.load(found.body).operation(None)
        read_only = scope["method"] == "GET"
        if read_only and found.kind == "query":
            variables = read_variables(core_schema(operation.schema), operation.node, scope["query_string"])
        elif scope["method"] == "POST":
            variables = await self._posted(operation, headers, receive)
        else:
            raise MethodNotAllowed(f"This is a {found.kind}.", allow="GET, POST" if found.kind == "query" else "POST")
        request = OperationRequest(
            found.body,
            variables,
            read_only=read_only,
            idempotency_key=read_key({EXTENSION: key_of(headers)}),
            viewer=viewer,
            trusted=found,
        )
        return await unless_disconnected(receive, self._pipeline.run(request, correlation_id))

    async def _posted(self, operation: Operation, headers: Headers, receive: Receive) -> dict[str, object]:
        check_content(headers)
        body = await read_body(receive, headers, self._settings.max_body)
        variables = decode(body, "The body") if body else {}
        if not isinstance(variables, dict):
            raise BadRequest("The body must be a JSON object with the operation's variables.")
        check_names(variables, {each.variable.name.value: each for each in operation.node.variable_definitions or ()})
        return variables


class _Document(_Door):
    """Tells what there is."""

    async def answer(
        self, scope: Scope, receive: Receive, headers: Headers, viewer: Viewer, correlation_id: str
    ) -> Answer | Response:
        client = self.client(scope, viewer)
        if scope["method"] != "GET":
            raise MethodNotAllowed("The document is read by GET.", allow="GET")
        operations: list[Published] = self._trusted.of_client(client)
        document = describe(self._pipeline.graph, scope["path_params"]["client"], operations)
        return Response(
            orjson.dumps(document), headers={"content-type": "application/json", "cache-control": "private, no-cache"}
        )
