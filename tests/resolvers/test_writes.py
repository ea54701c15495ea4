"""What an entity says of being written: the types that come of it, and the mistakes that are told."""

from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import GraphQLInputObjectType
from strawberry.schema.config import StrawberryConfig

from datasources.base import Capabilities
from datasources.filters import Operator
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers import (
    JSON,
    Connection,
    Writes,
    belongs_to,
    column,
    entity,
    has_many,
    mutation_type,
    query_type,
    validates,
)
from resolvers.checks import check
from resolvers.definition import entity_of
from resolvers.errors import SchemaError
from resolvers.policies import OPEN
from resolvers.query import entities_of
from resolvers.scalars import SCALARS
from resolvers.writes import Rules
from resolvers.writes_reading import Problems, reader_of
from schema import Invoice
from tests.gateway.writing import ENTITIES, Mutation, Query

SCHEMA = strawberry.Schema(query=Query, mutation=Mutation, config=StrawberryConfig(scalar_map=SCALARS))


def fields(name: str) -> dict[str, str]:
    """An input type's members and their types."""
    found = SCHEMA._schema.type_map[name]
    assert isinstance(found, GraphQLInputObjectType)
    assert found.description
    return {member: str(each.type) for member, each in found.fields.items()}


def test_inputs() -> None:
    assert fields("OrderInput") == {
        "number": "String!",
        "status": "Status",
        "total": "Decimal!",
        "note": "String",
        "placedOn": "Date",
        "dueOn": "Date",
        "customerId": "ID",
        "lines": "OrderLinesCreations",
    }
    assert fields("OrderPatch") == {
        "number": "String",
        "status": "Status",
        "total": "Decimal",
        "note": "String",
        "placedOn": "Date",
        "dueOn": "Date",
        "customerId": "ID",
        "lines": "OrderLinesChanges",
    }
    assert fields("OrderUpdate") == {"id": "ID!", "patch": "OrderPatch!", "expectedVersion": "Int"}
    assert fields("ProductUpdate") == {"id": "ID!", "patch": "ProductPatch!"}
    assert fields("WordInput") == {"word": "String!", "meaning": "String"}
    assert fields("WordPatch") == {"meaning": "String"}


def test_inputs_of_rows_that_are_written_with_their_owner() -> None:
    line = {"position": "Int", "quantity": "Int", "productId": "ID"}
    assert fields("OrderLinesCreations") == {"create": "[OrderLinesCreate!]!"}
    assert fields("OrderLinesCreate") == {
        **{name: f"{kind}!" for name, kind in line.items()},
        "parcels": "LineParcelsCreations",
    }
    assert fields("OrderLinesChanges") == {
        "delete": "[ID!]",
        "update": "[OrderLinesUpdate!]",
        "connect": "[ID!]",
        "create": "[OrderLinesCreate!]",
    }
    assert fields("OrderLinesUpdate") == {"id": "ID!", "patch": "OrderLinesPatch!"}
    assert fields("OrderLinesPatch") == {**line, "parcels": "LineParcelsChanges"}


def test_root_fields() -> None:
    found = SCHEMA._schema.mutation_type
    assert found is not None
    signatures = {
        name: f"({', '.join(f'{argument}: {each.type}' for argument, each in field.args.items())}): {field.type}"
        for name, field in found.fields.items()
        if "Order" in name or "Product" in name
    }
    assert signatures == {
        "createOrder": "(input: OrderInput!): Order",
        "createOrders": "(input: [OrderInput!]!): [Order!]",
        "updateOrder": "(id: ID!, patch: OrderPatch!, expectedVersion: Int): Order",
        "updateOrders": "(input: [OrderUpdate!]!): [Order!]",
        "upsertOrderByNumber": "(input: OrderInput!): Order",
        "deleteOrder": "(id: ID!, expectedVersion: Int): Order",
        "deleteOrders": "(ids: [ID!]!): [Order!]",
        "createProduct": "(input: ProductInput!): Product",
        "createProducts": "(input: [ProductInput!]!): [Product!]",
        "updateProduct": "(id: ID!, patch: ProductPatch!): Product",
        "updateProducts": "(input: [ProductUpdate!]!): [Product!]",
        "upsertProductBySku": "(input: ProductInput!): Product",
    }
    assert all(field.description for field in found.fields.values())


def test_rules_are_described() -> None:
    found: Any = SCHEMA._schema.type_map["ProductInput"]
    assert {name: field.description for name, field in found.fields.items()} == {
        "sku": "At least 3 characters. At most 8 characters.",
        "name": None,
        "price": "At least 0.",
    }
    order: Any = SCHEMA._schema.type_map["OrderInput"]
    assert order.fields["status"].description == "Left out, it gets a default."
    assert order.fields["number"].description == "Of the form `SO-[0-9]+`."


