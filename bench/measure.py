"""Measuring: every server in turn, round after round, and the medians of that."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import orjson

from bench.load import Load, Sample
from bench.processes import Server, ask
from bench.workloads import Workload


@dataclass(frozen=True, slots=True)
class Options:
    """How long to measure."""

    rounds: int
    seconds: float
    warm_up: float
    concurrency: int


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over the rounds."""

    cpu: float
    """Milliseconds of the server's CPU for a request."""
    throughput: float
    """Requests answered in a second."""
    p50: float
    p99: float
    """Milliseconds until 50 and 99 of 100 answers are there."""
    busy: float
    """How much of the server's core was used: well below 1, throughput was bounded by something else."""


Results = Mapping[tuple[str, str], Result]
"""By the names of workload and server."""


def check_answers(workload: Workload, servers: Sequence[Server]) -> int:
    """Compares what the servers answer to some of the requests, as JSON; the length of the first answer in bytes.

    Raises RuntimeError when they differ, or when there is no data.
    """
    some = sorted({0, len(workload.paths) // 2, len(workload.paths) - 1})
    answers = {
        server: [orjson.loads(ask(server, requests(workload, server)[number])) for number in some] for server in servers
    }
    first, *others = servers
    for server in others:
        if answers[server] != answers[first]:
            raise RuntimeError(
                f"{workload.name}: {first.name} and {server.name} answer differently:\n"
                f"{str(answers[first])[:1000]}\n{str(answers[server])[:1000]}"
            )
    if not all(answer.get("data") and not answer.get("errors") for answer in answers[first]):
        raise RuntimeError(f"{workload.name}: there is no data in {str(answers[first])[:1000]}")
    return len(ask(first, requests(workload, first)[0]))


def measure(
    compared: Sequence[tuple[Workload, Sequence[Server]]], options: Options, tell: Callable[[str], None]
) -> dict[tuple[str, str], Result]:
    """Each workload on each of its servers; the servers of a round take turns, so that they meet the same weather."""
    results: dict[tuple[str, str], Result] = {}
    for workload, servers in compared:
        samples: dict[Server, list[Sample]] = defaultdict(list)
        for number in range(options.rounds):
            for server in servers:
                tell(f"{workload.name} {workload.title}: round {number + 1}, {server.name}")
                load = Load(
                    server.port,
                    server.pid,
                    requests(workload, server),
                    options.seconds,
                    warm_up=0.0 if number else options.warm_up,
                    concurrency=options.concurrency,
                )
                samples[server].append(sample(load))
        results |= {(workload.name, server.name): summary(taken) for server, taken in samples.items()}
    return results


def soak(workload: Workload, server: Server, count: int, steps: int, tell: Callable[[str], None]) -> list[float]:
    """The server's memory in MiB before, and after each step of `count` requests."""
    sizes = [resident(server.pid)]
    for step in range(steps):
        tell(f"{workload.title}: {step * count // steps:,}, {sizes[-1]:.0f} MiB")
        sample(Load(server.port, server.pid, requests(workload, server), seconds=3600.0, limit=count // steps))
        sizes.append(resident(server.pid))
    return sizes


def sample(load: Load) -> Sample:
    """Runs the client. Raises RuntimeError when it does not get its answers."""
    client = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=orjson.dumps(asdict(load)),
        capture_output=True,
        check=False,
        cwd=Path(__file__).parent.parent,
    )
    if client.returncode:
        raise RuntimeError(client.stderr.decode())
    return Sample(**orjson.loads(client.stdout))


def summary(samples: Sequence[Sample]) -> Result:
    return Result(
        cpu=median(each.cpu / each.requests for each in samples) * 1000,
        throughput=median(each.requests / each.elapsed for each in samples),
        p50=median(each.p50 for each in samples) * 1000,
        p99=median(each.p99 for each in samples) * 1000,
        busy=median(each.cpu / each.elapsed for each in samples),
    )


def requests(workload: Workload, server: Server) -> list[str]:
    return workload.posts() if server.is_graphql else workload.gets()


def resident(pid: int) -> float:
    """MiB of memory that a process holds."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096 / 2**20
