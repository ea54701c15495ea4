"""The document cache: bounded, and what it keeps of documents that cannot be executed."""

import pytest

import gateway.operations.documents as documents
from gateway.errors import RequestError
from gateway.operations.documents import DocumentCache
from tests.gateway.shop import shop_graph

SCHEMA = shop_graph().schema


def text(name: str, padding: int = 0) -> str:
    return f"query {name} {{ __typename {' ' * padding}}}"


def test_keeps_the_documents_that_were_used_last() -> None:
    cache = DocumentCache(SCHEMA, limit=2, tokens=100)
    first = cache.load(text("A"))
    second = cache.load(text("B"))
    assert cache.load(text("A")) is first
    cache.load(text("C"))
    assert cache.load(text("A")) is first
    assert cache.load(text("B")) is not second


def test_bounds_all_texts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAXIMUM_TEXT", 1000)
    cache = DocumentCache(SCHEMA, limit=100, tokens=100)
    first = cache.load(text("A", 400))
    second = cache.load(text("B", 400))
    assert cache.load(text("A", 400)) is first
    cache.load(text("C", 400))
    assert cache.load(text("A", 400)) is first
    assert cache.load(text("B", 400)) is not second


def test_a_document_larger_than_the_cache_is_executed_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "MAXIMUM_TEXT", 10)
    cache = DocumentCache(SCHEMA, limit=100, tokens=100)
    assert list(cache.load(text("A")).operations) == ["A"]


@pytest.mark.parametrize(
    ("document", "code"),
    [
        pytest.param("{", "GRAPHQL_PARSE_FAILED", id="syntax"),
        pytest.param("{}", "GRAPHQL_PARSE_FAILED", id="empty-selection"),
        pytest.param("", "GRAPHQL_PARSE_FAILED", id="nothing"),
        pytest.param("{" + "a{" * 500 + "b" + "}" * 501, "DOCUMENT_TOO_LARGE", id="tokens"),
        pytest.param("#\n" * 101 + "{ __typename }", "DOCUMENT_TOO_LARGE", id="comments"),
        pytest.param("{ x }", "GRAPHQL_VALIDATION_FAILED", id="validation"),
        pytest.param("type A { a: Int }", "GRAPHQL_VALIDATION_FAILED", id="definitions"),
    ],
)
def test_tells_what_is_wrong_each_time(document: str, code: str) -> None:
    cache = DocumentCache(SCHEMA, limit=100, tokens=100)
    for _ in range(2):
        with pytest.raises(RequestError) as caught:
            cache.load(document)
        assert caught.value.code == code


def test_deep_nesting_is_refused() -> None:
    deep = "{" + "customers{nodes{orders{nodes{customer{" * 60 + "name" + "}}}}}" * 60 + "}"
    with pytest.raises(RequestError) as caught:
        DocumentCache(SCHEMA, limit=100, tokens=100_000).load(deep)
    assert caught.value.code in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED")


def test_a_document_that_cannot_be_validated_is_too_large() -> None:
    wide = "{ customers { nodes {" + "name " * 9900 + "} } }"
    with pytest.raises(RequestError) as caught:
        DocumentCache(SCHEMA, limit=100, tokens=100_000).load(wide)
    assert (caught.value.code, str(caught.value)) == (
        "DOCUMENT_TOO_LARGE",
        "The document selects too much at once to be validated.",
    )
