"""Lookups within a lookup: their statements, and the JSON that PostgreSQL writes for them."""

import random
import re
import struct
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

import orjson
import pytest

from datasources.errors import SourceRefused
from datasources.filters import Compare, Operator, Order
from datasources.lookup import Collection, Column, ColumnType, Lookup
from datasources.nested import IRREGULAR, Constant, Nested, Value
from datasources.sql import PostgresSource
from datasources.sql.builder import CannotNest
from datasources.sql.dialect import Physical, SqlDialect
from datasources.sql.postgres_dialect import PostgresDialect
from datasources.sql.shapes import lookup_shape
from datasources.sql.sqlite_dialect import SqliteDialect
from datasources.sql.statements import rows_statement
from tests.datasources.dataset import PEOPLE, TAGS, TAGS_OF_PEOPLE
from tests.datasources.sql.test_statements import CATALOG
from tests.support.postgres import Postgres, connected

pytestmark = pytest.mark.anyio

BY_ID = (Order("id"),)
MANAGER = Nested("boss", "manager_id", Lookup(PEOPLE, (), "id"), (Value("name", "name", nullable=False),))
REPORTS = Nested(
    "reports",
    "id",
    Lookup(PEOPLE, (), "manager_id", filter=Compare("age", Operator.GT, 1), order=BY_ID, limit=5),
    (Constant("__typename", '"Person"'), Value("age", "age", nullable=False), Value("big", "big"), MANAGER),
    many=True,
    around=('{"nodes":[', "]}"),
)
TAGGED = Nested(
    "tags", "id", Lookup(TAGS, (), "person_id", through=TAGS_OF_PEOPLE), (Value("id", "id", prefix="Tag:"),)
)
LISTED = Nested(
    "reports", "id", Lookup(PEOPLE, (), "manager_id", limit=3), (Value("id", "id"),), many=True, refuses_full=True
)
TOP = Lookup(PEOPLE, ("id", "manager_id"), order=BY_ID, limit=7)


def text(lookup: Lookup, dialect: SqlDialect | None = None) -> str:
    statement = rows_statement(dialect or PostgresDialect(), CATALOG, lookup)
    short = statement.text.replace("E'\\U00000001'", "MARK")
    for literal in ("CAST(", " AS text)"):
        short = short.replace(literal, "<" if literal == "CAST(" else ">")
    return " ".join(short.split())


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        pytest.param(
            replace(TOP, nested=(MANAGER,)),
            """
            SELECT found.c0, found.c1, (SELECT coalesce(<'{"name":'> || <to_json(t1.name)> || <'}'>, <MARK>)
            AS coalesce_1 FROM people AS t1 WHERE t1.id = found.c1 LIMIT 1) AS anon_1
            FROM (SELECT t0.id AS c0, t0.manager_id AS c1 FROM people AS t0 ORDER BY t0.id ASC LIMIT $1) AS found
            """,
            id="one",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), "id", (1,), nested=(REPORTS,)),
            """
            SELECT t0.id, t0.id AS id__1, <'{"nodes":['> || array_to_string(array((SELECT
            <'{"__typename":"Person","age":'> || coalesce(<t1.age>, <MARK>) || <',"big":'> || coalesce(<'"'> || <t1.big>
            || <'"'>, <'null'>) || <',"boss":'> || coalesce((SELECT coalesce(<'{"name":'> || <to_json(t2.name)> ||
            <'}'>, <MARK>) AS coalesce_1 FROM people AS t2 WHERE t2.id = t1.manager_id LIMIT 1), <'null'>) || <'}'>
            AS anon_2 FROM people AS t1 WHERE t1.manager_id = t0.id AND t1.age > <$1 AS bigint) ORDER BY t1.id ASC
            LIMIT $2)), <','>, <MARK>) || <']}'> AS anon_1 FROM people AS t0
            WHERE t0.id = ANY (<<$3> AS bigint[]))
            """,
            id="many",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), "manager_id", (1,), limit=2, nested=(TAGGED,)),
            """
            SELECT keys.key, found.c0, (SELECT coalesce(<'{"id":'> || <to_json(<'Tag:'> || <t1.id>)> || <'}'>, <MARK>)
            AS coalesce_1 FROM tags AS t1 WHERE t1.id IN (SELECT t2.tag_id FROM taggings AS t2
            WHERE t2.person_id = found.c0) LIMIT 1) AS anon_1 FROM unnest(<<$1> AS bigint[])) AS keys(key) JOIN LATERAL
            (SELECT t0.id AS c0 FROM people AS t0 WHERE t0.manager_id = keys.key LIMIT $2) AS found ON true
            """,
            id="through",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), nested=(LISTED,)),
            """
            SELECT t0.id, (SELECT CASE WHEN (cardinality(listed.objects) >= <$1 AS bigint)) THEN <MARK> ELSE <'['> ||
            array_to_string(listed.objects, <','>, <MARK>) || <']'> END AS anon_2 FROM (SELECT array((SELECT
            <'{"id":'> || <t1.id> || <'}'> AS anon_3 FROM people AS t1 WHERE t1.manager_id = t0.id LIMIT $1)) AS objects
            LIMIT ALL OFFSET 0) AS listed) AS anon_1 FROM people AS t0
            """,
            id="full",
        ),
    ],
)
def test_statements(lookup: Lookup, expected: str) -> None:
    assert text(lookup) == " ".join(expected.split())


