"""What one operation carries with it: the datasources, its loaders, and how large pages may be."""

import asyncio
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from graphql import GraphQLResolveInfo

from datasources.registry import Registry
from resolvers.viewer import ANONYMOUS, Viewer

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PageSizes:
    """Rows a page holds when the client does not say, and at most; groups an aggregate may have at most."""

    default: int = 50
    maximum: int = 500
    groups: int = 10_000


@dataclass(frozen=True, slots=True)
class Idempotency:
    """By what a client's repeated request is recognised."""

    key: str
    digest: bytes
    """Of the request: the same key with another one is a mistake."""


@dataclass(slots=True)
class Context:
    """`info.context` of one operation. Nothing in it outlives the operation."""

    sources: Registry
    page_sizes: PageSizes = field(default_factory=PageSizes)
    idempotency: Idempotency | None = None
    viewer: Viewer = ANONYMOUS
    memory: dict[Hashable, Any] = field(default_factory=dict)
    """Loaders, and what a field has worked out once for all of its parents."""
    batches: set[asyncio.Task[Any]] = field(default_factory=set)
    """What loaders have under way: tasks of their own, which nobody's cancellation reaches."""

    def cancel(self) -> None:
        """Give up what is under way, when nobody waits for the operation any more."""
        for batch in self.batches:
            batch.cancel()

    def within(self, sources: Registry) -> "Context":
        """A context of what is read from `sources`, without anything that was read before."""
        return Context(sources, self.page_sizes, viewer=self.viewer, batches=self.batches)

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` returned the first time that `key` was asked for."""
        try:
            found: T = self.memory[key]
        except KeyError:
            found = self.memory[key] = make()
        return found


ResolveInfo = GraphQLResolveInfo[Context]
