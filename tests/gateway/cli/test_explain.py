"""`gateway explain` as a process: what it prints, and how it says what is wrong."""

import dataclasses
import json
import re
import shutil
import sqlite3
import subprocess
from pathlib import Path
from typing import get_args

import pytest

from gateway.execution.explanation import (
    ExplainedFeed,
    ExplainedField,
    ExplainedLookup,
    ExplainedStatement,
    ExplainedTransaction,
    ExplainedWrite,
    Explanation,
    Kind,
    Milliseconds,
    WriteKind,
)
from tests.support.command import GATEWAY, environment, run

QUERY = "{ customers(first: 2) { nodes { name orders(first: 3) { nodes { number } } } } }"


@pytest.fixture
def folder(tmp_path: Path, demo_folder: Path) -> Path:
    """A working directory in which the demo is built already."""
    shutil.copytree(demo_folder, tmp_path / ".gateway" / "demo")
    return tmp_path


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d\d ms", "… ms", text)


TREE = """\
query
├── customers  page of Customer
│   ├── #1 crm.customers  2 rows  … ms
│   │   SELECT t0.id, t0.name
│   │   FROM customers AS t0 ORDER BY t0.id ASC
│   │    LIMIT ? OFFSET ?
│   └── nodes.orders  Order, has_many by customer_id
│       └── #2 erp.orders  2 keys of customer_id (1, 2)  2 rows  … ms
│           SELECT t1.customer_id, t1.number
│           FROM json_each(?) AS keys JOIN orders AS t1 ON t1.id IN (SELECT t0.id
│           FROM orders AS t0
│           WHERE t0.customer_id = keys.value ORDER BY t0.id ASC
│            LIMIT ? OFFSET ?) ORDER BY t1.customer_id, t1.id ASC
└── 2 lookups, 4 rows, … ms planning, … ms executing
"""


def test_prints_the_tree(folder: Path) -> None:
    ended = run("explain", QUERY, cwd=folder)
    assert (ended.returncode, timeless(ended.stdout), ended.stderr) == (0, TREE, "")


STEPS = """
query Other { __typename }

query Steps ($sku: String!) {
  productBySku(sku: $sku) {
    unitsSold
    stockLevels(first: 1) { nodes { warehouse { code } } }
    orderLines(first: 1) { totalCount nodes { amount product { sku } } }
  }
}
"""


def test_prints_what_python_computes_and_what_is_asked_over_rest(folder: Path) -> None:
    (folder / "steps.graphql").write_text(STEPS)
    ended = run(
        *("explain", "--file", "steps.graphql", "--operation", "Steps", "--variables", '{"sku": "BRG-0001"}'),
        cwd=folder,
    )
    lines = [line.strip("│├└─ ") for line in timeless(ended.stdout).splitlines()]
    assert [line for line in lines if not re.match(r"SELECT|FROM|WHERE|LIMIT", line)] == [
        "query Steps",
        "productBySku  Product",
        "#1 erp.products  1 key of sku (BRG-0001)  1 row  … ms",
        "unitsSold  computed, all at once, of 1 object",
        "#2 erp.order_lines  1 key of product_id (1)  1 row  … ms",
        "stockLevels  StockLevel, has_many by product_id",
        "#3 scm.stock_levels  1 key of product_id (1)  1 row  … ms",
        "GET /stock_levels?product_id=1&sort=id&limit=1&fields=product_id,warehouse_id&per=product_id",
        "nodes.warehouse  Warehouse, belongs_to by warehouse_id",
        "#5 scm.warehouses  1 key of id (1)  1 row  … ms",
        "GET /warehouses?id=1&sort=id&limit=1000&fields=id,code",
        "orderLines  OrderLine, has_many by product_id",
        "#4 erp.order_lines  1 key of product_id (1)  1 row  … ms",
        "nodes.amount  computed of 1 object",
        "nodes.product  Product, belongs_to by product_id",
        "#6 erp.products  1 key of id (1)  1 row  … ms",
        "6 lookups, 6 rows, … ms planning, … ms executing",
    ]


DOCUMENT = (Path(__file__).parents[3] / "docs" / "explain.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```sh\nuv run gateway explain '(.*?)'\n```\n\n```text\n(.*?)```", DOCUMENT, re.DOTALL)


