"""graphql-transport-ws: what is sent, what comes back, and with which code a socket is closed."""

import asyncio
import base64
import json
import logging
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from gateway.settings import HttpSettings, LimitSettings, Settings
from gateway.transport.operations import Operations
from tests.gateway.live import Bell, Feed, bell, event, feed, live_app, live_settings
from tests.support.server import serve

__all__ = ["bell", "feed"]

pytestmark = pytest.mark.anyio

PROTOCOL = Subprotocol("graphql-transport-ws")
INIT = {"type": "connection_init"}
ACK = {"type": "connection_ack"}


class Client:
    """A socket, and JSON on it."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, *messages: object) -> None:
        """Text and bytes go as they are."""
        for message in messages:
            await self.socket.send(message if isinstance(message, str | bytes) else json.dumps(message))

    async def subscribe(self, query: str, name: str = "1", **others: Any) -> None:
        await self.say({"id": name, "type": "subscribe", "payload": {"query": query, **others}})

    async def hear(self) -> Any:
        async with asyncio.timeout(5):
            return json.loads(await self.socket.recv(decode=True))

    async def operation(self, query: str, **others: Any) -> list[Any]:
        """What an operation answers, until it ends."""
        await self.subscribe(query, **others)
        heard = [await self.hear()]
        while heard[-1]["type"] == "next":
            heard.append(await self.hear())
        return heard

    async def rest(self) -> list[Any]:
        """Everything until the socket is closed."""
        heard = []
        try:
            while True:
                heard.append(await self.hear())
        except ConnectionClosed:
            return heard

    async def closed(self) -> tuple[int | None, str | None]:
        """With which code, and why; messages before that are dropped."""
        async with asyncio.timeout(5):
            await self.socket.wait_closed()
        return self.socket.close_code, self.socket.close_reason


@asynccontextmanager
async def served(settings: Settings | None = None) -> AsyncIterator[str]:
    """The URL of the app's sockets."""
    chosen = settings or live_settings()
    async with serve(live_app(chosen), chosen) as url:
        yield url.replace("http", "ws") + "/graphql"


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    """Of the app as it comes, but that it tells its schema."""
    async with served(live_settings(limits=LimitSettings(introspection=True))) as address:
        yield address


@asynccontextmanager
async def connected(url: str, *, initialised: bool = True, **options: Any) -> AsyncIterator[Client]:
    options = {"subprotocols": [PROTOCOL], "compression": None, "ping_interval": None, "max_queue": None, **options}
    async with connect(url, **options) as opened:
        client = Client(opened)
        if initialised:
            await client.say(INIT)
            assert await client.hear() == ACK
        yield client


def next_(payload: object, name: str = "1") -> dict[str, Any]:
    return {"id": name, "type": "next", "payload": payload}


COMPLETE = {"id": "1", "type": "complete"}


def error(code: str, message: str, **others: Any) -> dict[str, Any]:
    return {"id": "1", "type": "error", "payload": [{"message": message, **others, "extensions": {"code": code}}]}


@pytest.mark.parametrize(
    "init",
    [
        pytest.param({"type": "connection_init"}, id="no-payload"),
        pytest.param({"type": "connection_init", "payload": None}, id="null"),
        pytest.param({"type": "connection_init", "payload": {"authorization": "Bearer x"}}, id="object"),
    ],
)
async def test_begins_with_an_init(url: str, init: dict[str, Any]) -> None:
    async with connected(url, initialised=False) as client:
        assert client.socket.subprotocol == PROTOCOL
        await client.say({"type": "ping"}, {"type": "pong"}, init)
        assert [await client.hear(), await client.hear()] == [{"type": "pong"}, ACK]


