"""REST services: what may be asked of them, how their collections are reached, and the source."""

from datasources.rest.resource import REST_CAPABILITIES, Batch, Resource
from datasources.rest.source import RestSource

__all__ = ["REST_CAPABILITIES", "Batch", "Resource", "RestSource"]
