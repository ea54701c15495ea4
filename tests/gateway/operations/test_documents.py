"""The document cache: what it keeps, of documents that cannot be executed too, and that no flood moves it."""

import gc
import weakref
from collections import Counter
from typing import Any

import graphql
import pytest
import strawberry

import gateway
import gateway.operations.documents as documents
from datasources.cache import Figures
from gateway.errors import RequestError, ValidationFailed
from gateway.execution.operation import Operation
from gateway.operations.documents import DocumentCache
from gateway.settings import LimitSettings
from resolvers.viewer import ANONYMOUS
from tests.gateway.shop import shop_graph

SCHEMA = shop_graph().schema


def text(name: str, padding: int = 0) -> str:
    return f"query {name} {{ __typename {' ' * padding}}}"


def figures(cache: DocumentCache, name: str = "documents") -> Figures:
    return cache.caches[name].figures


def plan(operation: Operation, **variables: bool) -> Any:
    coerced = operation.coerce(variables)
    assert not isinstance(coerced, list)
    planner = operation.planner(coerced, ANONYMOUS)
    assert planner is not None
    return planner


@pytest.fixture
def work(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each text was parsed, and how often "validate" was called."""
    counted: Counter[str] = Counter()

    def parse(source: str, **options: Any) -> graphql.DocumentNode:
        counted[source] += 1
        return graphql.parse(source, **options)

    def validate(*arguments: Any, **options: Any) -> list[graphql.GraphQLError]:
        counted["validate"] += 1
        return graphql.validate(*arguments, **options)

    monkeypatch.setattr(documents, "parse", parse)
    monkeypatch.setattr(documents, "validate", validate)
    return counted


def test_keeps_the_documents_that_are_used_again() -> None:
    cache = DocumentCache(SCHEMA, LimitSettings(documents=2, tokens=100))
    first = cache.load(text("A"))
    second = cache.load(text("B"))
    assert cache.load(text("A")) is first
    cache.load(text("C"))
    assert cache.load(text("A")) is first
    assert cache.load(text("B")) is not second


def test_a_flood_of_documents_neither_grows_memory_nor_drives_out_the_used(
    monkeypatch: pytest.MonkeyPatch, work: Counter[str]
) -> None:
    monkeypatch.setattr(documents, "validate", lambda *_, **__: [])  # which would take most of the time
    cache = DocumentCache(SCHEMA, LimitSettings(documents=100, tokens=100))
    hot = [text("Hot"), text("Hotter")]
    for number in range(50_000):
        cache.load(f"{{a{number}:__typename}}")
        if number % 20 == 0:
            cache.load(hot[number % 40 == 0])
    assert [work[each] for each in hot] == [1, 1]
    assert figures(cache).entries == 100
    gc.collect()
    assert sum(isinstance(each, Operation) and each.schema is SCHEMA for each in gc.get_objects()) <= 100


def test_a_flood_of_refused_documents_leaves_the_others_alone(work: Counter[str]) -> None:
    cache = DocumentCache(SCHEMA, LimitSettings(documents=10, tokens=100))
    cache.load(text("Once"))
    for number in range(5000):
        with pytest.raises(RequestError):
            cache.load(f"{{ {number}")
    cache.load(text("Once"))
    assert work[text("Once")] == 1
    assert figures(cache, "refused_documents").entries == 256


def test_a_refused_document_is_validated_once_and_told_the_same_again(work: Counter[str]) -> None:
    cache = DocumentCache(SCHEMA, LimitSettings(documents=10, tokens=100))
    told = []
    for _ in range(3):
        with pytest.raises(ValidationFailed) as caught:
            cache.load("{ __typename\n  x }")
        told.append([(each.message, each.locations, each.nodes) for each in caught.value.errors])
    assert told == [[("Cannot query field 'x' on type 'Query'.", [graphql.SourceLocation(2, 3)], None)]] * 3
    assert work["validate"] == 1
    refused = figures(cache, "refused_documents")
    assert (refused.hits, refused.misses, refused.entries) == (2, 1, 1)


def test_all_documents_together_are_bounded_by_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENTS_BYTES", 200_000)
    cache = DocumentCache(SCHEMA, LimitSettings(documents=100, tokens=100))
    for number in range(100):
        cache.load(text(f"A{number}"))
    assert 0 < figures(cache).bytes <= 200_000
    assert figures(cache).entries < 25


def test_a_large_document_is_executed_but_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "DOCUMENTS_BYTES", 200_000)
    cache = DocumentCache(SCHEMA, LimitSettings(documents=100, tokens=100))
    assert list(cache.load(text("A", 20_000)).operations) == ["A"]
    assert figures(cache).entries == 0


SWITCHED = "query ($a: Boolean!, $b: Boolean!) { customers { nodes { name @skip(if: $a) id @include(if: $b) } } }"


def test_plans_count_as_part_of_their_document_and_go_with_it() -> None:
    cache = DocumentCache(SCHEMA, LimitSettings(documents=2, tokens=100))
    operation = cache.load(SWITCHED).operation(None)
    sizes = [figures(cache).bytes]
    for a, b in [(True, True), (False, True), (True, False), (False, True)]:
        planned = plan(operation, a=a, b=b)
        assert planned.plan is not None
        sizes.append(figures(cache).bytes)
    one = 5 * 2048
    assert sizes == [sizes[0], sizes[0] + one, sizes[0] + 2 * one, sizes[0] + 3 * one, sizes[0] + 3 * one]
    kept = [weakref.ref(operation), weakref.ref(planned)]
    del operation, planned
    cache.load(text("A"))
    cache.load(text("B"))
    gc.collect()
    assert [each() for each in kept] == [None, None]


def test_plans_of_one_operation_are_bounded() -> None:
    names = [f"v{number}" for number in range(7)]
    selected = " ".join(f"{name}: __typename @skip(if: ${name})" for name in names)
    definitions = ", ".join(f"${name}: Boolean!" for name in names)
    operation = (
        DocumentCache(SCHEMA, LimitSettings(documents=10, tokens=1000))
        .load(f"query ({definitions}) {{ id: __typename {selected} }}")
        .operation(None)
    )
    last = [plan(operation, **{name: bool(bits >> n & 1) for n, name in enumerate(names)}) for bits in range(128)]
    assert list(operation.planners.values()) == last[64:]


def test_a_document_whose_fragments_multiply_is_not_kept() -> None:
    fragments = "".join(f"fragment F{n} on Customer {{ ...F{n + 1} ...F{n + 1} }} " for n in range(40))
    multiplied = "{ customer(id: 1) { ...F0 } } " + fragments + "fragment F40 on Customer { name }"
    cache = DocumentCache(SCHEMA, LimitSettings(documents=10, tokens=1000))
    operation = cache.load(multiplied).operation(None)
    assert figures(cache).entries == 1
    plan(operation)
    assert figures(cache).entries == 0


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
    cache = DocumentCache(SCHEMA, LimitSettings(documents=100, tokens=100))
    for _ in range(2):
        with pytest.raises(RequestError) as caught:
            cache.load(document)
        assert caught.value.code == code


def test_deep_nesting_is_refused() -> None:
    deep = "{" + "customers{nodes{orders{nodes{customer{" * 60 + "name" + "}}}}}" * 60 + "}"
    with pytest.raises(RequestError) as caught:
        DocumentCache(SCHEMA, LimitSettings(documents=100, tokens=100_000)).load(deep)
    assert caught.value.code in ("GRAPHQL_PARSE_FAILED", "GRAPHQL_VALIDATION_FAILED")


def test_a_document_that_cannot_be_validated_is_too_large() -> None:
    unlimited = LimitSettings(tokens=100_000, fields=100_000, repeats=10**9)
    wide = "{ customers { nodes {" + "name " * 9900 + "} } }"
    with pytest.raises(RequestError) as caught:
        DocumentCache(SCHEMA, unlimited).load(wide)
    assert (caught.value.code, str(caught.value)) == (
        "DOCUMENT_TOO_LARGE",
        "The document selects too much at once to be validated.",
    )


@strawberry.input(one_of=True)
class Either:
    """One or the other."""

    number: strawberry.Maybe[int]
    text: strawberry.Maybe[str]


@strawberry.input
class Change:
    """What may be left out, but is never null."""

    number: strawberry.Maybe[int]


@strawberry.type
class Query:
    """Takes inputs of which Strawberry has rules of its own."""

    @strawberry.field
    def take(self, either: Either | None = None, change: Change | None = None) -> str:
        return f"{either} {change}"


@pytest.mark.parametrize(
    "document",
    [
        "query ($n: Int) { take(either: {number: $n}) }",
        '{ take(either: {number: 1, text: "one"}) }',
        "{ take(either: {}) }",
        "{ take(change: {number: null}) }",
    ],
    ids=["nullable-variable", "both", "neither", "null"],
)
def test_validates_by_the_rules_of_strawberry(document: str) -> None:
    expected = strawberry.Schema(Query).execute_sync(document)
    assert expected.errors is not None
    cache = DocumentCache(gateway.Schema(Query), LimitSettings(documents=2, tokens=100))
    with pytest.raises(ValidationFailed) as failure:
        cache.load(document)
    assert [(each.message, each.locations) for each in failure.value.errors] == [
        (each.message, each.locations) for each in expected.errors
    ]
