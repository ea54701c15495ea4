"""The client: keeps so many requests under way on as many connections, in a process of its own.

It reads a `Load` as JSON from stdin and prints a `Sample`. All that it does for an answer is to find its end, so that
what it measures is the server.
"""

import asyncio
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import count
from typing import Any

import orjson
import uvloop
from httptools import HttpResponseParser


@dataclass(frozen=True, slots=True)
class Load:
    """What to send, to whom, and for how long."""

    port: int
    pid: int
    """The server's process, whose CPU time is read."""
    requests: list[str]
    """They take turns."""
    seconds: float
    warm_up: float = 0.0
    """Seconds of requests before those that count."""
    concurrency: int = 8
    """Requests under way at any time."""
    limit: int | None = None
    """Ends earlier, after so many requests."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was measured; times in seconds."""

    requests: int
    elapsed: float
    cpu: float
    """Of the server: user and system time of all of its threads."""
    p50: float
    p99: float


class Phase:
    """Requests until `seconds` are over, and their answers awaited: none is under way at the start or at the end."""

    def __init__(self, load: Load, requests: list[bytes], lengths: dict[int, int], seconds: float) -> None:
        self.requests = requests
        self.lengths = lengths
        self.numbers: Iterator[int] = iter(range(load.limit)) if load.limit is not None else count()
        self.deadline = time.perf_counter() + seconds
        self.latencies: list[float] = []
        self.done = asyncio.Event()
        self.failure: str | None = None
        self._busy = load.concurrency

    def next(self) -> int | None:
        """The number of the request to send now."""
        return next(self.numbers, None) if time.perf_counter() < self.deadline and self.failure is None else None

    def check(self, number: int, status: int, length: int) -> None:
        """The same request must be answered alike: a server that begins to refuse would look fast."""
        expected = self.lengths.setdefault(number % len(self.requests), length)
        if status != 200 or length != expected:
            self.fail(f"request {number} was answered with {status} and {length} bytes; expected {expected}")

    def fail(self, reason: str) -> None:
        self.failure = self.failure or reason
        self.done.set()

    def finish(self) -> None:
        self._busy -= 1
        if not self._busy:
            self.done.set()


class Connection(asyncio.Protocol):
    """One request at a time."""

    phase: Phase
    transport: asyncio.Transport

    def __init__(self) -> None:
        self.parser = HttpResponseParser(self)
        self.length = self.number = 0
        self.sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]

    def connection_lost(self, exc: Exception | None) -> None:
        self.phase.fail(f"the server closed the connection: {exc}")

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def run(self, phase: Phase) -> None:
        self.phase = phase
        self.send()

    def send(self) -> None:
        number = self.phase.next()
        if number is None:
            self.phase.finish()
            return
        self.number = number
        self.length = 0
        self.sent = time.perf_counter()
        self.transport.write(self.phase.requests[number % len(self.phase.requests)])

    def on_body(self, body: bytes) -> None:
        self.length += len(body)

    def on_message_complete(self) -> None:
        self.phase.latencies.append(time.perf_counter() - self.sent)
        self.phase.check(self.number, self.parser.get_status_code(), self.length)
        self.send()


def cpu_time(pid: int) -> float:
    """Seconds of CPU that a process has used in all of its threads, by its own clock: clock_getcpuclockid(3)."""
    return time.clock_gettime((~pid << 3) | 2)


async def run(load: Load) -> Sample:
    """Raises RuntimeError when the server does not answer as it did at first."""
    loop = asyncio.get_running_loop()
    connections = [
        (await loop.create_connection(Connection, "127.0.0.1", load.port))[1] for _ in range(load.concurrency)
    ]
    requests = [request.encode() for request in load.requests]
    lengths: dict[int, int] = {}
    for seconds in filter(None, (load.warm_up, load.seconds)):
        phase = Phase(load, requests, lengths, seconds)
        cpu, start = cpu_time(load.pid), time.perf_counter()
        for connection in connections:
            connection.run(phase)
        await phase.done.wait()
        cpu, elapsed = cpu_time(load.pid) - cpu, time.perf_counter() - start
        if phase.failure is not None:
            raise RuntimeError(phase.failure)
    latencies = sorted(phase.latencies)
    return Sample(len(latencies), elapsed, cpu, latencies[len(latencies) // 2], latencies[len(latencies) * 99 // 100])


def main() -> None:
    given: Any = orjson.loads(sys.stdin.buffer.read())
    try:
        sample = uvloop.run(run(Load(**given)))
    except (RuntimeError, OSError) as error:
        sys.exit(f"bench: {error}")
    print(orjson.dumps(asdict(sample)).decode())


if __name__ == "__main__":
    main()
