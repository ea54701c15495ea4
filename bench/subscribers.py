"""The client of subscriptions: thousands of sockets, and the writer whose commits they hear of.

It reads a `Crowd` as JSON from stdin and prints what was `Heard`. All that it does for an event is to find its end and
the time of its commit, so that what it measures is the server.
"""

import asyncio
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import uvloop

from bench.load import cpu_time
from bench.measure import resident
from bench.sockets import Socket

ORDERS = "SELECT customer_id, min(id) AS id FROM orders WHERE customer_id = ANY($1::bigint[]) GROUP BY customer_id"
UPDATE = "UPDATE orders SET updated_at = clock_timestamp() WHERE id = $1"
TIME = b'"updatedAt":'

CONNECTING = 50
"""Sockets that connect at the same time."""
QUIET_SECONDS = 0.5
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Group:
    """What subscribers of the orders of one customer send."""

    customer_id: int
    path: str
    message: str | None


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who subscribes, and how much is written meanwhile."""

    port: int
    pid: int
    """The server's process, whose CPU time and memory are read."""
    database: str
    groups: list[Group]
    members: int
    """Of each group."""
    rate: float
    """Commits a second, each an event for one group; the groups take turns."""
    seconds: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What was measured; times in seconds."""

    commits: int
    expected: int
    """Events that were to be delivered,"""
    delivered: int
    """and that were."""
    elapsed: float
    """From the first commit until the last event is there."""
    cpu: float
    """Of the server: user and system time of all of its threads."""
    p50: float
    p99: float
    """From a commit until an event of it is there."""
    memory: float
    """KiB of the server's for each subscriber."""
    example: Any
    """An event's data, but for its time."""


class Ears:
    """All that is heard."""

    def __init__(self) -> None:
        self.latencies: list[float] = []
        self.example = b""
        """The first event, which is one for the first group."""
        self.failure: str | None = None
        self._time = b""
        self._moment = 0.0

    def hear(self, data: bytes, start: int, stop: int) -> None:
        """An event; most have the time of the one before, which came to another socket."""
        at = data.find(TIME, start, stop)
        if at < 0:
            self.failure = self.failure or data[start:stop][:500].decode(errors="replace")
            return
        begin = data.index(b'"', at + len(TIME)) + 1
        written = data[begin : data.index(b'"', begin)]
        if written != self._time:
            self._time, self._moment = written, datetime.fromisoformat(written.decode()).timestamp()
            self.example = self.example or data[start:stop]
        self.latencies.append(time.time() - self._moment)


class Subscribers:
    """The sockets, group by group."""

    def __init__(self, crowd: Crowd) -> None:
        self.ears = Ears()
        self.groups: list[list[Socket]] = [[] for _ in crowd.groups]
        self._crowd = crowd

    async def connect(self, number: int) -> None:
        """One more for each group, beginning with this one."""
        group = number % len(self.groups)
        asked = self._crowd.groups[group]
        loop = asyncio.get_running_loop()
        _, socket = await loop.create_connection(
            lambda: Socket(asked.path, asked.message, self.ears.hear), "127.0.0.1", self._crowd.port
        )
        await asyncio.wait_for(socket.subscribed, PATIENCE_SECONDS)
        self.groups[group].append(socket)

    async def connect_all(self, first: int) -> None:
        """All behind the first ones."""
        total = len(self.groups) * self._crowd.members
        for start in range(first, total, CONNECTING):
            await asyncio.gather(*(self.connect(number) for number in range(start, min(start + CONNECTING, total))))

    def deaf(self) -> list[int]:
        """The groups of which somebody has not heard anything."""
        return [number for number, group in enumerate(self.groups) if any(not socket.heard for socket in group)]

    def missing(self, expected: list[int]) -> int:
        """How many events are not there, of so many for each group. Raises RuntimeError where some are twice."""
        missing = 0
        for count, group in zip(expected, self.groups, strict=True):
            for socket in group:
                if socket.heard > count:
                    raise RuntimeError(f"a subscriber heard {socket.heard} times of {count} commits")
                missing += count - socket.heard
        return missing

    def forget(self) -> None:
        """Count anew."""
        self.ears.latencies.clear()
        for group in self.groups:
            for socket in group:
                socket.heard = 0

    def close(self) -> None:
        for group in self.groups:
            for socket in group:
                socket.close()


