"""Ordinary Strawberry schemas: what has nothing to do with entities is answered alike, too."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Generic, TypeVar, Union

import pytest
import strawberry
from strawberry.extensions import FieldExtension, SchemaExtension
from strawberry.permission import BasePermission
from strawberry.scalars import JSON
from strawberry.types import Info

import gateway
from tests.gateway.execution.engines import Engines, alike, describe

pytestmark = pytest.mark.anyio

T = TypeVar("T")


@strawberry.enum
class Colour(Enum):
    """Of things."""

    RED = "red"
    BLUE = strawberry.enum_value("blue", name="AZURE")


@strawberry.interface
class Named:
    """What has a name."""

    name: str


@strawberry.type
class Dog(Named):
    """Barks."""

    volume: int


@strawberry.type
class Cat(Named):
    """Does not."""

    lives: int | None = 9
    colour: Colour = Colour.RED


@strawberry.type
class Page(Generic[T]):
    """Some of them."""

    items: list[T]
    total: int


@strawberry.type
class Leaf:
    """Attributes of every kind."""

    text: str | None = "x"
    number: int | None = 1
    ratio: float | None = 0.5
    yes: bool | None = True
    id: strawberry.ID | None = strawberry.ID("i")
    colour: Colour | None = Colour.BLUE
    price: Decimal | None = Decimal("1.50")
    at: datetime | None = datetime(2026, 1, 1, tzinfo=UTC)
    any: JSON | None = None
    grid: list[list[int | None]] | None = None
    names: list[str] | None = None

    @strawberry.field
    def where(self, info: Info) -> str:
        """Its place."""
        return ".".join(map(str, info.path.as_list()))


@strawberry.type
class Tree:
    """With leaves, and trees."""

    leaf: Leaf
    leaves: list[Leaf]
    maybe: list[Leaf | None] | None = None
    below: list["Tree"] = strawberry.field(default_factory=list)


class Denies(BasePermission):
    """Denies everything."""

    message = "no"

    async def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        return False


class Doubles(FieldExtension):
    """Doubles what comes."""

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        return (await next_(source, info, **kwargs)) * 2


@strawberry.input
class Wanted:
    """What is wanted."""

    first: int = 1
    tags: list[str] | None = None


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def leaf(**values: Any) -> Leaf:
    return Leaf(**values)


@strawberry.type
class Query:
    """All that can be asked."""

    hello: str = "world"

    @strawberry.field
    def leaf(self) -> Leaf:
        json: Any = {"k": [1, None]}
        return Leaf(grid=[[1, None], []], names=["a", "b"], any=json)

    @strawberry.field
    async def leaves(self, n: int = 3) -> list[Leaf]:
        return [Leaf(number=number, names=["x"] * number) for number in range(n)]

    @strawberry.field
    def odd(self) -> list[Leaf | None]:
        """Values that are not quite what is declared."""
        moment: Any = "not a moment"
        values: list[Any] = [
            {"text": 5, "number": "7", "ratio": 3, "yes": 1, "id": 4},
            {"number": 2**40},
            {"number": True, "ratio": True},
            {"ratio": float("nan")},
            {"colour": "red"},
            {"colour": "green"},
            {"at": moment},
            {"price": "1.2"},
            {"names": ["a", None]},
            {"names": ("a", "b")},
            {"names": {"one"}},
            {"names": "text"},
            {"grid": [[1], None]},
            {"text": ValueError("as a value")},
            {"text": later("awaited")},
            {"names": [later("one"), "two"]},
        ]
        return [Leaf(**each) for each in values] + [None]

    @strawberry.field
    def tree(self) -> Tree:
        small = Tree(leaf=Leaf(), leaves=[Leaf(), Leaf(number=2)], maybe=[Leaf(), None])
        return Tree(leaf=Leaf(), leaves=[], maybe=None, below=[small, small])

    @strawberry.field
    def sick_tree(self) -> Tree | None:
        sick: Any = None
        return Tree(leaf=Leaf(), leaves=[Leaf(), sick])

    @strawberry.field
    def named(self) -> list[Named]:
        return [Dog(name="Rex", volume=11), Cat(name="Tom"), Cat(name="Kit", lives=None, colour=Colour.BLUE)]

    @strawberry.field
    def pets(self) -> list[Annotated[Union[Dog, Cat], strawberry.union("Pet")]]:  # noqa: UP007
        return [Cat(name="Tom"), Dog(name="Rex", volume=2)]

    @strawberry.field
    def cats(self) -> Page[Cat]:
        return Page(items=[Cat(name="Tom")], total=1)

    @strawberry.field
    def numbers(self) -> Page[int]:
        return Page(items=[1, 2], total=2)

    @strawberry.field(permission_classes=[Denies])  # type: ignore[untyped-decorator]
    def denied(self) -> str | None:
        return "x"

    @strawberry.field(extensions=[Doubles()])  # type: ignore[untyped-decorator]
    async def doubled(self, text: str = "a") -> str:
        return text

    @strawberry.field
    def echo(self, info: Info, wanted: Wanted, colour: Colour | None = None) -> str:
        return f"{wanted.first} {wanted.tags} {colour} {info.field_name} {info.variable_values} {info.return_type}"

    @strawberry.field
    def fails(self) -> str | None:
        raise RuntimeError("failed")

    @strawberry.field
    def never(self) -> str:
        raise RuntimeError("failed")

    @strawberry.field
    async def many(self) -> AsyncGenerator[int, None]:
        yield 1
        yield 2

    @strawberry.field
    def context(self, info: Info) -> str:
        return str(info.context["who"])


PLAIN = Engines(Query)

DOCUMENTS = {
    "hello": "{ hello again: hello __typename }",
    "leaf": "{ leaf { text number ratio yes id colour price at any grid names __typename } }",
    "leaves": "query ($n: Int = 4) { leaves(n: $n) { number names } none: leaves(n: 0) { number } }",
    "resolvers": "{ leaves { number where } tree { below { leaves { where } } } }",
    "odd": "{ odd { text number ratio yes id colour price at names grid } }",
    "tree": """{ tree { leaf { text } leaves { number } maybe { text } below { leaf { id } maybe {
        number } below { leaf { at } } } } }""",
    "sick_tree": "{ sickTree { leaf { text } leaves { number } } hello }",
    "interfaces": "{ named { name __typename ... on Cat { lives colour } ... on Dog { volume } } }",
    "unions": "{ pets { __typename ... on Named { name } ... on Dog { volume } } }",
    "generics": "{ cats { items { name lives } total } numbers { items total } }",
    "denied": "{ denied hello }",
    "extended": '{ doubled b: doubled(text: "xy") }',
    "inputs": 'query ($w: Wanted!) { echo(wanted: $w) b: echo(wanted: {first: 2, tags: ["a"]}, colour: AZURE) }',
    "fails": "{ fails hello }",
    "never": "{ hello never }",
    "merged": """{ leaf { text } ...F leaf { id } } fragment F on Query { leaf { number ... @include(if:
        false) { at } } }""",
    "schema": '{ __schema { queryType { name } } __type(name: "Leaf") { fields { name type { name kind } } } }',
    "context": "{ context }",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
async def test_answers(document: str) -> None:
    variables = {"w": {"first": 3}} if "$w" in document else {}
    expected = await PLAIN.standard.execute(document, variable_values=variables, context_value={"who": "me"})
    for _ in range(2):
        answer = await PLAIN.planned.execute(document, variable_values=variables, context_value={"who": "me"})
        assert answer.data == expected.data
        assert describe(answer.errors) == describe(expected.errors)


@pytest.mark.parametrize("name", ["hello", "leaf", "tree", "interfaces", "merged", "fails", "never", "schema"])
def test_without_an_event_loop(name: str) -> None:
    answer = PLAIN.planned.execute_sync(DOCUMENTS[name])
    expected = PLAIN.standard.execute_sync(DOCUMENTS[name])
    assert (answer.data, describe(answer.errors)) == (expected.data, describe(expected.errors))


@pytest.mark.parametrize("document", ["{ hello", "{ nothing }", "", "query A { hello } query B { hello }"])
async def test_documents_that_are_none(document: str) -> None:
    outcomes: list[Any] = []
    for schema in (PLAIN.standard, PLAIN.planned, PLAIN.planned):
        try:
            answer = await schema.execute(document)
            outcomes.append((answer.data, describe(answer.errors)))
        except Exception as error:  # noqa: BLE001 - that is what is compared
            outcomes.append((type(error), str(error)))
    assert outcomes[0] == outcomes[1] == outcomes[2]


SEEN: list[str] = []


class Sees(SchemaExtension):
    """Sees every field."""

    def resolve(self, _next: Callable[..., Any], root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        SEEN.append(info.field_name)
        return _next(root, info, *args, **kwargs)

    def on_operation(self) -> Any:
        SEEN.append("before")
        yield
        SEEN.append("after")


async def test_extensions_see_what_they_would_see() -> None:
    seen = []
    for kind in (strawberry.Schema, gateway.Schema):
        SEEN.clear()
        schema = kind(query=Query, extensions=[Sees])
        await schema.execute(DOCUMENTS["tree"])
        seen.append(list(SEEN))
    assert seen[0] == seen[1]
    assert seen[0][:2] == ["before", "tree"]
    assert "number" in seen[0]


@strawberry.type
class Subscription:
    """What can be followed."""

    @strawberry.subscription
    async def leaves(self, upto: int) -> AsyncGenerator[Leaf, None]:
        for number in range(upto):
            yield Leaf(number=number)

    @strawberry.subscription
    async def nothing(self) -> AsyncGenerator[Leaf, None]:
        if Leaf.__name__ == "Leaf":
            raise RuntimeError("nothing to follow")
        yield Leaf()


@strawberry.type
class Mutation:
    """What can be changed."""

    @strawberry.mutation
    async def add(self, info: Info, name: str) -> list[str]:
        await later(None)
        info.context.append(name)
        return list(info.context)


@pytest.mark.parametrize(
    "document",
    ["subscription { leaves(upto: 3) { number text where } }", "subscription { nothing { number } }", "{ hello }"],
)
async def test_subscriptions(document: str) -> None:
    followed = []
    for kind in (strawberry.Schema, gateway.Schema):
        schema = kind(query=Query, subscription=Subscription)
        events: Any = await schema.subscribe(document)
        followed.append([(event.data, alike(describe(event.errors))) async for event in events])
    assert followed[0] == followed[1]


async def test_mutations_take_turns() -> None:
    document = 'mutation { a: add(name: "a") b: add(name: "b") }'
    for kind in (strawberry.Schema, gateway.Schema):
        schema = kind(query=Query, mutation=Mutation)
        answer = await schema.execute(document, context_value=[])
        assert answer.data == {"a": ["a"], "b": ["a", "b"]}
