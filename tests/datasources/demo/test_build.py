"""The demo's folder: whole or not there, whatever happens to the build."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from itertools import groupby
from multiprocessing import get_context
from pathlib import Path

import pytest

from datasources.demo import build, build_demo, is_built
from datasources.demo.fields import fields_of
from datasources.demo.records import COUNTS
from datasources.demo.tables import CRM, ERP
from datasources.lookup import Column
from datasources.sql import SqliteSource
from datasources.sql.sqlite_values import from_storage
from tests.datasources.demo.conftest import Demo

FILES = ["crm.sqlite", "erp.sqlite", "scm.json", "version"]
DATABASES = {"crm.sqlite": CRM, "erp.sqlite": ERP}
TABLES = [(file, table) for file, metadata in DATABASES.items() for table in metadata.tables]


@contextmanager
def opened(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        yield connection


def test_is_these_files(demo_folder: Path) -> None:
    assert is_built(demo_folder)
    assert sorted(path.name for path in demo_folder.iterdir() if not path.name.endswith(("-wal", "-shm"))) == FILES


@pytest.mark.parametrize(("file", "table"), TABLES, ids=[table for _, table in TABLES])
def test_stores_every_row(demo_folder: Path, demo: Demo, file: str, table: str) -> None:
    readers = [from_storage(Column(field.name, field.type, scale=2)) for field in fields_of(table)]
    with opened(demo_folder / file) as connection:
        stored = [
            tuple(
                value if read is None or value is None else read(value)
                for read, value in zip(readers, row, strict=True)
            )
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY id")
        ]
    assert stored == [tuple(row) for row in demo.rows[table]]


@pytest.mark.parametrize("file", DATABASES)
def test_is_sound_analyzed_and_ready_for_concurrent_readers(demo_folder: Path, file: str) -> None:
    with opened(demo_folder / file) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        assert connection.execute("PRAGMA journal_mode").fetchall() == [("wal",)]
        analyzed = {table for (table,) in connection.execute("SELECT DISTINCT tbl FROM sqlite_stat1")}
    assert analyzed == DATABASES[file].tables.keys()


@pytest.mark.anyio
@pytest.mark.parametrize("file", DATABASES)
async def test_changes_are_kept_from_the_start(demo_folder: Path, file: str, tmp_path: Path) -> None:
    path = Path(shutil.copy(demo_folder / file, tmp_path))
    status = await SqliteSource("demo", f"sqlite:///{path}").outbox.status([])
    assert status.changes == 0
    assert {table.table for table in status.tables if table.problem is None} == set(DATABASES[file].tables)


@pytest.mark.parametrize(
    ("file", "statement", "complaint"),
    [
        pytest.param(
            "erp.sqlite",
            "UPDATE orders SET status = 'LOST' WHERE id = 1",
            "CHECK constraint failed: orders_status_check",
            id="enum",
        ),
        pytest.param(
            "erp.sqlite",
            "UPDATE order_lines SET quantity = 0 WHERE id = 1",
            "CHECK constraint failed: order_lines_quantity_check",
            id="positive",
        ),
        pytest.param(
            "erp.sqlite",
            "UPDATE products SET sku = 'BRG-0002' WHERE id = 1",
            "UNIQUE constraint failed: products.sku",
            id="natural-key",
        ),
        pytest.param(
            "erp.sqlite",
            "UPDATE order_lines SET product_id = 501 WHERE id = 1",
            "FOREIGN KEY constraint failed",
            id="reference",
        ),
        pytest.param(
            "crm.sqlite",
            "UPDATE customers SET name = NULL WHERE id = 1",
            "NOT NULL constraint failed: customers.name",
            id="null",
        ),
    ],
)
def test_refuses_nonsense(demo_folder: Path, file: str, statement: str, complaint: str) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        with opened(demo_folder / file) as stored:
            stored.backup(connection)
        connection.execute("PRAGMA foreign_keys = ON")
        with pytest.raises(sqlite3.IntegrityError, match=complaint):
            connection.execute(statement)


@pytest.mark.parametrize(
    ("file", "query"),
    [
        pytest.param("erp.sqlite", "SELECT 1 FROM orders WHERE number = 'SO-2026-00001'", id="order-by-number"),
        pytest.param("erp.sqlite", "SELECT 1 FROM products WHERE sku = 'BRG-0001'", id="product-by-sku"),
        pytest.param(
            "erp.sqlite",
            "SELECT 1 FROM orders WHERE customer_id = 1 ORDER BY placed_at DESC, id DESC",
            id="orders-of-a-customer",
        ),
        pytest.param("erp.sqlite", "SELECT 1 FROM orders ORDER BY placed_at, id LIMIT 5", id="orders-by-time"),
        pytest.param("erp.sqlite", "SELECT 1 FROM orders ORDER BY total DESC, id DESC LIMIT 5", id="orders-by-total"),
        pytest.param("erp.sqlite", "SELECT 1 FROM order_lines WHERE order_id = 1", id="lines-of-an-order"),
        pytest.param("erp.sqlite", "SELECT 1 FROM order_lines WHERE product_id = 1", id="lines-of-a-product"),
        pytest.param("erp.sqlite", "SELECT 1 FROM invoices WHERE order_id = 1", id="invoice-of-an-order"),
        pytest.param("erp.sqlite", "SELECT 1 FROM products WHERE supplier_id = 1", id="products-of-a-supplier"),
        pytest.param("erp.sqlite", "SELECT 1 FROM employees WHERE manager_id = 1", id="reports"),
        pytest.param("crm.sqlite", "SELECT 1 FROM contacts WHERE customer_id = 1 ORDER BY id", id="contacts"),
        pytest.param("crm.sqlite", "SELECT 1 FROM opportunities WHERE customer_id = 1 ORDER BY id", id="opportunities"),
        pytest.param("crm.sqlite", "SELECT 1 FROM customers WHERE account_manager_id = 9", id="managed-customers"),
    ],
)
def test_has_an_index_for(demo_folder: Path, file: str, query: str) -> None:
    with opened(demo_folder / file) as connection:
        plan = [detail for *_, detail in connection.execute(f"EXPLAIN QUERY PLAN {query}")]
    assert len(plan) == 1
    assert " USING " in plan[0]


def test_reports_its_steps_one_after_the_other(demo_folder: Path, tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    build_demo(demo_folder, lambda *report: reports.append(report))
    assert reports == []

    build_demo(tmp_path / "demo", lambda *report: reports.append(report))
    steps = {step: [report[1:] for report in group] for step, group in groupby(reports, key=lambda report: report[0])}
    assert {step: states[0][1] for step, states in steps.items()} == {
        "Making the data": sum(COUNTS.values()),
        "Writing crm.sqlite": 10_000,
        "Writing erp.sqlite": 98_540,
        "Writing scm.json": 21_066,
    }
    for states in steps.values():
        total = states[0][1]
        assert states == sorted(states)
        assert (states[0], states[-1]) == ((0, total), (total, total))


def test_is_built_once_and_again_when_asked(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "demo"
    build_demo(folder)
    with closing(sqlite3.connect(folder / "erp.sqlite", isolation_level=None)) as connection:
        connection.execute("UPDATE orders SET version = 77 WHERE id = 1")

    build_demo(folder)
    assert _version_of_the_first_order(folder) == 77
    build_demo(folder, fresh=True)
    assert _version_of_the_first_order(folder) == 4
    assert [path.name for path in folder.parent.iterdir()] == ["demo"]


def test_another_generator_builds_again(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "version").write_text("of an older gateway")
    (folder / "erp.sqlite-wal").touch()
    assert not is_built(folder)
    build_demo(folder)
    assert is_built(folder)
    assert sorted(path.name for path in folder.iterdir()) == FILES


def test_a_killed_build_leaves_no_half_demo(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    script = (
        "import pathlib, sys; from datasources.demo import build_demo;"
        "build_demo(pathlib.Path(sys.argv[1]), lambda *report: print(*report, flush=True))"
    )
    with subprocess.Popen([sys.executable, "-c", script, folder], stdout=subprocess.PIPE, text=True) as builder:
        assert builder.stdout is not None
        for line in builder.stdout:
            if line.startswith("Writing erp.sqlite 5"):
                builder.kill()
                break
    assert not folder.exists()
    (left,) = tmp_path.iterdir()
    assert (left / "made" / "erp.sqlite").exists()

    long_ago = time.time() - 2 * 3600
    os.utime(left, (long_ago, long_ago))
    build_demo(folder)
    assert is_built(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_failing_build_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(build, "_write_database", fail)
    with pytest.raises(OSError, match="No space left"):
        build_demo(tmp_path / "demo")
    assert list(tmp_path.iterdir()) == []


def test_builds_at_the_same_time_do_not_harm_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "demo"
    with ProcessPoolExecutor(2, get_context("spawn")) as pool:
        for done in [pool.submit(build_demo, folder, fresh=fresh) for fresh in (False, True)]:
            done.result()
    assert is_built(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert json.loads((folder / "scm.json").read_bytes()).keys() >= {"suppliers", "shipments"}
    assert _version_of_the_first_order(folder) == 4


def test_leaves_other_peoples_files_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("Chapter 1")
    with pytest.raises(FileExistsError, match=r"holds thesis\.txt, which is not the demo's"):
        build_demo(tmp_path, fresh=True)
    with pytest.raises(FileExistsError, match="is a file; the demo needs a folder of its own"):
        build_demo(tmp_path / "thesis.txt")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def _version_of_the_first_order(folder: Path) -> int:
    with opened(folder / "erp.sqlite") as connection:
        ((version,),) = connection.execute("SELECT version FROM orders WHERE id = 1").fetchall()
    return int(version)
