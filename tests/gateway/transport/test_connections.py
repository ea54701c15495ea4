"""Connections are counted, and told when the gateway stops."""

import asyncio

import pytest

from gateway.errors import ShuttingDown, TooManyConnections
from gateway.transport.connections import Connections

pytestmark = pytest.mark.anyio


async def stay() -> None:
    pass


def test_as_many_as_may_be() -> None:
    connections = Connections(2)
    left = connections.join(stay)
    connections.join(stay)
    with pytest.raises(TooManyConnections, match="There are 2 sockets and event streams, as many as may be"):
        connections.join(stay)
    left()
    left()
    connections.join(stay)
    assert len(connections) == 2


async def test_drains_when_the_last_has_left_and_lets_nobody_in() -> None:
    connections, told = Connections(2), asyncio.Event()

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
    await Connections(1).drain()
