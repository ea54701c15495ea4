"""Whether answers depend on who asks, where fields are selected of an interface."""

import pytest
import strawberry
from graphql import OperationDefinitionNode, parse
from strawberry.types import Info

from gateway import Schema
from gateway.execution.operation import Operation
from resolvers import computed, entity, query_type
from resolvers.context import Context


@strawberry.interface
class Badge:
    """What is shown beside a name."""

    label: str
    colour: str


def greet(info: Info[Context, None]) -> str:
    return f"Hello {info.context.viewer.subject}"


@strawberry.type
class Greeting(Badge):
    """One that knows who looks at it."""

    label: str = strawberry.field(resolver=greet)


@entity("shop.people")
class Person:
    """Wears a badge."""

    name: str

    @computed(needs=("name",))
    def badge(self) -> Badge | None:
        """A function of the row, whose value is none."""
        return Greeting(colour="red")


@pytest.fixture(scope="module")
def schema() -> Schema:
    return Schema(query=query_type(Person), types=[Greeting])


@pytest.mark.parametrize(
    ("selection", "sees_viewer"),
    [
        pytest.param("name badge { colour }", False, id="attribute"),
        pytest.param("badge { label }", True, id="resolver of an implementation"),
        pytest.param("badge { ... on Greeting { label } }", True, id="implementation"),
        pytest.param("... on Node { id }", False, id="node"),
    ],
)
def test_what_implements_an_interface_may_look_at_the_viewer(schema: Schema, selection: str, sees_viewer: bool) -> None:
    document = parse(f"{{ person(id: 1) {{ {selection} }} }}")
    node = document.definitions[0]
    assert isinstance(node, OperationDefinitionNode)
    assert Operation(schema, document, node).sees_viewer is sees_viewer