@pytest.mark.parametrize(
    ("query", "others", "heard"),
    [
        pytest.param(
            "subscription { count(to: 3) }",
            {},
            [*(next_({"data": {"count": number}}) for number in (1, 2, 3)), COMPLETE],
            id="subscription",
        ),
        pytest.param("subscription { count(to: 0) }", {}, [COMPLETE], id="no-event"),
        pytest.param(
            "subscription Q($to: Int!) { count(to: $to) }",
            {"variables": {"to": 1}, "operationName": "Q", "extensions": {}},
            [next_({"data": {"count": 1}}), COMPLETE],
            id="variables",
        ),
        pytest.param(
            "{ customer(id: 1) { name } }",
            {"variables": None, "operationName": None, "extensions": None},
            [next_({"data": {"customer": {"name": "Müller Maschinenbau"}}}), COMPLETE],
            id="query",
        ),
        pytest.param(
            '{ __type(name: "Order") { name } }',
            {},
            [next_({"data": {"__type": {"name": "Order"}}}), COMPLETE],
            id="schema",
        ),
        pytest.param(
            "{",
            {},
            [
                error(
                    "GRAPHQL_PARSE_FAILED",
                    "Syntax Error: Expected Name, found <EOF>.",
                    locations=[{"line": 1, "column": 2}],
                )
            ],
            id="syntax",
        ),
        pytest.param(
            "subscription ($to: Int!) { count(to: $to) }",
            {},
            [
                error(
                    "BAD_USER_INPUT",
                    "Variable '$to' has invalid value: Expected a value of non-null type 'Int!' to be provided.",
                    locations=[{"line": 1, "column": 15}],
                )
            ],
            id="no-variable",
        ),
        pytest.param(
            "subscription { refusing }", {}, [error("BAD_USER_INPUT", "nothing to hear")], id="refused-by-its-resolver"
        ),
        pytest.param(
            "subscription { count(to: 3) }",
            {"extensions": {"resumeFrom": "c1"}},
            [error("BAD_REQUEST", "The events of this subscription are not kept: it cannot be resumed.")],
            id="not-resumable",
        ),
    ],
)
async def test_operations(url: str, query: str, others: dict[str, Any], heard: list[Any]) -> None:
    async with connected(url) as client:
        assert await client.operation(query, **others) == heard


async def test_a_subscription_that_breaks_is_masked_and_logged(url: str, caplog: pytest.LogCaptureFixture) -> None:
    async with connected(url, additional_headers={"x-correlation-id": "c-1"}) as client:
        heard = await client.operation("subscription { breaking }")
    masked = "Something went wrong inside the gateway. Its log has more under the correlation id."
    extensions = {"code": "INTERNAL_SERVER_ERROR", "correlationId": "c-1.1"}
    assert heard == [
        next_({"data": {"breaking": 1}}),
        {"id": "1", "type": "error", "payload": [{"message": masked, "extensions": extensions}]},
    ]
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "subscription: RuntimeError('a secret')"


async def test_each_event_has_a_context_of_its_own(url: str, bell: Bell) -> None:
    async with connected(url) as client:
        await client.subscribe("subscription { ring { number recorded } }")
        for number in (1, 2):
            bell.rings.put_nowait(number)
            assert await client.hear() == next_({"data": {"ring": {"number": number, "recorded": True}}})
    assert len({id(context) for context in bell.contexts}) == 3


async def test_an_event_that_takes_too_long_is_given_up(bell: Bell) -> None:
    async with served(live_settings(limits=LimitSettings(seconds=0.05))) as url, connected(url) as client:
        await client.subscribe(
            "subscription ($slow: Boolean!) { ring { number slow @include(if: $slow) } }", variables={"slow": True}
        )
        bell.rings.put_nowait(1)
        given_up = {"message": "The event was given up after 0.05 s.", "extensions": {"code": "OPERATION_TIMEOUT"}}
        assert await client.hear() == next_({"errors": [given_up]})


async def test_complete_ends_a_subscription_and_frees_its_id(url: str, bell: Bell) -> None:
    async with connected(url) as client:
        await client.subscribe("subscription { ring { number } }")
        await bell.listening.wait()
        await client.say({"id": "1", "type": "complete"}, {"id": "other", "type": "complete"})
        assert await client.operation("{ __typename }") == [next_({"data": {"__typename": "Query"}}), COMPLETE]
        await asyncio.wait_for(bell.gone.wait(), 5)


