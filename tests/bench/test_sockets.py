"""The sockets of the measurements: they hear whole events however these are cut, and answer pings."""

import asyncio

import pytest

from bench.sockets import Socket

pytestmark = pytest.mark.anyio

OPENED = b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n"
PING, PONG = b"\x89\x01!", b"\x8a\x81\0\0\0\0!"


def frame(payload: bytes) -> bytes:
    length = len(payload)
    return b"\x81" + (bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2)) + payload


@pytest.mark.parametrize("piece", [pytest.param(1, id="a byte at a time"), pytest.param(10_000, id="at once")])
async def test_hears_events_between_pings(piece: int) -> None:
    heard: list[bytes] = []
    events = [b"short", b"x" * 125, b"y" * 126, b"z" * 5000]
    received = bytearray()
    done = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.extend(await reader.readuntil(b"\r\n\r\n"))
        sent = OPENED + PING.join(frame(event) for event in events)
        for start in range(0, len(sent), piece):
            writer.write(sent[start : start + piece])
            await writer.drain()
        received.extend(await reader.readexactly(3 * len(PONG)))
        writer.close()
        done.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    _, socket = await asyncio.get_running_loop().create_connection(
        lambda: Socket("/changed", None, lambda data, start, stop: heard.append(data[start:stop])), "127.0.0.1", port
    )
    async with server:
        await asyncio.wait_for(done.wait(), 10)
    socket.close()
    assert (heard, socket.heard) == (events, len(events))
    assert received.startswith(b"GET /changed HTTP/1.1\r\n")
    assert received.endswith(b"\r\n\r\n" + 3 * PONG)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        pytest.param(b"HTTP/1.1 403 Forbidden\r\n\r\n", "did not open a socket", id="refused"),
        pytest.param(b"", "closed a socket", id="closed"),
    ],
)
async def test_a_server_that_does_not_serve_is_told(answer: bytes, reason: str) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        _, socket = await asyncio.get_running_loop().create_connection(
            lambda: Socket("/", "{}", lambda *_: None), "127.0.0.1", port
        )
        with pytest.raises(RuntimeError, match=reason):
            await asyncio.wait_for(socket.subscribed, 10)
        socket.close()
