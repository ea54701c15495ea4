"""What random graphs are put together from: leaves, inputs and dataclasses."""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from inspect import Parameter
from typing import Any, Generic, NewType, TypeVar
from uuid import UUID

import strawberry
from strawberry.scalars import JSON
from strawberry.types import Info
from strawberry.types.scalar import ScalarDefinition

from resolvers import BigInt
from tests.gateway.sameness.data import WORLD, Leaf

T = TypeVar("T")

Temperature = NewType("Temperature", float)


def _read_temperature(value: Any) -> float:
    if not isinstance(value, str) or not value.endswith("C"):
        raise ValueError(f"{value!r} is no temperature")
    return float(value[:-1])


TEMPERATURE: ScalarDefinition = strawberry.scalar(
    name="Temperature", serialize=lambda value: f"{value:.1f}C", parse_value=_read_temperature
)


@strawberry.enum
class Colour(Enum):
    """Values that are no strings."""

    RED = 1
    GREEN = (0, 255, 0)
    BLUE = "blue"


class Shade(Enum):
    """An enum of columns: values are strings."""

    LIGHT = "light"
    DARK = "dark"


strawberry.enum(Shade)


@strawberry.input
class Span:
    """Defaults of every kind."""

    low: int = 1
    high: int | None = None
    step: float | None = strawberry.UNSET


@strawberry.input
class Wish:
    """Nested inputs, lists, enums, scalars."""

    text: str
    span: Span | None = strawberry.UNSET
    spans: list[Span] | None = None
    colours: list[Colour | None] = strawberry.field(default_factory=lambda: [Colour.RED])
    warmth: Temperature | None = None
    when: datetime | None = None
    inner: "Wish | None" = None


@strawberry.input(one_of=True)
class Pick:
    """Exactly one of these."""

    number: int | None = strawberry.UNSET
    name: str | None = strawberry.UNSET
    span: Span | None = strawberry.UNSET


ARGUMENTS: Sequence[tuple[Any, Any]] = (
    (int, Parameter.empty),
    (int | None, None),
    (int, 5),
    (str | None, "some"),
    (float | None, strawberry.UNSET),
    (bool, False),
    (strawberry.ID | None, None),
    (Colour, Colour.BLUE),
    (Colour | None, Parameter.empty),
    (list[int], Parameter.empty),
    (list[list[int | None]] | None, None),
    (list[Colour], (Colour.RED, Colour.BLUE)),
    (Wish | None, None),
    (Wish, Parameter.empty),
    (Span, Parameter.empty),
    (Pick | None, None),
    (JSON | None, None),
    (Decimal | None, Decimal("1.5")),
    (Temperature | None, None),
    (datetime | None, None),
)
"""Annotations and defaults of arguments."""


@strawberry.type
class Box(Generic[T]):
    """A generic dataclass, with values as they are."""

    value: T
    others: list[T | None]

    @strawberry.field
    def size(self) -> int:
        return len(self.others)


@strawberry.type
class Point:
    """A plain dataclass."""

    x: int
    y: float | None = None
    tags: list[str] = strawberry.field(default_factory=list)

    @strawberry.field
    def shown(self, info: Info, digits: int = 1) -> str:
        return f"{info.field_name} {self.x}/{digits}"


def point(rng: random.Random) -> Point:
    """A point, which in a troubled world is not always what its annotations say."""
    world = WORLD.get()
    strange = world.trouble > 0 and rng.random() < world.risk
    x: Any = rng.choice(("x", None, 2**31, 1.0, True)) if strange else rng.randrange(10)
    return Point(x=x, y=rng.choice((None, 0.5, 2, -1.5)), tags=rng.choice(([], ["a"], ["a", "b"])))


def _choice(*values: Any) -> Callable[[random.Random], Any]:
    return lambda rng: rng.choice(values)


def _scalar(annotation: Any, value: Callable[[random.Random], Any], wrong: Sequence[Any]) -> Leaf:
    return Leaf(annotation, value, wrong, is_scalar=True)


LEAVES: Sequence[Leaf] = (
    _scalar(int, _choice(0, 1, -7, 2**31 - 1), (2**31, -(2**31) - 1, "12", "x", "", 1.0, 1.5, True, [], float("nan"))),
    _scalar(float, _choice(0.0, 1.5, 3, -1e300), (float("nan"), float("inf"), "1.5", "x", True, {}, 10**400)),
    _scalar(str, _choice("", "a", "é\u2028", "a\nb"), (1, 1.5, True, [], {"a": 1}, b"bytes", object, Colour.BLUE)),
    _scalar(bool, _choice(True, False), (0, 1, 2.5, "true", [], float("nan"))),
    _scalar(strawberry.ID, _choice("1", "x", 7), (1.0, 1.5, True, [], -3)),
    _scalar(Colour, _choice(*Colour), ("RED", 1, "blue", "unknown", Shade.DARK, [], (0, 255, 0))),
    _scalar(Shade, _choice(*Shade), ("LIGHT", "light", "unknown", Colour.RED, 3)),
    _scalar(Decimal, _choice(Decimal("1.50"), Decimal(0), Decimal("-1E+2")), (1.5, "x", 3, None, Decimal("NaN"))),
    _scalar(datetime, _choice(datetime(2026, 1, 5, tzinfo=UTC)), (datetime(2026, 1, 5), "2026", 5)),
    _scalar(date, _choice(date(2026, 1, 5)), ("2026-01-05", 5, datetime(2026, 1, 5, tzinfo=UTC))),
    _scalar(UUID, _choice(UUID(int=5)), ("x", 5)),
    _scalar(BigInt, _choice(0, 2**60), ("x", 1.5, True)),
    _scalar(JSON, _choice({"b": [1, None], "a": 2}, [], "x", 0, False), (float("nan"), None)),
    _scalar(Temperature, _choice(1.5, 20, -3.25), ("hot", [], None)),
)
