"""Loads documents of the shop within limits."""

from typing import Any

import graphql
import pytest

import gateway.operations.documents as documents
from gateway.errors import RequestError
from gateway.operations.documents import DocumentCache
from gateway.settings import LimitSettings
from tests.gateway.shop import shop_graph

SCHEMA = shop_graph().schema


def refusal(document: str, **limits: Any) -> tuple[str, str, list[tuple[int, int]]] | None:
    """The code, the message and the places that are told of a document that is refused."""
    try:
        DocumentCache(SCHEMA, LimitSettings(**limits)).load(document)
    except RequestError as error:
        (first, *_) = error.errors
        return error.code, str(error), [(at.line, at.column) for at in first.locations or ()]
    return None


def code(document: str, **limits: Any) -> str | None:
    found = refusal(document, **limits)
    return found and found[0]


@pytest.fixture
def validated(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Has how many rules each validation was by."""
    counts: list[int] = []

    def counted(schema: Any, document: Any, rules: Any, **options: Any) -> Any:
        counts.append(len(rules))
        return graphql.validate(schema, document, rules, **options)

    monkeypatch.setattr(documents, "validate", counted)
    return counts
