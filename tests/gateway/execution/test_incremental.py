"""@defer and @stream, where they are switched on: in parts, the same as Strawberry delivers."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

import gateway
from datasources.lookup import ColumnType
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers import entity, query_type
from resolvers.context import Context
from resolvers.scalars import SCALARS

pytestmark = pytest.mark.anyio

CONFIG = StrawberryConfig(scalar_map=SCALARS, enable_experimental_incremental_execution=True)


@entity("library.authors")
class Author:
    """Who writes."""

    name: str


@strawberry.type
class Book:
    """What is read."""

    title: str

    @strawberry.field
    async def pages(self) -> int:
        """Found a turn later."""
        await anyio.lowlevel.checkpoint()
        return len(self.title)

    @strawberry.field
    def price(self) -> int | None:
        """Nobody knows."""
        raise ValueError("has no price")


@strawberry.type
class Query(query_type(Author)):  # type: ignore[misc]
    """Plain types beside an entity."""

    @strawberry.field
    def book(self) -> Book:
        """One."""
        return Book(title="Emma")

    @strawberry.field
    async def books(self) -> strawberry.Streamable[Book]:
        """Several, one after the other."""
        for title in ("Emma", "Persuasion", "Sanditon"):
            yield Book(title=title)


async def delivered(schema: strawberry.Schema, document: str) -> list[Any]:
    """The first part and those that follow, or the whole answer."""
    rows = [{"id": 1, "name": "Austen"}]
    columns = {"authors": {"id": ColumnType.BIGINT, "name": ColumnType.STRING}}
    source = MemorySource("library", {"authors": rows}, columns=columns)
    await source.open()
    result: Any = await schema.execute(document, context_value=Context(Registry({"library": source})))
    if not hasattr(result, "initial_result"):
        return [result.data, result.errors]
    following: AsyncIterator[Any] = result.subsequent_results
    return [result.initial_result.formatted, *[each.formatted async for each in following]]


@pytest.mark.parametrize(
    ("document", "parts"),
    [
        pytest.param('{ book { title ... @defer(label: "a") { pages } } }', 2, id="defer"),
        pytest.param("{ book { title ... @defer { price } } }", 2, id="defer-failing"),
        pytest.param("{ author(id: 1) { id ... @defer { name } } book { title } }", 2, id="defer-entity"),
        pytest.param("{ books @stream(initialCount: 1) { title pages } }", 3, id="stream"),
        pytest.param("{ author(id: 1) { id name } book { title pages } }", 2, id="neither"),
    ],
)
async def test_parts_are_those_of_strawberry(document: str, parts: int) -> None:
    expected = await delivered(strawberry.Schema(query=Query, config=CONFIG), document)
    planned = gateway.Schema(query=Query, config=CONFIG)
    assert len(expected) == parts
    for _ in range(2):  # the second time with what was prepared at the first
        assert await delivered(planned, document) == expected
