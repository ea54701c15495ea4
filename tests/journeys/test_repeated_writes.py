"""A client whose server dies sends its write again: it has happened once."""

import json
import signal
import socket
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from tests.support.command import running, started

CREATE = """
mutation ($number: String!) {
  createOrder(input: {
    number: $number, customerId: 1, currency: "EUR", total: "12.50"
    lines: { create: [{ position: 1, productId: 1, quantity: 1, unitPrice: "12.50" }] }
  }) { id number lines { totalCount } }
}"""


def send(endpoint: str, body: str, key: str) -> socket.socket:
    """Sends a request, and leaves its answer unread."""
    url = urlsplit(endpoint)
    connection = socket.create_connection((url.hostname or "", url.port or 0))
    head = f"POST {url.path} HTTP/1.1\r\nhost: {url.netloc}\r\ncontent-type: application/json\r\nidempotency-key: {key}"
    connection.sendall(f"{head}\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode())
    return connection


def orders(folder: Path, number: str) -> int:
    """How many there are of this number."""
    file = folder / ".gateway" / "demo" / "erp.sqlite"
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        (count,) = database.execute("SELECT count(*) FROM orders WHERE number = ?", [number]).fetchone()
    return int(count)


def test_a_server_that_is_killed_before_it_answers(folder: Path) -> None:
    requests = {f"key-{number}": {"query": CREATE, "variables": {"number": f"SO-{number}"}} for number in range(2)}
    with started("dev", "--port", "0", cwd=folder) as (process, endpoint):
        with closing(send(endpoint, json.dumps(requests["key-0"]), "key-0")):
            deadline = time.monotonic() + 20
            while not orders(folder, "SO-0"):  # until it is committed
                assert time.monotonic() < deadline
            with closing(send(endpoint, json.dumps(requests["key-1"]), "key-1")):
                process.send_signal(signal.SIGKILL)  # that one may be, or not
        process.wait()
    with running("dev", "--port", "0", cwd=folder) as endpoint:
        answers = [
            httpx.post(endpoint, json=request, headers={"idempotency-key": key}).json()
            for key, request in requests.items()
            for _ in range(2)
        ]
    assert answers[0] == answers[1]
    assert answers[2] == answers[3]
    for number in range(2):
        order = answers[2 * number]["data"]["createOrder"]
        assert (order["number"], order["lines"]) == (f"SO-{number}", {"totalCount": 1})
        assert orders(folder, f"SO-{number}") == 1
