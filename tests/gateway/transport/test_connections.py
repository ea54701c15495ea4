"""Connections are counted, and told when the gateway stops."""

import asyncio

import pytest

from gateway.errors import ShuttingDown, TooManyConnections
from gateway.limits.errors import TooManyViewerConnections
from gateway.transport.connections import Connections
from resolvers.viewer import ANONYMOUS, Viewer

pytestmark = pytest.mark.anyio


async def stay() -> None:
    pass


def test_as_many_as_may_be() -> None:
    connections = Connections(2, 2)
    left = connections.join(stay)
    connections.join(stay)
    with pytest.raises(TooManyConnections, match="There are 2 sockets and event streams, as many as may be"):
        connections.join(stay)
    left()
    left()
    connections.join(stay)
    assert len(connections) == 2


def test_as_many_of_one_viewer_as_may_be() -> None:
    connections, ada = Connections(10, 2), Viewer(subject="ada")
    left = connections.join(stay, ada)
    connections.count(ada)
    with pytest.raises(TooManyViewerConnections, match="You have 2 sockets and event streams"):
        connections.join(stay, ada)
    with pytest.raises(TooManyViewerConnections):
        connections.count(ada)
    for other in (ANONYMOUS, ANONYMOUS, ANONYMOUS, Viewer(subject="bob")):
        connections.join(stay, other)
    left()
    connections.join(stay, ada)
    assert len(connections) == 5


async def test_drains_when_the_last_has_left_and_lets_nobody_in() -> None:
    connections, told = Connections(2, 2), asyncio.Event()

    async def leave() -> None:
        told.set()

    left = connections.join(leave)
    draining = asyncio.create_task(connections.drain())
    await told.wait()
    with pytest.raises(ShuttingDown):
        connections.join(stay)
    assert not draining.done()
    left()
    await draining


async def test_drains_at_once_when_nobody_is_there() -> None:
    await Connections(1, 1).drain()
