"""Computed fields: per row with the columns they need, and batched over all rows of a level."""

from decimal import Decimal
from typing import Any

import pytest
import strawberry
from strawberry.schema.config import StrawberryConfig
from strawberry.types import Info

from datasources.errors import SourceTimeout
from datasources.memory import MemorySource
from resolvers import Connection, belongs_to, computed, entity, has_many, query_type
from resolvers.definition import entity_of
from resolvers.errors import SchemaError
from resolvers.loaders import aggregate_by
from resolvers.scalars import SCALARS
from tests.resolvers.shop import ROWS, Order, open_shop
from tests.support.sources import Failing

pytestmark = pytest.mark.anyio


async def test_a_field_of_its_row_with_arguments() -> None:
    shop = await open_shop()
    document = '{ order(id: 1) { title other: title(prefix: "No.") } orders(first: 3) { nodes { title } } }'
    assert await shop.ask(document) == {
        "order": {"title": "Order A-1 of 2026", "other": "No. A-1 of 2026"},
        "orders": {
            "nodes": [{"title": "Order A-1 of 2026"}, {"title": "Order A-2 of 2026"}, {"title": "Order A-3 of ?"}]
        },
    }
    assert [lookup.columns for lookup in shop.lookups("erp")] == [("id", "number", "placed")] * 2


async def test_batched_over_a_level() -> None:
    shop = await open_shop()
    document = "{ customers { nodes { orders { nodes { number pieces } } } } }"
    assert await shop.ask(document) == {
        "customers": {
            "nodes": [
                {
                    "orders": {
                        "nodes": [
                            {"number": "A-1", "pieces": 4},
                            {"number": "A-2", "pieces": 10},
                            {"number": "A-4", "pieces": 4},
                        ]
                    }
                },
                {"orders": {"nodes": [{"number": "A-3", "pieces": 2}]}},
                {"orders": {"nodes": []}},
            ]
        }
    }
    assert [(each.key, each.keys) for each in shop.aggregates("erp")] == [("order_id", (1, 2, 4, 3))]


async def test_a_source_that_fails_takes_the_batched_field() -> None:
    error = SourceTimeout("erp", "did not answer")
    broken = Failing(MemorySource("erp", ROWS["erp"]), error, of=["lines"])
    shop = await open_shop(replaced={"erp": broken})
    assert await shop.answer("{ orders(first: 2) { nodes { number pieces } } }") == {
        "data": {"orders": {"nodes": [{"number": "A-1", "pieces": None}, {"number": "A-2", "pieces": None}]}},
        "errors": [
            (f"orders.nodes.{n}.pieces", "DATASOURCE_TIMEOUT", "datasource 'erp' did not answer") for n in range(2)
        ],
    }


CALLS: list[list[Any]] = []


@entity("a.boxes")
class Box:
    """A box in a box."""

    id: int
    label: str
    outer_id: int | None
    outer: "Box | None" = belongs_to(by="outer_id")
    inner: Connection["Box"] = has_many(by="outer_id")

    @computed(needs=("label", "outer_id"), batched=True)
    @staticmethod
    async def path(rows: "list[Box]", info: Info) -> list[str | None]:
        """Which call this was, and for what."""
        CALLS.append([row.id for row in rows])
        return [f"{len(CALLS)}/{row.label}" for row in rows]

    @computed(needs=(), batched=True)
    @staticmethod
    async def short(rows: "list[Box]", info: Info) -> list[int | None]:
        """One value too few."""
        return [None for _ in rows[1:]]

    @computed(needs=("outer_id",))
    def depth(self) -> str:
        """A declared reference is the key itself in Python, and a global id in the graph."""
        return "in the open" if self.outer_id is None else f"in box {self.outer_id + 0}"

    @computed(needs=("id",))
    def forgetful(self) -> str | None:
        """Reads what it does not need."""
        return self.label

    @strawberry.field
    def everything(self) -> str:
        """An ordinary Strawberry field, which may read every column."""
        return f"{self.id} {self.label}"


