"""Relations that are nested in the lookup of their parents: the same answers, byte for byte, in fewer lookups."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datasources.errors import DatasourceError, SourceMisbehaved, SourceTimeout
from datasources.lookup import Lookup, Rows
from datasources.registry import Registry
from datasources.sql import PostgresSource
from gateway.answers import encode
from gateway.execution.explain import Explainer
from gateway.execution.nesting import MOST_ROWS, PAUSE
from gateway.execution.operation import Operation
from gateway.execution.schema import run_operation
from gateway.execution.variables import NO_VARIABLES
from gateway.operations.request import OperationRequest
from gateway.pipeline import Pipeline
from gateway.settings import LimitSettings
from resolvers.context import Context, PageSizes
from tests.gateway.execution import library
from tests.gateway.execution.engines import Engines, describe
from tests.support.postgres import Postgres, connected
from tests.support.sources import Counted, Failing

pytestmark = pytest.mark.anyio

LIBRARY = Engines(library.Query)
SIZES = PageSizes(default=20, maximum=20)


class Library:
    """The library's database, opened."""

    def __init__(self, source: PostgresSource) -> None:
        self.source = Counted(source)

    @property
    def nested(self) -> int:
        """How many lookups others were nested in."""
        return sum(isinstance(each, Lookup) and each.nested != () for each in self.source.lookups)

    async def ask(
        self,
        operation: Operation,
        variables: dict[str, Any] | None = None,
        *,
        nests: bool = True,
        sizes: PageSizes = SIZES,
    ) -> tuple[bytes, list[Any]]:
        """The data as JSON, and the errors."""
        self.source.lookups.clear()
        coerced = operation.coerce(variables)
        assert not isinstance(coerced, list), coerced
        context = Context(Registry({"lib": self.source}), sizes)
        data, errors = await run_operation(operation, coerced, context, nests=nests)
        return encode(data), describe(errors)

    async def alike(
        self, document: str, variables: dict[str, Any] | None = None, *, sizes: PageSizes = SIZES
    ) -> tuple[Any, list[Any], list[str]]:
        """The answer, which is the same with and without nesting, and the collections that were looked up with it."""
        operation = LIBRARY.operation(document)
        expected = await self.ask(operation, variables, nests=False, sizes=sizes)
        assert not self.nested
        found = await self.ask(operation, variables, sizes=sizes)
        assert found == expected
        return orjson.loads(found[0]), found[1], self.source.collections


@asynccontextmanager
async def opened(url: str, rows: library.Rows | None) -> AsyncIterator[Library]:
    if rows is not None:
        await library.fill(url, rows)
    source = PostgresSource("lib", url)
    await source.open()
    try:
        yield Library(source)
    finally:
        await source.close()


@pytest.fixture(scope="module")
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as made:
        yield made


@pytest.fixture
async def tidy(url: str) -> AsyncIterator[Library]:
    """A library whose values are all as they should be."""
    async with opened(url, library.rows(library.dice(1))) as made:
        yield made


@pytest.fixture(scope="module", params=[0.0, 0.01, 0.2], ids=["tidy", "hardly-odd", "odd"])
async def library_of_odds(postgres: Postgres, request: pytest.FixtureRequest) -> AsyncIterator[Library]:
    """Libraries in which more and more values are none."""
    rows = library.rows(library.dice(7), strays=request.param)
    async with postgres.database() as url, opened(url, rows) as made:
        yield made


@given(seed=st.integers(0, 2**64))
@settings(max_examples=40, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))
async def test_any_operation_is_answered_the_same(library_of_odds: Library, seed: int) -> None:
    await library_of_odds.alike(library.operation(library.dice(seed)), {"word": "x", "no": seed % 3 == 0})


async def test_most_operations_of_these_are_nested(tidy: Library) -> None:
    nested = 0
    for seed in range(40):
        await tidy.ask(LIBRARY.operation(library.operation(library.dice(seed))), {"word": "x"})
        nested += tidy.nested > 0
    assert nested > 20


DEEP = """{ authors { nodes { name books(first: 3, orderBy: [{title: DESC}]) { nodes { title tags { nodes { word } } }
} } } }"""


async def test_all_levels_are_one_lookup(tidy: Library) -> None:
    data, errors, collections = await tidy.alike(DEEP)
    assert (len(data["authors"]["nodes"]), errors, collections) == (12, [], ["authors"])


