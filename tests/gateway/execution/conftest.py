"""The stores of tests that write: of each kind, or of all of them one after the other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.gateway.writing import KINDS, OpenStore, open_store
from tests.support.postgres import Postgres, running_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture
def stores(tmp_path: Path, request: pytest.FixtureRequest) -> OpenStore:
    """Opens stores; the PostgreSQL server is started when the first is needed."""

    def server_for(kind: str) -> Postgres | None:
        return request.getfixturevalue("postgres") if kind == "postgres" else None

    return lambda kind: open_store(kind, tmp_path, server_for(kind))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Of the source that is written."""
    return str(request.param)
