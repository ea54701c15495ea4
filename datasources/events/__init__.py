"""Change feeds on their way to those who follow them."""

from datasources.events.hub import Batch, Follower, Hub

__all__ = ["Batch", "Follower", "Hub"]
