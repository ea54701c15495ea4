"""Real HTTP servers for tests: an ASGI app on a free port of 127.0.0.1."""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import uvicorn
from anyio.from_thread import start_blocking_portal
from starlette.types import ASGIApp

from gateway.server import bound_patience, configure
from gateway.settings import Settings


@asynccontextmanager
async def serve(app: ASGIApp, settings: Settings | None = None) -> AsyncIterator[str]:
    """Serves `app` in this event loop; yields its base URL, like `http://127.0.0.1:40123`."""
    if settings is None:
        config = uvicorn.Config(app, log_config=None, log_level="critical")
    else:
        config = configure(app, settings)
    config.timeout_graceful_shutdown = 1
    config.load()
    server = uvicorn.Server(config)
    server.lifespan = config.lifespan_class(config)
    with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves out sockets of protocol 0
        if settings is not None:
            bound_patience(listener, settings.subscriptions.pong_timeout)
        await server.startup(sockets=[listener])
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            await server.shutdown(sockets=[listener])


@contextmanager
def serve_in_thread(app: ASGIApp, settings: Settings | None = None) -> Iterator[str]:
    """The same in a thread of its own, for tests that wait for a subprocess or a browser."""
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(serve(app, settings)) as url:
        yield url


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
