"""The reference audits of GraphQL over HTTP, from npm, against a real server."""

import json
from pathlib import Path

import pytest

from gateway.settings import DevSettings, HttpSettings, LimitSettings
from tests.gateway.shop import shop_app
from tests.support.npm import installed, node
from tests.support.server import serve_in_thread

AUDIT = """
import { auditServer } from "graphql-http";
const results = await auditServer({ url: process.argv[2] });
const found = results.map(({ id, name, status, reason }) => ({ id, name, status, reason }));
console.log(JSON.stringify(found));
"""

PLAIN_GETS = {"5A70", "D6D5", "6A70"}
"""Audits that send what any web page could."""


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return installed(tmp_path_factory.mktemp("npm"), "graphql-http@1.23.1", "graphql@16.15.0")


def failed(packages: Path, http: HttpSettings) -> tuple[int, set[str]]:
    """How many audits there are, and which do not pass."""
    with serve_in_thread(shop_app(http, LimitSettings(introspection=True))) as url:
        results = json.loads(node(packages, AUDIT, f"{url}/graphql"))
    return len(results), {each["id"] for each in results if each["status"] != "ok"}


@pytest.mark.npm
def test_all_61_audits_pass(packages: Path) -> None:
    assert failed(packages, DevSettings().http) == (61, set())


@pytest.mark.npm
def test_csrf_prevention_refuses_plain_gets_and_nothing_else(packages: Path) -> None:
    assert failed(packages, HttpSettings(csrf_prevention=True)) == (61, PLAIN_GETS)
