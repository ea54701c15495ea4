"""Random graphs: entities in several sources, and plain Strawberry types of every kind around them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cache, partial
from typing import Annotated, Any, Union

import strawberry
from strawberry.annotation import StrawberryAnnotation
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.permission import PermissionExtension
from strawberry.schema.config import StrawberryConfig

from resolvers import query_type
from resolvers.definition import Entity, entity_of
from resolvers.query import entities_of
from resolvers.scalars import SCALARS
from resolvers.types import deferred
from tests.gateway.sameness.data import Leaf, Ref, attribute, make, row_of
from tests.gateway.sameness.entities import EntityWriter
from tests.gateway.sameness.plain import ARGUMENTS, LEAVES, TEMPERATURE, Box, Point, Temperature, point
from tests.gateway.sameness.written import Allowed, AllowedLater, Fickle, Refusing, Resolver, Shouting

CONFIG = StrawberryConfig(scalar_map={**SCALARS, Temperature: TEMPERATURE})
PARSER_CACHE, VALIDATION_CACHE = ParserCache(maxsize=50), ValidationCache(maxsize=50)
"""So that the second set of variables meets the same document."""
INT_BOX = StrawberryAnnotation(Box[int]).resolve()


@dataclass
class Graph:
    """A random graph, from which schemas of several classes can be made."""

    number: int
    query: type
    mutation: type
    types: Sequence[type]
    entities: Sequence[Entity]
    schemas: dict[type[strawberry.Schema], strawberry.Schema] = field(default_factory=dict)

    def schema(self, cls: type[strawberry.Schema]) -> strawberry.Schema:
        if cls not in self.schemas:
            self.schemas[cls] = cls(
                query=self.query,
                mutation=self.mutation,
                types=self.types,
                config=CONFIG,
                extensions=[lambda: PARSER_CACHE, lambda: VALIDATION_CACHE],
            )
        return self.schemas[cls]


@cache
def graph(number: int) -> Graph:
    """The graph with this number. One in four has neither entities nor anything asynchronous."""
    return _Builder(number).build()


class _Builder:
    def __init__(self, number: int) -> None:
        self.number = number
        self.rng = rng = random.Random(number)  # noqa: S311 - the same graphs in every run
        self.is_sync = number % 4 == 0
        self.entities: dict[str, type] = {}
        self.classes: dict[str, type] = {"Point": Point}
        self.interfaces = [f"Face{n}" for n in range(rng.randint(0, 2))]
        self.plain = [f"Plain{n}" for n in range(rng.randint(2, 4))]
        self.composite: list[Leaf] = [Leaf(Point, point, (None, 5, {"x": 1}))]

    def build(self) -> Graph:
        entities = [] if self.is_sync else self._entities()
        self._composites(entities)
        for name in (*self.interfaces, *self.plain):
            self.classes[name] = self._plain(name)
        base = None
        if not self.is_sync:
            writer = EntityWriter(self.rng, self._ref, self._resolver, self.entities)
            base = query_type(*writer.classes(entities))
        query = self._root("Query", base)
        mutation = self._root("Mutation", None)
        return Graph(self.number, query, mutation, [self.classes[name] for name in self.plain], entities_of(query))

    def _composites(self, entities: Sequence[str]) -> None:
        """Leaves that yield objects; they refer to classes that are made later."""
        rng = self.rng
        others: Sequence[Any] = ({"a": 1}, 5, "text", object, Point(x=1))
        for name in self.plain:
            self.composite.append(Leaf(self._later(name), self._maker(name), others))
        for name in self.interfaces:
            self.composite.append(Leaf(self._later(name), lambda rng: self._any_plain(rng), others))
        if rng.random() < 0.7:
            members = rng.sample([*self.plain, "Point"], 2)
            union = deferred("Either", cache(lambda: self._union(members)))
            self.composite.append(Leaf(union, lambda rng: self._one(rng, rng.choice(members)), (*others, *[None] * 2)))
        boxed = rng.choice(self.plain)
        box = deferred("Box", cache(lambda: StrawberryAnnotation(_box_of(self.classes[boxed])).resolve()))
        self.composite.append(
            Leaf(box, lambda rng: Box(value=self._one(rng, boxed), others=[None, self._one(rng, boxed)]), others)
        )
        self.composite.append(
            Leaf(
                INT_BOX,
                lambda rng: Box(value=rng.randrange(9), others=[1, None]),
                (Box(value="x", others=[{}]), *others),
            )
        )
        for name in entities:
            leaf = Leaf(deferred(name, partial(self.entities.__getitem__, name)), self._row_maker(name), (5, {"id": 1}))
            self.composite.append(leaf)

    def _later(self, name: str) -> Any:
        return deferred(name, lambda: self.classes[name])

    def _union(self, members: Sequence[str]) -> Any:
        classes = tuple(self.classes[name] for name in members)
        return StrawberryAnnotation(Annotated[Union[classes], strawberry.union("Either")]).resolve()  # noqa: UP007

    def _maker(self, name: str) -> Callable[[random.Random], Any]:
        return lambda rng: self._one(rng, name)

    def _row_maker(self, name: str) -> Callable[[random.Random], Any]:
        def made(rng: random.Random) -> Any:
            definition = entity_of(self.entities[name])
            assert definition is not None
            return row_of(definition, rng)

        return made

    def _one(self, rng: random.Random, name: str) -> Any:
        return point(rng) if name == "Point" else make(self.classes[name], rng)

    def _any_plain(self, rng: random.Random) -> Any:
        """One of the plain types, most of which implement the interfaces."""
        return make(self.classes[rng.choice(self.plain)], rng)

    def _ref(self, *, leaf: bool = False, depth: int = 2) -> Ref:
        rng = self.rng
        nullable = rng.random() < 0.55
        if depth and rng.random() < 0.3:
            return Ref(self._ref(leaf=leaf, depth=depth - 1), nullable)
        of = rng.choice(LEAVES if leaf or rng.random() < 0.4 else self.composite)
        return Ref(of, nullable)

    def _plain(self, name: str) -> type:
        """A plain type or interface: attributes, and resolvers."""
        rng = self.rng
        parents = (
            ()
            if name in self.interfaces
            else tuple(self.classes[face] for face in self.interfaces if rng.random() < 0.75)
        )
        annotations: dict[str, Any] = {}
        refs: dict[str, Ref] = {key: ref for parent in parents for key, ref in getattr(parent, "__refs__", {}).items()}
        namespace: dict[str, Any] = {"__annotations__": annotations, "__module__": __name__, "__getattr__": attribute}
        namespace["__repr__"] = lambda instance: f"<{name} {instance.__dict__.get('_ident')}>"
        prefix = name.lower()
        for n in range(rng.randint(1, 4)):
            ref = refs[f"{prefix}_a{n}"] = self._ref(leaf=rng.random() < 0.6)
            annotations[f"{prefix}_a{n}"] = ref.annotation
        for n in range(rng.randint(0, 3)):
            namespace[f"{prefix}_r{n}"] = self._resolver(f"{prefix}_r{n}", name)
        namespace["__refs__"] = refs
        namespace["__eager__"] = rng.random() < 0.4
        decorate = strawberry.interface if name in self.interfaces else strawberry.type
        return decorate(type(name, parents, namespace))

    def _resolver(self, name: str, owner: str, *, root: bool = False, writes: bool = False) -> Any:
        rng = self.rng
        arguments = {f"arg_{n}": rng.choice(ARGUMENTS) for n in range(rng.choice((0, 0, 1, 2)))}
        ref = self._ref()
        made = Resolver(
            name=name,
            owner=owner,
            ref=ref,
            arguments=arguments,
            takes=rng.choice(("self", "self", "root", "parent", "none")) if not root else rng.choice(("self", "none")),
            info=rng.random() < 0.3,
            is_async=not self.is_sync and rng.random() < 0.35,
            writes=writes,
        )
        extra: dict[str, Any] = {}
        chance = rng.random()
        if chance < 0.15:
            kinds = (Allowed, Fickle) if self.is_sync else (Allowed, AllowedLater, Fickle)
            extra["permission_classes"] = rng.sample(kinds, rng.randint(1, 2))
        elif chance < 0.3:
            extensions: list[Any] = [Shouting(), Refusing()]
            if ref.nullable:
                extensions.append(PermissionExtension(permissions=[Allowed()], fail_silently=True))
            extra["extensions"] = rng.sample(extensions, rng.randint(1, 2))
        return strawberry.field(resolver=made.function(), **extra)

    def _root(self, name: str, base: type | None) -> type:
        fields = {
            f"{name.lower()}_{n}": self._resolver(f"{name.lower()}_{n}", name, root=True, writes=name == "Mutation")
            for n in range(self.rng.randint(4, 7))
        }
        parents = () if base is None else (base,)
        return strawberry.type(type(name, parents, {**fields, "__module__": __name__}), name=name)

    def _entities(self) -> list[str]:
        return [f"Ent{n}" for n in range(self.rng.randint(2, 4))]


def _box_of(inner: Any) -> Any:
    return Box[inner]
