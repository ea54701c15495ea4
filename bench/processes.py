"""The servers as processes, each pinned to one core, and the client on another."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

START_SECONDS = 30.0

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE = CORES[0]
CLIENT_CORES = CORES[1:] or CORES
"""Of the client, and of PostgreSQL, which are started from here and inherit it."""


@dataclass(frozen=True, slots=True)
class Server:
    """One that runs."""

    name: str
    source: str
    port: int
    pid: int

    @property
    def is_graphql(self) -> bool:
        return self.name != "handwritten"


COMMANDS: Mapping[str, tuple[str, ...]] = {
    "gateway": ("gateway", "serve", "--port", "{port}"),
    "standard": ("bench.servers.standard", "{port}", "{database}"),
    "standard, untuned": ("bench.servers.standard", "{port}", "{database}", "--untuned"),
    "standard, uncached": ("bench.servers.standard", "{port}", "{database}", "--uncached"),
    "handwritten": ("bench.servers.handwritten", "{port}", "{database}"),
}
"""What is measured, by name: the module that serves it, and its arguments."""

BY_SOURCE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "postgres": COMMANDS,
    "sqlite": {
        "gateway": COMMANDS["gateway"],
        "handwritten": ("bench.servers.handwritten_sqlite", "{port}", "{database}"),
    },
    "changes": {
        "gateway": COMMANDS["gateway"],
        "standard": ("bench.servers.standard_changes", "{port}", "{database}"),
        "handwritten": ("bench.servers.handwritten_changes", "{port}", "{database}"),
    },
}
"""`changes` is PostgreSQL with an outbox."""


def gateway_variables(source: str, database: str) -> dict[str, str]:
    """The gateway's settings."""
    url = f"sqlite:///{database}" if source == "sqlite" else database.replace("postgresql://", "postgresql+asyncpg://")
    return {
        "GATEWAY_GRAPH": "bench.watched" if source == "changes" else "bench.graph",
        "GATEWAY_SOURCES__SHOP__URL": url,
        "GATEWAY_LIMITS__PAGE_MAXIMUM": "10000",
        "GATEWAY_AUTH__ANONYMOUS": "true",
    }


@contextmanager
def running(name: str, source: str, database: str) -> Iterator[Server]:
    """Starts a server, on any core until it is pinned, and ends it."""
    port = free_port()
    module, *arguments = [part.format(port=port, database=database) for part in BY_SOURCE[source][name]]
    kept = {variable: value for variable, value in os.environ.items() if not variable.startswith("GATEWAY_")}
    with subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        env=kept | gateway_variables(source, database),
        cwd=Path(__file__).parent.parent,
        stdout=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, CORES),
    ) as process:
        try:
            yield Server(name, source, port, process.pid)
        finally:
            process.terminate()


def pin_when_ready(server: Server) -> None:
    """Waits until the server answers, and pins it to its core. Raises RuntimeError when it does not answer."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        try:
            ask(server, "GET / HTTP/1.1\r\nhost: bench\r\n\r\n")
        except OSError:
            time.sleep(0.05)
        else:
            for thread in Path(f"/proc/{server.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), {SERVER_CORE})
            return
    raise RuntimeError(f"{server.name} did not start.")


def ask(server: Server, request: str) -> bytes:
    """The body of one answer."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=START_SECONDS) as connection:
        connection.sendall(request.encode())
        response = HTTPResponse(connection)
        response.begin()
        return response.read()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
