"""Whatever is asked of entities, plans answer as graphql-core does: data, errors, their places and messages."""

import math
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.types import Info

from datasources.errors import SourceUnavailable
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers import Connection, belongs_to, computed, entity, has_many, has_one, many_to_many, query_type
from resolvers.context import Context, PageSizes
from tests.gateway.execution.engines import Engines
from tests.resolvers import shop
from tests.support.sources import Failing

pytestmark = pytest.mark.anyio

SHOP = Engines(shop.Query)

REGULAR = {
    "by_id": "{ order(id: 1) { id number status placedAt total ledger __typename } }",
    "missing": "{ order(id: 99) { number } customer(id: 1) { name } }",
    "natural_keys": '{ orderByNumber(number: "A-2") { id } b: orderByNumber(number: "no") { id } }',
    "aliases": """{ a: order(id: 1) { x: number number y: number } b: order(id: 2) { number } c: order(id:
        1) { total } }""",
    "only_typename": "{ __typename order(id: 1) { __typename } orders { __typename nodes { __typename } } }",
    "five_levels": """{ customers { nodes { name orders { nodes { number
        lines { nodes { quantity product { name stockLevels {
        nodes { quantity warehouse { city } } } } } } } } } } }""",
    "shared_rows": "{ orders { nodes { customer { id name orders(first: 1) { nodes { number } } } } } }",
    "lists": "{ orders { nodes { number allLines { id quantity product { sku } } } } }",
    "has_one": "{ orders { nodes { invoice { amount order { number } } } } invoices { nodes { order { id } } } }",
    "many_to_many": "{ labels { nodes { text orders { totalCount nodes { number labels { nodes { text } } } } } } }",
    "pages": """{ orders(first: 2) { totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor __typename }
        edges { cursor node { number } __typename } nodes { id } __typename } }""",
    "pages_of_relations": """{ customers { nodes { name orders(first: 1, orderBy: [{total: DESC}]) { totalCount
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { total } } } } } }""",
    "probe": """{ customers { nodes { orders(first: 2) { nodes { number } pageInfo { n: hasNextPage
        hasPreviousPage } } } } }""",
    "backward": """{ customers { nodes { orders(last: 2) { nodes { number } pageInfo { hasPreviousPage
        hasNextPage } } } } }""",
    "backward_edges": "{ orders(last: 2) { edges { cursor node { number total } } pageInfo { startCursor } } }",
    "counts_alone": "{ customers { nodes { orders { totalCount } } } orders { totalCount } }",
    "no_rows_of_a_page": "{ orders { pageInfo { hasNextPage } } customers(first: 0) { nodes { name } totalCount } }",
    "rows_twice": """{ orders(first: 2) { a: nodes { number } b: nodes { total customer { name } } edges {
        node { id } } } }""",
    "merged_selections": """{ order(id: 1) { customer { name } customer { rating orders { totalCount } } }
        order(id: 1) { number } }""",
    "fragments": """query { orders(first: 2) { ...Page } }
        fragment Page on OrderConnection { nodes { ...One ... on Order { total } ... on Node { id } } }
        fragment One on Order { number lines { nodes { ...Two } } } fragment Two on Line { quantity }""",
    "node": """{ node(id: "Order:1") { id __typename ... on Order { number customer { name } } ... on
        Customer { name } } }""",
    "node_of_nobody": '{ node(id: "Order:99") { id } }',
    "nodes": """{ nodes(ids: ["Order:1", "Customer:1", "Order:1", "Order:77", "Product:p-1"]) { id
        ... on Order { number lines { totalCount } } ... on Customer { name } } }""",
    "no_nodes": "{ nodes(ids: []) { id } }",
    "filters": "{ orders(filter: {status: {eq: OPEN}, lines: {some: {quantity: {gt: 2}}}}) { nodes { number } } }",
    "aggregates": "{ ordersAggregate { count sum { total ledger } avg { total } min { placedAt } max { number } } }",
    "groups": "{ ordersAggregate(groupBy: [STATUS]) { count groups { keys { status } count sum { total } } } }",
    "aggregates_of_relations": """{ customers { nodes { name ordersAggregate(groupBy: [STATUS]) { count sum { total }
        groups { keys { status number } count __typename } __typename } } } }""",
    "aggregates_beside": "{ orders { nodes { linesAggregate { count sum { quantity } } lines { totalCount } } } }",
    "computed": '{ orders { nodes { title other: title(prefix: "No.") } } order(id: 5) { title } }',
    "batched": "{ customers { nodes { orders { nodes { number pieces again: pieces } } } } order(id: 1) { pieces } }",
    "json": "{ customers { nodes { profile since vip rating publicId } } }",
    "union_of_columns": "{ orders { nodes { a: customer { name } b: customer { rating } } } }",
    "alike_but_for_arguments": """{ customers { nodes { a: orders(first: 1) { nodes { number } }
        b: orders(first: 1) { nodes { total } } c: orders(first: 2) { nodes { total } } } } }""",
    "same_twice": "{ orders { nodes { customer { name } } } again: orders { nodes { customer { name } } } }",
}


