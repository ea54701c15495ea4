"""`gateway serve`: whom it lets in, and what it says of that."""

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.command import run, started
from tests.support.issuer import AUDIENCE, NAME, P256, bearer, pem, sign

GRAPH = '''
from resolvers import entity, query_type

@entity("shop.orders")
class Order:
    """An order."""
    number: str

Query = query_type(Order)
'''
CONFIG = """
graph = "shop_graph"
[sources.shop]
url = "sqlite:///shop.sqlite"
"""
ISSUER = f"""
[auth.issuers.company]
issuer = "{NAME}"
audience = ["{AUDIENCE}"]
keys = ['''{pem(P256)}''']
"""
QUERY = {"query": "{ viewer { subject client } order(id: 1) { number } }"}
REFUSED = {"errors": [{"message": "Send a bearer token, or an API key.", "extensions": {"code": "UNAUTHENTICATED"}}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop_graph.py").write_text(GRAPH)
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as connection:
        connection.executescript(
            "CREATE TABLE orders (id INTEGER PRIMARY KEY, number TEXT); INSERT INTO orders VALUES (1, 'SO-1')"
        )
    return tmp_path


class Served:
    """A gateway in a process of its own."""

    def __init__(self, endpoint: str) -> None:
        self.endpoint = endpoint
        self.printed = ""

    def ask(self, headers: Mapping[str, str]) -> object:
        return httpx.post(self.endpoint, json=QUERY, headers=headers).json()


@contextmanager
def serving(folder: Path, settings: str) -> Iterator[Served]:
    (folder / "gateway.toml").write_text(CONFIG + settings)
    with started("serve", "--port", "0", cwd=folder) as (process, endpoint):
        served = Served(endpoint)
        yield served
        process.terminate()
        served.printed = process.communicate()[0]


def order(subject: str | None, client: str | None = None) -> object:
    return {"data": {"viewer": {"subject": subject, "client": client}, "order": {"number": "SO-1"}}}


def test_it_is_closed_as_it_comes(folder: Path) -> None:
    """But to clients, which may be made while it runs."""
    with serving(folder, "") as gateway:
        assert [gateway.ask(headers) for headers in ({}, bearer(sign()))] == [
            REFUSED,
            {"errors": [{"message": "The token is not valid here.", "extensions": {"code": "TOKEN_INVALID"}}]},
        ]
        key = run("clients", "create", "app", cwd=folder).stdout.strip()
        assert gateway.ask({"x-api-key": key}) == order(None, "app")
    said, logged = gateway.printed.splitlines()
    assert (
        said == "gateway: only clients with an API key may ask (gateway clients create), as there are no auth.issuers"
    )
    assert logged.endswith(" WARNING gateway.auth A token was refused. auth.issuers: it is of none of them")


def test_it_takes_the_tokens_of_issuers(folder: Path) -> None:
    with serving(folder, ISSUER) as gateway:
        assert [gateway.ask(headers) for headers in ({}, bearer(sign()))] == [REFUSED, order("ada")]
    assert gateway.printed == ""


def test_it_says_so_where_it_is_open(folder: Path) -> None:
    with serving(folder, "[auth]\nanonymous = true") as gateway:
        assert gateway.ask({}) == order(None)
    assert gateway.printed == "gateway: anybody may ask, without credentials (auth.anonymous)\n"
