"""Resolvers, permissions, field extensions and batched functions, as an author of a schema would write them."""

import inspect
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.permission import BasePermission
from strawberry.types import Info
from strawberry.utils.await_maybe import await_maybe

from tests.gateway.sameness.data import WORLD, Ref, World, identity, produce, ticking

PARENT: Any = strawberry.Parent[Any]  # type: ignore[misc]


@dataclass(frozen=True)
class Resolver:
    """How a resolver is written; what it returns is up to the world."""

    name: str
    owner: str
    ref: Ref
    arguments: Mapping[str, tuple[Any, Any]]
    takes: str
    """How it gets its parent: `self`, `root`, `parent` or not at all."""
    info: bool
    is_async: bool
    writes: bool = False
    reads: tuple[str, ...] = ()
    """Attributes of its parent that the value depends on."""

    def function(self) -> Callable[..., Any]:
        """A function with the signature that the resolver would be written with."""
        made = self._async() if self.is_async else self._sync()
        parameters = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD)] if self.takes == "self" else []
        if self.takes == "root":
            parameters.append(Parameter("root", Parameter.POSITIONAL_OR_KEYWORD))
        if self.takes == "parent":
            parameters.append(Parameter("parent", Parameter.KEYWORD_ONLY, annotation=PARENT))
        if self.info:
            parameters.append(Parameter("info", Parameter.KEYWORD_ONLY, annotation=Info))
        parameters.extend(
            Parameter(name, Parameter.KEYWORD_ONLY, annotation=annotation, default=default)
            for name, (annotation, default) in self.arguments.items()
        )
        signed: Any = made
        signed.__signature__ = Signature(parameters, return_annotation=self.ref.annotation)
        signed.__name__ = self.name
        return made

    def _sync(self) -> Callable[..., Any]:
        def resolve(*sources: Any, info: Info | None = None, **given: Any) -> Any:
            return produce(self.ref, self._called(sources, info, given))

        return resolve

    def _async(self) -> Callable[..., Any]:
        async def resolve(*sources: Any, info: Info | None = None, **given: Any) -> Any:
            rng = self._called(sources, info, given)
            await ticking(rng.randrange(4))
            return produce(self.ref, rng)

        return resolve

    def _called(self, sources: tuple[Any, ...], info: Info | None, given: dict[str, Any]) -> random.Random:
        source = sources[0] if sources else given.pop("root", given.pop("parent", None))
        world: World = WORLD.get()
        read = [repr(getattr(source, name)) for name in self.reads]
        key = (self.owner, self.name, identity(source), repr(sorted(given.items())), *read)
        world.calls.append((*key, told(info)))
        if self.writes:
            world.journal.append(key)
        return world.random(*key)


def told(info: Info | None) -> Any:
    """What a resolver can learn from `info`."""
    if info is None:
        return None
    return (
        *(info.field_name, info.python_name, tuple(info.path.as_list()), info.path.typename),
        *(info._raw_info.parent_type.name, str(info._raw_info.return_type), len(info._raw_info.field_nodes)),
        repr(sorted(info.variable_values.items())),
        repr(info.selected_fields),
        info.operation.operation.value,
        sorted(info._raw_info.fragments),
        repr(info.root_value),
    )


class Allowed(BasePermission):
    """Denies one in four."""

    message = "not for you"
    error_extensions = {"code": "DENIED"}  # noqa: RUF012 - as authors write it

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        return WORLD.get().random("allowed", identity(source), info.field_name).random() < 0.75


class AllowedLater(BasePermission):
    """Denies one in four, after a while."""

    message = "not for you, later"

    async def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        await ticking(2)
        return WORLD.get().random("later", identity(source), info.field_name).random() < 0.75


class Fickle(BasePermission):
    """Raises, or answers what is no bool."""

    message = "who knows"

    def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
        world = WORLD.get()
        answer: Any = world.random("fickle", identity(source), info.field_name).choice((True, True, False, "yes", 0))
        if answer == 0 and world.trouble:
            raise LookupError("cannot tell")
        return answer if world.trouble else True


class Shouting(FieldExtension):
    """Changes what the resolver returned."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        found = next_(source, info, **kwargs)
        return f"{found}!" if isinstance(found, str) else found

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        found = await await_maybe(next_(source, info, **kwargs))
        return f"{found}!" if isinstance(found, str) else found


class Refusing(FieldExtension):
    """Does not always call the resolver."""

    def resolve(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        if self._refuses(source, info):
            raise PermissionError(f"refused {info.field_name}")
        return next_(source, info, **kwargs)

    async def resolve_async(self, next_: Callable[..., Any], source: Any, info: Info, **kwargs: Any) -> Any:
        if self._refuses(source, info):
            return None
        return await await_maybe(next_(source, info, **kwargs))

    def _refuses(self, source: Any, info: Info) -> bool:
        return WORLD.get().random("refuses", identity(source), info.field_name).random() < 0.1


def batched(name: str, owner: str, ref: Ref) -> Callable[..., Any]:
    """The function of a batched computed field."""

    async def batch(rows: list[Any], info: Info) -> list[Any]:
        world = WORLD.get()
        if world.trouble and world.random(owner, name, "batch").random() < world.risk:
            raise ValueError(f"{name} fails as a whole")
        return [_or_error(ref, world.random(owner, name, repr(row.id))) for row in rows]

    batch.__name__ = batch.__qualname__ = name
    inner: Any = ref.of.annotation
    batch.__annotations__["return"] = list[inner | None] if ref.nullable else list[inner]
    assert inspect.iscoroutinefunction(batch)
    return batch


def _or_error(ref: Ref, rng: random.Random) -> Any:
    world = WORLD.get()
    token = WORLD.set(World(world.seed, world.trouble, awaitable=False))
    try:
        return produce(ref, rng)
    except Exception as error:  # noqa: BLE001 - what is returned among the values is raised for its row
        return error
    finally:
        WORLD.reset(token)
