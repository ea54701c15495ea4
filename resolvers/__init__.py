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
from resolvers.policies import authenticated, claimed, policy, requires_roles, requires_scopes, unless
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
    "authenticated",
    "belongs_to",
    "claimed",
    "column",
    "computed",
    "entity",
    "has_many",
    "has_one",
    "many_to_many",
    "mutation_type",
    "policy",
    "query_type",
    "requires_roles",
    "requires_scopes",
    "subscription_type",
    "unless",
    "validates",
]
