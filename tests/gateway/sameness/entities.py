"""Random entities, linked with each other across sources."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from strawberry.scalars import JSON

from datasources.base import EVERYTHING_CAPABLE, Capabilities
from datasources.filters import Operator
from resolvers import BigInt, belongs_to, column, computed, entity, has_many, has_one, many_to_many
from resolvers.annotations import Connection as Connection  # a name in the annotations of entities
from tests.gateway.sameness.data import Ref
from tests.gateway.sameness.plain import ARGUMENTS, LEAVES, Shade
from tests.gateway.sameness.written import Resolver, batched

COLUMNS: Sequence[Any] = (str, int, float, bool, Decimal, datetime, date, UUID, JSON, BigInt, Shade)
CAPABILITIES = (
    EVERYTHING_CAPABLE,
    EVERYTHING_CAPABLE,
    Capabilities(frozenset(Operator), count=False, null_order=False),
    Capabilities(frozenset({Operator.EQ, Operator.IN, Operator.IS_NULL}), aggregates=False, exists=False),
)


@dataclass
class EntityWriter:
    """Makes entities, with fields by `ref` and `resolver` beside their columns and relations."""

    rng: random.Random
    ref: Callable[..., Ref]
    resolver: Callable[[str, str], Any]
    made: dict[str, type]

    def classes(self, names: Sequence[str]) -> list[type]:
        """Entities with links between any two of them, themselves included, and a junction."""
        rng = self.rng
        sources = {name: f"s{rng.randrange(3)}" for name in names}
        capable = {f"s{n}": rng.choice(CAPABILITIES) for n in range(3)}
        spaces = {name: self._columns(name) for name in names}
        for n in range(rng.randint(2, 5)):
            child, parent = rng.choice(names), rng.choice(names)
            fk = f"ref{n}_id"
            _declare(spaces[child], f"up{n}", f"{parent} | None", belongs_to(by=fk))
            shape = rng.choice((f"Connection[{child}]", f"Connection[{child}]", f"list[{child}]", f"{child} | None"))
            made = has_one(by=fk) if shape.endswith("None") else has_many(by=fk)
            if rng.random() < 0.85:
                _declare(spaces[parent], f"down{n}", shape, made)
        one, other = rng.choice(names), rng.choice(names)
        junction = {"__annotations__": {}, "__module__": __name__}
        _declare(junction, "one", f"{one} | None", belongs_to(by="one_id"))
        _declare(junction, "other", f"{other} | None", belongs_to(by="other_id"))
        sources["Junction"], spaces["Junction"] = sources[other], junction
        shape = rng.choice((f"Connection[{other}]", f"list[{other}]"))
        _declare(spaces[one], "linked", shape, many_to_many(through="Junction", by="one_id", to="other_id"))
        for name, space in spaces.items():
            natural = [key for key in space["__annotations__"] if key.startswith("str_")][:1]
            declared: type = entity(
                f"{sources[name]}.{name.lower()}s",
                key=rng.choice(("id", "nr")),
                natural_keys=natural,
                capabilities=capable[sources[name]],
            )(type(name, (), space))
            self.made[name] = declared
        return list(self.made.values())

    def _columns(self, name: str) -> dict[str, Any]:
        rng = self.rng
        annotations: dict[str, Any] = {"id": rng.choice((int, int, str, UUID))}
        space: dict[str, Any] = {"__annotations__": annotations, "__module__": __name__}
        kinds = rng.sample(COLUMNS, rng.randint(2, 5))
        for kind in kinds:
            attribute_name = f"{kind.__name__.lower()}_{name.lower()}"
            annotations[attribute_name] = kind | None if rng.random() < 0.5 else kind
            if kind is Decimal:
                space[attribute_name] = column(scale=2)
            elif rng.random() < 0.2:
                space[attribute_name] = column(f"c_{attribute_name}")
        columns = [key for key in annotations if key != "id"]
        for n in range(rng.randint(0, 2)):
            self._computed(space, name, f"comp{n}", tuple(rng.sample(columns, rng.randint(0, 2))))
        if rng.random() < 0.5:
            leaf = rng.choice(LEAVES[:5])
            space["many"] = computed(needs=(), batched=True)(
                staticmethod(batched("many", name, Ref(leaf, rng.random() < 0.7)))
            )
        for n in range(rng.randint(0, 2)):
            space[f"own{n}"] = self.resolver(f"own{n}", name)
        return space

    def _computed(self, space: dict[str, Any], owner: str, name: str, reads: tuple[str, ...]) -> None:
        rng = self.rng
        made = Resolver(
            name=name,
            owner=owner,
            ref=self.ref(leaf=rng.random() < 0.7),
            arguments={"arg": rng.choice(ARGUMENTS)} if rng.random() < 0.4 else {},
            takes="self",
            info=rng.random() < 0.3,
            is_async=rng.random() < 0.25,
            reads=reads,
        )
        space[name] = computed(needs=reads)(made.function())


def _declare(space: dict[str, Any], name: str, annotation: str, spec: Any) -> None:
    space["__annotations__"][name] = annotation
    space[name] = spec
