"""Operations that were answered otherwise than by graphql-core, each in its smallest form."""

from collections.abc import Mapping
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig

from datasources.memory import MemorySource
from datasources.registry import Registry
from gateway import Schema
from resolvers.context import Context
from resolvers.scalars import SCALARS
from tests.resolvers import shop

pytestmark = pytest.mark.anyio


@strawberry.type
class Point:
    """Something with a field."""

    x: int


@strawberry.type
class Query(shop.Query):  # type: ignore[misc]
    """Entities beside plain fields."""

    @strawberry.field
    def total(self, of: list[int] | None = None) -> int:
        return sum(of or ())

    @strawberry.field
    def points(self) -> list[Point | None]:
        return [Point(x=1), None, Point(x=2)]


async def answer(cls: type[strawberry.Schema], document: str, variables: Mapping[str, Any], name: str | None) -> Any:
    """The whole answer, errors in the order of their paths."""
    schema = cls(query=Query, config=StrawberryConfig(scalar_map=SCALARS))
    sources = {name: MemorySource(name, collections) for name, collections in shop.ROWS.items()}
    for source in sources.values():
        await source.open()
    result = await schema.execute(
        document, variable_values=dict(variables), context_value=Context(Registry(sources)), operation_name=name
    )
    errors = [(error.path, error.message, error.locations, error.extensions) for error in result.errors or ()]
    return repr(result.data), sorted(map(repr, errors))


@pytest.mark.parametrize(
    ("document", "variables", "name"),
    [
        pytest.param(
            "query Main($v: [Int!]) { total(of: $v) order(id: 1) { number } } "
            "query Other($v: Boolean!) { total @include(if: $v) }",
            {"v": [1, 2]},
            "Main",
            id="a variable that is a condition in another operation and a list in this one",
        ),
        pytest.param(
            "query($no: Boolean = false) { total points { x @skip(if: $no) } }",
            {"no": None},
            None,
            id="a condition that is null fails each object of a list, not the list",
        ),
        pytest.param(
            "query($no: Boolean = false) { order(id: 1) { id @skip(if: $no) } customer(id: 1) { name } }",
            {"no": None},
            None,
            id="a condition that is null fails the entity whose fields it chooses, not the operation",
        ),
        pytest.param(
            "query($no: Boolean = false) { order(id: 99) { id @skip(if: $no) } customer(id: 1) { name } }",
            {"no": None},
            None,
            id="a condition that is null fails nothing where there is no object",
        ),
        pytest.param(
            "query($no: Boolean = false) { orders(first: 2) { nodes { customer { id @skip(if: $no) } } } }",
            {"no": None},
            None,
            id="a condition that is null below a relation",
        ),
    ],
)
async def test_answers_alike(document: str, variables: Mapping[str, Any], name: str | None) -> None:
    expected = await answer(strawberry.Schema, document, variables, name)
    assert await answer(Schema, document, variables, name) == expected
