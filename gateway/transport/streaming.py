"""Responses that carry a subscription's events for as long as their clients stay."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Protocol

from starlette.types import Send

from gateway.answers import Answer, broken, refused
from gateway.auth.credentials import of_headers
from gateway.auth.session import Session
from gateway.errors import RequestError, ShuttingDown
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import SubscriptionSettings
from gateway.subscriptions.stream import Event, Stream
from gateway.transport.connections import Connections
from gateway.transport.exchange import CORRELATION_ID, VARY, ClientDisconnected, Exchange, unless_disconnected
from gateway.transport.multipart import Multipart
from gateway.transport.negotiation import EVENT_STREAM, MULTIPART, Accepted
from gateway.transport.sse import Sse

LAST_EVENT_ID = b"last-event-id"
"""The cursor of the last event that a client got before its connection broke: newer than what its request says."""


class Framing(Protocol):
    """How a wire format writes what happens; `answer` and `broken` end the response, as `complete` does."""

    content_type: bytes
    opening: bytes
    heartbeat: bytes
    complete: bytes

    def events(self, events: Sequence[Event]) -> bytes: ...

    def answer(self, answer: Answer) -> bytes: ...

    def broken(self, answer: Answer) -> bytes: ...


FRAMINGS: dict[str, Framing] = {EVENT_STREAM: Sse(), MULTIPART: Multipart()}


class Streaming:
    """Answers requests whose clients accept a stream."""

    def __init__(self, pipeline: Pipeline, settings: SubscriptionSettings, connections: Connections) -> None:
        self._pipeline = pipeline
        self._heartbeat = settings.heartbeat
        self._connections = connections

    async def respond(self, exchange: Exchange, request: OperationRequest, accepted: Accepted) -> Answer | None:
        """None when it is done, or the answer that is to be sent as JSON. Raises RequestError, ClientDisconnected."""
        send, correlation_id = exchange.send, exchange.correlation_id
        last_event_id = exchange.headers.get(LAST_EVENT_ID)
        if last_event_id is not None:
            request = replace(request, resume_from=last_event_id.decode("latin-1"))
        outcome = await unless_disconnected(exchange.receive, self._pipeline.subscribe(request, correlation_id))
        if not isinstance(outcome, Answer):
            await self._carry(outcome, FRAMINGS[accepted.stream], exchange)
            return None
        framing = FRAMINGS.get(accepted.answer)
        if framing is None:
            return outcome
        await start(send, framing.content_type, correlation_id)
        await send({"type": "http.response.body", "body": framing.opening + framing.answer(outcome)})
        return None

    async def _carry(self, stream: Stream, framing: Framing, exchange: Exchange) -> None:
        send, correlation_id = exchange.send, exchange.correlation_id
        pump: asyncio.Task[None] | None = None
        ending: RequestError | None = None

        def end(error: RequestError) -> None:
            nonlocal ending
            ending = error
            if pump is not None:
                pump.cancel()

        async def leave() -> None:
            end(ShuttingDown("The gateway is being stopped."))

        try:
            left = self._connections.join(leave, exchange.viewer)
        except BaseException:
            await stream.close()
            raise
        session = Session(self._pipeline.authenticator, exchange.viewer, of_headers(exchange.headers), end)
        last = framing.complete
        try:
            await start(send, framing.content_type, correlation_id)
            await write(send, framing.opening)
            async with beating(send, framing.heartbeat, self._heartbeat):
                pump = asyncio.create_task(_pump(stream, framing, send))
                if ending is not None:
                    pump.cancel()
                await unless_disconnected(exchange.receive, pump)
        except asyncio.CancelledError:
            if ending is None:
                raise
            last = framing.broken(refused(ending))
        except ClientDisconnected:
            return
        except Exception as error:  # noqa: BLE001 - whatever it is, the client is told and the operator gets a log
            last = framing.broken(broken(error, correlation_id))
        finally:
            session.close()
            left()
            await stream.close()
        await send({"type": "http.response.body", "body": last})


async def _pump(stream: Stream, framing: Framing, send: Send) -> None:
    while events := await stream.take():
        await write(send, framing.events(events))


async def start(send: Send, content_type: bytes, correlation_id: str) -> None:
    """The headers of a response that goes on."""
    headers = [
        (b"content-type", content_type),
        (CORRELATION_ID, correlation_id.encode()),
        (b"cache-control", b"no-cache, no-transform"),
        (b"vary", VARY),
        (b"x-accel-buffering", b"no"),  # nginx would gather events
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def write(send: Send, data: bytes) -> None:
    await send({"type": "http.response.body", "body": data, "more_body": True})


@asynccontextmanager
async def beating(send: Send, heartbeat: bytes, seconds: float) -> AsyncIterator[None]:
    """Writes heartbeats, so that nobody on the way takes the connection for dead."""

    async def beat() -> None:
        while True:
            await asyncio.sleep(seconds)
            await write(send, heartbeat)

    task = asyncio.create_task(beat())
    try:
        yield
    finally:
        task.cancel()
