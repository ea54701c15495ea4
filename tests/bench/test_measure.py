"""What is made of the measurements: medians, targets, and answers that must be alike."""

import os

import pytest

from bench.load import Sample
from bench.measure import Result, check_answers, summary
from bench.processes import Server
from bench.subscriptions import Delivery
from bench.targets import marginal_costs, outcomes
from bench.workloads import Workload
from tests.bench.test_load import answering
from tests.support.server import serve_in_thread

WORKLOAD = Workload("W1", "one", [("{ one }", {})], ["/one"])


def result(cpu: float, throughput: float = 1.0) -> Result:
    return Result(cpu=cpu, throughput=throughput, p50=1.0, p99=1.0, busy=1.0)


def test_a_result_is_the_median_of_the_rounds() -> None:
    rounds = [Sample(100, 1.0, cpu, p50, 0.02) for cpu, p50 in ((0.1, 0.003), (0.9, 0.001), (0.2, 0.002))]
    assert summary(rounds) == pytest.approx(Result(cpu=2.0, throughput=100.0, p50=2.0, p99=20.0, busy=0.2))


def test_targets_are_held_against_the_servers_of_one_run() -> None:
    results = {
        ("W0", "gateway"): result(0.1, 9000.0),
        ("W0", "standard"): result(0.5, 2000.0),
        ("W3", "gateway"): result(2.0),
        ("W3", "handwritten"): result(2.5),
        ("W3", "standard"): result(40.0),
    }
    told = [
        (each.text, each.value, each.met) for each in outcomes(results, [90.0, 100.0, 100.0, 105.0, 110.0, 115.0], {})
    ]
    assert told == [
        ("W3: CPU per request / hand-written", 0.8, True),
        ("W3: CPU per request of the standard engine / gateway", 20.0, False),
        ("W0: requests/s / standard", 4.5, True),
        ("MiB gained over the soak's last four fifths", 15.0, False),
    ]


def test_every_event_is_to_be_delivered() -> None:
    deliveries = {
        ("S1", server): Delivery(200, delivered, 100.0, cpu, 1.0, 2.0, 0.5, 30.0)
        for server, delivered, cpu in (("gateway", 190, 20.0), ("standard", 200, 300.0))
    }
    assert [(each.text, each.value, each.met) for each in outcomes({}, [], deliveries)] == [
        ("S1: events delivered / expected", 0.95, False),
        ("S1: events per CPU second / standard", 15.0, True),
    ]


def test_a_row_costs_what_it_adds() -> None:
    costs = {10: 0.2, 100: 0.29, 1000: 1.19}
    results = {(f"rows {count}", "gateway"): result(cpu) for count, cpu in costs.items()}
    assert dict(marginal_costs(results, "gateway")) == pytest.approx({100: 1.0, 1000: 1.0})


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        pytest.param(b'{"data": {"one": 1}}', b'{"data":{"one":1}}', None, id="alike"),
        pytest.param(b'{"data": {"one": 1}}', b'{"data": {"one": 2}}', "answer differently", id="different"),
        pytest.param(b'{"errors": [1]}', b'{"errors": [1]}', "there is no data", id="refused alike"),
    ],
)
def test_answers_must_be_alike(one: bytes, other: bytes, reason: str | None) -> None:
    with (
        serve_in_thread(answering(lambda path: (200, one))) as first,
        serve_in_thread(answering(lambda path: (200, other))) as second,
    ):
        servers = [
            Server(name, "postgres", int(url.rpartition(":")[2]), os.getpid())
            for name, url in (("gateway", first), ("handwritten", second))
        ]
        if reason is None:
            assert check_answers(WORKLOAD, servers) == len(one)
            return
        with pytest.raises(RuntimeError, match=reason):
            check_answers(WORKLOAD, servers)
