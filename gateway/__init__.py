"""The GraphQL data gateway's server, and the schema that it executes by plans."""

from gateway.execution.schema import Schema

__all__ = ["Schema"]
