"""The control store: what the gateway knows of its clients, in SQLite, or in PostgreSQL for gateways that share it."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import MetaData, Table, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from datasources.errors import GatewayError
from gateway.settings import Settings

METADATA = MetaData()
"""The tables, which the modules that use them declare."""


SECONDS = 5.0
"""To connect, or, in SQLite, to wait for others who write."""


class ControlUnavailable(GatewayError):
    """The store cannot be reached, or refuses."""

    code = "CONTROL_UNAVAILABLE"


class ControlStore:
    """Connects when it is first used; its tables are made when something is first written."""

    def __init__(self, settings: Settings) -> None:
        url = settings.control.url
        self._file: Path | None = None if url is not None else settings.home / "control.sqlite"
        self._engine = create_async_engine(
            f"sqlite+aiosqlite:///{self._file}"
            if url is None
            else make_url(url.get_secret_value()).set(drivername="postgresql+asyncpg"),
            connect_args={"timeout": SECONDS},
            pool_pre_ping=True,
        )
        self._found: set[str] = set()
        """Tables that are known to be there."""

    @asynccontextmanager
    async def reading(self, table: Table) -> AsyncIterator[AsyncConnection | None]:
        """None where nothing was ever written of its kind. Raises ControlUnavailable."""
        if self._file is not None and not self._file.exists():
            yield None
            return
        with _failing_alike():
            async with self._engine.connect() as connection:
                if table.name not in self._found:
                    self._found.update(await connection.run_sync(lambda each: inspect(each).get_table_names()))
                yield connection if table.name in self._found else None

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction. Raises ControlUnavailable."""
        if self._file is not None and not self._file.exists():
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.touch(mode=0o600)
        with _failing_alike():
            async with self._engine.begin() as connection:
                await connection.run_sync(METADATA.create_all)
                yield connection

    async def close(self) -> None:
        await self._engine.dispose()


@contextmanager
def _failing_alike() -> Iterator[None]:
    """A message may hold the address, so it is left out."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise ControlUnavailable(f"control: the store cannot be used: {type(error).__name__}.") from error