def test_values_stand_where_the_statement_has_them() -> None:
    lookup = replace(TOP, nested=(replace(REPORTS, lookup=replace(REPORTS.lookup, limit=4)), REPORTS, LISTED))
    lookup = replace(lookup, filter=Compare("age", Operator.LT, 9), after=(8,))
    _, values = lookup_shape(lookup)
    assert values == [(), 7, 9, 8, 4, 1, 5, 1, 3]
    statement = rows_statement(PostgresDialect(), CATALOG, lookup)
    arguments = statement.arguments(values)
    told = re.sub(r"\$(\d+)", lambda place: str(arguments[int(place[1]) - 1]), statement.text)
    assert re.findall(r"(?:LIMIT|[<>]=? \(?CAST\() ?(\d+)", told) == list("11411533987")


def test_lookups_of_one_shape_are_one_statement() -> None:
    def shape(nested: Nested) -> Any:
        return lookup_shape(replace(TOP, nested=(nested,)))[0]

    other = replace(REPORTS, lookup=replace(REPORTS.lookup, filter=Compare("age", Operator.GT, 5), limit=2))
    assert shape(other) == shape(REPORTS)
    assert hash(shape(other)) == hash(shape(REPORTS))
    different = [
        replace(REPORTS, local="manager_id"),
        replace(REPORTS, around=("[", "]")),
        replace(REPORTS, many=False),
        replace(REPORTS, refuses_full=True),
        replace(REPORTS, members=REPORTS.members[:-1]),
        replace(REPORTS, members=(*REPORTS.members[:-1], replace(MANAGER, name="chief"))),
        replace(REPORTS, lookup=replace(REPORTS.lookup, limit=None)),
        replace(REPORTS, lookup=replace(REPORTS.lookup, order=())),
    ]
    assert len({shape(REPORTS), *map(shape, different)}) == 1 + len(different)


def test_sqlite_does_not_nest() -> None:
    with pytest.raises(CannotNest, match="cannot nest lookups in 'people'"):
        text(replace(TOP, nested=(MANAGER,)), SqliteDialect())


@pytest.mark.parametrize(
    ("catalog", "message"),
    [
        pytest.param({"id": Physical("integer")}, "cannot nest lookups in 'people' by 'id'", id="none"),
        pytest.param({"id": Physical("numeric", is_indexed=True)}, "cannot nest .* 'id'", id="of-other-values"),
    ],
)
def test_without_an_index_nothing_is_nested(catalog: dict[str, Physical], message: str) -> None:
    people = {**CATALOG["people"], **catalog}
    with pytest.raises(CannotNest, match=message):
        rows_statement(PostgresDialect(), {**CATALOG, "people": people}, replace(TOP, nested=(MANAGER,)))


THINGS = Collection(
    "things",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("number", ColumnType.FLOAT),
        Column("small", ColumnType.FLOAT),
        Column("word", ColumnType.STRING),
        Column("data", ColumnType.JSON),
    ),
)


