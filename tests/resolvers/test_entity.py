"""Declaring entities: what works reads like a dataclass; each mistake is one error that names entity and field."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from datasources.base import Capabilities
from datasources.filters import Operator
from datasources.lookup import ColumnType
from resolvers import (
    Connection,
    belongs_to,
    column,
    computed,
    entity,
    has_many,
    has_one,
    many_to_many,
    query_type,
)
from resolvers.definition import entity_of
from resolvers.errors import SchemaError
from resolvers.scalars import SCALARS
from tests.resolvers.shop import Collections, Order, Product, open_shop


class Plain(Enum):
    """Not decorated."""

    ONE = "one"


class Numbered(Enum):
    """Values that no column of strings holds."""

    ONE = 1


def no_source() -> Any:
    return entity("orders")


def no_collection() -> Any:
    return entity("erp.")


def strange_column() -> Any:
    @entity("a.things")
    class Thing:
        size: complex

    return Thing


def column_of_a_list() -> Any:
    @entity("a.things")
    class Thing:
        tags: list[str]

    return Thing


def column_of_two_types() -> Any:
    @entity("a.things")
    class Thing:
        size: int | str

    return Thing


def column_of_an_entity() -> Any:
    @entity("a.things")
    class Thing:
        owner: "Thing | None"

    return Thing


def default() -> Any:
    @entity("a.things")
    class Thing:
        size: int = 5

    return Thing


def column_without_type() -> Any:
    @entity("a.things")
    class Thing:
        size = column(description="How large.")

    return Thing


def relation_without_type() -> Any:
    @entity("a.things")
    class Thing:
        owner = belongs_to(by="owner_id")

    return Thing


def underscore() -> Any:
    @entity("a.things")
    class Thing:
        _size: int

    return Thing


def reserved() -> Any:
    @entity("a.things")
    class Thing:
        not_: bool

    return Thing


def inheritance() -> Any:
    class Timestamps:
        created_at: datetime

    @entity("a.things")
    class Thing(Timestamps):
        name: str

    return Thing


def enum_of_numbers() -> Any:
    @entity("a.things")
    class Thing:
        kind: Numbered

    return Thing


def key_of_another_type() -> Any:
    @entity("a.things", key="at")
    class Thing:
        at: datetime

    return Thing


def natural_key_that_is_no_column() -> Any:
    @entity("a.things", natural_keys=["code"])
    class Thing:
        name: str

    return Thing


def natural_key_of_another_type() -> Any:
    @entity("a.things", natural_keys=["data"])
    class Thing:
        data: JSON

    return Thing


def natural_key_that_is_a_reference() -> Any:
    @entity("a.things", natural_keys=["owner_id"])
    class Thing:
        owner: "Thing | None" = belongs_to(by="owner_id")

    return Thing


def many_as_one() -> Any:
    @entity("a.things")
    class Thing:
        parts: "Thing | None" = has_many(by="whole_id")

    return Thing


def one_as_many() -> Any:
    @entity("a.things")
    class Thing:
        whole: Connection["Thing"] = belongs_to(by="whole_id")

    return Thing


def relation_to_no_entity() -> Any:
    @entity("a.things")
    class Thing:
        parts: int | str = has_many(by="whole_id")

    return Thing


def need_that_is_no_column() -> Any:
    @entity("a.things")
    class Thing:
        name: str

        @computed(needs=("nmae",))
        def shout(self) -> str:
            return self.name.upper()

    return Thing


def batched_that_is_not_async() -> Any:
    @computed(needs=(), batched=True)
    def sizes(rows: list[Any], info: Info) -> list[int]:
        return []

    return sizes


def batched_without_info() -> Any:
    @computed(needs=(), batched=True)
    async def sizes(rows: list[Any]) -> list[int]:
        return []

    return sizes


def batched_that_returns_one() -> Any:
    @computed(needs=(), batched=True)
    async def sizes(rows: list[Any], info: Info) -> int:
        return 1

    return sizes


MISTAKES: list[tuple[Callable[[], Any], str]] = [
    (no_source, '@entity(\'orders\'): write "source.collection", such as "erp.orders".'),
    (no_collection, '@entity(\'erp.\'): write "source.collection", such as "erp.orders".'),
    (strange_column, "Thing.size: a column cannot be complex. Columns are str, int, float, bool, "),
    (column_of_a_list, "Thing.tags: a column cannot be list[str]. Columns are"),
    (column_of_two_types, "Thing.size: a column cannot be int | str. Columns are"),
    (column_of_an_entity, "Thing.owner: a column cannot be Thing. Columns are"),
    (default, "Thing.size: columns have no default; write column(…) to say more."),
    (column_without_type, "Thing.size says nothing of its type: write `size: … = …`."),
    (relation_without_type, "Thing.owner says nothing of its type: write `owner: … = …`."),
    (underscore, "Thing._size: the graph has no names with a leading underscore."),
    (inheritance, "Thing cannot inherit from Timestamps: its columns are its own."),
    (enum_of_numbers, "Thing.kind: Numbered.ONE is 1; the values of an enum are the strings that the column holds."),
    (key_of_another_type, "Thing: the key 'at' must be an int, a str or a UUID."),
    (natural_key_that_is_no_column, "Thing: natural key 'code' is not one of its columns: name."),
    (natural_key_of_another_type, "Thing.data: a natural key is a str, an int, a BigInt, a UUID or a date; "),
    (natural_key_that_is_a_reference, "Thing.owner_id: a natural key is a str, an int, a BigInt, a UUID or a date; "),
    (many_as_one, "Thing.parts: has_many is annotated Connection[Thing] or list[Thing]."),
    (one_as_many, "Thing.whole: belongs_to is annotated Thing | None."),
    (relation_to_no_entity, "Thing.parts: int | str names no entity; write `X | None` for one, "),
    (need_that_is_no_column, "Thing.shout needs 'nmae', which is not one of its columns: id, name."),
    (batched_that_is_not_async, "is batched: write it as `async def sizes(rows, info)`."),
    (batched_without_info, "is batched: write it as `async def sizes(rows, info)`."),
    (batched_that_returns_one, "is batched: it returns `list[…]`, one value for each row."),
]


@pytest.mark.parametrize(("declare", "message"), MISTAKES, ids=lambda value: getattr(value, "__name__", ""))
def test_a_mistake_is_one_clear_error(declare: Callable[[], Any], message: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        declare()
    assert message in str(refusal.value)


def _definition(cls: type) -> Any:
    found = entity_of(cls)
    assert found is not None
    return found


def test_what_an_entity_is() -> None:
    order = _definition(Order)
    assert (order.name, order.source, order.collection_name, order.plural) == ("Order", "erp", "orders", "orders")
    assert (order.key, order.key_type, order.natural_keys) == ("id", ColumnType.BIGINT, ("number",))
    assert order.description == "A customer's purchase."
    assert {name: column.column.name for name, column in order.columns.items()} == {
        "id": "id",
        "number": "number",
        "status": "status",
        "placed_at": "placed",
        "total": "total",
        "ledger": "ledger",
        "customer_id": "customer_id",
    }
    assert [(each.name, each.type, each.nullable, each.scale) for each in order.collection.columns] == [
        ("id", ColumnType.BIGINT, False, None),
        ("number", ColumnType.STRING, False, None),
        ("status", ColumnType.STRING, False, None),
        ("placed", ColumnType.DATETIME, True, None),
        ("total", ColumnType.DECIMAL, True, 2),
        ("ledger", ColumnType.BIGINT, True, None),
        ("customer_id", ColumnType.BIGINT, True, None),
    ]
    product = _definition(Product)
    assert (product.key, product.key_type) == ("sku", ColumnType.STRING)


def test_a_reference_has_the_type_of_the_key_that_it_holds() -> None:
    columns = {each.name: each for each in _definition(_of("Line")).collection.columns}
    assert (columns["product_id"].type, columns["product_id"].nullable) == (ColumnType.STRING, True)
    assert (columns["order_id"].type, columns["order_id"].nullable) == (ColumnType.BIGINT, False)


def _of(name: str) -> type:
    cls = _definition(Order).targets[name].cls
    assert isinstance(cls, type)
    return cls


def test_the_graph_of_an_entity() -> None:
    @strawberry.enum
    class Colour(Enum):
        RED = "red"

    @entity("a.things", plural="stuff")
    class Thing:
        """What there is."""

        name: str | None = column(description="What people say.")
        colour: Colour
        kind: Plain
        owner_id: int
        owner: "Thing | None" = belongs_to(by="owner_id", description="Whose it is.")
        parts: Connection["Thing"] = has_many(by="owner_id", description="What is in it.")
        best: "Thing" = has_one(by="owner_id")

        @computed(needs=("name",))
        def shout(self) -> str | None:
            """In capitals."""
            return self.name and self.name.upper()

    schema = strawberry.Schema(query=query_type(Thing), config=StrawberryConfig(scalar_map=SCALARS))
    printed = str(schema)
    assert (
        '''"""What there is."""
type Thing implements Node {
  """Identifies this object anywhere in the graph."""
  id: ID!

  """What people say."""
  name: String
  colour: Colour!
  kind: Plain!

  """The id of `owner`."""
  ownerId: ID!

  """Whose it is."""
  owner: Thing

  """What is in it."""
  parts('''
        in printed
    )
    assert (
        '''sizedFields: ["nodes", "edges"], requireOneSlicingArgument: false)
  best: Thing

  """In capitals."""
  shout: String
'''
        in printed
    )
    query: Any = schema._schema.query_type
    assert list(query.fields) == ["node", "nodes", "viewer", "thing", "stuff", "stuffAggregate"]


def bound_to_nothing() -> Any:
    @entity("a.things")
    class Thing:
        owner: "Nobody | None" = belongs_to(by="owner_id")  # type: ignore[name-defined]  # noqa: F821

    return query_type(Thing)


def no_entity() -> Any:
    class Thing:
        name: str

    return query_type(Thing)


def no_class() -> Any:
    return query_type("Thing")  # type: ignore[arg-type]


def two_of_a_name() -> Any:
    @entity("a.things")
    class Thing:
        name: str

    first = Thing

    @entity("b.things")
    class Thing:  # type: ignore[no-redef]
        name: str

    return query_type(first, Thing)


def same_plural() -> Any:
    @entity("a.things")
    class Thing:
        name: str

    @entity("b.things")
    class Other:
        name: str

    return query_type(Thing, Other)


def plural_of_a_singular() -> Any:
    @entity("a.sheep")
    class Sheep:
        name: str

    return query_type(Sheep)


def plural_of_the_graph() -> Any:
    @entity("a.nodes")
    class Thing:
        name: str

    return query_type(Thing)


def missing_column() -> Any:
    @entity("a.things")
    class Thing:
        parts: Connection["Part"] = has_many(by="thing_id")

    @entity("a.parts")
    class Part:
        name: str

    return query_type(Thing, Part)


def other_type_of_key() -> Any:
    @entity("a.things", key="code")
    class Thing:
        code: str
        parts: Connection["Part"] = has_many(by="thing_id")

    @entity("a.parts")
    class Part:
        thing_id: int

    return query_type(Thing, Part)


def missing_junction() -> Any:
    @entity("a.things")
    class Thing:
        tags: Connection["Thing"] = many_to_many(through="Tagging", by="thing_id", to="tag_id")

    return query_type(Thing)


def junction_without_column() -> Any:
    @entity("a.things")
    class Thing:
        tags: Connection["Thing"] = many_to_many(through="Tagging", by="thing_id", to="tag_id")

    @entity("a.taggings")
    class Tagging:
        thing_id: int

    return query_type(Thing, Tagging)


def junction_elsewhere() -> Any:
    @entity("a.things")
    class Thing:
        tags: Connection["Thing"] = many_to_many(through="Tagging", by="thing_id", to="tag_id")

    @entity("b.taggings")
    class Tagging:
        thing_id: int
        tag_id: int

    return query_type(Thing, Tagging)


UNABLE = Capabilities(operators=frozenset(Operator), window=False, through=False)


def pages_of_what_cannot_page() -> Any:
    @entity("a.things")
    class Thing:
        parts: Connection["Part"] = has_many(by="thing_id")

    @entity("b.parts", capabilities=UNABLE)
    class Part:
        thing_id: int

    return query_type(Thing, Part)


def through_what_cannot() -> Any:
    @entity("a.things", capabilities=UNABLE)
    class Thing:
        tags: list["Thing"] = many_to_many(through="Tagging", by="thing_id", to="tag_id")

    @entity("a.taggings", capabilities=UNABLE)
    class Tagging:
        thing_id: int
        tag_id: int

    return query_type(Thing, Tagging)


def other_operators() -> Any:
    @entity("a.things")
    class Thing:
        name: str

    @entity("a.parts", capabilities=Capabilities(operators=frozenset({Operator.EQ})))
    class Part:
        name: str

    return query_type(Thing, Part)


def same_field_name() -> Any:
    @entity("a.things")
    class Thing:
        parts: Connection["Thing"] = has_many(by="whole_id")
        whole: "Thing | None" = belongs_to(by="whole_id")
        parts_aggregate: int

    return query_type(Thing)


def same_name_in_camel_case() -> Any:
    @entity("a.things")
    class Thing:
        unit_price: Decimal
        unitPrice: Decimal  # noqa: N815

    return query_type(Thing)


def name_of_a_scalar() -> Any:
    @entity("a.dates")
    class Date:
        name: str

    return query_type(Date)


def name_of_a_made_type() -> Any:
    @entity("a.things")
    class Thing:
        name: str

    @entity("a.filters")
    class ThingFilter:
        name: str

    return query_type(Thing, ThingFilter)


BOUND: list[tuple[Callable[[], Any], str]] = [
    (bound_to_nothing, "Thing.owner refers to 'Nobody', which is not among the entities of the schema (Thing)."),
    (no_entity, "query_type(Thing): it is not an entity; decorate it with @entity."),
    (no_class, "query_type('Thing'): it is not an entity; decorate it with @entity."),
    (two_of_a_name, "There are two entities called Thing."),
    (same_plural, "Other: Thing has a root field called 'things' already; give @entity another plural, or rename"),
    (plural_of_a_singular, "Sheep: Sheep has a root field called 'sheep' already; give @entity another plural, or"),
    (plural_of_the_graph, "Thing: the graph has a root field called 'nodes' already; give @entity another plural, or"),
    (missing_column, "Thing.parts: Part has no column 'thing_id'; it has id, name. Declare it, or the relation that"),
    (other_type_of_key, "Thing.parts: Thing.code is a string and Part.thing_id a integer; they never have a value in"),
    (missing_junction, "Thing.tags refers to 'Tagging', which is not among the entities of the schema (Thing)."),
    (junction_without_column, "Thing.tags: Tagging has no column 'tag_id'; it has id, thing_id. Declare it, or"),
    (junction_elsewhere, "Thing.tags: Tagging and Thing must come from the same source to be read in one lookup."),
    (pages_of_what_cannot_page, "Thing.parts: source 'b' cannot page; annotate it list[Part]."),
    (through_what_cannot, "Thing.tags: source 'a' cannot read through a junction."),
    (other_operators, "Thing and Part come from 'a' and must ask it for the same operators."),
    (same_field_name, "Thing: parts_aggregate and parts_aggregate are both 'partsAggregate' in the graph; rename one."),
    (same_name_in_camel_case, "Thing: unit_price and unitPrice are both 'unitPrice' in the graph; rename one."),
    (name_of_a_scalar, "An entity cannot be called Date: the graph has a type of that name already."),
    (name_of_a_made_type, "An entity cannot be called ThingFilter: Thing has a type of that name already."),
]


@pytest.mark.parametrize(("tie", "message"), BOUND, ids=lambda value: getattr(value, "__name__", ""))
def test_a_mistake_between_entities_is_one_clear_error(tie: Callable[[], Any], message: str) -> None:
    with pytest.raises(SchemaError) as refusal:
        tie()
    assert message in str(refusal.value)


@pytest.mark.anyio
async def test_an_entity_may_be_in_several_schemas() -> None:
    entities = [each.cls for each in _definition(Order).targets.values()]
    second = strawberry.Schema(query=query_type(*entities), config=StrawberryConfig(scalar_map=SCALARS))
    shop = await open_shop(schema=second)
    assert await shop.ask("{ order(id: 1) { linesAggregate { count } } }") == {
        "order": {"linesAggregate": {"count": 2}}
    }

    @entity("erp.customers")
    class Customer:
        name: str

    others = [cls for cls in entities if cls.__name__ != "Customer"]
    with pytest.raises(SchemaError, match=r"Order is in another schema already, with another entity called Customer\."):
        query_type(*others, Customer)
    first = await open_shop()
    assert await first.ask("{ order(id: 1) { customer { name } } }") == {"order": {"customer": {"name": "Müller"}}}


@pytest.mark.anyio
async def test_an_entity_with_a_relation_to_another_source_takes_few_lines() -> None:
    @entity("hr.reviews")
    class Review:
        """What a customer says."""

        stars: int
        customer: "Client | None" = belongs_to(by="customer_id")

    @entity("crm.customers")
    class Client:
        """Who says it."""

        name: str
        reviews: Connection["Review"] = has_many(by="customer_id")

    schema = strawberry.Schema(query=query_type(Review, Client), config=StrawberryConfig(scalar_map=SCALARS))
    rows: dict[str, Collections] = {
        "hr": {"reviews": [{"id": 1, "stars": 5, "customer_id": 7}]},
        "crm": {"customers": [{"id": 7, "name": "Ada"}]},
    }
    shop = await open_shop(rows, schema=schema)
    assert await shop.ask(
        "{ clients: customers { nodes { name reviews { nodes { stars customer { name } } } } } }"
    ) == {"clients": {"nodes": [{"name": "Ada", "reviews": {"nodes": [{"stars": 5, "customer": {"name": "Ada"}}]}}]}}