SCHEMA = strawberry.Schema(query=query_type(Box), config=StrawberryConfig(scalar_map=SCALARS))
BOXES = {"a": {"boxes": [{"id": n, "label": f"b{n}", "outer_id": n // 2 or None} for n in range(1, 8)]}}


async def test_a_level_is_one_call_and_a_row_is_asked_for_once() -> None:
    CALLS.clear()
    shop = await open_shop(BOXES, schema=SCHEMA)
    document = "{ boxes(first: 3) { nodes { path inner { nodes { path outer { path } } } } } }"
    answer = await shop.ask(document)
    assert CALLS == [[1, 2, 3], [2, 3, 4, 5, 6, 7], [1, 2, 3]]
    inner = [
        {
            "path": f"1/b{n}",
            "inner": {"nodes": [{"path": f"2/b{m}", "outer": {"path": f"3/b{n}"}} for m in (2 * n, 2 * n + 1)]},
        }
        for n in (1, 2, 3)
    ]
    assert answer == {"boxes": {"nodes": inner}}
    assert shop.lookups("a")[0].columns == ("id", "label", "outer_id")


async def test_a_wrong_number_of_values_is_an_error() -> None:
    shop = await open_shop(BOXES, schema=SCHEMA)
    answer = await shop.answer("{ boxes(first: 2) { nodes { id short } } }")
    assert answer == {
        "data": {"boxes": {"nodes": [{"id": "Box:1", "short": None}, {"id": "Box:2", "short": None}]}},
        "errors": [
            (f"boxes.nodes.{n}.short", "SCHEMA_ERROR", "Box.short returned 1 values for 2 rows.") for n in (0, 1)
        ],
    }


async def test_a_column_that_was_not_needed_is_not_there() -> None:
    shop = await open_shop(BOXES, schema=SCHEMA)
    answer = await shop.answer("{ box(id: 1) { forgetful } }")
    assert answer["data"] == {"box": {"forgetful": None}}
    assert answer["errors"] == [
        (
            "box.forgetful",
            "AttributeError",
            "Box.label was not loaded. If it is a column, name it in the needs of the computed field that reads it.",
        )
    ]


async def test_references_are_keys_in_python() -> None:
    shop = await open_shop(BOXES, schema=SCHEMA)
    assert await shop.ask("{ boxes(first: 2) { nodes { depth outerId outer { id } } } }") == {
        "boxes": {
            "nodes": [
                {"depth": "in the open", "outerId": None, "outer": None},
                {"depth": "in box 1", "outerId": "Box:1", "outer": {"id": "Box:1"}},
            ]
        }
    }


async def test_an_ordinary_field_gets_every_column() -> None:
    shop = await open_shop(BOXES, schema=SCHEMA)
    assert await shop.ask("{ box(id: 4) { everything } }") == {"box": {"everything": "4 b4"}}
    assert shop.lookups("a")[0].columns == ("id", "label", "outer_id")


def test_computed_fields_can_be_called_in_tests() -> None:
    row: Any = Order
    assert row(number="X", placed_at=None).title("My") == "My X of ?"
    assert row(total=Decimal(1)).total == Decimal(1)
    with pytest.raises(AttributeError, match=r"Order\.number was not loaded"):
        _ = row(total=Decimal(1)).number
    with pytest.raises(TypeError, match="Order has no column 'lines'; it has id, number,"):
        row(lines=[])


async def test_aggregate_by_needs_an_entity() -> None:
    context: Any = None
    with pytest.raises(SchemaError, match="aggregate_by: int is not an entity"):
        await aggregate_by(context, int, Order, "x", by="y", keys=[])  # type: ignore[arg-type]


def test_what_each_field_needs() -> None:
    definition = entity_of(Box)
    assert definition is not None
    assert definition.needs == {
        "id": ("id",),
        "label": ("label",),
        "outerId": ("outer_id",),
        "outer": ("outer_id",),
        "outerAggregate": ("outer_id",),
        "inner": ("id",),
        "innerAggregate": ("id",),
        "path": ("label", "outer_id"),
        "short": (),
        "depth": ("outer_id",),
        "forgetful": ("id",),
    }
