"""The client of the measurements: it sends what it counts, and does not take a refusal for an answer."""

import os
from collections import Counter
from collections.abc import Callable

import pytest
from starlette.types import ASGIApp, Receive, Scope, Send

from bench.load import Load, run
from tests.support.server import serve

pytestmark = pytest.mark.anyio

REQUESTS = [f"GET /{number} HTTP/1.1\r\nhost: bench\r\n\r\n" for number in range(3)]


def answering(answer: Callable[[str], tuple[int, bytes]]) -> ASGIApp:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        status, body = answer(scope["path"])
        headers = [(b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def load(url: str, limit: int) -> Load:
    port = int(url.rpartition(":")[2])
    return Load(port, os.getpid(), REQUESTS, seconds=30.0, concurrency=4, limit=limit)


async def test_sends_the_requests_in_turn_and_counts_them() -> None:
    seen: Counter[str] = Counter()

    def answer(path: str) -> tuple[int, bytes]:
        seen[path] += 1
        return 200, b"x" * (100_000 if path == "/1" else 10)

    async with serve(answering(answer)) as url:
        sample = await run(load(url, limit=90))
    assert (sample.requests, seen) == (90, Counter({"/0": 30, "/1": 30, "/2": 30}))
    assert sample.cpu > 0
    assert 0 < sample.p50 <= sample.p99 <= sample.elapsed


@pytest.mark.parametrize(
    ("later", "reason"),
    [
        pytest.param((503, b"full"), "was answered with 503 and 4 bytes; expected 4", id="status"),
        pytest.param((200, b'{"errors": []}'), "was answered with 200 and 14 bytes; expected 4", id="length"),
    ],
)
async def test_answers_that_change_end_it(later: tuple[int, bytes], reason: str) -> None:
    seen: Counter[str] = Counter()

    def answer(path: str) -> tuple[int, bytes]:
        seen[path] += 1
        return later if seen[path] > 5 else (200, b"data")

    async with serve(answering(answer)) as url:
        with pytest.raises(RuntimeError, match=reason):
            await run(load(url, limit=90))