@pytest.mark.parametrize(("document", "tree"), EXAMPLES, ids=["mutation", "subscription"])
def test_prints_what_its_documentation_says(folder: Path, document: str, tree: str) -> None:
    before = version_of_order(folder)
    ended = run("explain", document, cwd=folder)
    assert (ended.returncode, timeless(ended.stdout), ended.stderr) == (0, timeless(tree), "")
    assert version_of_order(folder) == before


def test_a_mutation_is_kept_where_that_is_asked(folder: Path) -> None:
    document, tree = EXAMPLES[0]
    before = version_of_order(folder)
    ended = run("explain", document, "--commit", cwd=folder)
    kept = tree.replace("  executed and undone; --commit keeps what it writes", "")
    kept = re.sub("\n[^\n]*transaction of [^\n]*", "", kept)  # it takes none to keep a single statement
    assert (ended.returncode, timeless(ended.stdout), ended.stderr) == (0, timeless(kept), "")
    assert version_of_order(folder) == before + 1


NESTED = """
mutation Place @transaction {
  createOrder(input: {
    number: "SO-9", customerId: "Customer:1", currency: "EUR", total: "50.00"
    lines: { create: [{ position: 1, productId: "Product:1", quantity: 4, unitPrice: "12.50" }] }
  }) { lines { nodes { amount } } }
  updateOrder(id: "Order:1", expectedVersion: 99, patch: { status: SHIPPED }) { version }
}"""


def test_a_mutation_that_fails_shows_where(folder: Path) -> None:
    ended = run("explain", NESTED, cwd=folder)
    lines = [line.strip("│├└─ ") for line in timeless(ended.stdout).splitlines()]
    assert [line for line in lines if not re.match(r"SELECT|FROM|WHERE", line)] == [
        "mutation Place  executed and undone; --commit keeps what it writes",
        "createOrder  writes Order",
        "transaction of erp  begun in … ms, rolled back in … ms",
        "insert erp.orders  1 row  … ms",
        "INSERT INTO orders (number, customer_id, currency, total, updated_at, version) VALUES (?, ?, ?, ?, ?, ?) "
        "RETURNING id, id AS id__1  … ms",
        "INSERT INTO order_lines (order_id, position, product_id, quantity, unit_price) VALUES (?, ?, ?, ?, ?) "
        "RETURNING id, id AS id__1, quantity, unit_price, discount  … ms",
        "insert erp.order_lines  1 row  … ms",
        "lines  OrderLine, has_many by order_id, comes with its parents",
        "nodes.amount  computed of 1 object",
        "updateOrder  writes Order",
        "update erp.orders  0 rows  … ms",
        "UPDATE orders SET status=?, updated_at=?, version=(orders.version + 1) WHERE orders.id = ? "
        "AND orders.version = ? RETURNING id, version",
        "#1 erp.orders  1 key of id (1)  1 row  … ms",
        "3 writes of 2 rows, 1 lookup, 1 row, … ms planning, … ms executing",
        "error createOrder: Nothing was written, because updateOrder failed in the same transaction. "
        "(TRANSACTION_ROLLED_BACK)",
        "error updateOrder: Order:1 has version 4 by now, not 99. (CONFLICT)",
    ]
    assert ended.returncode == 0


def test_what_cannot_be_undone_is_not_done(folder: Path) -> None:
    (folder / "handwritten.py").write_text(HANDWRITTEN, encoding="utf-8")
    told = "What it does may be impossible to undo, and so was not done: not fields of entities: shout."
    ended = run("explain", "mutation { shout }", "--graph", "handwritten", cwd=folder)
    assert (ended.returncode, ended.stdout, ended.stderr.splitlines()) == (1, "", [f"error {told}", HINT])
    ended = run("explain", "mutation { shout }", "--graph", "handwritten", "--commit", cwd=folder)
    assert (ended.returncode, timeless(ended.stdout).splitlines(), ended.stderr) == (
        0,
        [
            "mutation  on the standard engine: not fields of entities: shout",
            "├── shout  resolver",
            "└── 0 lookups, 0 rows, … ms planning, … ms executing",
        ],
        "",
    )


