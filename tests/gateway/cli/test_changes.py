"""`gateway changes`."""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app

GRAPH = '''
from resolvers import entity, query_type

@entity("shop.orders", watched=True)
class Order:
    """An order."""
    number: str

@entity("shop.tags")
class Tag:
    """A tag."""
    label: str

Query = query_type(Order, Tag)
'''
CONFIG = """
graph = "shop_graph"
[sources.shop]
url = "sqlite:///{folder}/shop.sqlite"
[sources.api]
url = "https://api.example"
[changes]
keep_count = 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a graph, settings and a database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "shop_graph.py").write_text(GRAPH)
    (tmp_path / "gateway.toml").write_text(CONFIG.format(folder=tmp_path))
    execute(
        tmp_path,
        "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT);"
        "CREATE TABLE tags (id INTEGER PRIMARY KEY, label TEXT)",
    )
    return tmp_path


def execute(folder: Path, statements: str) -> None:
    with closing(sqlite3.connect(folder / "shop.sqlite")) as connection:
        connection.executescript(statements)


def changes(*arguments: str, code: int = 0) -> str:
    """What the command prints, on the stream that the exit code leads to."""
    sys.modules.pop("shop_graph", None)
    ended = CliRunner().invoke(app, ["changes", *arguments])
    assert ended.exit_code == code, ended.output
    return ended.stderr if code == 2 else ended.stdout


def test_keeps_shows_prunes_and_keeps_no_longer(folder: Path) -> None:
    before = "shop: 0 changes\n  orders: its changes are not kept: install it\n"
    assert changes("status", code=1) == before
    assert changes("install") == "shop.orders is installed\n"
    assert changes("install", "Order", "shop.tags") == ("shop.orders was installed already\nshop.tags is installed\n")
    execute(folder, "INSERT INTO orders VALUES (1, 'a'), (2, 'b'), (3, 'c')")
    first, *tables = changes("status").splitlines()
    assert first.startswith("shop: 3 changes, since 20")
    assert tables == ["  orders: kept", "  tags: kept"]
    assert changes("prune") == "shop: 1 changes dropped\n"
    execute(folder, "ALTER TABLE orders ADD COLUMN total NUMERIC")
    amiss = changes("status", code=1).splitlines()[1]
    assert amiss == "  orders: its columns have changed since: install it again"
    assert changes("install") == "shop.orders is installed\n"
    assert changes("uninstall", "Order") == "shop.orders is not kept any longer\n"
    assert changes("uninstall", "Order", "shop.none") == "shop.orders was not kept\nshop.none was not kept\n"
    assert changes("uninstall", "--all") == "shop.tags is not kept any longer\n"
    assert changes("status", code=1) == before


def test_prints_the_sql_for_somebody_else(folder: Path) -> None:
    script = changes("install", "--print")
    assert changes("status", code=1).startswith("shop: 0 changes\n")
    execute(folder, script)
    assert changes("status") == "shop: 0 changes\n  orders: kept\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ["install", "Nothing"],
            "changes: 'Nothing' is no entity (Order, Tag), and no table like erp.orders.",
            id="name",
        ),
        pytest.param(
            ["install", "shop.nothing"],
            "datasource 'shop' has no table 'nothing'",
            id="table",
        ),
        pytest.param(
            ["install", "api.orders"],
            "changes: the source 'api' keeps no changes; SQLite and PostgreSQL do.",
            id="source",
        ),
        pytest.param(
            ["prune"],
            "datasource 'shop' keeps no changes; run `gateway changes install`",
            id="not-installed",
        ),
        pytest.param(["uninstall"], "changes uninstall: name entities or tables, or write --all.", id="all"),
    ],
)
def test_what_cannot_be_is_one_clear_line(folder: Path, arguments: list[str], line: str) -> None:
    assert changes(*arguments, code=2) == f"gateway: {line}\n"


def test_a_graph_that_watches_nothing_says_so(folder: Path) -> None:
    (folder / "shop_graph.py").write_text(GRAPH.replace(", watched=True", ""))
    line = "gateway: changes: no entity of the graph is watched; declare @entity(…, watched=True).\n"
    assert changes("status", code=2) == line
