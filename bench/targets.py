"""What the gateway promises, and whether it holds."""

from collections.abc import Sequence
from dataclasses import dataclass

from bench.measure import Results
from bench.subscriptions import Deliveries

SOAK_GROWTH = 8.0
"""MiB that the allocator may take over a soak once every code path has run."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A target, and what was measured."""

    text: str
    value: float
    limit: float
    at_most: bool

    @property
    def met(self) -> bool:
        return self.value <= self.limit if self.at_most else self.value >= self.limit


AGAINST_HANDWRITTEN = {"W1": 1.0, "W2": 0.8, "W3": 0.8, "W4": 0.8, "W5": 1.5, "W7": 1.3}
"""CPU of the gateway, as a multiple of the hand-written endpoint's, at most."""
AGAINST_STANDARD = {"W3": 25.0, "W4": 25.0}
"""CPU of the standard engine, as a multiple of the gateway's, at least."""
THROUGHPUT = {("W0", "standard"): 3.0, ("W0", "standard, uncached"): 12.0, ("W1", "standard"): 2.0}
"""Requests a second of the gateway, as a multiple of another's, at least."""
DELIVERED_AGAINST_STANDARD = 10.0
"""Events that the gateway delivers in a second of CPU, as a multiple of the standard engine's, at least."""


def outcomes(results: Results, memory: Sequence[float], deliveries: Deliveries) -> list[Outcome]:
    """Every target whose workload was measured. `memory` in MiB, from `measure.soak`."""
    return [
        *(
            Outcome(
                f"{name}: CPU per request / hand-written",
                cpu_ratio(results, name, "gateway", "handwritten"),
                limit,
                True,
            )
            for name, limit in AGAINST_HANDWRITTEN.items()
            if (name, "handwritten") in results
        ),
        *(
            Outcome(
                f"{name}: CPU per request of the standard engine / gateway",
                cpu_ratio(results, name, "standard", "gateway"),
                limit,
                False,
            )
            for name, limit in AGAINST_STANDARD.items()
            if (name, "standard") in results
        ),
        *(
            Outcome(
                f"{name}: requests/s / {other}",
                results[name, "gateway"].throughput / results[name, other].throughput,
                limit,
                False,
            )
            for (name, other), limit in THROUGHPUT.items()
            if (name, other) in results
        ),
        *_rows(results),
        *_rotation(results),
        *_memory(memory),
        *_deliveries(deliveries),
    ]


def cpu_ratio(results: Results, workload: str, server: str, other: str) -> float:
    return results[workload, server].cpu / results[workload, other].cpu


def marginal_costs(results: Results, server: str) -> list[tuple[int, float]]:
    """(rows, µs of CPU for each row that was added since the count before)."""
    counts = sorted(int(name.split()[1]) for name, each in results if name.startswith("rows") and each == server)
    costs = [results[f"rows {count}", server].cpu * 1000 for count in counts]
    return [
        (counts[place], (costs[place] - costs[place - 1]) / (counts[place] - counts[place - 1]))
        for place in range(1, len(counts))
    ]


def _rows(results: Results) -> list[Outcome]:
    costs = marginal_costs(results, "gateway")
    if len(costs) < 2:
        return []
    (fewest, first), (most, last) = costs[0], costs[-1]
    return [Outcome(f"CPU for one more row: at {most:,} / at {fewest:,}", last / first, 1.3, True)]


def _rotation(results: Results) -> list[Outcome]:
    if ("rotation", "gateway") not in results or ("W1", "gateway") not in results:
        return []
    ratio = results["rotation", "gateway"].cpu / results["W1", "gateway"].cpu
    return [Outcome("CPU per request with 200 distinct operations / with one", ratio, 1.1, True)]


def _memory(memory: Sequence[float]) -> list[Outcome]:
    if not memory:
        return []
    settled = memory[len(memory) // 5]
    return [Outcome("MiB gained over the soak's last four fifths", memory[-1] - settled, SOAK_GROWTH, True)]


def _deliveries(deliveries: Deliveries) -> list[Outcome]:
    found = []
    for (audience, server), delivery in deliveries.items():
        if server != "gateway":
            continue
        share, ratio = delivery.delivered / delivery.expected, deliveries[audience, "standard"].cpu / delivery.cpu
        found += [
            Outcome(f"{audience}: events delivered / expected", share, 1.0, False),
            Outcome(f"{audience}: events per CPU second / standard", ratio, DELIVERED_AGAINST_STANDARD, False),
        ]
    return found