@pytest.mark.parametrize("document", REGULAR.values(), ids=REGULAR)
async def test_regular_answers(document: str) -> None:
    _, errors = await _ask_shop(document)
    assert errors == []
    assert SHOP.is_planned(document)


VARIABLES: dict[str, tuple[str, dict[str, Any]]] = {
    "ids": (
        "query ($a: ID!, $b: ID!) { a: order(id: $a) { number } b: order(id: $b) { number } }",
        {"a": "1", "b": "2"},
    ),
    "number_as_id": ("query ($id: ID!) { order(id: $id) { number } }", {"id": 2}),
    "default": ("query ($n: Int = 2) { orders(first: $n) { nodes { number } } }", {}),
    "absent": ("query ($n: Int) { orders(first: $n) { nodes { number } } }", {}),
    "null": ("query ($n: Int) { orders(first: $n) { nodes { number } } }", {"n": None}),
    "input": ("query ($f: OrderFilter) { orders(filter: $f) { nodes { id } } }", {"f": {"total": {"gt": "5"}}}),
    "within_input": (
        "query ($s: Status!) { orders(filter: {status: {eq: $s}}) { nodes { number } } }",
        {"s": "SHIPPED"},
    ),
    "of_relations": (
        "query ($n: Int!, $o: [OrderOrderBy!]) {"
        " customers { nodes { orders(first: $n, orderBy: $o) { nodes { id } } } } }",
        {"n": 1, "o": [{"total": "DESC"}]},
    ),
    "skipped": ("query ($no: Boolean!) { order(id: 1) { number @skip(if: $no) total } }", {"no": True}),
    "not_skipped": ("query ($no: Boolean!) { order(id: 1) { number @skip(if: $no) total } }", {"no": False}),
    "fragment_left_out": (
        "query ($all: Boolean = false) { order(id: 1) { number ... @include(if: $all) { customer { name } } } }",
        {},
    ),
    "root_left_out": ("query ($all: Boolean!) { order(id: 1) @include(if: $all) { number } }", {"all": False}),
}


@pytest.mark.parametrize(("document", "variables"), VARIABLES.values(), ids=VARIABLES)
async def test_variables(document: str, variables: dict[str, Any]) -> None:
    assert (await _ask_shop(document, variables))[1] == []


async def test_the_same_document_with_other_variables() -> None:
    operation = SHOP.operation("query ($id: ID!, $no: Boolean!) { order(id: $id) { number total @skip(if: $no) } }")
    context = await _shop_context()
    answers = [
        (await SHOP.run(operation, context(), {"id": id, "no": no}))[0]
        for id, no in (("1", True), ("2", False), ("2", True))
    ]
    assert answers == [
        {"order": {"number": "A-1"}},
        {"order": {"number": "A-2", "total": "7.00"}},
        {"order": {"number": "A-2"}},
    ]