async def test_a_client_that_leaves_ends_its_subscriptions(url: str, bell: Bell) -> None:
    async with connected(url) as client:
        await client.subscribe("subscription { ring { number } }")
        await bell.listening.wait()
    await asyncio.wait_for(bell.gone.wait(), 5)


async def test_an_id_may_be_used_again_at_once(url: str) -> None:
    async with connected(url) as client:
        for _ in range(20):
            assert await client.operation("{ __typename }") == [next_({"data": {"__typename": "Query"}}), COMPLETE]


@pytest.mark.parametrize("payload", [None, {}, {"at": [1, "ä"]}], ids=["null", "empty", "object"])
async def test_pings_are_answered_with_their_payload(url: str, payload: object) -> None:
    async with connected(url) as client:
        await client.say({"type": "ping", "payload": payload}, {"type": "pong", "payload": payload})
        expected = {"type": "pong"} if payload is None else {"type": "pong", "payload": payload}
        assert await client.hear() == expected


SUBSCRIBE = {"id": "1", "type": "subscribe", "payload": {"query": "subscription { ring { number } }"}}


@pytest.mark.parametrize(
    ("messages", "code", "reason"),
    [
        pytest.param([""], 4400, "The message is not JSON text.", id="empty"),
        pytest.param(["{"], 4400, "The message is not JSON text.", id="broken"),
        pytest.param([b'{"type":"ping"}'], 4400, "The message is not JSON text.", id="binary"),
        pytest.param(["[" * 100_000], 4400, "The message is not JSON text.", id="deep"),
        pytest.param(
            ['{"type":"ping","payload":' + '{"a":' * 5000 + "1" + "}" * 5001],
            4400,
            "The message is not JSON text.",
            id="deep-payload",
        ),
        pytest.param(
            ['{"type":"ping","payload":{"a":"\\ud800"}}'], 4400, "The message is not JSON text.", id="surrogate"
        ),
        pytest.param(["null"], 4400, "A message is an object with a type.", id="null"),
        pytest.param(["3"], 4400, "A message is an object with a type.", id="number"),
        pytest.param([[INIT]], 4400, "A message is an object with a type.", id="array"),
        pytest.param([{}], 4400, "A message is an object with a type.", id="no-type"),
        pytest.param([{"type": 1}], 4400, "A message is an object with a type.", id="type-no-string"),
        pytest.param([{"type": "start"}], 4400, "There is no message of this type.", id="unknown"),
        pytest.param([{"type": "next", "id": "1"}], 4400, "There is no message of this type.", id="the-servers"),
        pytest.param(
            [{"type": "ping", "payload": "x"}], 4400, "The payload of ping is an object, if there is one.", id="ping"
        ),
        pytest.param(
            [{"type": "pong", "payload": 1}], 4400, "The payload of pong is an object, if there is one.", id="pong"
        ),
        pytest.param(
            [{**SUBSCRIBE, "id": None}], 4400, "A subscribe message has an id, which is a string.", id="no-id"
        ),
        pytest.param(
            [{**SUBSCRIBE, "id": ""}], 4400, "A subscribe message has an id, which is a string.", id="empty-id"
        ),
        pytest.param(
            [{**SUBSCRIBE, "id": 1}], 4400, "A subscribe message has an id, which is a string.", id="id-number"
        ),
        pytest.param(
            [{"type": "complete"}], 4400, "A complete message has an id, which is a string.", id="complete-without-id"
        ),
        pytest.param(
            [{"type": "subscribe", "id": "1"}],
            4400,
            'A request is a JSON object like {"query": "{ __typename }"}.',
            id="no-payload",
        ),
        pytest.param(
            [{**SUBSCRIBE, "payload": {}}], 4400, "query is missing: send the text of an operation.", id="no-query"
        ),
        pytest.param([{**SUBSCRIBE, "payload": {"query": 1}}], 4400, "query must be a string.", id="query-no-string"),
        pytest.param(
            [{**SUBSCRIBE, "payload": {"query": "{a}", "variables": []}}],
            4400,
            "variables must be an object.",
            id="variables-no-object",
        ),
        pytest.param(
            [{**SUBSCRIBE, "payload": {"query": "{a}", "extensions": {"resumeFrom": 1}}}],
            4400,
            "extensions.resumeFrom must be a string: the cursor of an event.",
            id="resume-no-string",
        ),
        pytest.param([INIT], 4429, "Too many initialisation requests", id="second-init"),
        pytest.param([SUBSCRIBE, SUBSCRIBE], 4409, "Subscriber for 1 already exists", id="same-id"),
        pytest.param([{**SUBSCRIBE, "id": "ä" * 200}] * 2, 4409, f"Subscriber for {'ä' * 54}", id="a-reason-that-fits"),
        pytest.param([{"type": "ping", "payload": {"a": "x" * 2_000_000}}], 1009, None, id="too-large"),
    ],
)
async def test_what_closes_a_socket(
    url: str, bell: Bell, messages: list[object], code: int, reason: str | None
) -> None:
    async with connected(url) as client:
        await client.say(*messages)
        closed = await client.closed()
    assert closed[0] == code
    assert reason is None or closed[1] == reason


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        pytest.param([SUBSCRIBE], 4401, id="subscribe-first"),
        pytest.param([{"type": "connection_init", "payload": "x"}], 4400, id="init-payload"),
        pytest.param([{"type": "nonsense"}], 4400, id="nonsense-first"),
        pytest.param([], 4408, id="nothing"),
        pytest.param([{"type": "ping"}], 4408, id="ping-alone"),
    ],
)
async def test_what_closes_a_socket_before_the_init(messages: list[object], code: int) -> None:
    settings = live_settings(init_timeout=0.2 if code == 4408 else 5)
    async with served(settings) as url, connected(url, initialised=False) as client:
        await client.say(*messages)
        assert (await client.closed())[0] == code


