"""Runs an app on a socket until it is told to stop."""

import gc
import logging
import os
import socket
from collections.abc import Callable
from importlib.util import find_spec

import uvicorn
from starlette.applications import Starlette

from gateway.errors import ConfigError

GRACE = 10
"""Seconds that requests under way have to finish when the server is told to stop."""


class _Server(uvicorn.Server):
    announce: Callable[[], None]
    gc_threshold: int

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        log = logging.getLogger("uvicorn.error")
        log.setLevel(logging.CRITICAL)  # why the start fails is raised by `serve`
        await super().startup(sockets)
        log.setLevel(logging.WARNING)
        if self.started:
            tune_collector(self.gc_threshold)
            self.announce()


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
    app: Starlette, listener: socket.socket, announce: Callable[[], None] = lambda: None, gc_threshold: int = 50_000
) -> None:
    """Serves until SIGINT or SIGTERM. `announce` is called once requests are answered.

    When the app does not start, raises what it keeps in `state.start_error`.
    """
    config = uvicorn.Config(
        app,
        access_log=False,
        http="httptools",
        log_config=None,
        loop="uvloop" if find_spec("uvloop") else "asyncio",
        proxy_headers=False,  # nothing here reads who the client is
        server_header=False,
        timeout_graceful_shutdown=GRACE,
        ws="none",
    )
    server = _Server(config)
    server.announce = announce
    server.gc_threshold = gc_threshold
    try:
        server.run(sockets=[listener])
    except SystemExit:
        raise app.state.start_error from None
