"""What a schema is written with: entities, their relations, and the fields that are made from them."""

from strawberry.scalars import JSON

from datasources.lookup import Function
from resolvers.caching import CacheControl
from resolvers.changes import subscription_type
from resolvers.columns import column
from resolvers.computed import computed
from resolvers.costs import Cost, ListSize
from resolvers.entity import entity
from resolvers.loaders import aggregate_by
from resolvers.mutation import mutation_type
from resolvers.query import query_type
from resolvers.relations import Connection, belongs_to, has_many, has_one, many_to_many
from resolvers.scalars import BigInt
from resolvers.viewer import Viewer
from resolvers.writes import Writes, validates

__all__ = [
    "JSON",
    "BigInt",
    "CacheControl",
    "Connection",
    "Cost",
    "Function",
    "ListSize",
    "Viewer",
    "Writes",
    "aggregate_by",
    "belongs_to",
    "column",
    "computed",
    "entity",
    "has_many",
    "has_one",
    "many_to_many",
    "mutation_type",
    "query_type",
    "subscription_type",
    "validates",
]
