"""Worlds: what resolvers return and what sources hold, all of it made up from one seed, wrong values included."""

import asyncio
import math
import random
import zlib
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from graphql import GraphQLError

from datasources.lookup import ColumnType
from resolvers.definition import Entity, EntityColumn, is_enum
from resolvers.errors import BadUserInput
from resolvers.rows import materialiser
from resolvers.types import list_of, optional

TROUBLE = (0.0, 0.02, 0.08, 0.25)
"""How likely a value is wrong, by a world's level of trouble."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """A type of output: how it is annotated, what makes values of it, and what it refuses (or should)."""

    annotation: Any
    value: Callable[[random.Random], Any]
    wrong: Sequence[Any] = (None,)
    is_scalar: bool = False


@dataclass(frozen=True, slots=True)
class Ref:
    """A use of a type: nullable or not, of a leaf or a list."""

    of: "Leaf | Ref"
    nullable: bool = True

    @property
    def annotation(self) -> Any:
        inner = list_of(self.of.annotation) if isinstance(self.of, Ref) else self.of.annotation
        return optional(inner) if self.nullable else inner


@dataclass
class World:
    """What there is, for the length of one operation, and what it has been asked."""

    seed: int
    trouble: int = 0
    awaitable: bool = True
    """Whether values may be awaitables, and lists async iterators."""
    calls: list[Any] = field(default_factory=list, repr=False)
    """Every call of a resolver, with its arguments and where it was made from."""
    journal: list[Any] = field(default_factory=list, repr=False)
    """What mutations did, in order."""

    def random(self, *key: Any) -> random.Random:
        return random.Random(zlib.crc32(repr((self.seed, key)).encode()))  # noqa: S311 - the same in every run

    def again(self) -> "World":
        return World(self.seed, self.trouble, self.awaitable)

    @property
    def risk(self) -> float:
        return TROUBLE[self.trouble]


WORLD: ContextVar[World] = ContextVar("world")


class Annoyed(ValueError):
    """An exception that carries extensions."""

    extensions = {"mood": "bad"}  # noqa: RUF012 - as authors write it


def complaint(rng: random.Random) -> Exception:
    """An exception that a resolver may raise, or return."""
    number = rng.randrange(100)
    made: Sequence[Callable[[], Exception]] = (
        lambda: ValueError(f"no {number}"),
        lambda: GraphQLError(f"said {number}", extensions={"number": number}),
        lambda: BadUserInput(f"bad {number}"),
        lambda: Annoyed(f"annoyed {number}"),
        KeyError,
    )
    return rng.choice(made)()


def identity(source: Any) -> int:
    """What the values of an object's fields depend on."""
    if source is None:
        return 0
    values = getattr(source, "__dict__", {})
    if "_ident" in values:
        return int(values["_ident"])
    return zlib.crc32(repr(values.get("id", type(source).__name__)).encode())


def make(cls: type, rng: random.Random) -> Any:
    """An instance of a plain type; attributes are made when they are asked for, scalars of eager types at once."""
    made: Any = object.__new__(cls)
    made.__dict__["_ident"] = rng.randrange(1 << 20)
    if getattr(cls, "__eager__", False):
        for name, ref in attributes_of(cls).items():
            if not _is_plain(ref):
                continue
            made.__dict__[name] = _settled(ref, WORLD.get().random(cls.__name__, name, made.__dict__["_ident"]))
    return made


def _is_plain(ref: Ref) -> bool:
    return _is_plain(ref.of) if isinstance(ref.of, Ref) else ref.of.is_scalar


def attributes_of(cls: type) -> Mapping[str, Ref]:
    found: Mapping[str, Ref] = getattr(cls, "__refs__", {})
    return found


def attribute(instance: Any, name: str) -> Any:
    """`__getattr__` of plain types."""
    ref = attributes_of(type(instance)).get(name)
    if ref is None:
        raise AttributeError(name)
    return produce(ref, WORLD.get().random(type(instance).__name__, name, identity(instance)))


def _settled(ref: Ref, rng: random.Random) -> Any:
    """A value that may be read any number of times."""
    world = WORLD.get()
    try:
        return _value(ref, rng, World(world.seed, world.trouble, awaitable=False), top=False)
    except Exception as error:  # noqa: BLE001 - an attribute may hold an exception
        return error


def produce(ref: Ref, rng: random.Random) -> Any:
    """The value of a field: mostly right, and in a troubled world sometimes anything else. May raise."""
    return _value(ref, rng, WORLD.get(), top=True)


def _value(ref: Ref, rng: random.Random, world: World, *, top: bool) -> Any:
    if world.trouble and rng.random() < world.risk:
        return _trouble(ref, rng, world, top=top)
    if ref.nullable and rng.random() < 0.12:
        return None
    if world.awaitable and rng.random() < 0.03:
        return Later(ref, rng.randrange(1 << 30), rng.randrange(3))
    if isinstance(ref.of, Leaf):
        return ref.of.value(rng)
    return _many(ref.of, rng, world, top=top)


