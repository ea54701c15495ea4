"""Subscriptions: what an event costs that is delivered to many sockets."""

import asyncio
import resource
import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import orjson

from bench.data import Size
from bench.measure import Options
from bench.processes import Server, pin_when_ready, running
from bench.subscribers import Crowd, Group, Heard
from datasources.outbox import Watched
from datasources.sql.postgres import PostgresSource

SERVERS = ("gateway", "handwritten", "standard")

CHANGED = """
subscription Changed($customer: Int!) {
  orderChanged(filter: { customerId: { eq: $customer } }) {
    kind
    key
    node { number status placedAt currency total updatedAt version note }
  }
}
"""


@dataclass(frozen=True, slots=True)
class Audience:
    """Subscribers in groups, each of which follows the orders of another customer."""

    name: str
    groups: int
    members: int
    rate: float
    """Commits a second, each an event for one group."""
    rates: Mapping[str, float] = field(default_factory=dict)
    """Those of servers that cannot keep up with this."""

    @property
    def subscribers(self) -> int:
        return self.groups * self.members

    @property
    def title(self) -> str:
        return f"{self.subscribers:,} " + (f"in {self.groups} groups" if self.groups > 1 else "that ask alike")


SMALL = Audience("S1", groups=1, members=1000, rate=10.0, rates={"standard": 2.0})
LARGE = Audience("S2", groups=50, members=100, rate=100.0, rates={"standard": 20.0})
TINY = Audience("S0", groups=4, members=5, rate=100.0)


@dataclass(frozen=True, slots=True)
class Delivery:
    """Medians over the rounds, but for the counts, which are sums."""

    expected: int
    delivered: int
    rate: float
    """Commits a second."""
    cpu: float
    """Microseconds of the server's CPU for an event that is delivered, with all that making it takes."""
    p50: float
    p99: float
    """Milliseconds from the commit until 50 and 99 of 100 events are there."""
    busy: float
    """How much of the server's core was used."""
    memory: float
    """KiB for each subscriber."""


Deliveries: TypeAlias = Mapping[tuple[str, str], Delivery]
"""By the names of audience and server."""


def deliver(
    audiences: Sequence[Audience],
    size: Size,
    database: str,
    options: Options,
    tell: Callable[[str], None],
) -> dict[tuple[str, str], Delivery]:
    """Each audience on each server, which is started anew for it; the servers take turns.

    Raises RuntimeError when one does not deliver, or when they deliver different things.
    """
    results: dict[tuple[str, str], Delivery] = {}
    if not audiences:
        return results
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with _outbox(database):
        for audience in audiences:
            heard: dict[str, list[Heard]] = defaultdict(list)
            for number in range(options.rounds):
                for name in SERVERS:
                    tell(f"{audience.title}: round {number + 1}, {name}")
                    heard[name].append(_heard(audience, size, database, name, options.seconds))
            _check_alike(heard)
            results |= {(audience.name, name): summary(taken) for name, taken in heard.items()}
    return results


def _heard(audience: Audience, size: Size, database: str, name: str, seconds: float) -> Heard:
    with running(name, "changes", database) as server:
        pin_when_ready(server)
        customers = range(size.customers // 2 - audience.groups, size.customers // 2)
        crowd = Crowd(
            server.port,
            server.pid,
            database,
            [_group(server, customer) for customer in customers],
            audience.members,
            audience.rates.get(name, audience.rate),
            seconds,
        )
        client = subprocess.run(
            [sys.executable, "-m", "bench.subscribers"],
            input=orjson.dumps(asdict(crowd)),
            capture_output=True,
            check=False,
            cwd=Path(__file__).parent.parent,
        )
    if client.returncode:
        raise RuntimeError(f"{audience.title}, {name}: {client.stderr.decode()}")
    return Heard(**orjson.loads(client.stdout))


def _group(server: Server, customer_id: int) -> Group:
    if not server.is_graphql:
        return Group(customer_id, f"/orders/changed?customer={customer_id}", None)
    payload = {"query": CHANGED, "variables": {"customer": customer_id}}
    message = {"id": "1", "type": "subscribe", "payload": payload}
    return Group(customer_id, "/graphql", orjson.dumps(message).decode())


def _check_alike(heard: Mapping[str, Sequence[Heard]]) -> None:
    examples: dict[str, Any] = {name: taken[0].example for name, taken in heard.items()}
    if any(example != examples["gateway"] for example in examples.values()):
        raise RuntimeError(f"the servers tell of changes differently: {str(examples)[:2000]}")


@contextmanager
def _outbox(database: str) -> Iterator[None]:
    """The gateway's own, as long as it is needed: writing it is a part of what writes cost."""
    outbox = PostgresSource("shop", database).outbox
    asyncio.run(outbox.install([Watched("orders", "id")]))
    try:
        yield
    finally:
        asyncio.run(outbox.uninstall())


def summary(heard: Sequence[Heard]) -> Delivery:
    return Delivery(
        expected=sum(each.expected for each in heard),
        delivered=sum(each.delivered for each in heard),
        rate=median(each.commits / each.elapsed for each in heard),
        cpu=median(each.cpu / max(1, each.delivered) for each in heard) * 1e6,
        p50=median(each.p50 for each in heard) * 1000,
        p99=median(each.p99 for each in heard) * 1000,
        busy=median(each.cpu / each.elapsed for each in heard),
        memory=median(each.memory for each in heard),
    )
