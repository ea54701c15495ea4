"""`gateway dev` as a process: what it builds, prints and serves, and how it refuses to start."""

import shutil
import socket
from pathlib import Path

import httpx
import pytest

from tests.support.command import run, running

CUSTOMERS = {"query": "{ customers(first: 1) { totalCount } }"}


@pytest.fixture
def home(tmp_path: Path, demo_folder: Path) -> Path:
    """A home in which the demo is built already."""
    shutil.copytree(demo_folder, tmp_path / "home" / "demo")
    return tmp_path / "home"


def test_builds_the_demo_once_and_serves_it(tmp_path: Path) -> None:
    built = []
    for _ in range(2):
        with running("dev", "--port", "0", cwd=tmp_path) as endpoint:
            answer = httpx.post(endpoint, json=CUSTOMERS)
            page = httpx.get(endpoint, headers={"accept": "text/html"})
            ready = httpx.get(httpx.URL(endpoint).copy_with(path="/health/ready"))
        assert answer.json() == {"data": {"customers": {"totalCount": 2000}}}
        assert "query ThreeSystems" in page.text
        assert ready.json()["status"] == "ok"
        built.append((tmp_path / ".gateway" / "demo" / "crm.sqlite").stat().st_ino)
    assert built[0] == built[1]


def test_fresh_builds_it_anew(home: Path) -> None:
    before = (home / "demo" / "crm.sqlite").stat().st_ino
    with running("dev", "--port", "0", "--fresh", cwd=home.parent, variables={"GATEWAY_HOME": str(home)}) as endpoint:
        assert httpx.post(endpoint, json=CUSTOMERS).json() == {"data": {"customers": {"totalCount": 2000}}}
    assert (home / "demo" / "crm.sqlite").stat().st_ino != before


def test_a_busy_port_is_one_clear_line(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = run("dev", "--port", str(port), cwd=home.parent, GATEWAY_HOME=str(home))
    line = f"gateway: 127.0.0.1:{port} cannot be listened on: address already in use.\n"
    assert (ended.returncode, ended.stderr) == (2, line)


def test_an_address_of_another_machine_is_one_clear_line(home: Path) -> None:
    ended = run("dev", "--host", "192.0.2.1", cwd=home.parent, GATEWAY_HOME=str(home))
    line = "gateway: 192.0.2.1:8000 cannot be listened on: cannot assign requested address.\n"
    assert (ended.returncode, ended.stderr) == (2, line)


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ended = run("dev", "--port", "0", cwd=tmp_path, GATEWAY_HOME=str(tmp_path / "file"))
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"gateway: {tmp_path / 'file'}")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("config", "line"),
    [
        pytest.param(
            "[http]\nprot = 9000",
            "gateway: gateway.toml: http.prot: there is no such setting; did you mean 'port'?",
            id="setting",
        ),
        pytest.param(
            "graph = 'nowhere'",
            "gateway: graph: there is no module 'nowhere' in {folder} or among the packages.",
            id="graph",
        ),
        pytest.param(
            "[sources.crm]\nurl = 'demo:hr'",
            "gateway: sources.crm.url: the demo has crm, erp, scm; 'demo:hr' is none of them.",
            id="demo",
        ),
        pytest.param(
            "[sources.crm]\nurl = 'sqlite:///{folder}/other.sqlite'",
            "gateway: Customer: source 'crm' has no 'customers'.",
            id="table",
        ),
    ],
)
def test_a_broken_config_is_one_clear_line(home: Path, config: str, line: str) -> None:
    folder = home.parent
    (folder / "gateway.toml").write_text(config.format(folder=folder))
    (folder / "other.sqlite").touch()
    ended = run("dev", "--port", "0", cwd=folder, GATEWAY_HOME=str(home))
    assert (ended.returncode, ended.stderr.splitlines()[0]) == (2, line.format(folder=folder))


def test_a_file_that_is_not_there_is_one_clear_line(home: Path) -> None:
    ended = run(
        "dev",
        "--port",
        "0",
        cwd=home.parent,
        GATEWAY_HOME=str(home),
        GATEWAY_SOURCES__ERP__URL="sqlite:///no/erp.sqlite",
    )
    assert (ended.returncode, ended.stderr) == (2, "gateway: sources.erp.url: there is no file no/erp.sqlite.\n")


def test_the_help_teaches() -> None:
    ended = run("--help", cwd=Path.cwd())
    assert ended.returncode == 0
    for command in ("dev", "serve", "schema", "demo"):
        assert command in ended.stdout