SHAPES = {
    "owner": ("{ books { nodes { title author { id name agent { id name } } } } }", ["books"]),
    "typenames": (
        "{ authors { nodes { books { __typename nodes { __typename id } again: __typename } } } }",
        ["authors"],
    ),
    "list": ("{ authors { nodes { allBooks { title } } } }", ["authors"]),
    "entity": ('{ author(id: "2") { books { nodes { title } } agent { name } } }', ["authors"]),
    "node": ('{ node(id: "Author:2") { ... on Author { books { nodes { title } } } } }', ["authors"]),
    "filtered": ("{ tags { nodes { books(first: 2, filter: {mood: {eq: DARK}}) { nodes { mood } } } } }", ["tags"]),
    "related": (
        '{ authors { nodes { books(filter: {tags: {some: {word: {contains: "a"}}}}) { nodes { id } } } } }',
        ["authors"],
    ),
    "below-python": ("{ books { nodes { shout author { name } } } }", ["books"]),
    "below-pages": (
        "{ authors { nodes { books { pageInfo { hasNextPage } nodes { tags { nodes { word } } } } } } }",
        ["authors", "books"],
    ),
    "beside": ("{ authors { nodes { books { totalCount } agent { name } } } }", ["authors", "books"]),
    "none-of-a-page": ("{ authors { nodes { books(first: 0) { nodes { title } } } } }", ["authors"]),
}


@pytest.mark.parametrize(("document", "looked_up"), SHAPES.values(), ids=SHAPES)
async def test_what_is_nested(tidy: Library, document: str, looked_up: list[str]) -> None:
    _, errors, collections = await tidy.alike(document)
    assert (errors, collections, tidy.nested) == ([], looked_up, 1)


async def test_it_is_explained_as_found_with_its_parents(tidy: Library) -> None:
    explainer = Explainer()
    document = "{ authors { nodes { books { nodes { author { name } } } counted: books { totalCount } } } }"
    context = Context(Registry({"lib": tidy.source}), SIZES)
    await explainer.run(LIBRARY.operation(document), NO_VARIABLES, context)
    assert explainer.explanation is not None
    (authors,) = explainer.explanation.fields
    books, counted = authors.fields
    assert [each.nested for each in (books, *books.fields, counted)] == [True, True, None]


async def test_variables_are_bound_for_each_request(tidy: Library) -> None:
    operation = LIBRARY.operation(
        """query ($few: Int, $word: String) { authors { nodes { books(first: $few, filter: {title: {ne: $word}}) {
        nodes { title } } } } }"""
    )
    for few, word in ((1, "x"), (2, ""), (None, None)):
        expected = await tidy.ask(operation, {"few": few, "word": word}, nests=False)
        assert await tidy.ask(operation, {"few": few, "word": word}) == expected
        assert tidy.source.collections == ["authors"]


UNNESTED = {
    "cursors": "{ authors { nodes { books { edges { cursor node { title } } } } } }",
    "edges": "{ authors { nodes { books { edges { node { title } } } } } }",
    "counts": "{ authors { nodes { books { totalCount nodes { title } } } } }",
    "page-info": "{ authors { nodes { books { pageInfo { hasNextPage } nodes { title } } } } }",
    "rows-twice": "{ authors { nodes { books { nodes { title } more: nodes { id } } } } }",
    "backward": "{ authors { nodes { books(last: 2) { nodes { title } } } } }",
    "python": "{ authors { nodes { books { nodes { shout } } } } }",
    "figures": "{ authors { nodes { booksAggregate { count } } } }",
    "alike": "{ authors { nodes { a: books { nodes { title } } b: books { nodes { id } } } } }",
    "too-deep": "{ authors { nodes { agent { author { agent { author { agent { id } } } } } } } }",
    "rows-of-others": '{ a: author(id: "1") { agent { name } } b: author(id: "2") { name } }',
}


@pytest.mark.parametrize("document", UNNESTED.values(), ids=UNNESTED)
async def test_what_is_not_nested_there(tidy: Library, document: str) -> None:
    await tidy.alike(document)
    assert not any(
        isinstance(each, Lookup) and each.collection.name == "authors" and each.nested
        for each in tidy.source.lookups[:1]
    )