REFUSED = {
    "id": '{ order(id: "Customer:1") { number } customer(id: 1) { name } }',
    "one_of_ten": '{ a: order(id: 1) { number } b: order(id: "x") { number } c: order(id: 2) { number } }',
    "page_size": "{ customers { nodes { name orders(first: 501) { totalCount } } } }",
    "cursor": '{ orders(after: "x") { nodes { id } } order(id: 1) { id } }',
    "global_id": '{ node(id: "nonsense") { id } order(id: 1) { id } }',
    "some_ids": '{ nodes(ids: ["Order:1", "x", "Order:x", "Customer:2"]) { id } }',
    "groups": "{ customers { nodes { ordersAggregate { groups { count } } } } ordersAggregate { groups { count } } }",
    "too_many_ids": "query { nodes(ids: [%s]) { id } }" % ", ".join(f'"Order:{n}"' for n in range(501)),  # noqa: UP031
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
async def test_arguments_that_make_no_sense(document: str) -> None:
    assert (await _ask_shop(document))[1] != []


@pytest.mark.parametrize("failing", ["orders", "lines", "products", "customers"])
@pytest.mark.parametrize(
    "document", [REGULAR["five_levels"], REGULAR["same_twice"], REGULAR["lists"], REGULAR["batched"]]
)
async def test_a_source_that_fails(document: str, failing: str) -> None:
    def failed(name: str) -> Failing:
        source = MemorySource(name, shop.ROWS[name])
        return Failing(source, SourceUnavailable(name, "is away"), of=[failing])

    opened = await shop.open_shop(replaced={name: failed(name) for name in ("erp", "crm")})
    await SHOP.ask(document, lambda: Context(Registry(opened.sources)))


async def test_lists_that_are_too_long() -> None:
    opened = await shop.open_shop()
    document = "{ orders(first: 1) { nodes { number allLines { id } } } o: order(id: 2) { allLines { id } } }"
    _, errors = await SHOP.ask(document, lambda: Context(Registry(opened.sources), PageSizes(1, 1, 10)))
    assert [error[0] for error in errors] == [["orders", "nodes", 0, "allLines"]]


class Grade(Enum):
    """How good a thing is."""

    GOOD = "good"
    BAD = "bad"


class Refuses(BasePermission):
    """Lets nobody see what is secret."""

    message = "secret"

    def has_permission(self, source: Any, info: Info, **_: Any) -> bool:
        return bool(source.id % 2)


class Shouts(FieldExtension):
    """Makes text louder."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        return next_(source, info, **kwargs).upper()


@strawberry.type
class Remark:
    """What a computed field returns."""

    text: str
    length: int

    @strawberry.field
    def where(self, info: Info) -> str:
        """Where it stands in the answer."""
        return ".".join(map(str, info.path.as_list()))


@entity("a.boxes")
class Box:
    """A thing whose rows are not all as they should be."""

    id: int
    label: str
    grade: Grade
    rated: Grade | None
    size: int
    weight: float | None
    price: Decimal | None

    outer: "Box | None" = belongs_to(by="outer_id")
    inner: Connection["Box"] = has_many(by="outer_id")
    contents: list["Box"] = has_many(by="outer_id")
    lid: "Lid | None" = has_one(by="box_id")
    friends: Connection["Box"] = many_to_many(through="Friendship", by="one_id", to="other_id")

    @computed(needs=("id",))
    def odd(self) -> int:
        """Fails for even ids, and is never null."""
        if self.id % 2 == 0:
            raise ValueError(f"{self.id} is even")
        return self.id

    @computed(needs=("id",))
    async def awaited(self) -> int:
        """The same, asynchronously."""
        return self.odd()  # type: ignore[no-any-return]

    @computed(needs=("id",))
    def maybe(self) -> int | None:
        """Null or too large, now and then."""
        return {1: 1, 2: None, 3: 2**40}.get(self.id, 4)

    @computed(needs=("id", "label"))
    def words(self) -> list[str]:
        """A list."""
        return [self.label] * (self.id % 3)

    @computed(needs=("label",))
    def remark(self) -> Remark:
        """An object, one of whose fields has a resolver."""
        return Remark(text=self.label, length=len(self.label))

    @computed(needs=("label",))
    def remarks(self) -> list[Remark | None] | None:
        """Several."""
        return [Remark(text=self.label, length=1), None]

    @computed(needs=("id",), batched=True)
    @staticmethod
    async def batched(rows: "list[Box]", info: Info) -> list[int]:
        """Never null, but for what fails."""
        return [row.id if row.id != 4 else None for row in rows]  # type: ignore[misc]

    @computed(needs=("id",), batched=True)
    @staticmethod
    async def broken(rows: "list[Box]", info: Info) -> list[str | None]:
        """Always fails."""
        raise RuntimeError("broken")

    @strawberry.field
    def place(self, info: Info) -> str:
        """Where this object stands in the answer."""
        return f"{info.field_name} at {'.'.join(map(str, info.path.as_list()))} of {self.label}"

    @strawberry.field
    async def other(self, info: Info, twice: bool = False) -> "Box | None":
        """This object again."""
        return self if not twice else None

    @strawberry.field(permission_classes=[Refuses])  # type: ignore[untyped-decorator]
    def secret(self) -> str | None:
        """For some."""
        return f"secret of {self.id}"

    @strawberry.field(extensions=[Shouts()])  # type: ignore[untyped-decorator]
    def loud(self) -> str:
        """The label in capitals."""
        return self.label


@entity("b.lids")
class Lid:
    """What closes a box."""

    name: str
    box: Box | None = belongs_to(by="box_id")


@entity("a.friendships")
class Friendship:
    """Between boxes."""

    one: Box | None = belongs_to(by="one_id")
    other: Box | None = belongs_to(by="other_id")


BOXES = Engines(query_type(Box, Lid, Friendship))


def box(id: int, **values: Any) -> dict[str, Any]:
    regular = {"label": f"b{id}", "grade": "good", "rated": "bad", "size": id, "weight": 1.5, "price": Decimal(id)}
    return {"id": id, "outer_id": id // 2 or None, **regular, **values}


SOUND = [box(id) for id in range(1, 8)]
UNSOUND = {
    "null": [*SOUND[:3], box(4, label=None), *SOUND[4:]],
    "nulls": [*SOUND[:1], box(2, label=None, size=None), *SOUND[2:5], box(6, label=None, rated="no"), *SOUND[6:]],
    "unknown_enum": [*SOUND[:4], box(5, grade="worse"), *SOUND[5:]],
    "unknown_nullable_enum": [*SOUND[:2], box(3, rated="worse"), *SOUND[3:]],
    "both": [
        box(1),
        box(2, rated="no"),
        box(3),
        box(4, rated="no"),
        box(5, grade="no", rated="no"),
        box(6, rated="no"),
    ],
    "large": [*SOUND[:5], box(6, size=2**31), *SOUND[6:]],
    "not_finite": [*SOUND[:5], box(6, weight=math.nan), box(7, weight=math.inf)],
    "other_numbers": [box(1, price=7), box(2, price=0.5), box(3, weight=2)],
}
OF_BOXES = {
    "columns": "{ boxes { nodes { id label grade rated size weight price } } }",
    "some_columns": "{ boxes { nodes { id rated weight } } }",
    "edges": "{ boxes { edges { cursor node { label rated } } } }",
    "both": "{ boxes { nodes { rated } edges { node { label } } } }",
    "one": "{ box(id: 4) { label rated } other: box(id: 5) { grade } box6: box(id: 6) { size weight } }",
    "nodes": '{ nodes(ids: ["Box:2", "Box:4", "Box:5"]) { ... on Box { label rated grade } } }',
    "nested": "{ boxes(first: 3) { nodes { rated inner { nodes { label grade inner { nodes { size rated } } } } } } }",
    "nested_pages": """{ boxes { nodes { inner(first: 1) { nodes { label } pageInfo { hasNextPage endCursor }
        totalCount } } } }""",
    "lists": "{ boxes { nodes { contents { label rated contents { grade } } } } }",
    "outer": "{ boxes { nodes { outer { label outer { grade rated } } } } }",
    "computed": "{ boxes { nodes { maybe words } } }",
    "computed_never_null": "{ box(id: 1) { inner { nodes { odd } } contents { odd } odd } box2: box(id: 2) { odd } }",
    "awaited": "{ box(id: 1) { inner { nodes { awaited } } awaited } box2: box(id: 2) { awaited } }",
    "batched": "{ boxes(first: 2) { nodes { inner { nodes { batched } } batched broken } } }",
    "delegated": "{ boxes(first: 3) { nodes { place inner { nodes { place } } outer { place } contents { place } } } }",
    "delegated_edges": "{ boxes(first: 2) { edges { node { place outer { place } } } nodes { place } } }",
    "delegated_nodes": """{ node(id: "Box:2") { ... on Box { place } } nodes(ids: ["Box:3", "Box:1"]) { ... on Box
        { place } } }""",
    "objects": "{ boxes(first: 2) { nodes { remark { text length } remarks { text } } } }",
    "objects_with_resolvers": "{ boxes(first: 2) { nodes { remark { text where } remarks { where } } } }",
    "through_a_resolver": """{ boxes(first: 3) { nodes { other { label place outer { label } inner { nodes { place } }
        } } } }""",
    "through_resolvers": "{ box(id: 2) { other { other { batched contents { label } inner { totalCount } } } } }",
    "permissions": "{ boxes { nodes { secret loud } } }",
    "lids": "{ boxes(first: 4) { nodes { label lid { name box { label } } } } }",
    "friends": "{ boxes(first: 3) { nodes { friends { totalCount nodes { label friends { nodes { grade } } } } } } }",
    "aggregates": "{ boxesAggregate(groupBy: [GRADE]) { count groups { keys { grade } max { size } } } }",
    "aggregates_of_relations": """{ boxes { nodes { innerAggregate(groupBy: [RATED]) { groups {
        keys { rated } max { size }
        } } } } }""",
}


@pytest.mark.parametrize("rows", [SOUND, *UNSOUND.values()], ids=["sound", *UNSOUND])
@pytest.mark.parametrize("document", OF_BOXES.values(), ids=OF_BOXES)
async def test_irregular_rows(document: str, rows: list[dict[str, Any]]) -> None:
    lids = [{"id": n, "name": f"lid {n}" if n % 2 else None, "box_id": n % 3} for n in range(1, 7)]
    friendships = [{"id": n, "one_id": n % 3, "other_id": n} for n in range(1, 8)]
    a = MemorySource("a", {"boxes": rows, "friendships": friendships})
    b = MemorySource("b", {"lids": lids})
    await a.open()
    await b.open()
    await BOXES.ask(document, lambda: Context(Registry({"a": a, "b": b})))


async def test_errors_come_in_the_order_of_the_answer() -> None:
    rows = [box(1, rated="x"), box(2, rated="x"), box(3), box(4, rated="x"), box(5, rated="x")]
    source = MemorySource("a", {"boxes": rows})
    await source.open()
    document = '{ z: box(id: 5) { rated } boxes { nodes { outer { rated } rated } } a: box(id: "x") { id } }'
    operation = BOXES.operation(document)
    _, errors = await BOXES.run(operation, Context(Registry({"a": source})))
    dropped_in = await BOXES.planned.execute(document, context_value=Context(Registry({"a": source})))
    assert [error.path for error in dropped_in.errors or ()] == [error[0] for error in errors]
    assert [".".join(map(str, error[0])) for error in errors] == [
        "z.rated",
        "boxes.nodes.0.rated",
        "boxes.nodes.1.outer.rated",
        "boxes.nodes.1.rated",
        "boxes.nodes.2.outer.rated",
        "boxes.nodes.3.outer.rated",
        "boxes.nodes.3.rated",
        "boxes.nodes.4.outer.rated",
        "boxes.nodes.4.rated",
        "a",
    ]


async def _shop_context() -> Callable[[], Context]:
    opened = await shop.open_shop()
    return lambda: Context(Registry(opened.sources))


async def _ask_shop(document: str, variables: dict[str, Any] | None = None) -> Any:
    return await SHOP.ask(document, await _shop_context(), variables)
