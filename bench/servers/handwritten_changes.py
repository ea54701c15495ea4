"""(c) Changed orders over a websocket written by hand: Starlette and orjson; each is encoded once for all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import orjson
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from bench.servers.broadcasting import Broadcaster
from bench.servers.handwritten import orders_of
from bench.servers.serving import arguments, lifespan, serve
from datasources.changes import Change

COLUMNS = ("number", "status", "placed_at", "currency", "total", "updated_at", "version", "note")


def encode(change: Change) -> str:
    node = None
    if change.after is not None:
        [node] = orders_of([[change.after[column] for column in COLUMNS]])
    event = {"kind": change.kind, "key": f"Order:{change.key}", "node": node}
    return orjson.dumps({"data": {"orderChanged": event}}, default=str).decode()  # str is for Decimal


broadcaster = Broadcaster(encode)


async def changed(websocket: WebSocket) -> None:
    await websocket.accept()
    with broadcaster.following(int(websocket.query_params["customer"])) as queue:
        sending = asyncio.create_task(send(websocket, queue))
        try:
            await websocket.receive()  # clients say nothing: it has gone
        finally:
            sending.cancel()


async def send(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
    while True:
        await websocket.send_text(await queue.get())


@asynccontextmanager
async def opened(app: Starlette) -> AsyncIterator[None]:
    async with broadcaster.running(options.database):
        yield


if __name__ == "__main__":
    options = arguments()
    routes = [WebSocketRoute("/orders/changed", changed)]
    serve(Starlette(routes=routes, lifespan=lifespan(options, opened)), options.port)
