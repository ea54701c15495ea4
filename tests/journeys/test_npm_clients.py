"""Real npm clients follow changes as the documentation tells them to: they get each once, come what may."""

import json
import random
import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from resolvers.change_cursors import Position, encode_position
from tests.journeys.shops import Shop, Told, postgres_shop, sqlite_shop
from tests.support.command import running, started
from tests.support.npm import installed, node, running_node
from tests.support.proxy import proxied
from tests.support.server import free_port

PACKAGES = ("graphql@16.15.0", "graphql-sse@2.6.1", "graphql-ws@6.4.2", "ws@8.23.0")

CHANGES = Path(__file__).parent.parent.parent / "docs" / "changes.md"
BLOCKS = re.findall(r"```javascript\n(.*?)```", CHANGES.read_text(encoding="utf-8"), re.DOTALL)


def block(containing: str) -> str:
    """The document's only piece of JavaScript that contains the text."""
    (found,) = [text for text in BLOCKS if containing in text]
    return str(found)


OWN_SOCKETS = """
import WebSocket from "ws";

globalThis.WebSocket = WebSocket; // of which Node 20 has none
"""
PARTS = """
const client = {
  async *iterate(request) {
    const response = await fetch("http://127.0.0.1:8000/graphql", {
      method: "POST",
      headers: {
        "accept": 'multipart/mixed;subscriptionSpec="1.0", application/json',
        "content-type": "application/json",
      },
      body: JSON.stringify(request),
    });
    let text = "";
    for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
      const pieces = (text + chunk).split("\\r\\n--graphql");
      text = pieces.pop();
      for (const piece of pieces.filter(Boolean)) {
        const { payload, errors } = JSON.parse(piece.split("\\r\\n\\r\\n")[1]);
        if (errors) throw errors;
        if (payload) yield payload;
      }
    }
  },
};
"""
DISTINCT = block('from "graphql-sse"')
CLIENTS = {
    "graphql-ws": OWN_SOCKETS + block('from "graphql-ws"'),
    "graphql-sse": DISTINCT,
    "graphql-sse-single": DISTINCT.replace("retryAttempts", "singleConnection: true, retryAttempts"),
    "multipart": PARTS,
}
FOLLOW = (
    block("function follow").replace("10_000", "300")
    + """
const query = "subscription { orderChanged { kind key node { number status version } } }";
const following = follow(client, { query }, (event) => console.log(JSON.stringify(event)), process.argv[2]);
"""
)
END = """
await following.catch(([error]) => console.log(error.extensions.code));
process.exit();
"""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("npm"), *PACKAGES)


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest, folder: Path) -> Iterator[Shop]:
    with sqlite_shop(folder) if request.param == "sqlite" else postgres_shop() as opened:
        yield opened


class Client:
    """A client, by the events that it has printed."""

    def __init__(self, printed: Path) -> None:
        self._printed = printed

    def count(self) -> int:
        return self._printed.read_bytes().count(b"\n")

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._printed.read_text().splitlines()]


def told(event: dict[str, Any]) -> Told:
    change = event["data"]["orderChanged"]
    node = change["node"] or {}
    return change["kind"], change["key"], node.get("number"), node.get("status"), node.get("version")


@contextmanager
def following(packages: Path, port: int) -> Iterator[dict[str, Client]]:
    """A client of each kind, connected to the port."""
    with ExitStack() as stack:
        clients = {}
        for name, script in CLIENTS.items():
            there = (script + FOLLOW).replace("127.0.0.1:8000", f"127.0.0.1:{port}")
            clients[name] = Client(stack.enter_context(running_node(packages, name, there)))
        yield clients


@pytest.mark.npm
def test_each_change_comes_once_and_in_order(shop: Shop, folder: Path, packages: Path) -> None:
    rng = random.Random(4)  # noqa: S311 - the same in every run
    port = free_port()
    serving = partial(started, "dev", "--port", str(port), cwd=folder, variables=shop.variables)
    stops: list[Callable[[], int]] = []
    broken = 0
    with proxied(port) as (proxy, front), following(packages, front) as clients, ExitStack() as writers:
        everyone = list(clients.values())

        def all_have_begun() -> bool:
            shop.mark()
            return all(client.count() for client in everyone)

        for ending in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
            with serving() as (server, _):
                if not stops:
                    until(all_have_begun)
                    stops = [writers.enter_context(writer) for writer in shop.writers]
                for _ in range(5):
                    until_more(rng.choice(everyone), rng.randint(1, 60))
                    broken += proxy.break_some(rng)
                until_more(rng.choice(everyone), rng.randint(1, 60))
                server.send_signal(ending)
                server.wait()
        written = [stop() for stop in stops]
        with serving():
            shop.mark()
            committed = shop.committed()
            until(lambda: all(told(client.events()[-1]) == committed[-1] for client in everyone))
            came = {name: client.events() for name, client in clients.items()}
    assert min(written) > 20
    assert broken > 10
    for name, events in came.items():
        begun = committed.index(told(events[0]))
        assert shop.sorted([told(event) for event in events]) == shop.sorted(committed[begun:]), name
        assert len({event["extensions"]["cursor"] for event in events}) == len(events)


@pytest.mark.npm
def test_an_expired_cursor_ends_it(folder: Path, packages: Path) -> None:
    cursor = encode_position(Position({"erp": "00000000.1"}))
    with running("dev", "--port", "0", cwd=folder) as endpoint:
        address = urlsplit(endpoint).netloc
        scripts = [(script + FOLLOW + END).replace("127.0.0.1:8000", address) for script in CLIENTS.values()]
        assert [node(packages, script, cursor) for script in scripts] == ["CURSOR_EXPIRED\n"] * len(scripts)


def until_more(client: Client, count: int) -> None:
    enough = client.count() + count
    until(lambda: client.count() >= enough)


def until(condition: Callable[[], object], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)
