"""How the servers that the gateway is measured against are run: uvicorn as the gateway sets it, and a pool."""

import argparse
import gc
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import asyncpg
import uvicorn
from starlette.applications import Starlette

POOL_SIZE = 10
"""The gateway's default."""

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def arguments() -> argparse.Namespace:
    """The command line of each of these servers."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("database", help="a URL of PostgreSQL, or a file of SQLite")
    parser.add_argument("--untuned", action="store_true", help="the garbage collector as it comes")
    parser.add_argument("--uncached", action="store_true", help="documents parsed and validated each time")
    return parser.parse_args()


def serve(app: Starlette, port: int) -> None:
    config = uvicorn.Config(
        app,
        port=port,
        access_log=False,
        http="httptools",
        log_config=None,
        loop="uvloop",
        server_header=False,
        timeout_graceful_shutdown=5,
        ws="websockets-sansio",
        ws_per_message_deflate=False,
    )
    uvicorn.Server(config).run()


def tune_collector() -> None:
    """What is there now stays, and new garbage is looked for rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def lifespan(options: argparse.Namespace, opened: Callable[[Starlette], AbstractAsyncContextManager[Any]]) -> Lifespan:
    """Opens what the app needs, and then tunes the collector unless the options say otherwise."""

    @asynccontextmanager
    async def run(app: Starlette) -> AsyncIterator[None]:
        async with opened(app):
            if not options.untuned:
                tune_collector()
            yield

    return run


def pooled(url: str) -> Callable[[Starlette], AbstractAsyncContextManager[Any]]:
    """Keeps a pool of PostgreSQL connections in `app.state.pool`."""

    @asynccontextmanager
    async def opened(app: Starlette) -> AsyncIterator[None]:
        async with asyncpg.create_pool(url, min_size=POOL_SIZE, max_size=POOL_SIZE, reset=_leave) as pool:
            app.state.pool = pool
            yield

    return opened


async def _leave(connection: asyncpg.Connection) -> None:
    """Reads leave nothing behind in a session, so that its reset, a round trip for each release, can be spared."""
