"""The graph that a gateway serves: found by the name of its module, or made of a query type."""

import importlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strawberry.schema.config import StrawberryConfig

from gateway.errors import ConfigError
from gateway.execution.schema import Schema
from resolvers.definition import Entity
from resolvers.query import entities_of
from resolvers.scalars import SCALARS


@dataclass(frozen=True, slots=True)
class Graph:
    """A schema, the entities that it is made of, and documents that show what can be asked."""

    schema: Schema
    entities: tuple[Entity, ...]
    examples: Sequence[tuple[str, str]] = ()
    """(title, document) of each."""


def make_graph(
    query: type,
    examples: Sequence[tuple[str, str]] = (),
    subscription: type | None = None,
    mutation: type | None = None,
) -> Graph:
    """The graph of a query type that `resolvers.query_type` made, and Strawberry types of subscriptions and mutations.

    Raises SchemaError.
    """
    config = StrawberryConfig(scalar_map=SCALARS)
    schema = Schema(query=query, mutation=mutation, subscription=subscription, config=config)
    return Graph(schema, entities_of(query), examples)


def load_graph(module_name: str) -> Graph:
    """The graph of a module that has `Query`, looked for in the working directory too. Raises ConfigError."""
    folder = str(Path.cwd())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise
        raise ConfigError(f"graph: there is no module {module_name!r} in {folder} or among the packages.") from None
    query = getattr(module, "Query", None)
    if not isinstance(query, type) or not entities_of(query):
        raise ConfigError(
            f"graph: {module_name!r}, which is {module.__file__}, has no Query made by query_type(…)."
            + _other_distribution(module_name)
        )
    others = (getattr(module, name, None) for name in ("Subscription", "Mutation"))
    return make_graph(query, getattr(module, "EXAMPLES", ()), *others)


def _other_distribution(module_name: str) -> str:
    if module_name != "schema":
        return ""
    return " Another distribution is called 'schema', too: uninstall it, or install graphql-data-gateway after it."
