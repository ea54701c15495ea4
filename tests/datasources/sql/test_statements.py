"""What is sent to databases."""

import pytest

from datasources.filters import And, Compare, Exists, Not, Operator, Or, Order
from datasources.lookup import Aggregate, AggregateLookup, Function, Lookup
from datasources.sql.aggregates import aggregate_statement
from datasources.sql.builder import Statement
from datasources.sql.dialect import Catalog, Physical, SqlDialect
from datasources.sql.postgres_dialect import PostgresDialect
from datasources.sql.sqlite_dialect import SqliteDialect
from datasources.sql.statements import count_statement, rows_statement
from tests.datasources.dataset import PEOPLE, TAGGINGS, TAGS, TAGS_OF_PEOPLE

COLUMN = Physical("integer", not_null=True, is_primary=True, is_indexed=True)
CATALOG: Catalog = {
    "people": {
        "id": COLUMN,
        "manager_id": Physical("integer", is_indexed=True),
        "age": Physical("integer"),
        "big": Physical("bigint"),
        "name": Physical("text", not_null=True),
    },
    "tags": {"id": Physical("text", not_null=True, is_indexed=True), "label": Physical("text")},
    "taggings": {"person_id": Physical("integer", is_indexed=True), "tag_id": Physical("text")},
}
BY_AGE = (Order("age"), Order("id"))
LAST_FIVE = Lookup(PEOPLE, ("id", "name"), "manager_id", (1,), order=(Order("id", descending=True),), limit=5)


def statement(dialect: SqlDialect, lookup: Lookup | AggregateLookup) -> str:
    made: Statement
    if isinstance(lookup, AggregateLookup):
        made = aggregate_statement(dialect, CATALOG, lookup)
    elif lookup.limit == 0:
        made = count_statement(dialect, CATALOG, lookup)
    else:
        made = rows_statement(dialect, CATALOG, lookup)
    return " ".join(made.text.split())


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        pytest.param(
            Lookup(PEOPLE, ("name",), "id", (1, 2)),
            "SELECT t0.id, t0.name FROM people AS t0 WHERE t0.id = ANY (CAST(CAST($1 AS text) AS bigint[]))",
            id="by-keys",
        ),
        pytest.param(
            LAST_FIVE,
            """
            SELECT keys.key, found.c0, found.c1 FROM unnest(CAST(CAST($1 AS text) AS bigint[])) AS keys(key)
            JOIN LATERAL (SELECT t0.id AS c0, t0.name AS c1 FROM people AS t0 WHERE t0.manager_id = keys.key
            ORDER BY t0.id DESC LIMIT $2) AS found ON true
            """,
            id="window",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id", "big"), order=BY_AGE, limit=5, wire=frozenset({"id", "big"})),
            """
            SELECT found.c0, CAST(found.c1 AS text) AS c1 FROM (SELECT t0.id AS c0, t0.big AS c1 FROM people AS t0
            ORDER BY t0.age ASC, t0.id ASC LIMIT $1) AS found
            """,
            id="wire-of-the-first",
        ),
        pytest.param(
            Lookup(TAGS, ("label",), "person_id", (1,), TAGS_OF_PEOPLE),
            """
            SELECT links.key, t0.label FROM tags AS t0
            JOIN (SELECT DISTINCT t1.person_id AS key, t1.tag_id AS target FROM taggings AS t1
            WHERE t1.person_id = ANY (CAST(CAST($1 AS text) AS bigint[]))) AS links ON links.target = t0.id
            """,
            id="through",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), order=(Order("name"), Order("id")), after=("a", 1), limit=9),
            """
            SELECT t0.id FROM people AS t0
            WHERE (t0.name, t0.id) > (CAST($1 AS text), CAST($2 AS bigint)) ORDER BY t0.name ASC, t0.id ASC LIMIT $3
            """,
            id="seek-row",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), order=(Order("name"), Order("id", descending=True)), after=("a", 1)),
            """
            SELECT t0.id FROM people AS t0 WHERE t0.name >= CAST($1 AS text)
            AND (t0.name > CAST($1 AS text) OR t0.name = CAST($1 AS text) AND t0.id < CAST($2 AS bigint))
            ORDER BY t0.name ASC, t0.id DESC
            """,
            id="seek-in-both-directions",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), order=BY_AGE, after=(None, 1)),
            """
            SELECT t0.id FROM people AS t0 WHERE t0.age IS NULL AND t0.id > CAST($1 AS bigint)
            ORDER BY t0.age ASC, t0.id ASC
            """,
            id="seek-among-nulls",
        ),
        pytest.param(
            Lookup(
                PEOPLE,
                ("id",),
                filter=And((Not(Compare("age", Operator.GT, 1)), Or((Compare("name", Operator.NE, "a"), Or(()))))),
                limit=0,
            ),
            """
            SELECT count(*) AS count_1 FROM people AS t0
            WHERE (t0.age > CAST($1 AS bigint)) IS NOT true AND t0.name IS DISTINCT FROM CAST($2 AS text)
            """,
            id="two-valued",
        ),
        pytest.param(
            Lookup(PEOPLE, ("id",), filter=Exists("id", TAGGINGS, "person_id", Compare("tag_id", Operator.IN, ("a",)))),
            """
            SELECT t0.id FROM people AS t0 WHERE EXISTS (SELECT 1 FROM taggings AS t1
            WHERE t1.person_id = t0.id AND t1.tag_id = ANY (CAST($1 AS text[])))
            """,
            id="exists",
        ),
        pytest.param(
            AggregateLookup(
                PEOPLE,
                (Aggregate(Function.COUNT), Aggregate(Function.AVG, "age")),
                ("name",),
                "manager_id",
                (1,),
                having=Compare("count", Operator.GT, 1),
                limit=3,
            ),
            """
            SELECT groups.c0, groups.c1, groups.c2, groups.c3 FROM (SELECT t0.manager_id AS c0, t0.name AS c1,
            count(*) AS c2, CAST(avg(t0.age) AS double precision) AS c3,
            row_number() OVER (ORDER BY t0.name ASC) AS position FROM people AS t0
            WHERE t0.manager_id = ANY (CAST(CAST($1 AS text) AS bigint[])) GROUP BY t0.manager_id, t0.name) AS groups
            WHERE groups.c2 > CAST($2 AS bigint) ORDER BY groups.position LIMIT $3
            """,
            id="groups",
        ),
    ],
)
def test_postgres(lookup: Lookup | AggregateLookup, expected: str) -> None:
    assert statement(PostgresDialect(), lookup) == " ".join(expected.split())


