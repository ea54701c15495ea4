"""`schema.graphql` is what the graph is."""

from pathlib import Path

from gateway.graph import load_graph


def test_the_snapshot_is_the_graph() -> None:
    snapshot = (Path(__file__).parent.parent.parent / "schema.graphql").read_text(encoding="utf-8")
    assert load_graph("schema").schema.as_str() + "\n" == snapshot, "uv run gateway schema --out schema.graphql"
