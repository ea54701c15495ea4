"""Change feeds on their way to those who follow them."""

from datasources.events.announced import Announced
from datasources.events.hub import Batch, Follower, Hub

__all__ = ["Announced", "Batch", "Follower", "Hub"]
