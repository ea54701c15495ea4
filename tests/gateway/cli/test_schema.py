"""`gateway schema`: what has changed, and whom it would break."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.control import ControlStore
from gateway.operations.store import EVERYBODY, UNMEASURED, OperationStore, published
from gateway.settings import Settings

OLD = """
type Query {
  customer(id: ID!): Customer
}

type Customer {
  name: String!
  zip: String
  status: Status
}

enum Status {
  OPEN
}
"""
NEW = (
    OLD.replace("  zip: String\n", "  city: String\n")
    .replace("name: String!", "name: String")
    .replace("  OPEN\n", "  OPEN\n  CLOSED\n")
)
DAY = 24 * 3600.0
NAMES = published("web", "n1", "Names", "query", "query Names {\n  customer(id: 1) {\n    name\n  }\n}")
ZIP = published("web", "z1", "Zip", "query", "query Zip {\n  customer(id: 1) {\n    zip\n  }\n}")
ZIPS = published(EVERYBODY, "z2", "Zips", "query", "query Zips { customer(id: 2) { zip status } }")
STATUS = published("partner", "s1", "Status", "query", "query Status { customer(id: 2) { status } }")
RETIRED = published("web", "r1", "Retired", "query", "query Retired { customer(id: 1) { zip } }")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "old.graphql").write_text(OLD)
    (tmp_path / "new.graphql").write_text(NEW)
    return tmp_path


def schema(*arguments: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(app, ["schema", *arguments])
    assert ended.exit_code == code, ended.output
    return ended


def publish(uses: Mapping[float, tuple[str, str, int]]) -> None:
    async def run() -> None:
        now = 0.0
        store = OperationStore(ControlStore(Settings()), lambda: now)
        await store.publish([NAMES, ZIP, ZIPS, STATUS, RETIRED])
        await store.retire([RETIRED])
        for now, (client, id_, count) in uses.items():  # noqa: B007 - the store's clock reads it
            await store.count({(client, id_, UNMEASURED): count})
        await store.close()

    asyncio.run(run())


def test_a_diff() -> None:
    assert schema("diff", "old.graphql", "new.graphql", code=1).stdout.splitlines() == [
        "breaking   Field Customer.name changed type from String! to String.",
        "breaking   Field Customer.zip was removed.",
        "dangerous  Enum value Status.CLOSED was added.",
        "safe       Field Customer.city was added.",
    ]
    assert schema("diff", "old.graphql", "old.graphql").stdout == "Nothing has changed.\n"


def test_a_diff_with_the_graph(folder: Path) -> None:
    assert schema("--out", "now.graphql").stdout == ""
    assert schema("diff", "now.graphql").stdout == "Nothing has changed.\n"
    assert schema().stdout == (folder / "now.graphql").read_text()


def test_who_would_break() -> None:
    publish({DAY: ("partner", "z2", 3), 2 * DAY: ("web", "n1", 7)})
    assert schema("check", "new.graphql", code=1).stdout.splitlines() == [
        "everybody: query Zips (z2), used 3 times, last 1970-01-02 00:00",
        "  1:32  Cannot query field 'zip' on type 'Customer'.  Customer.zip was last used 1970-01-02 00:00",
        "web: query Zip (z1), never used",
        "  3:5  Cannot query field 'zip' on type 'Customer'.  Customer.zip was last used 1970-01-02 00:00",
        "2 of 4 operations would break, of everybody, web",
    ]


def test_values_of_another_type() -> None:
    publish({})
    lines = schema("check", "new.graphql", "--old", "old.graphql", code=1).stdout.splitlines()
    assert lines[2:4] == [
        "web: query Names (n1), never used",
        "  3:5  Field Customer.name changed type from String! to String.  Customer.name was never used",
    ]
    assert lines[-1] == "3 of 4 operations would break, of everybody, web"


def test_nothing_breaks() -> None:
    assert schema("check", "new.graphql").stdout == "All of 0 operations fit\n"
    publish({})
    assert schema("check", "old.graphql").stdout == "All of 4 operations fit\n"


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["diff", "none.graphql"], "none.graphql cannot be read: No such file or directory.", id="no-file"),
        pytest.param(["diff", "broken.graphql"], "broken.graphql is no schema: Syntax Error:", id="syntax"),
        pytest.param(["check", "partial.graphql"], "partial.graphql is no schema: Unknown type", id="type"),
    ],
)
def test_mistakes(folder: Path, arguments: list[str], line: str) -> None:
    (folder / "broken.graphql").write_text("type {")
    (folder / "partial.graphql").write_text("type Query { a: Missing }")
    assert line in schema(*arguments, code=2).stderr
