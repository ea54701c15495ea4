"""Runs an operation on graphql-core and on other engines, and notes all that is to be seen of it."""

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import strawberry
from graphql import DocumentNode, GraphQLError, GraphQLOutputType, GraphQLSchema, is_list_type, is_non_null_type, parse
from graphql.execution import ExecutionResult, Executor, execute
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from datasources.errors import SourceUnavailable
from datasources.lookup import AggregateLookup, Lookup
from datasources.memory import MemorySource
from datasources.registry import Registry
from resolvers.context import Context, PageSizes
from tests.gateway.sameness.data import WORLD, World, rows_of
from tests.gateway.sameness.operations import Operation
from tests.gateway.sameness.schemas import Graph
from tests.support.sources import Counted, Failing

ADDRESS = re.compile(r"0x[0-9a-f]+")
Position = tuple[str | int, ...]


@dataclass
class Told:
    """An answer with everything that was seen of how it came about."""

    data: str
    errors: list[Any]
    world: World
    lookups: int
    content: Any = None
    awaited: bool = True
    nulled: list[Position | None] = field(default_factory=list)
    """What each of the errors nulls; only told by the run without propagation."""


class _Exhaustive(StrawberryGraphQLCoreExecutionContext):
    """graphql-core without error propagation, that notes the types of the positions that it passes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.error_propagation = False
        self.types: dict[Path, GraphQLOutputType] = {}
        _Exhaustive.last = self

    last: "_Exhaustive"

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Path, *rest: Any) -> Any:
        definition = self.schema.get_field(parent_type, details[0].node.name.value)
        if definition is not None:
            self.types[path] = definition.type
        return super().execute_field(parent_type, source, details, path, *rest)

    def nulled(self, path: Path | None) -> Position | None:
        """The nearest nullable position at or above `path`; None when that is the answer's data."""
        while path is not None and is_non_null_type(self._type(path)):
            path = path.prev
        return None if path is None else tuple(path.as_list())

    def _type(self, path: Path) -> GraphQLOutputType:
        if path in self.types:
            return self.types[path]
        assert path.prev is not None
        outer: Any = self._type(path.prev)
        outer = outer.of_type if is_non_null_type(outer) else outer
        assert is_list_type(outer)
        return outer.of_type  # type: ignore[no-any-return]

    def handle_field_error(self, raw_error: Exception, return_type: Any, details: Any, path: Path) -> None:
        before = len(self.collected_errors.errors)
        super().handle_field_error(raw_error, return_type, details, path)
        if len(self.collected_errors.errors) > before:
            self.nulled_by_error.append(self.nulled(path))

    @property
    def nulled_by_error(self) -> list[Position | None]:
        noted: list[Position | None] = self.__dict__.setdefault("_nulled_by_error", [])
        return noted


def error_of(error: GraphQLError) -> Any:
    """All that is compared of an error."""
    return (
        ADDRESS.sub("0x", error.message),
        None if error.path is None else tuple(error.path),
        tuple((at.line, at.column) for at in error.locations or ()),
        type(error.original_error).__name__,
        repr(error.extensions),
    )


@dataclass
class Case:
    """An operation over a graph, in a world."""

    graph: Graph
    operation: Operation
    world: World
    failing: tuple[str, ...] = ()
    """Collections whose source fails."""

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        """How hypothesis shows it."""
        printer.text(f"graph {self.graph.number}, {self.world}, away: {self.failing}, {self.operation}")

    @property
    def core(self) -> GraphQLSchema:
        return self.graph.schema(strawberry.Schema)._schema

    def context(self) -> tuple[Context, list[Counted]]:
        """A fresh context, and its sources."""
        rows = rows_of(self.graph.entities, self.world)
        sources: list[Counted] = []
        for name, collections in rows.items():
            entities = [entity for entity in self.graph.entities if entity.source == name]
            columns = {e.collection_name: {c.name: c.type for c in e.collection.columns} for e in entities}
            memory = MemorySource(name, collections, columns=columns, capabilities=entities[0].capabilities)
            broken = SourceUnavailable(name, "is away")
            sources.append(Failing(memory, broken, of=self.failing))
        return Context(Registry({each.name: each for each in sources}), PageSizes(3, 6, 8)), sources


Run = Callable[[Mapping[str, Any], Context], "ExecutionResult | Awaitable[Any]"]


async def _told(case: Case, variables: Mapping[str, Any], run: Run) -> Told:
    context, sources = case.context()
    for source in sources:
        await source.open()
    world = case.world.again()
    token = WORLD.set(world)
    try:
        answer = run(variables, context)
        awaited = inspect.isawaitable(answer)
        result: Any = await answer if inspect.isawaitable(answer) else answer
        await _give_up_the_rest()
    finally:
        WORLD.reset(token)
    errors = [error_of(error) for error in result.errors or ()]
    return Told(repr(result.data), errors, world, sum(_count(each.lookups) for each in sources), result.data, awaited)


def _count(lookups: Sequence[Lookup | AggregateLookup]) -> int:
    """Those count once that differ but in whether they read the key: the standard engine always does."""
    known: dict[Any, set[tuple[str, ...]]] = {}
    count = 0
    for each in lookups:
        columns: tuple[str, ...] = ()
        alike: Any = None
        if isinstance(each, Lookup):
            columns = each.columns
            others = tuple(name for name in columns if name != each.collection.key)
            alike = replace(each, columns=others, keys=(), wire=frozenset())
        found = known.setdefault(alike, set())
        count += not found or columns in found
        found.add(columns)
    return count


async def _give_up_the_rest() -> None:
    """Ends what an engine left under way when it had answered."""
    while pending := asyncio.all_tasks() - {asyncio.current_task()}:
        for task in pending:
            task.cancel()
        await asyncio.wait(pending)


@lru_cache(maxsize=8)
def _parsed(document: str) -> DocumentNode:
    return parse(document)


def _core(case: Case, executor: type[Executor[Any]]) -> Run:
    def run(variables: Mapping[str, Any], context: Context) -> Any:
        return execute(
            case.core,
            _parsed(case.operation.document),
            variable_values=dict(variables),
            operation_name=case.operation.name,
            context_value=context,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type]
            executor_class=executor,
        )

    return run


async def possible(case: Case, variables: Mapping[str, Any]) -> Told:
    """What graphql-core does when errors do not propagate: all errors that could occur."""
    told = await _told(case, variables, _core(case, _Exhaustive))
    if told.errors and told.content is not None:
        executor = _Exhaustive.last
        told.nulled = list(executor.nulled_by_error)
        told.nulled.extend(None for _ in range(len(told.errors) - len(told.nulled)))
    return told


async def standard(case: Case, variables: Mapping[str, Any]) -> Told:
    """What graphql-core answers."""
    return await _told(case, variables, _core(case, StrawberryGraphQLCoreExecutionContext))


async def other(case: Case, variables: Mapping[str, Any], cls: type[strawberry.Schema], *, sync: bool = False) -> Told:
    """What a schema of this class answers."""
    schema = case.graph.schema(cls)

    def run(variables: Mapping[str, Any], context: Context) -> Any:
        door: Any = schema.execute_sync if sync else schema.execute
        return door(
            case.operation.document,
            variable_values=dict(variables),
            context_value=context,
            operation_name=case.operation.name,
        )

    return await _told(case, variables, run)
