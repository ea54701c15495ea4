"""Services that are down, slow, refuse or break off."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from datasources.errors import (
    DatasourceError,
    SourceMisbehaved,
    SourceRefused,
    SourceTimeout,
    SourceUnavailable,
)
from datasources.lookup import Lookup
from datasources.rest import RestSource, client
from tests.datasources.dataset import PEOPLE
from tests.datasources.rest.serving import opened
from tests.support.server import free_port, serve

pytestmark = pytest.mark.anyio

PEOPLES_NAMES = Lookup(PEOPLE, ("name",), key="id", keys=(1,))
SECRETS = {"authorization": "Bearer s3cret"}

Reply = Callable[[asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def service(reply: Reply) -> AsyncIterator[str]:
    """A service that reads a request's head and then writes what `reply` does, byte by byte."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await reply(writer)
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


def answer(body: bytes, status: str = "200 OK", *headers: str) -> Reply:
    async def reply(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", "connection: close", *headers]
        writer.write("\r\n".join([*head, "", ""]).encode() + body)
        await writer.drain()

    return reply


async def break_off(writer: asyncio.StreamWriter) -> None:
    writer.write(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"items": [')
    await writer.drain()
    writer.transport.abort()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()


async def talk_nonsense(writer: asyncio.StreamWriter) -> None:
    writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
    await writer.drain()


async def send_endlessly(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n[")
    try:
        while True:
            writer.write(b" " * 65536)
            await writer.drain()
    except ConnectionError:
        return


def status(line: str) -> Reply:
    return answer(b'{"error": "the password of db is s3cret"}', line, "location: http://elsewhere/", "retry-after: 1")


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        pytest.param(status("500 No"), SourceMisbehaved, "answered 'people' with status 500", id="500"),
        pytest.param(status("302 Found"), SourceMisbehaved, "answered 'people' with status 302", id="302"),
        pytest.param(status("204 No Content"), SourceMisbehaved, "answered 'people' with status 204", id="204"),
        pytest.param(status("400 No"), SourceRefused, "refused to answer 'people': status 400", id="400"),
        pytest.param(status("401 No"), SourceRefused, "refused to answer 'people': status 401", id="401"),
        pytest.param(status("404 No"), SourceRefused, "refused to answer 'people': status 404", id="404"),
        pytest.param(status("429 No"), SourceUnavailable, "cannot answer 'people' now: status 429", id="429"),
        pytest.param(status("502 No"), SourceUnavailable, "cannot answer 'people' now: status 502", id="502"),
        pytest.param(status("503 No"), SourceUnavailable, "cannot answer 'people' now: status 503", id="503"),
        pytest.param(status("504 No"), SourceTimeout, "did not answer 'people' in time: status 504", id="504"),
        pytest.param(
            answer(b'{"items": [,'), SourceMisbehaved, "answered 'people' with something that is not JSON", id="no-json"
        ),
        pytest.param(answer(b""), SourceMisbehaved, "answered 'people' with something that is not JSON", id="empty"),
        pytest.param(
            answer(b"[" * 100_000),
            SourceMisbehaved,
            "answered 'people' with something that is not JSON",
            id="deep-json",
        ),
        pytest.param(
            answer(b'{"items": [], "next": null, "\xff": 1}'),
            SourceMisbehaved,
            "answered 'people' with something that is not JSON",
            id="no-utf-8",
        ),
        pytest.param(
            answer(b"no gzip", "200 OK", "content-encoding: gzip"),
            SourceMisbehaved,
            "answered 'people' with something that cannot be decoded",
            id="no-gzip",
        ),
        pytest.param(break_off, SourceUnavailable, "broke off in the middle of answering 'people'", id="reset-midway"),
        pytest.param(hang_up, SourceUnavailable, "cannot be reached", id="reset-at-once"),
        pytest.param(talk_nonsense, SourceUnavailable, "cannot be reached", id="another-protocol"),
        pytest.param(
            send_endlessly, SourceMisbehaved, "answered 'people' with more than 1000000 bytes", id="endless-answer"
        ),
    ],
)
async def test_says_what_went_wrong(
    monkeypatch: pytest.MonkeyPatch, reply: Reply, kind: type[DatasourceError], message: str
) -> None:
    monkeypatch.setattr(client, "MAXIMUM_ANSWER", 1_000_000)
    async with service(reply) as url, opened(RestSource("scm", url, headers=SECRETS)) as source:
        with pytest.raises(DatasourceError) as error:
            await source.lookup(PEOPLES_NAMES)
    assert (type(error.value), str(error.value)) == (kind, f"datasource 'scm' {message}")


async def test_says_when_nothing_listens() -> None:
    async with opened(RestSource("scm", f"http://127.0.0.1:{free_port()}", headers=SECRETS)) as source:
        for ask in (source.check, lambda: source.lookup(PEOPLES_NAMES)):
            with pytest.raises(SourceUnavailable, match=r"^datasource 'scm' cannot be reached$"):
                await ask()


@pytest.mark.parametrize(
    "start",
    [
        pytest.param(b"", id="before-the-answer"),
        pytest.param(b'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"items": [', id="within-the-answer"),
    ],
)
async def test_waits_no_longer_than_its_timeout(start: bytes) -> None:
    done = asyncio.Event()

    async def stall(writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        await done.wait()

    async with service(stall) as url, opened(RestSource("scm", url, timeout=0.05)) as source:
        with pytest.raises(SourceTimeout, match=r"^datasource 'scm' did not answer in time$"):
            await source.lookup(PEOPLES_NAMES)
        done.set()


@pytest.mark.parametrize(
    ("reply", "kind", "message"),
    [
        pytest.param(status("503 No"), SourceUnavailable, "cannot answer its health now: status 503", id="503"),
        pytest.param(status("500 No"), SourceMisbehaved, "answered its health with status 500", id="500"),
        pytest.param(status("404 No"), SourceRefused, "refused to answer its health: status 404", id="404"),
    ],
)
async def test_checks_its_health(reply: Reply, kind: type[DatasourceError], message: str) -> None:
    async with service(reply) as url, opened(RestSource("scm", url)) as source:
        with pytest.raises(kind) as error:
            await source.check()
    assert str(error.value) == f"datasource 'scm' {message}"


async def test_one_failing_request_cancels_the_others() -> None:
    hangs, was_cancelled = asyncio.Event(), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        await receive()
        if not hangs.is_set():
            hangs.set()
            assert (await receive())["type"] == "http.disconnect"
            was_cancelled.set()
        await Response(status_code=400)(scope, receive, send)

    async with serve(app) as url, opened(RestSource("scm", url)) as source:
        with pytest.raises(SourceRefused):
            await source.lookup(Lookup(PEOPLE, ("id",), key="id", keys=tuple(range(2000))))
        await was_cancelled.wait()
