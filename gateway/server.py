"""Runs an app on a socket until it is told to stop."""

import asyncio
import contextlib
import gc
import logging
import math
import os
import socket
from collections.abc import Awaitable, Callable
from importlib.util import find_spec

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.transport.frames import Sockets
from gateway.transport.requests import within


class _Server(uvicorn.Server):
    settings: Settings
    announce: Callable[[], None]
    drain: Callable[[], Awaitable[None]] | None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        log = logging.getLogger("uvicorn.error")
        log.setLevel(logging.CRITICAL)  # why the start fails is raised by `serve`
        await super().startup(sockets)
        log.setLevel(logging.WARNING)
        if self.started:
            tune_collector(self.settings.gc_threshold)
            self.announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Sockets and event streams first, which would never finish; uvicorn waits for the other requests."""
        for server in self.servers:
            server.close()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self.settings.drain
        if self.drain is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.drain(), self.settings.drain)
        self.config.timeout_graceful_shutdown = math.ceil(max(deadline - loop.time(), 0))
        await super().shutdown(sockets)


def tune_collector(threshold: int) -> None:
    """Answers are many objects and no cycles, among which the collector would look for some again and again.

    What is there by now, the collector leaves alone for good; it looks whenever `threshold` objects more are there.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(threshold, 20, 100)


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on the address. Raises ConfigError when that is taken or not this machine's."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        is_lookup = isinstance(error, socket.gaierror) or error.errno is None
        reason = (error.strerror or str(error)) if is_lookup else os.strerror(error.errno or 0)
        raise ConfigError(f"{host}:{port} cannot be listened on: {reason[:1].lower()}{reason[1:]}.") from None
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio leaves out sockets of protocol 0
    return listener


def origin_of(listener: socket.socket) -> str:
    """The address that browsers use for what listens there, such as `http://127.0.0.1:8000`."""
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(
    app: Starlette,
    listener: socket.socket,
    settings: Settings,
    announce: Callable[[], None] = lambda: None,
    drain: Callable[[], Awaitable[None]] | None = None,
) -> None:
    """Serves until SIGINT or SIGTERM. `announce` is called once requests are answered, `drain` when it is to stop.

    When the app does not start, raises what it keeps in `state.start_error`.
    """
    bound_patience(listener, settings.subscriptions.pong_timeout)
    server = _Server(configure(app, settings))
    server.settings, server.announce, server.drain = settings, announce, drain
    try:
        server.run(sockets=[listener])
    except SystemExit:
        raise app.state.start_error from None


def bound_patience(listener: socket.socket, seconds: float) -> None:
    """Ends connections whose clients take nothing of what is sent for so long. Linux does; elsewhere they wait."""
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(seconds * 1000))


def configure(app: ASGIApp, settings: Settings) -> uvicorn.Config:
    """How uvicorn is to run an app."""
    sockets = settings.subscriptions
    return uvicorn.Config(
        app,
        access_log=False,
        http=within(settings.http.max_headers),
        log_config=None,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        proxy_headers=False,  # nothing here reads who the client is
        server_header=False,
        ws=Sockets,
        ws_max_size=settings.http.max_body,
        ws_per_message_deflate=sockets.compression,
        ws_ping_interval=sockets.heartbeat,
        ws_ping_timeout=sockets.pong_timeout,
    )