@pytest.mark.parametrize("offered", [None, ["graphql-ws"], ["mqtt"]], ids=["none", "legacy", "other"])
async def test_another_subprotocol_is_not_acceptable(url: str, offered: list[Subprotocol] | None) -> None:
    async with connected(url, initialised=False, subprotocols=offered) as client:
        assert await client.closed() == (4406, "Subprotocol not acceptable")


async def test_ours_is_taken_from_several_subprotocols(url: str) -> None:
    async with connected(url, subprotocols=[Subprotocol("graphql-ws"), PROTOCOL]) as client:
        assert client.socket.subprotocol == PROTOCOL


async def test_an_integer_of_ten_thousand_digits_breaks_nothing(url: str) -> None:
    async with connected(url) as client:
        await client.say('{"type":"ping","payload":{"a":' + "9" * 10_000 + "}}")
        assert (await client.closed())[0] == 4400


async def test_the_gateways_own_failure_closes_with_4500(
    url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(Operations, "start", broken)
    async with connected(url) as client:
        await client.subscribe("{ __typename }")
        assert await client.closed() == (4500, "Internal server error")
    assert "RuntimeError('a secret')" in caplog.messages


async def test_operations_of_one_socket_have_a_limit(bell: Bell) -> None:
    async with served(live_settings(operations=2)) as url, connected(url) as client:
        for name in ("a", "b"):
            await client.subscribe("subscription { ring { number } }", name)
        assert await client.operation("{ __typename }") == [
            error("TOO_MANY_OPERATIONS", "2 operations are under way on this connection, as many as may be.")
        ]
        await client.say({"id": "a", "type": "complete"})
        assert await client.operation("{ __typename }") == [next_({"data": {"__typename": "Query"}}), COMPLETE]


async def test_sockets_have_a_limit() -> None:
    async with served(live_settings(connections=1)) as url:
        async with connected(url), connected(url, initialised=False) as second:
            assert await second.closed() == (1013, "There are 1 sockets and event streams, as many as may be.")
        async with connected(url):
            pass


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        pytest.param((), None, True, id="no-browser"),
        pytest.param((), "http://{host}", True, id="its-own-page"),
        pytest.param((), "https://{host}", True, id="its-own-page-behind-a-proxy"),
        pytest.param((), "https://evil.example", False, id="other"),
        pytest.param((), "null", False, id="sandboxed"),
        pytest.param(("https://shop.example",), "https://shop.example", True, id="allowed"),
        pytest.param(("https://shop.example",), "https://shop.example.evil.example", False, id="longer"),
        pytest.param(("http://localhost:*",), "http://localhost:5173", True, id="any-port"),
        pytest.param(("*",), "https://anything.example", True, id="all"),
    ],
)
async def test_web_pages_may_open_sockets_where_they_may_send_requests(
    allowed: tuple[str, ...], origin: str | None, *, is_allowed: bool
) -> None:
    async with served(live_settings(HttpSettings(allowed_origins=allowed))) as url:
        host = url.split("/")[2]
        sent = None if origin is None else Origin(origin.replace("{host}", host))
        if is_allowed:
            async with connected(url, origin=sent):
                return
        with pytest.raises(InvalidStatus) as caught:
            async with connected(url, origin=sent):
                pytest.fail("it was accepted")
    assert caught.value.response.status_code == 403