HINT = "--commit executes it, and keeps what it does."
HANDWRITTEN = '''
"""The demo's graph, and a mutation of Python's own."""

import strawberry

from schema import *
from schema import Mutation as Written


@strawberry.type(name="Mutation")
class Mutation(Written):
    @strawberry.mutation
    def shout(self) -> str:
        return "HEY"
'''


def test_every_key_of_the_json_is_documented() -> None:
    kinds = (
        Explanation,
        Milliseconds,
        ExplainedField,
        ExplainedFeed,
        ExplainedTransaction,
        ExplainedWrite,
        ExplainedLookup,
        ExplainedStatement,
    )
    named = set(re.findall(r"`(\w+)`", DOCUMENT[DOCUMENT.index("## JSON") :]))
    keys = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    words = {word for choice in (Kind, WriteKind) for word in get_args(choice)}
    assert (keys | words) - named == set()


def version_of_order(folder: Path) -> int:
    erp = sqlite3.connect(folder / ".gateway" / "demo" / "erp.sqlite")
    ((version,),) = erp.execute("SELECT version FROM orders WHERE id = 1")
    erp.close()
    return int(version)


def test_prints_json(folder: Path) -> None:
    ended = run("explain", QUERY, "--json", cwd=folder)
    told = json.loads(ended.stdout)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert [told[name] for name in ("operation", "engine", "lookups", "rows")] == ["query", "planned", 2, 4]
    (customers,) = told["fields"]
    assert customers["lookups"][0]["statements"][0]["text"].startswith("SELECT t0.id, t0.name")
    assert customers["fields"][0]["lookups"][0]["first"] == [1, 2]


def test_reads_the_standard_input(folder: Path) -> None:
    ended = subprocess.run(
        [*GATEWAY, "explain", "-"],
        cwd=folder,
        env=environment(),
        input="{ __schema { description } }",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert timeless(ended.stdout).splitlines() == [
        "query  on the standard engine: it asks for nothing but the schema",
        "├── __schema  resolver",
        "└── 0 lookups, 0 rows, … ms planning, … ms executing",
    ]


def test_shows_the_errors_of_the_answer(folder: Path) -> None:
    ended = run("explain", "{ customers(first: -1) { totalCount } }", cwd=folder)
    assert timeless(ended.stdout).splitlines() == [
        "query",
        "├── customers  page of Customer",
        "└── 0 lookups, 0 rows, … ms planning, … ms executing",
        "error customers: first cannot be negative; it is -1. (BAD_USER_INPUT)",
    ]
    assert ended.returncode == 0


@pytest.mark.parametrize("as_json", [False, True], ids=["terminal", "json"])
def test_a_mistake_is_shown_where_it_stands(folder: Path, as_json: bool) -> None:
    ended = run("explain", "{ customers { nodes { nam } } }", *(["--json"] if as_json else []), cwd=folder)
    message = "Cannot query field 'nam' on type 'Customer'. Did you mean 'name'?"
    assert ended.returncode == 1
    if as_json:
        (error,) = json.loads(ended.stdout)["errors"]
        assert (error["message"], error["locations"]) == (message, [{"line": 1, "column": 23}])
    else:
        assert (ended.stdout, ended.stderr.splitlines()) == (
            "",
            [
                f"error {message}",
                "query:1:23",
                "1 | { customers { nodes { nam } } }",
                "  |                       ^",
            ],
        )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            [], "explain takes a query, or a --file with one; - reads it from the standard input.", id="nothing"
        ),
        pytest.param(
            [QUERY, "--file", "x"],
            "explain takes a query, or a --file with one; - reads it from the standard input.",
            id="both",
        ),
        pytest.param(["--file", "no.graphql"], "no.graphql: No such file or directory.", id="file"),
        pytest.param([QUERY, "--variables", "{"], "--variables is not JSON: {", id="variables"),
        pytest.param(
            [QUERY, "--variables", "[1]"],
            '--variables must be a JSON object like {"first": 2}; it is [1]',
            id="variables-kind",
        ),
        pytest.param([QUERY, "--graph", "nowhere"], "graph: there is no module 'nowhere'", id="graph"),
    ],
)
def test_a_wrong_command_is_one_clear_line(tmp_path: Path, arguments: list[str], line: str) -> None:
    ended = run("explain", *arguments, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith(f"gateway: {line}")
    assert len(ended.stderr.splitlines()) == 1