def _many(item: Ref, rng: random.Random, world: World, *, top: bool) -> Any:
    items = [_value(item, rng, world, top=False) for _ in range(rng.choice((0, 1, 1, 2, 2, 3)))]
    shape = rng.random()
    if shape < 0.8 or not top:
        return items if shape < 0.7 else tuple(items)
    fails = complaint(rng) if world.trouble and rng.random() < world.risk else None
    if shape < 0.95 or not world.awaitable:
        return _one_by_one(items, fails)
    return _one_by_one_later(items, fails)


def _one_by_one(items: list[Any], fails: Exception | None) -> Iterator[Any]:
    yield from items
    if fails is not None:
        raise fails


async def _one_by_one_later(items: list[Any], fails: Exception | None) -> AsyncIterator[Any]:
    for item in items:
        await asyncio.sleep(0)
        yield item
    if fails is not None:
        raise fails


@dataclass(eq=False, slots=True)
class Later:
    """An awaitable value; no coroutine, so that it may be left alone where an error makes it pointless."""

    ref: Ref
    seed: int
    ticks: int

    def __await__(self) -> Generator[Any, None, Any]:
        return self._value().__await__()

    async def _value(self) -> Any:
        await ticking(self.ticks)
        world = WORLD.get()
        rng = random.Random(self.seed)  # noqa: S311 - the same in every run
        return _value(self.ref, rng, World(world.seed, world.trouble, awaitable=False), top=True)


async def ticking(ticks: int) -> None:
    for _ in range(ticks):
        await asyncio.sleep(0)


def _trouble(ref: Ref, rng: random.Random, world: World, *, top: bool) -> Any:
    kind = rng.random()
    if kind < 0.3:
        return None
    if kind < 0.5:
        return complaint(rng)
    if kind < 0.7 and top:
        raise complaint(rng)
    if isinstance(ref.of, Leaf):
        return rng.choice(ref.of.wrong)
    return rng.choice(("text", 7, {"a": 1}, object, ref.of.of.value(rng) if isinstance(ref.of.of, Leaf) else ()))


def rows_of(entities: Sequence[Entity], world: World) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Rows for every collection, by source."""
    counts = {entity.name: world.random("rows", entity.name).choice((0, 1, 3, 5, 7)) for entity in entities}
    made: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for entity in entities:
        rng = world.random(entity.name)
        made.setdefault(entity.source, {})[entity.collection_name] = [
            {name: _cell(entity, column, rng, world, counts, n) for name, column in entity.by_column.items()}
            for n in range(1, counts[entity.name] + 1)
        ]
    return made


def key_of(entity: Entity, n: int) -> Any:
    return {ColumnType.STRING: f"k-{n}", ColumnType.UUID: UUID(int=n)}.get(entity.key_type, n)


def _cell(
    entity: Entity, column: EntityColumn, rng: random.Random, world: World, counts: Mapping[str, int], n: int
) -> Any:
    if column.column.name == entity.key:
        return key_of(entity, n)
    if rng.random() < (0.2 if column.column.nullable else world.risk / 2):
        return None
    if column.refers_to is not None:
        target = column.refers_to()
        return key_of(target, rng.randint(1, counts[target.name] + 1))
    if is_enum(column.annotation):
        return "unheard of" if rng.random() < world.risk / 2 else rng.choice(list(column.annotation)).value
    return rng.choice(CELLS[column.column.type] + (STRANGE.get(column.column.type, ()) if world.trouble else ()))


CELLS: Mapping[ColumnType, tuple[Any, ...]] = {
    ColumnType.STRING: ("", "a", "B", "abc", "É", 'quo"te', "line\nbreak", "\u2028"),
    ColumnType.INTEGER: (-1, 0, 1, 2, 7, 2**31 - 1),
    ColumnType.BIGINT: (0, 1, -(2**63), 2**53 + 1),
    ColumnType.FLOAT: (0.0, -0.0, 1.5, 1e300, 2.0, -3.25),
    ColumnType.BOOLEAN: (True, False),
    ColumnType.DECIMAL: (Decimal("0.00"), Decimal("7.50"), Decimal("-1.00"), Decimal("12345678901234567890.12")),
    ColumnType.DATETIME: (
        datetime(2026, 1, 5, 8, 30, tzinfo=UTC),
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(2025, 12, 31, 23, 59, 59, 250000, UTC),
    ),
    ColumnType.DATE: (date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31)),
    ColumnType.UUID: (UUID(int=0), UUID(int=77), UUID("123e4567-e89b-42d3-a456-426614174000")),
    ColumnType.JSON: ({"a": [1, None]}, [], "text", 0, False, {"": {"é": 1.5}}),
}
STRANGE: Mapping[ColumnType, tuple[Any, ...]] = {
    ColumnType.INTEGER: (2**31, -(2**31) - 1, 2**40),
    ColumnType.FLOAT: (math.nan, math.inf),
}


def row_of(entity: Entity, rng: random.Random) -> Any:
    """An instance of an entity with all of its columns, as a hand-written resolver might return one."""
    world = WORLD.get()
    counts = {target.name: 5 for target in entity.targets.values()}
    n = rng.randint(1, 6)
    row = tuple(_cell(entity, column, rng, world, counts, n) for column in entity.by_column.values())
    return materialiser(entity, entity.column_names)([row])[0]