async def test_other_paths_have_no_sockets(url: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        async with connected(url + "/other"):
            pytest.fail("it was accepted")
    assert caught.value.response.status_code == 403


async def test_resumes_behind_a_cursor_and_carries_the_cursors(url: str, feed: Feed) -> None:
    async with connected(url) as client:
        await client.subscribe("subscription { a }", extensions={"resumeFrom": "c1"})
        await feed.subscribers(1)
        assert [request.resume_from for request in feed.requests] == ["c1"]
        feed.put(2)
        assert await client.hear() == next_(json.loads(event(2).json))


async def raw(url: str, buffer: int | None = None) -> socket.socket:
    """A socket that has shaken hands, initialised and subscribed, and does nothing by itself."""
    host, port = url.split("/")[2].split(":")
    opened = socket.socket()
    if buffer is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
    opened.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(opened, (host, int(port)))
    head = (
        f"GET /graphql HTTP/1.1\r\nhost: {host}:{port}\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
        f"sec-websocket-key: {base64.b64encode(b'0' * 16).decode()}\r\nsec-websocket-version: 13\r\n"
        f"sec-websocket-protocol: {PROTOCOL}\r\n\r\n"
    )
    await loop.sock_sendall(opened, head.encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += await loop.sock_recv(opened, 1)
    assert answer.startswith(b"HTTP/1.1 101")
    return opened


def frame(payload: bytes, opcode: int = 1) -> bytes:
    """A masked frame of a short or middling length; the mask is zero."""
    size = bytes([0x80 | len(payload)]) if len(payload) < 126 else b"\xfe" + len(payload).to_bytes(2, "big")
    return bytes([0x80 | opcode]) + size + b"\0\0\0\0" + payload


async def until_closed(opened: socket.socket) -> bytes:
    """All that comes until the connection ends."""
    received = b""
    async with asyncio.timeout(10):
        while True:
            try:
                chunk = await asyncio.get_running_loop().sock_recv(opened, 65536)
            except ConnectionError:
                return received
            if not chunk:
                return received
            received += chunk


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(b"\xff\xfe"), 1007, id="no-utf-8"),
        pytest.param(b"\x81\x02{}", 1002, id="unmasked"),
        pytest.param(b"\xf1\x80\0\0\0\0", 1002, id="reserved-bits"),
        pytest.param(frame(b"", 3), 1002, id="reserved-opcode"),
        pytest.param(frame(b"x", 0), 1002, id="continuation-of-nothing"),
        pytest.param(b"\x81\xff" + b"\xff" * 8 + b"\0\0\0\0", 1009, id="length-beyond-everything"),
        pytest.param(frame(b"{"), 4400, id="broken-json"),
        pytest.param(frame(b"{}", 2), 4400, id="binary"),
    ],
)
async def test_nonsense_on_the_wire_is_answered_with_a_code(url: str, sent: bytes, code: int) -> None:
    opened = await raw(url)
    with opened:
        await asyncio.get_running_loop().sock_sendall(opened, sent)
        received = await until_closed_frame(opened)
    assert received == code