class Writer:
    """Updates an order of each group's customer."""

    def __init__(self, connection: asyncpg.Connection, orders: list[int]) -> None:
        self._connection = connection
        self._orders = orders
        self.commits = [0] * len(orders)

    async def write(self, group: int) -> None:
        await self._connection.execute(UPDATE, self._orders[group])
        self.commits[group] += 1

    async def keep_writing(self, rate: float, seconds: float) -> None:
        start = time.perf_counter()
        self.commits = [0] * len(self._orders)
        for number in range(max(1, round(rate * seconds))):
            await asyncio.sleep(start + number / rate - time.perf_counter())
            await self.write(number % len(self._orders))


async def run(crowd: Crowd) -> Heard:
    """Raises RuntimeError when something else is heard than events."""
    subscribers = Subscribers(crowd)
    connection = await asyncpg.connect(crowd.database)
    try:
        rows = await connection.fetch(ORDERS, [group.customer_id for group in crowd.groups])
        found = {row["customer_id"]: row["id"] for row in rows}
        writer = Writer(connection, [found[group.customer_id] for group in crowd.groups])
        return await _measured(crowd, subscribers, writer)
    finally:
        subscribers.close()
        await connection.close()


async def _measured(crowd: Crowd, subscribers: Subscribers, writer: Writer) -> Heard:
    await subscribers.connect(0)
    await _heard_by_all(subscribers, writer)
    empty = resident(crowd.pid)
    await subscribers.connect_all(1)
    await _heard_by_all(subscribers, writer)
    full = resident(crowd.pid)
    subscribers.forget()

    cpu, start = cpu_time(crowd.pid), time.perf_counter()
    await writer.keep_writing(crowd.rate, crowd.seconds)
    expected = sum(writer.commits) * crowd.members
    latencies = subscribers.ears.latencies
    await _settled(subscribers.ears, lambda: len(latencies) >= expected, PATIENCE_SECONDS)
    cpu, elapsed = cpu_time(crowd.pid) - cpu, time.perf_counter() - start
    missing = subscribers.missing(writer.commits)
    latencies.sort()
    others = max(1, len(crowd.groups) * crowd.members - 1)
    return Heard(
        commits=sum(writer.commits),
        expected=expected,
        delivered=expected - missing,
        elapsed=elapsed,
        cpu=cpu,
        p50=latencies[len(latencies) // 2],
        p99=latencies[len(latencies) * 99 // 100],
        memory=(full - empty) * 1024 / others,
        example=_example(subscribers.ears.example),
    )


async def _heard_by_all(subscribers: Subscribers, writer: Writer) -> None:
    """Nobody is told when a subscription has begun, so events go out until all have got one."""
    deadline = time.perf_counter() + PATIENCE_SECONDS
    while deaf := subscribers.deaf():
        if time.perf_counter() > deadline:
            raise RuntimeError(f"{len(deaf)} groups do not hear anything")
        for group in deaf:
            await writer.write(group)
        await _settled(subscribers.ears, lambda: not subscribers.deaf(), 5.0)
    count = -1
    while count != len(subscribers.ears.latencies):
        count = len(subscribers.ears.latencies)
        await asyncio.sleep(QUIET_SECONDS)


async def _settled(ears: Ears, is_done: Callable[[], bool], seconds: float) -> None:
    """Waits until it is done, or nothing has come for so long."""
    count, deadline = -1, 0.0
    while not is_done():
        if ears.failure is not None:
            raise RuntimeError(f"no event is {ears.failure}")
        if count != len(ears.latencies):
            count, deadline = len(ears.latencies), time.perf_counter() + seconds
        if time.perf_counter() > deadline:
            return
        await asyncio.sleep(0.005)


def _example(event: bytes) -> Any:
    """What is told under `data`, in whatever message; without the time, which is another one each time."""
    message = orjson.loads(event)
    data = message.get("payload", message)["data"]
    data["orderChanged"]["node"].pop("updatedAt")
    return data


def main() -> None:
    given: Any = orjson.loads(sys.stdin.buffer.read())
    groups = [Group(**group) for group in given.pop("groups")]
    try:
        heard = uvloop.run(run(Crowd(groups=groups, **given)))
    except (RuntimeError, OSError) as error:
        sys.exit(f"bench: {error!r}")
    print(orjson.dumps(asdict(heard)).decode())


if __name__ == "__main__":
    main()
