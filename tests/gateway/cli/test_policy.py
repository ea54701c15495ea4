"""`gateway policy matrix`."""

from pathlib import Path

import orjson

from tests.support.command import run

GRAPH = """
from resolvers import authenticated, claimed, column, entity, query_type, requires_roles, requires_scopes, unless

@entity("erp.orders", policy=authenticated(), rows=unless(requires_roles("admin"), claimed("tenant", "tenant")))
class Order:
    tenant: str
    total: int | None = column(requires=requires_scopes("totals", ["a", "b"]))

Query = query_type(Order)
"""


def test_the_matrix_is_printed(tmp_path: Path) -> None:
    (tmp_path / "ruled.py").write_text(GRAPH)
    done = run("policy", "matrix", "--graph", "ruled", "--tenant", "t", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert [line.split("  ")[0] for line in done.stdout.splitlines()[1:]] == [
        "Order",
        "Order.id",
        "Order.tenant",
        "Order.total",
    ]


def test_the_matrix_as_json(tmp_path: Path) -> None:
    (tmp_path / "ruled.py").write_text(GRAPH)
    done = run("policy", "matrix", "--graph", "ruled", "--json", "--tenant", "t", cwd=tmp_path)
    own, viewers = "tenant in ('t')", ("anonymous", "authenticated", "scope totals", "scope a & b")
    assert orjson.loads(done.stdout) == {
        "Order": dict(zip(viewers, (False, own, own, own), strict=True)),
        "Order.id": dict(zip(viewers, (False, True, True, True), strict=True)),
        "Order.tenant": dict(zip(viewers, (False, True, True, True), strict=True)),
        "Order.total": dict(zip(viewers, (False, False, True, True), strict=True)),
    }


def test_the_matrix_of_one_viewer(tmp_path: Path) -> None:
    (tmp_path / "ruled.py").write_text(GRAPH)
    done = run("policy", "matrix", "--graph", "ruled", "--json", "--role", "admin", "--scope", "totals", cwd=tmp_path)
    assert orjson.loads(done.stdout) == {
        "Order": {"admin totals": "everything"},
        "Order.id": {"admin totals": True},
        "Order.tenant": {"admin totals": True},
        "Order.total": {"admin totals": True},
    }
