"""The supply chain service, over HTTP."""

import time
from pathlib import Path

import httpx
import pytest

from datasources.demo import scm, scm_app
from datasources.demo.records import COUNTS
from tests.datasources.demo.conftest import Demo
from tests.support.server import serve

pytestmark = pytest.mark.anyio


def test_reads_what_was_written(demo_folder: Path, demo: Demo) -> None:
    read = scm.read(demo_folder)
    assert {name: [tuple(row.values()) for row in rows] for name, rows in read.items()} == {
        name: [tuple(row) for row in demo.rows[name]] for name in scm.COLLECTIONS
    }


async def test_answers_over_http(demo_folder: Path, demo: Demo) -> None:
    wanted = [1, 2, 9000]
    async with serve(scm_app(demo_folder)) as url, httpx.AsyncClient(base_url=url) as client:
        assert (await client.get("/health")).json() == {"status": "ok"}
        counted = {
            name: (await client.get(f"/{name}?limit=0&count=true")).json()["counts"][""] for name in scm.COLLECTIONS
        }
        suppliers = (await client.get("/suppliers?id=1,60")).json()["items"]
        shipments = (await client.get("/shipments", params={"order_id": ",".join(map(str, wanted))})).json()["items"]
        late = (await client.get("/shipments?sort=-shipped_at&shipped_at[null]=false&limit=1")).json()
    assert counted == {name: COUNTS[name] for name in scm.COLLECTIONS}
    assert suppliers == [supplier._asdict() for supplier in (demo.suppliers[0], demo.suppliers[-1])]
    assert shipments == [
        each._asdict() | {"shipped_at": each.shipped_at and each.shipped_at.isoformat()}
        for each in demo.shipments
        if each.order_id in wanted
    ]
    latest = max(each.shipped_at for each in demo.shipments if each.shipped_at)
    assert late["items"][0]["shipped_at"] == latest.isoformat()


async def test_takes_its_time(demo_folder: Path) -> None:
    transport = httpx.ASGITransport(scm_app(demo_folder, latency=0.05))
    async with httpx.AsyncClient(transport=transport, base_url="http://scm") as client:
        start = time.perf_counter()
        assert (await client.get("/warehouses")).status_code == 200
    assert time.perf_counter() - start >= 0.05


def test_needs_the_demo(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scm_app(tmp_path)