async def test_no_more_is_nested_than_the_limits_allow(tidy: Library) -> None:
    sizes = PageSizes(default=20, maximum=MOST_ROWS)
    document = "{{ authors(first: 10) {{ nodes {{ books(first: {}) {{ nodes {{ title }} }} }} }} }}"
    for first, nested in ((MOST_ROWS // 10, 1), (MOST_ROWS // 10 + 1, 0)):
        await tidy.alike(document.format(first), sizes=sizes)
        assert tidy.nested == nested


async def test_a_source_that_does_not_nest_is_not_asked_to(url: str, tidy: Library) -> None:
    source = PostgresSource("lib", url, nest=False)
    await source.open()
    plain = Library(source)
    _, errors, collections = await plain.alike(DEEP)
    assert (errors, collections, plain.nested) == ([], ["authors", "books", "tags"], 0)
    await source.close()


async def test_the_drop_in_answers_with_python_values(tidy: Library) -> None:
    context = Context(Registry({"lib": tidy.source}), SIZES)
    answer = await LIBRARY.planned.execute(DEEP, context_value=context)
    assert answer.errors is None
    assert tidy.source.collections == ["authors", "books", "tags"]


STRAYS = {
    "null": (
        "UPDATE books SET title = NULL",
        "title",
        ("Cannot return null for non-nullable field Book.title.", "TypeError"),
    ),
    "no-member": (
        "UPDATE books SET genre = 'pamphlet'",
        "genre",
        ("datasource 'lib' has 'pamphlet' in 'books', which is no value of Book.genre", "SourceMisbehaved"),
    ),
    "no-number": (
        "UPDATE books SET weight_kg = 'NaN'",
        "weight",
        ("Float cannot represent non numeric value: nan", "GraphQLError"),
    ),
    "no-date": (
        "UPDATE books SET printed_at = '4713-01-01 BC'",
        "printedAt",
        ("datasource 'lib' holds a value in 'books' that is none", "SourceMisbehaved"),
    ),
}


@pytest.mark.parametrize(("change", "field", "error"), STRAYS.values(), ids=STRAYS)
async def test_what_is_out_of_the_ordinary_is_told(
    url: str, tidy: Library, change: str, field: str, error: tuple[str, str]
) -> None:
    async with connected(url) as connection:
        await connection.execute("UPDATE books SET author_id = id; DELETE FROM books WHERE id > 12")
        await connection.execute(f"{change} WHERE id = 2")
    operation = LIBRARY.operation(f"{{ authors {{ nodes {{ id books {{ nodes {{ {field} }} }} }} }} }}")
    expected = await tidy.ask(operation, nests=False)
    found = await tidy.ask(operation)
    assert found == expected
    told = {(message, kind) for _, message, kind, *_ in found[1]}
    assert told == {error}
    assert tidy.source.collections == ["authors", *["authors"] * (field == "printedAt"), "books"]
    if field != "printedAt":
        again = tidy.source.lookups[1]
        assert isinstance(again, Lookup)
        assert again.keys == (2,)
        assert [path for path, *_ in found[1]] == [["authors", "nodes", 1, "books", "nodes", 0, field]]


async def test_a_column_that_may_hold_nulls_by_now_is_not_trusted(url: str, tidy: Library) -> None:
    document = "{ books(first: 1) { nodes { author { name } } } authors(first: 1) { nodes { agent { name } } } }"
    await tidy.alike(document)
    async with connected(url) as connection:
        await connection.execute("ALTER TABLE authors ALTER name DROP NOT NULL; UPDATE authors SET name = NULL")
        await connection.execute("ALTER TABLE agents ALTER name DROP NOT NULL; UPDATE agents SET name = NULL")
        await connection.execute("UPDATE books SET author_id = 1")
    _, errors, _ = await tidy.alike(document)
    assert [path for path, *_ in errors] == [
        ["books", "nodes", 0, "author", "name"],
        ["authors", "nodes", 0, "agent", "name"],
    ]


async def test_without_an_index_nothing_is_nested(url: str, tidy: Library) -> None:
    async with connected(url) as connection:
        await connection.execute("DROP INDEX taggings_of_books")
    operation = LIBRARY.operation("{ books(first: 2) { nodes { author { name } tags { nodes { word } } } } }")
    expected = await tidy.ask(operation, nests=False)
    looked_up = tidy.source.collections
    assert await tidy.ask(operation) == expected
    assert tidy.source.collections == ["books", *looked_up]
    await tidy.ask(operation)
    assert tidy.source.collections == looked_up


async def test_a_list_that_is_too_long_is_refused(tidy: Library) -> None:
    data, errors, _ = await tidy.alike("{ authors { nodes { allBooks { id } } } }", sizes=PageSizes(20, 4))
    refused = [author["allBooks"] is None for author in data["authors"]["nodes"]]
    assert 0 < sum(refused) < len(refused)
    assert len(errors) == sum(refused)


class Refusing(Counted):
    """Answers lookups in which nothing is nested."""

    error: DatasourceError = SourceMisbehaved("lib", "cannot do that after all")

    async def lookup(self, lookup: Lookup) -> Rows:
        answer = await super().lookup(lookup)
        if lookup.nested:
            raise self.error
        return answer


class Late(Refusing):
    """Gives up on the others."""

    error = SourceTimeout("lib", "did not answer in time")


ROOTS = {
    "connection": "{ authors { nodes { books { nodes { title } } agent { name } } } }",
    "entity": '{ author(id: "2") { agent { name } } }',
    "nodes": """{ nodes(ids: ["Author:2", "Book:1"]) { ... on Author { agent { name } }
        ... on Book { author { name } } } }""",
    "relation": "{ authors { nodes { books { totalCount nodes { author { name } } } } } }",
}


@pytest.mark.parametrize("document", ROOTS.values(), ids=ROOTS)
async def test_a_nested_lookup_that_fails_takes_nothing_with_it(tidy: Library, document: str) -> None:
    operation = LIBRARY.operation(document)
    expected = await tidy.ask(operation, nests=False)
    tidy.source = Refusing(tidy.source.source)
    assert await tidy.ask(operation) == expected
    assert tidy.nested
    for _ in range(PAUSE):
        assert await tidy.ask(operation) == expected
        assert not tidy.nested
    await tidy.ask(operation)
    assert tidy.nested


@pytest.mark.parametrize("document", ROOTS.values(), ids=ROOTS)
async def test_what_took_too_long_is_not_waited_for_twice(tidy: Library, document: str) -> None:
    operation = LIBRARY.operation(document)
    expected = await tidy.ask(operation, nests=False)
    tidy.source = Late(tidy.source.source)
    _, errors = await tidy.ask(operation)
    assert {message for _, message, *_ in errors} == {str(Late.error)}
    assert await tidy.ask(operation) == expected
    assert not tidy.nested


async def test_a_source_that_fails_is_told_as_without(tidy: Library) -> None:
    for of in (["books"], ["authors"], None):
        tidy.source = Failing(tidy.source.source, SourceMisbehaved("lib", "is broken"), of=of)
        await tidy.alike("{ authors { nodes { books { totalCount nodes { author { name } } } } } }")


async def test_it_is_json_where_values_are_beyond_orjson() -> None:
    nested = {"a": orjson.Fragment('{"n":1}'), "b": 2**70}
    assert orjson.loads(encode(nested["a"])) == {"n": 1}
    assert encode(nested) == b'{"a": {"n": 1}, "b": 1180591620717411303424}'


async def test_the_pipeline_nests(tidy: Library) -> None:
    registry = Registry({"lib": tidy.source})
    pipeline = Pipeline(LIBRARY.planned, lambda _: Context(registry, SIZES), LimitSettings())
    answer = await pipeline.run(OperationRequest(DEEP), "c-1")
    assert tidy.source.collections == ["authors"]
    expected, _ = await tidy.ask(LIBRARY.operation(DEEP), nests=False)
    assert encode(answer.content) == b'{"data":' + expected + b"}"


SELECTIONS: dict[str, tuple[str, dict[str, Any] | None]] = {
    "aliases": (
        "{ authors { nodes { a: books(first: 1) { nodes { title } } "
        "b: books(first: 2, orderBy: [{title: DESC}]) { nodes { id } } } } }",
        None,
    ),
    "variables": (
        "query ($n: Int!, $w: String!) { authors { nodes { books(first: $n, filter: {title: {gt: $w}}) { nodes { "
        "a: tags(first: 1) { nodes { word } } b: tags(first: $n, filter: {word: {ne: $w}}) { nodes { id } } } } } } }",
        {"n": 2, "w": "a"},
    ),
    "directives": (
        "query ($no: Boolean!) { authors { nodes { name @skip(if: $no) "
        "books { nodes { title @include(if: $no) id author @skip(if: $no) { name } } } } } }",
        {"no": False},
    ),
    "fragments": (
        "fragment B on Book { title author { ...A } } fragment A on Author { id name } "
        "{ authors { nodes { ...A books { nodes { ...B ... on Book { id } } } allBooks { ...B } } } }",
        None,
    ),
    "nothing": (
        "{ authors { nodes { books { nodes { id @skip(if: true) } } allBooks { id @skip(if: true) } "
        "agent { id @skip(if: true) } } } }",
        None,
    ),
    "back-and-forth": (
        "{ books { nodes { author { books(first: 0) { nodes { id } } allBooks { id author { name } } } "
        "tags { nodes { books(first: 2) { nodes { title } } } } } } }",
        None,
    ),
}


@pytest.mark.parametrize(("document", "variables"), SELECTIONS.values(), ids=SELECTIONS)
async def test_whatever_is_selected_is_nested(
    library_of_odds: Library, document: str, variables: dict[str, Any] | None
) -> None:
    await library_of_odds.alike(document, variables)
    assert library_of_odds.nested