async def until_closed_frame(opened: socket.socket) -> int:
    """The code of the close frame, which is the first frame."""
    received = b""
    async with asyncio.timeout(5):
        while len(received) < 4:
            received += await asyncio.get_running_loop().sock_recv(opened, 4 - len(received))
    assert received[0] == 0x88
    return int.from_bytes(received[2:4], "big")


async def test_a_message_in_fragments_is_one_message(url: str) -> None:
    async with connected(url, initialised=False) as client:
        await client.socket.send(iter(['{"type":', '"connection_init"}']))
        assert await client.hear() == ACK


async def test_a_client_that_stops_answering_pings_is_gone(bell: Bell) -> None:
    async with served(live_settings(heartbeat=0.05, pong_timeout=0.2)) as url:
        with await raw(url) as opened:
            for message in (INIT, SUBSCRIBE):
                await asyncio.get_running_loop().sock_sendall(opened, frame(json.dumps(message).encode()))
            await asyncio.wait_for(bell.listening.wait(), 5)
            received = await until_closed(opened)
            await asyncio.wait_for(bell.gone.wait(), 5)
    assert b"\x89\x04" in received  # a ping


async def test_clients_that_answer_pings_stay(bell: Bell) -> None:
    async with served(live_settings(heartbeat=0.02, pong_timeout=5)) as url, connected(url) as client:
        await client.subscribe("subscription { ring { number } }")
        await asyncio.wait_for(bell.listening.wait(), 5)
        pinged = asyncio.Event()
        answer, count = client.socket.protocol.recv_frame, 0

        def counted(received: Any) -> None:
            nonlocal count
            count += received.opcode == 9
            if count == 10:
                pinged.set()
            answer(received)

        client.socket.protocol.recv_frame = counted  # type: ignore[assignment, method-assign]
        await asyncio.wait_for(pinged.wait(), 5)
        bell.rings.put_nowait(1)
        assert await client.hear() == next_({"data": {"ring": {"number": 1}}})


async def test_a_subscriber_that_reads_too_slowly_hears_what_is_kept_and_why_it_ends(url: str, feed: Feed) -> None:
    """It stops reading until more wait for it than are kept, and then reads all."""
    feed.limit, padding = 10, "x" * 100_000
    async with connected(url, max_queue=1) as client:
        await client.subscribe("subscription { a }")
        await feed.subscribers(1)
        sent = 0
        while not feed.closed.is_set():
            sent += 1
            feed.boxes[0].put(event(sent, padding))
            await asyncio.sleep(0)
        assert await client.rest() == [next_(json.loads(event(n, padding).json)) for n in range(1, sent)]
        assert await client.closed() == (4410, "More than 10 events waited to be taken.")


async def test_a_subscriber_that_never_reads_is_gone_soon(feed: Feed) -> None:
    async with served(live_settings(heartbeat=60, pong_timeout=0.3)) as url:
        with await raw(url, 4096) as opened:
            for message in (INIT, SUBSCRIBE):
                await asyncio.get_running_loop().sock_sendall(opened, frame(json.dumps(message).encode()))
            await asyncio.wait_for(feed.subscribers(1), 5)
            feed.boxes[0].put(event(1, "x" * 10_000_000))
            await asyncio.wait_for(feed.closed.wait(), 5)