@pytest.mark.parametrize(
    ("rules", "value", "broken"),
    [
        pytest.param(Rules(min_length=2, max_length=3), "ab", [], id="length"),
        pytest.param(Rules(min_length=2), "a", ["minLength"], id="short"),
        pytest.param(Rules(max_length=3), "abcd", ["maxLength"], id="long"),
        pytest.param(Rules(pattern="a+"), "aab", ["pattern"], id="the-whole-text"),
        pytest.param(Rules(minimum=1, maximum=3), 3, [], id="range"),
        pytest.param(Rules(minimum=Decimal("0.5")), Decimal("0.49"), ["minimum"], id="less"),
        pytest.param(Rules(maximum=date(2026, 1, 1)), date(2026, 1, 2), ["maximum"], id="later"),
        pytest.param(Rules(scale=2), Decimal("1.230"), [], id="zeros"),
        pytest.param(Rules(scale=2), Decimal("1.234"), ["scale"], id="digits"),
        pytest.param(Rules(scale=2), Decimal("1E+20"), [], id="large"),
        pytest.param(Rules(min_length=9, pattern="b"), "a", ["minLength", "pattern"], id="several"),
    ],
)
def test_rules(rules: Rules, value: Any, broken: list[str]) -> None:
    assert [rule for rule, _ in rules.broken_by(value)] == broken


def _text_rule() -> None:
    @entity("s.things")
    class Thing:
        amount: int = column(min_length=1)


def _range_rule() -> None:
    @entity("s.things")
    class Thing:
        name: str = column(minimum=1)


def _pattern() -> None:
    @entity("s.things")
    class Thing:
        name: str = column(pattern="(")


def _validation() -> None:
    @entity("s.things")
    class Thing:
        name: str

        @validates("name", "color")
        @staticmethod
        def plain(name: str, color: str) -> str | None:
            return None


def _version() -> None:
    @entity("s.things", writable=True, version="name")
    class Thing:
        name: str


def _updated() -> None:
    @entity("s.things", writable=True, updated="name")
    class Thing:
        name: str


MISTAKES: list[tuple[Callable[[], None], str]] = [
    (_text_rule, "Thing.amount: min_length, max_length and pattern are rules of text; it is"),
    (_range_rule, "Thing.name: minimum and maximum are rules of numbers and times; it is"),
    (_pattern, r"Thing.name: pattern '\(' cannot be read"),
    (_validation, "Thing.plain validates 'color', which is not one of its columns: id, name."),
    (_version, "Thing: version='name' must be one of its columns, an int that is never null."),
    (_updated, "Thing: updated='name' must be one of its columns, a datetime."),
]


@pytest.mark.parametrize(("make", "message"), MISTAKES, ids=[make.__name__ for make, _ in MISTAKES])
def test_mistakes_of_one_entity_are_told(make: Callable[[], None], message: str) -> None:
    with pytest.raises(SchemaError, match=message):
        make()


def test_children_are_written_in_the_source_of_their_owner() -> None:
    @entity("a.owners", writable=True)
    class Owner:
        pets: Connection["Pet"] = has_many(by="owner_id", writable=True)

    @entity("b.pets")
    class Pet:
        owner: Owner | None = belongs_to(by="owner_id")

    with pytest.raises(SchemaError, match=r"Owner.pets cannot be writable: Pet is in another source"):
        query_type(Owner, Pet)


def test_fields_of_two_entities_are_not_called_alike() -> None:
    @entity("a.sheep", plural="sheep", writable=True)
    class Sheep:
        name: str

    with pytest.raises(SchemaError, match="createSheep"):
        mutation_type(Sheep)


def test_something_is_writable() -> None:
    @entity("a.stones")
    class Stone:
        name: str

    with pytest.raises(SchemaError, match="none of Stone is writable"):
        mutation_type(Stone)


def test_a_source_that_cannot_be_written_stops_the_start() -> None:
    reading = Capabilities(frozenset(Operator))
    sources = {name: MemorySource(name, {}, capabilities=reading) for name in ("crm", "erp")}
    with pytest.raises(SchemaError, match="Customer is writable, but source 'crm' cannot be written") as raised:
        check(entities_of(query_type(*ENTITIES)), Registry(dict(sources)))
    assert len(str(raised.value).splitlines()) == 4, "the others only read"


class Color(Enum):
    """A color."""

    RED = "red"


@entity("s.boxes", writable=Writes(create=False), updated="changed_at")
class Box:
    """What is only changed."""

    color: Color
    contents: JSON | None
    changed_at: datetime


def test_less_may_be_written() -> None:
    made: Any = mutation_type(Box)
    schema = strawberry.Schema(query=query_type(Box), mutation=made, config=StrawberryConfig(scalar_map=SCALARS))
    root: Any = schema._schema.mutation_type
    assert set(root.fields) == {"updateBox", "updateBoxes", "deleteBox", "deleteBoxes"}
    patch: Any = schema._schema.type_map["BoxPatch"]
    assert set(patch.fields) == {"color", "contents"}


def test_a_rule_over_columns_is_not_asked_about_a_null_that_is_a_mistake() -> None:
    definition = entity_of(Invoice)
    assert definition is not None
    problems = Problems(OPEN)
    patch = {"issuedOn": None, "dueOn": date(2026, 1, 1), "amount": Decimal(-1)}
    reader_of(definition).patch(1, patch, None, ("patch",), problems)
    assert [(each.path, each.rule) for each in problems.found] == [
        (("patch", "issuedOn"), "notNull"),
        (("patch", "amount"), "minimum"),
    ]
