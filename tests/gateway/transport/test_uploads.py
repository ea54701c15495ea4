"""Files in operations, as upload clients send them."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import strawberry
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.routing import Route
from strawberry.file_uploads import Upload
from strawberry.file_uploads.scalars import UploadDefinition
from strawberry.schema.config import StrawberryConfig

from datasources.registry import Registry
from gateway.pipeline import Pipeline
from gateway.settings import HttpSettings, LimitSettings, SubscriptionSettings
from gateway.transport.connections import Connections
from gateway.transport.event_streams import EventStreams
from gateway.transport.json_http import JsonHttp
from gateway.transport.streaming import Streaming
from resolvers.context import Context

pytestmark = pytest.mark.anyio

PREFLIGHT = {"graphql-require-preflight": "1"}
KEEP = "mutation ($files: [Upload!]!, $note: Upload) { keep(files: $files, note: $note) }"

received: list[UploadFile] = []


@strawberry.type
class Query:
    """Nothing to ask."""

    ok: bool = True


@strawberry.type
class Mutation:
    """Takes files."""

    @strawberry.mutation
    async def keep(self, files: list[Upload], note: Upload | None = None) -> list[str]:
        kept: list[Any] = [*files, *([note] if note else [])]
        received.extend(kept)
        return [f"{file.filename}: {(await file.read()).decode()}" for file in kept]


@asynccontextmanager
async def uploads(maximum: int = 100_000) -> AsyncIterator[httpx.AsyncClient]:
    schema = strawberry.Schema(Query, Mutation, config=StrawberryConfig(scalar_map={Upload: UploadDefinition}))
    pipeline = Pipeline(schema, lambda _: Context(Registry({})), LimitSettings())
    streams = pipeline, SubscriptionSettings(), Connections(1, 1)
    http = HttpSettings(max_upload=maximum, max_batch=2, csrf_prevention=False)
    endpoint = JsonHttp(pipeline, http, Streaming(*streams), EventStreams(*streams))
    transport = httpx.ASGITransport(Starlette(routes=[Route("/graphql", endpoint)]))
    async with httpx.AsyncClient(transport=transport, base_url="http://uploads") as client:
        yield client


def operation(count: int) -> dict[str, Any]:
    return {"query": KEEP, "variables": {"files": [None] * count, "note": None}}


Files = Sequence[tuple[str, tuple[str, bytes]]]
TWO: Files = [("0", ("a.txt", b"alpha")), ("1", ("b.txt", "bêta".encode()))]


async def send(
    client: httpx.AsyncClient, operations: object, places: object, files: Files = TWO, **headers: str
) -> httpx.Response:
    data = {"operations": json.dumps(operations), "map": json.dumps(places)}
    return await client.post("/graphql", data=data, files=files, headers=headers or PREFLIGHT)


async def test_files_reach_the_resolver_and_are_closed_after_it() -> None:
    received.clear()
    async with uploads() as client:
        places = {"0": ["variables.files.0", "variables.note"], "1": ["variables.files.1"]}
        response = await send(client, operation(2), places)
    assert (response.status_code, response.json()) == (
        200,
        {"data": {"keep": ["a.txt: alpha", "b.txt: bêta", "a.txt: "]}},
    )
    assert [file.file.closed for file in received] == [True] * 3


async def test_files_in_a_batch() -> None:
    async with uploads() as client:
        batch = [operation(1), operation(1)]
        response = await send(client, batch, {"0": ["0.variables.files.0"], "1": ["1.variables.files.0"]})
    assert response.json() == [{"data": {"keep": ["a.txt: alpha"]}}, {"data": {"keep": ["b.txt: bêta"]}}]


async def test_needs_the_preflight_header_even_where_csrf_prevention_is_off() -> None:
    async with uploads() as client:
        response = await send(client, operation(1), {"0": ["variables.files.0"]}, accept="application/json")
    assert (response.status_code, response.json()["errors"][0]["extensions"]) == (400, {"code": "CSRF_PREVENTED"})


async def test_is_refused_where_it_is_not_allowed() -> None:
    async with uploads(0) as client:
        response = await send(client, operation(1), {"0": ["variables.files.0"]})
    assert response.status_code == 415
    message = "Content-Type is multipart/form-data; send application/json."
    assert response.json()["errors"][0]["message"] == message


async def test_is_refused_beyond_the_limit() -> None:
    async with uploads() as client:
        large = [("0", ("a.txt", b"a" * 100_001))]
        response = await send(client, operation(1), {"0": ["variables.files.0"]}, large)
    assert (response.status_code, response.json()["errors"][0]) == (
        413,
        {"message": "The body has more than 100000 bytes.", "extensions": {"code": "PAYLOAD_TOO_LARGE"}},
    )


@pytest.mark.parametrize(
    ("places", "message"),
    [
        pytest.param([], 'map must be an object like {"0": ["variables.file"]}.', id="no-object"),
        pytest.param({"7": ["variables.files.0"]}, "map names the file '7', which is not in the request.", id="file"),
        pytest.param({"0": "variables.files.0"}, "map must give the file '0' a list of paths.", id="no-list"),
        pytest.param(
            {"0": ["variables.files.1"]},
            "map leads to 'variables.files.1', where operations have no null for a file.",
            id="beyond",
        ),
        pytest.param(
            {"0": ["query"]}, "map leads to 'query', where operations have no null for a file.", id="not-null"
        ),
        pytest.param({"0": [3]}, "map leads to '3', where operations have no null for a file.", id="no-path"),
        pytest.param(
            {"0": ["a.b.c.d"]}, "map leads to 'a.b.c.d', where operations have no null for a file.", id="nowhere"
        ),
    ],
)
async def test_a_map_that_leads_nowhere(places: object, message: str) -> None:
    async with uploads() as client:
        response = await send(client, operation(1), places)
    expected = {"errors": [{"message": message, "extensions": {"code": "BAD_REQUEST"}}]}
    assert (response.status_code, response.json()) == (400, expected)


@pytest.mark.parametrize(
    ("body", "start"),
    [
        pytest.param(b"", "operations is missing", id="empty"),
        pytest.param(b"nonsense", "The multipart body cannot be read", id="broken"),
        pytest.param(b"--x\r\nnonsense", "operations is missing", id="cut-off"),
        pytest.param(
            b'--x\r\ncontent-disposition: form-data; name="operations"\r\n\r\n{\r\n--x--',
            "operations is not JSON",
            id="json",
        ),
    ],
)
async def test_a_body_that_is_no_upload(body: bytes, start: str) -> None:
    async with uploads() as client:
        headers = {**PREFLIGHT, "content-type": "multipart/form-data; boundary=x"}
        response = await client.post("/graphql", content=body, headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith(start)


async def test_a_body_without_a_boundary() -> None:
    async with uploads() as client:
        headers = {**PREFLIGHT, "content-type": "multipart/form-data"}
        response = await client.post("/graphql", content=b"", headers=headers)
    assert response.status_code == 400
    assert response.json()["errors"][0]["message"].startswith("The multipart body cannot be read")