@pytest.mark.parametrize(
    ("lookup", "expected"),
    [
        pytest.param(
            Lookup(PEOPLE, ("name",), "id", (1, 2)),
            """
            SELECT t0.id, t0.name FROM people AS t0
            WHERE t0.id IN (SELECT keys.value FROM json_each(?) AS keys)
            """,
            id="by-keys",
        ),
        pytest.param(
            LAST_FIVE,
            """
            SELECT t1.manager_id, t1.id, t1.name FROM json_each(?) AS keys JOIN people AS t1 ON t1.id IN
            (SELECT t0.id FROM people AS t0 WHERE t0.manager_id = keys.value ORDER BY t0.id DESC LIMIT ? OFFSET ?)
            ORDER BY t1.manager_id, t1.id DESC
            """,
            id="window-with-indexes",
        ),
        pytest.param(
            Lookup(PEOPLE, ("name",), "age", (1,), order=BY_AGE, limit=2),
            """
            SELECT ranked."key", ranked.c0 FROM (SELECT t0.age AS "key", t0.name AS c0, row_number() OVER
            (PARTITION BY t0.age ORDER BY t0.age ASC NULLS LAST, t0.id ASC) AS rank FROM people AS t0
            WHERE t0.age IN (SELECT keys.value FROM json_each(?) AS keys)) AS ranked WHERE ranked.rank <= ?
            ORDER BY ranked."key", ranked.rank
            """,
            id="window",
        ),
        pytest.param(
            AggregateLookup(PEOPLE, (Aggregate(Function.SUM, "age"),), filter=Compare("name", Operator.IEQ, "Ä")),
            "SELECT sum(t0.age) AS c0 FROM people AS t0 WHERE casefold(t0.name) = ?",
            id="sum",
        ),
    ],
)
def test_sqlite(lookup: Lookup | AggregateLookup, expected: str) -> None:
    assert statement(SqliteDialect(), lookup) == " ".join(expected.split())
