"""`gateway operations`: manifests of every kind, and what is said of mistakes in them."""

import asyncio
import json
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.cli import app
from gateway.control import ControlStore
from gateway.operations.store import UNMEASURED, OperationStore, bucket_of
from gateway.settings import Settings

CUSTOMER = "query Customer($id: ID!) { customer(id: $id) { name } }"
ORDERS = "query Orders { orders { nodes { number } } }"
MODULE = """
from tests.gateway.shop import Customer, Order
from resolvers.query import query_type

Query = query_type(Customer, Order)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("GATEWAY_GRAPH", "shop_of_operations")
    (tmp_path / "shop_of_operations.py").write_text(MODULE)
    return tmp_path


def gateway(*arguments: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(app, [*arguments])
    assert ended.exit_code == code, ended.output
    return ended


def operations(*arguments: str, code: int = 0) -> Result:
    return gateway("operations", *arguments, code=code)


def table(*arguments: str) -> list[list[str]]:
    return [re.split(r" {2,}", line.strip()) for line in operations(*arguments).stdout.splitlines()]


def hashed(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def apollo(*listed: dict[str, Any]) -> dict[str, Any]:
    return {"format": "apollo-persisted-query-manifest", "version": 1, "operations": listed}


def of_apollo(body: str, name: str, **others: Any) -> dict[str, Any]:
    return {"id": hashed(body), "name": name, "type": "query", "body": body, **others}


@pytest.mark.parametrize(
    ("manifest", "options", "ids"),
    [
        pytest.param(
            apollo(of_apollo(CUSTOMER, "Customer"), of_apollo(ORDERS, "Orders")),
            [],
            [hashed(CUSTOMER), hashed(ORDERS)],
            id="apollo",
        ),
        pytest.param({"c1": CUSTOMER, "o1": ORDERS}, [], ["c1", "o1"], id="relay"),
        pytest.param([["c1", CUSTOMER], ["o1", ORDERS]], [], ["c1", "o1"], id="relay-pairs"),
        pytest.param(
            {"c1": CUSTOMER, "o1": ORDERS}, ["--release", "web~1.4.0"], ["web~1.4.0~c1", "web~1.4.0~o1"], id="hive"
        ),
    ],
)
def test_manifests(folder: Path, manifest: object, options: list[str], ids: list[str]) -> None:
    (folder / "manifest.json").write_text(json.dumps(manifest))
    done = operations("publish", "manifest.json", "--client", "web", *options)
    assert done.stdout == "2 operations published, 2 of them new\n"
    assert done.stderr == "web has no API key here: only tokens can say that somebody is web\n"
    gateway("clients", "create", "web")
    heading, *rows = table("list")
    assert heading == ["client", "operation", "kind", "id", "since", "retired"]
    names = ["Customer", "Orders"]
    assert [row[:4] for row in rows] == [["web", name, "query", id_] for name, id_ in zip(names, ids, strict=True)]
    again = operations("publish", "manifest.json", "--client", "web", *options)
    assert (again.stdout, again.stderr) == ("2 operations published, 0 of them new\n", "")


def test_a_folder(folder: Path) -> None:
    documents = folder / "documents"
    (documents / "deep").mkdir(parents=True)
    alone = "query Alone { customer(id: 1) { ...Own } } fragment Own on Customer { name }"
    (documents / "alone.graphql").write_text(alone)
    (documents / "two.gql").write_text(f"{ORDERS}\nquery Shared {{ customer(id: 1) {{ ...Card }} }}")
    (documents / "deep" / "card.graphql").write_text("fragment Card on Customer { name ...Id }")
    (documents / "id.graphql").write_text("fragment Id on Customer { id }")
    assert operations("publish", "documents").stdout == "3 operations published, 3 of them new\n"
    _, *rows = table("list", "--client", "*")
    assert [row[:2] for row in rows] == [["*", "Alone"], ["*", "Orders"], ["*", "Shared"]]
    assert rows[0][3] == hashed(alone)
    shown = operations("show", "Shared")
    assert shown.stdout == (
        "query Shared {\n  customer(id: 1) {\n    ...Card\n  }\n}\n\n"
        "fragment Card on Customer {\n  name\n  ...Id\n}\n\n"
        "fragment Id on Customer {\n  id\n}\n"
    )
    assert shown.stderr.startswith(f"query Shared of everybody, id {hashed(shown.stdout)}, sha256:")


def test_nothing_is_published_if_something_is_wrong(folder: Path) -> None:
    documents = folder / "documents"
    documents.mkdir()
    (documents / "good.graphql").write_text(ORDERS)
    (documents / "bad.graphql").write_text("query Bad {\n  customer(id: 1) {\n    ...Card\n  }\n}\n")
    (documents / "card.graphql").write_text("fragment Card on Customer {\n  name\n  zip1234567890\n}\n")
    (documents / "broken.graphql").write_text("query Broken {\n")
    (documents / "nameless.graphql").write_text("{ customer(id: 1) { name } }")
    assert operations("publish", "documents", code=2).stderr.splitlines() == [
        "gateway: broken.graphql, line 2: Syntax Error: Expected Name, found <EOF>.",
        "gateway: card.graphql, line 3: Cannot query field 'zip1234567890' on type 'Customer'.",
        "gateway: nameless.graphql: must have one operation, with a name.",
    ]
    assert operations("list").stdout == "Nothing is published; gateway operations publish does it.\n"


@pytest.mark.parametrize(
    ("manifest", "lines"),
    [
        pytest.param("{", ["manifest.json is not JSON."], id="no-json"),
        pytest.param(
            "7",
            ["manifest.json is no manifest: it must be Apollo's, a map from ids to texts, or a list of pairs."],
            id="no-manifest",
        ),
        pytest.param('[["a"]]', ["manifest.json: entry 1 is no pair of an id and a text."], id="no-pair"),
        pytest.param(
            json.dumps({**apollo(), "version": 2}),
            [
                "manifest.json: only version 1 of apollo-persisted-query-manifest is known, with its operations in a "
                "list."
            ],
            id="version",
        ),
        pytest.param(
            json.dumps(apollo({"id": "a"})),
            ["manifest.json: operation 1 must have an id and a body, which are strings."],
            id="no-body",
        ),
        pytest.param(
            json.dumps(apollo(of_apollo(ORDERS, "Orders", clientName="other"))),
            ["Orders: is for the client 'other', not for 'web'."],
            id="other-client",
        ),
        pytest.param(
            json.dumps({"a": "query A {\n  gone1234567890\n}", "b": "query B {", f"sha256:{'0' * 64}": ORDERS}),
            [
                "b, line 1: Syntax Error: Expected Name, found <EOF>.",
                "A, line 2: Cannot query field 'gone1234567890' on type 'Query'.",
                "Orders: has an id that is the hash of another text.",
            ],
            id="documents",
        ),
    ],
)
def test_mistakes(folder: Path, manifest: str, lines: list[str]) -> None:
    (folder / "manifest.json").write_text(manifest)
    ended = operations("publish", "manifest.json", "--client", "web", code=2)
    assert ended.stderr.splitlines() == [f"gateway: {line}" for line in lines]


def test_limits_hold(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "manifest.json").write_text(json.dumps({"o1": f"# many\n{ORDERS}"}))
    monkeypatch.setenv("GATEWAY_LIMITS__DEPTH", "2")
    deep = operations("publish", "manifest.json", code=2).stderr
    assert deep.startswith("gateway: Orders, line 2: ")
    monkeypatch.setenv("GATEWAY_LIMITS__DEPTH", "9")
    monkeypatch.setenv("GATEWAY_LIMITS__COST", "3")
    dear = operations("publish", "manifest.json", code=2).stderr
    assert dear == "gateway: Orders: The operation may cost 51, which is more than 3.\n"


def test_retiring(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"c1": CUSTOMER, "o1": ORDERS, "o2": f"{ORDERS} "}))
    operations("publish", "manifest.json", "--client", "web")
    assert operations("retire", "Customer").stdout == "Customer of web is retired\n"
    assert [row[3] for row in table("list")[1:]] == ["o1", "o2"]
    assert [row[3] for row in table("list", "--retired")[1:]] == ["c1", "o1", "o2"]
    several = operations("retire", "Orders", code=2).stderr
    assert several == "gateway: operations: 'Orders' is several: o1 of web, o2 of web. Say which id, and --client.\n"
    assert operations("retire", "--unused", "0s").stdout == "Orders of web is retired\n" * 2
    assert operations("retire", code=2).stderr == "gateway: Name operations to retire, or say --unused 90d.\n"
    assert operations("stats").stdout == "Nothing was used yet.\n"


def test_uses(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"c1": CUSTOMER, "o1": ORDERS}))
    operations("publish", "manifest.json")

    async def use() -> None:
        store = OperationStore(ControlStore(Settings()), lambda: 0.0)
        await store.count({("web", "c1", bucket_of(0.01)): 3, ("partner", "o1", UNMEASURED): 1})
        await store.close()

    asyncio.run(use())
    heading, *rows = table("stats")
    assert heading == ["client", "operation", "uses", "last", "p50", "p99"]
    assert rows == [
        ["partner", "Orders", "1", "1970-01-01 00:00"],
        ["web", "Customer", "3", "1970-01-01 00:00", "11.4 ms", "11.4 ms"],
    ]
    assert table("stats", "--client", "web")[1:] == rows[1:]
    assert operations("retire", "--unused", "90d").stdout == ""  # what is new may yet be used
    assert len(table("list")) == 3


def test_openapi(folder: Path) -> None:
    (folder / "manifest.json").write_text(json.dumps({"c1": CUSTOMER}))
    (folder / "newer.json").write_text(json.dumps({"c2": f"{CUSTOMER} "}))
    operations("publish", "manifest.json")
    operations("publish", "newer.json", "--client", "web")
    told = json.loads(operations("openapi", "--client", "web").stdout)
    assert [*told["paths"]] == ["/operations/web/Customer"]
    operations("openapi", "--out", "openapi.json")
    assert [*json.loads((folder / "openapi.json").read_text())["paths"]] == ["/operations/-/Customer"]


def test_modes() -> None:
    assert gateway("clients", "set-mode", "web", "trusted_only").stdout == "web: trusted_only\n"
    assert gateway("clients", "set-mode", "web").stdout == "web: as operations.mode says\n"