@pytest.fixture(scope="module")
async def url(postgres: Postgres) -> AsyncIterator[str]:
    async with postgres.database() as made, connected(made) as connection:
        await connection.execute(
            "CREATE TABLE things (id int PRIMARY KEY, number float8, small real, word text, data jsonb)"
        )
        yield made


async def written(url: str, *values: Value) -> list[Any]:
    """The `values` of each thing, as they are and then as JSON."""
    thing = Nested("thing", "id", Lookup(THINGS, (), "id"), values)
    source = PostgresSource("things", url)
    await source.open()
    columns = ("id", *(value.column for value in values))
    try:
        return list((await source.lookup(Lookup(THINGS, columns, order=(Order("id"),), nested=(thing,)))).rows)
    finally:
        await source.close()


def floats() -> list[float]:
    dice = random.Random(3)  # noqa: S311 - the same in every run
    bits = [struct.unpack("<d", dice.randbytes(8))[0] for _ in range(2000)]
    sizes = [dice.choice((1, -1)) * dice.random() * 10.0 ** dice.randint(-8, 18) for _ in range(2000)]
    edges = [float(f"{sign}{digit}e{power}") for sign in "+-" for digit in ("1", "9.99") for power in range(-9, 20)]
    whole = [float(round(each)) for each in sizes]
    return [each for each in (*bits, *sizes, *edges, *whole, 0.0, -0.0) if each - each == 0]


async def test_floats_are_written_as_orjson_writes_them(url: str) -> None:
    async with connected(url) as connection:
        rows = [(number, each, each if 1e-30 < abs(each) < 1e30 else 0) for number, each in enumerate(floats())]
        await connection.execute("TRUNCATE things")
        await connection.executemany("INSERT INTO things (id, number, small) VALUES ($1, $2, $3)", rows)
    for _, number, small, json in await written(url, Value("number", "number"), Value("small", "small")):
        if any(1e16 <= abs(each) < 1e20 for each in (number, small)):
            assert IRREGULAR in json
        else:
            assert json.encode() == orjson.dumps({"number": number, "small": small})


async def test_texts_are_written_as_orjson_writes_them(url: str) -> None:
    characters = [chr(code) for code in range(1, 0x3000)] + [chr(code) for code in range(0xF000, 0x11000)]
    async with connected(url) as connection:
        await connection.execute("TRUNCATE things")
        await connection.executemany("INSERT INTO things (id, word) VALUES ($1, $2)", enumerate(["", *characters]))
    for _, word, json in await written(url, Value("word", "word")):
        assert json.encode() == orjson.dumps({"word": word})


IRREGULAR_VALUES: dict[str, tuple[str, Value, Callable[[str], bool]]] = {
    "null": ("NULL", Value("x", "word", nullable=False), lambda json: IRREGULAR in json),
    "null-that-may-be": ("NULL", Value("x", "word"), lambda json: json == '{"x":null}'),
    "no-member": ("'b'", Value("x", "word", names=(("a", "A"),)), lambda json: IRREGULAR in json),
    "null-of-an-enum": ("NULL", Value("x", "word", names=(("a", "A"),)), lambda json: json == '{"x":null}'),
    "member": ("'a'", Value("x", "word", names=(("a", "A"),)), lambda json: json == '{"x":"A"}'),
    "member-with-a-quote": (
        "E'it''s\\\\\\n'",
        Value("x", "word", names=(("it's\\\n", "A"),)),
        lambda json: json == '{"x":"A"}',
    ),
    "mark": ("E'\\x01'", Value("x", "word"), lambda json: json == '{"x":"\\u0001"}'),
}


@pytest.mark.parametrize(("stored", "value", "is_right"), IRREGULAR_VALUES.values(), ids=IRREGULAR_VALUES)
async def test_irregular_values(url: str, stored: str, value: Value, is_right: Callable[[str], bool]) -> None:
    async with connected(url) as connection:
        await connection.execute(f"TRUNCATE things; INSERT INTO things (id, word) VALUES (1, {stored})")
    ((*_, json),) = await written(url, value)
    assert is_right(json), json


async def test_json_is_not_nested(url: str) -> None:
    with pytest.raises(SourceRefused, match="cannot nest 'data' of 'things'"):
        await written(url, Value("data", "data"))
