"""Viewers x entities x fields x doors: nothing that a viewer is told depends on what it may not see."""

import logging
from typing import Any

import pytest
import strawberry
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.config import StrawberryConfig

from datasources.registry import Registry
from gateway.execution.operation import Operation
from resolvers.definition import entity_of
from resolvers.scalars import SCALARS
from resolvers.viewer import Viewer
from tests.gateway.execution.engines import Engines, alike, describe
from tests.gateway.policies.doors import documents, variations
from tests.gateway.policies.house import ENTITIES, VIEWERS, Query, context, opened, otherwise, rows

pytestmark = pytest.mark.anyio

ENGINES = Engines(Query)
STANDARD = strawberry.Schema(
    query=Query, config=StrawberryConfig(scalar_map=SCALARS), extensions=[ParserCache, ValidationCache]
)


@pytest.mark.parametrize("cls", ENTITIES, ids=lambda cls: cls.__name__)
async def test_what_is_not_seen_makes_no_difference(cls: type, caplog: pytest.LogCaptureFixture) -> None:
    """The answers are the same, on both engines, when all that the viewer does not see is otherwise.

    One plan serves all viewers, one after the other.
    """
    caplog.set_level(logging.CRITICAL, logger="strawberry.execution")
    entity = entity_of(cls)
    assert entity is not None
    real = await opened(rows())
    others = {name: await opened(otherwise(who)) for name, who in VIEWERS.items()}
    told: set[str] = set()
    """What of the entity makes a difference to somebody who sees everything: else the test would say nothing."""
    for door, document in documents(entity):
        operation = ENGINES.operation(document)
        answers = {name: await ask(operation, document, real, who) for name, who in VIEWERS.items()}
        for name, who in VIEWERS.items():
            assert answers[name] == await ask(operation, document, others[name], who), (name, door)
            assert {error[2] for error in answers[name][1]} <= {"Unauthorized"}, (name, door)
        assert answers["everything"][1] == [], door
        if answers["everything"] != await ask(operation, document, others["anonymous"], VIEWERS["everything"]):
            told.add(door.partition(" ")[0])
    assert told == {door.partition(" ")[0] for door, _ in documents(entity)}


@pytest.mark.parametrize("cls", ENTITIES, ids=lambda cls: cls.__name__)
async def test_how_it_is_written_makes_no_difference_either(cls: type, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="strawberry.execution")
    entity = entity_of(cls)
    assert entity is not None
    real = await opened(rows())
    viewers = [VIEWERS[name] for name in ("anonymous", "insider", "totals")]
    others = [await opened(otherwise(who)) for who in viewers]
    for door, document in variations(entity):
        operation = ENGINES.operation(document)
        for who, other in zip(viewers, others, strict=True):
            assert await ask(operation, document, real, who) == await ask(operation, document, other, who), (who, door)


async def ask(operation: Operation, document: str, sources: Registry, who: Viewer) -> tuple[Any, list[Any]]:
    """What both engines answer."""
    told = await STANDARD.execute(document, context_value=context(sources, who))
    expected = told.data, alike(describe(told.errors))
    data, errors = await ENGINES.run(operation, context(sources, who))
    assert (data, alike(errors)) == expected, document
    return expected
