"""Requests of many viewers at once, over a database that answers several as one: each is answered as if alone."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from datasources.lookup import ColumnType
from datasources.registry import Registry
from datasources.resilience import resilient
from datasources.sql import PostgresSource
from gateway.answers import encode
from gateway.graph import make_graph
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from resolvers.definition import entity_of
from resolvers.viewer import ANONYMOUS, Viewer
from tests.gateway.policies.doors import documents
from tests.gateway.policies.house import ENTITIES, TYPES, VIEWERS, Query, context, opened, rows
from tests.support.postgres import Postgres, connected, running_postgres

pytestmark = pytest.mark.anyio

SQL_TYPES = {ColumnType.BIGINT: "BIGINT", ColumnType.INTEGER: "INTEGER", ColumnType.STRING: "TEXT"}
AT_ONCE = 60


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@asynccontextmanager
async def databases(url: str) -> AsyncIterator[Registry]:
    """The house in PostgreSQL."""
    async with connected(url) as connection:
        for collection, columns in {name: each for of in TYPES.values() for name, each in of.items()}.items():
            declared = ", ".join(f'"{name}" {SQL_TYPES[kind]}' for name, kind in columns.items())
            await connection.execute(f"CREATE TABLE {collection} ({declared}, PRIMARY KEY (id))")
            values = [tuple(row.values()) for row in rows()[collection]]
            marks = ", ".join(f"${number}" for number in range(1, len(columns) + 1))
            await connection.executemany(f"INSERT INTO {collection} VALUES ({marks})", values)
    sources = Registry({name: resilient(PostgresSource(name, url)) for name in TYPES})
    await sources.open()
    try:
        yield sources
    finally:
        await sources.close()


def pipeline(sources: Registry) -> Pipeline:
    def make_context(who: Viewer = ANONYMOUS) -> Any:
        return context(sources, who)

    return Pipeline(make_graph(Query).schema, make_context, LimitSettings())


async def ask(of: Pipeline, document: str, who: str) -> Any:
    answer = await of.run(OperationRequest(document, viewer=VIEWERS[who]), "test")
    content = orjson.loads(encode(answer.content))
    for error in content.get("errors", ()):
        error["extensions"].pop("correlationId", None)
    return content


async def test_requests_of_many_viewers_at_once_are_answered_as_if_alone(postgres: Postgres) -> None:
    dice = random.Random(5)  # noqa: S311
    entities = [entity_of(cls) for cls in ENTITIES]
    questions = [(document, who) for each in entities if each for _, document in documents(each) for who in VIEWERS]
    dice.shuffle(questions)
    questions = questions[:600]
    alone = pipeline(await opened(rows()))
    async with postgres.database() as url, databases(url) as sources:
        together = pipeline(sources)
        for start in range(0, len(questions), AT_ONCE):
            asked = questions[start : start + AT_ONCE]
            answers = await asyncio.gather(*(ask(together, *each) for each in asked))
            for each, answer in zip(asked, answers, strict=True):
                assert answer == await ask(alone, *each), each
