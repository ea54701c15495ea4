"""Random operations over random graphs: the gateway's engine and graphql-core answer alike.

`SAMENESS_EXAMPLES=50000 pytest tests/gateway/sameness` looks for longer; with
`SAMENESS_SHRINK=1` what is found is made smaller, which takes some minutes.
"""

import asyncio
import logging
import os
import random
from collections.abc import Iterator

import pytest
import strawberry
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from gateway import Schema
from tests.gateway.sameness.comparison import differences
from tests.gateway.sameness.data import World
from tests.gateway.sameness.operations import operation
from tests.gateway.sameness.running import Case
from tests.gateway.sameness.schemas import graph

GRAPHS = 40
SHRINKS = "SAMENESS_SHRINK" in os.environ
EXAMPLES = int(os.environ.get("SAMENESS_EXAMPLES", "2000"))

# graphql-core, too, abandons coroutines beside a field that fails
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine:pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """One loop for all examples; what strawberry logs of each error is left out."""
    logging.getLogger("strawberry.execution").setLevel(logging.CRITICAL + 1)
    with asyncio.Runner() as runner:
        yield runner
    logging.getLogger("strawberry.execution").setLevel(logging.NOTSET)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """A graph, a world, sources that are away, and an operation."""
    chosen = graph(draw(st.integers(0, GRAPHS - 1)))
    rng = draw(st.randoms(use_true_random=False) if SHRINKS else st.integers(0, 2**64).map(random.Random))
    world = World(draw(st.integers(0, 2**16)), draw(st.integers(0, 3)), draw(st.booleans()))
    failing = [entity.collection_name for entity in chosen.entities if rng.random() < 0.08]
    written = operation(chosen.schema(strawberry.Schema)._schema, rng)
    return Case(chosen, written, world, tuple(failing))


PHASES = [Phase.explicit, Phase.reuse, Phase.generate]
SETTINGS = settings(
    deadline=None,
    phases=[*PHASES, Phase.shrink] if SHRINKS else PHASES,
    database=None,
    derandomize="SAMENESS_EXAMPLES" not in os.environ,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)


def check(case: Case, cls: type[strawberry.Schema], runner: asyncio.Runner) -> None:
    found = runner.run(differences(case, cls))
    assume(found is not None)
    assert not found, f"{case.operation.document}\n\n" + "\n".join(found or ())


@given(case=cases())
@settings(SETTINGS, max_examples=EXAMPLES)
def test_the_gateway_answers_as_graphql_core_does(runner: asyncio.Runner, case: Case) -> None:
    check(case, Schema, runner)


@given(case=cases())
@settings(SETTINGS, max_examples=100)
def test_the_rule_holds_of_the_standard_engine_itself(runner: asyncio.Runner, case: Case) -> None:
    check(case, strawberry.Schema, runner)
