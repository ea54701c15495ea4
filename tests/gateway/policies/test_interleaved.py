"""Requests of many viewers at once, over a database that answers several as one: each is answered as if alone."""

import asyncio
import random
from typing import Any

import orjson
import pytest

from datasources.registry import Registry
from gateway.answers import encode
from gateway.graph import make_graph
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from resolvers.definition import entity_of
from resolvers.viewer import ANONYMOUS, Viewer
from tests.gateway.policies.doors import documents
from tests.gateway.policies.house import ENTITIES, VIEWERS, Query, context, in_database, opened, rows
from tests.support.postgres import Postgres

pytestmark = pytest.mark.anyio

AT_ONCE = 60


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
    async with postgres.database() as url, in_database(url) as sources:
        together = pipeline(sources)
        for start in range(0, len(questions), AT_ONCE):
            asked = questions[start : start + AT_ONCE]
            answers = await asyncio.gather(*(ask(together, *each) for each in asked))
            for each, answer in zip(asked, answers, strict=True):
                assert answer == await ask(alone, *each), each
