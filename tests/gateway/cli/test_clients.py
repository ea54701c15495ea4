"""`gateway clients`."""

import re
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.auth.clients import KEY
from gateway.cli import app


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def clients(*arguments: str, code: int = 0) -> Result:
    ended = CliRunner().invoke(app, ["clients", *arguments])
    assert ended.exit_code == code, ended.output
    return ended


def table() -> list[list[str]]:
    """The cells that `list` prints."""
    return [re.split(r" {2,}", line.strip()) for line in clients("list").stdout.splitlines()]


def test_a_clients_life() -> None:
    assert clients("list").stdout == "There are no clients; gateway clients create makes one.\n"
    made = clients("create", "partner-x", "--scopes", "orders:read, products:read", "--quota", "500")
    assert KEY.fullmatch(made.stdout.strip())
    assert made.stderr == "This is the API key of partner-x. Keep it now: it is not shown again.\n"
    today = time.strftime("%Y-%m-%d", time.gmtime())
    [heading, row] = table()
    assert heading == ["client", "scopes", "mode", "quota", "keys", "since", "until"]
    assert row[:4] == ["partner-x", "orders:read products:read", "500", "1"]
    assert row[4].startswith(today)
    clients("set-mode", "partner-x", "trusted_only")
    assert table()[1][2] == "trusted_only"
    clients("set-mode", "partner-x")
    rotated = clients("rotate", "partner-x", "--overlap", "24h")
    assert KEY.fullmatch(rotated.stdout.strip())
    assert table()[1][3] == "2"
    assert clients("revoke", "partner-x").stdout == "partner-x is revoked\n"
    assert table()[1][5].startswith(f"revoked {today}")


@pytest.mark.parametrize(
    ("expires", "until"),
    [
        pytest.param("2999-01-31", "2999-01-31 00:00", id="date"),
        pytest.param("2999-01-31T10:00+02:00", "2999-01-31 08:00", id="time"),
        pytest.param("30d", time.strftime("%Y-%m-%d", time.gmtime(time.time() + 30 * 24 * 3600)), id="duration"),
    ],
)
def test_an_end(expires: str, until: str) -> None:
    clients("create", "app", "--expires", expires)
    assert table()[1][-1].startswith(until)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(
            ["create", "app", "--expires", "soon"],
            "gateway: --expires must be like 90d, 12h or 2027-01-31; it is 'soon'.",
            id="time",
        ),
        pytest.param(
            ["create", "app", "--expires", "2001-01-01"],
            "gateway: --expires must be in the future; it is '2001-01-01'.",
            id="past",
        ),
        pytest.param(
            ["rotate", "app", "--overlap", "a day"],
            "gateway: --overlap must be like 30m, 24h or 7d; it is 'a day'.",
            id="overlap",
        ),
        pytest.param(["revoke", "app"], "gateway: clients: there is no client 'app'.", id="nobody"),
    ],
)
def test_a_mistake_is_one_clear_line(arguments: list[str], line: str) -> None:
    assert clients(*arguments, code=2).stderr == f"{line}\n"


def test_a_store_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_CONTROL__URL", "postgresql://u:secret@127.0.0.1:1/x")
    ended = clients("create", "app", code=2)
    assert ended.stderr == "gateway: control: the store cannot be used: ConnectionRefusedError.\n"
