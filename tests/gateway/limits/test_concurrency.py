"""Operations that run at once, that wait for their turn, and that are sent away."""

import asyncio
from typing import Any

import httpx
import pytest

from datasources.memory import MemorySource
from gateway.limits.concurrency import Turns
from gateway.limits.errors import Overloaded, TooManyViewerOperations
from gateway.settings import LimitSettings
from gateway.settings_auth import AuthSettings
from resolvers.viewer import ANONYMOUS, Viewer
from tests.gateway.shop import ROWS, shop_client, shop_sources
from tests.support.issuer import bearer, issuer, sign
from tests.support.sources import Gated

pytestmark = pytest.mark.anyio

ADA, BOB = Viewer(subject="ada"), Viewer(subject="bob")
QUERY = {"query": "{ orders { nodes { number } } }"}
GRAPHQL = {"accept": "application/graphql-response+json"}


def turns(**limits: Any) -> Turns:
    return Turns(LimitSettings(**limits))


async def enter(turns: Turns, viewer: Viewer) -> None:
    if not turns.take(viewer):
        await turns.wait(viewer)


async def test_the_next_has_its_turn_when_one_leaves() -> None:
    made = turns(concurrency=1, waiting=1)
    await enter(made, ANONYMOUS)
    waiting = asyncio.create_task(enter(made, ANONYMOUS))
    await asyncio.sleep(0)
    assert (made.running, made.waiting, waiting.done()) == (1, 1, False)
    made.leave(ANONYMOUS)
    await waiting
    assert (made.running, made.waiting) == (1, 0)


async def test_one_more_than_may_wait_is_sent_away_at_once() -> None:
    made = turns(concurrency=1, waiting=1)
    await enter(made, ANONYMOUS)
    waiting = asyncio.create_task(enter(made, ANONYMOUS))
    await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await enter(made, ADA)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    made.leave(ANONYMOUS)
    await enter(made, ADA)
    assert (made.running, made.waiting, made.shed) == (1, 0, 1)


async def test_nobody_waits_for_longer_than_may_be() -> None:
    made = turns(concurrency=1, patience=0.01)
    await enter(made, ANONYMOUS)
    with pytest.raises(Overloaded, match=r"The operation's turn did not come within 0\.01 s\."):
        await enter(made, ANONYMOUS)
    assert made.shed == 1


async def test_each_viewer_has_a_limit_and_anonymous_ones_have_none() -> None:
    made = turns(viewer_operations=1)
    await enter(made, ADA)
    with pytest.raises(TooManyViewerOperations):
        await enter(made, Viewer(subject="ada", roles=frozenset({"another"})))
    for viewer in (BOB, ANONYMOUS, ANONYMOUS):
        await enter(made, viewer)
    made.leave(ADA)
    await enter(made, ADA)
    assert made.running == 4


async def test_overload_is_answered_with_when_to_come_again() -> None:
    gated = Gated(MemorySource("erp", ROWS["erp"]))
    limits = LimitSettings(concurrency=1, waiting=1)
    async with shop_client(limits=limits, sources=shop_sources(erp=gated)) as client:
        tasks = [asyncio.create_task(client.post("/graphql", json=QUERY, headers=GRAPHQL)) for _ in range(3)]
        (refused,), others = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        gated.gate.set()
        answers = [(await each).json() for each in others]
    third = refused.result()
    assert third.status_code == 503
    assert answers == [{"data": {"orders": {"nodes": [{"number": f"SO-{n}"} for n in (1, 2, 3)]}}}] * 2
    assert (third.headers["retry-after"], third.json()) == (
        "1",
        {"errors": [{"message": "As many operations run and wait as may.", "extensions": {"code": "OVERLOADED"}}]},
    )
    assert len(gated.lookups) == 2


async def test_viewers_with_too_many_operations_are_told_so() -> None:
    gated = Gated(MemorySource("erp", ROWS["erp"]))
    auth = AuthSettings(anonymous=True, issuers={"example": issuer()})
    async with shop_client(
        limits=LimitSettings(viewer_operations=1), sources=shop_sources(erp=gated), auth=auth
    ) as client:

        def ask(**headers: str) -> "asyncio.Task[httpx.Response]":
            return asyncio.create_task(client.post("/graphql", json=QUERY, headers=GRAPHQL | headers))

        first = ask(**bearer(sign({"sub": "ada"})))
        await gated.arrived(1)
        refused = await ask(**bearer(sign({"sub": "ada"})))
        others = [ask(**bearer(sign({"sub": "bob"}))), ask()]
        await gated.arrived(3)
        gated.gate.set()
        assert [(await each).status_code for each in (first, *others)] == [200, 200, 200]
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["errors"][0]["extensions"] == {"code": "TOO_MANY_VIEWER_OPERATIONS"}
