"""A graph within one PostgreSQL database, whose values are as odd as they may be, and some odder than they may be."""

import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from resolvers import (
    BigInt,
    Connection,
    belongs_to,
    column,
    computed,
    entity,
    has_many,
    has_one,
    many_to_many,
    query_type,
)
from tests.support.postgres import connected


class Genre(Enum):
    """What a book is."""

    NOVEL = "NOVEL"
    ESSAY = "ESSAY"
    POETRY = "po'et\\ry"


class Mood(Enum):
    """How it feels."""

    DARK = "dark"
    LIGHT = "LIGHT"


@entity("lib.authors")
class Author:
    """Who writes."""

    name: str
    motto: str | None
    code: str | None
    born: date | None
    seen: datetime | None
    active: bool | None
    fans: int
    rating: float | None

    books: Connection["Book"] = has_many(by="author_id")
    all_books: list["Book"] = has_many(by="author_id")
    agent: "Agent | None" = has_one(by="author_id")


@entity("lib.books")
class Book:
    """What is written."""

    title: str
    genre: Genre
    mood: Mood | None
    price: Decimal
    sold: BigInt | None
    pages: int | None
    printed_at: datetime
    weight: float = column(name="weight_kg")
    token: UUID | None

    author: Author | None = belongs_to(by="author_id")
    tags: Connection["Tag"] = many_to_many(through="Tagging", by="book_id", to="tag_id")

    @computed(needs=("title",))
    def shout(self) -> str:
        """The title, loudly."""
        return str(self.title).upper()


@entity("lib.tags", key="word")
class Tag:
    """What books are found by."""

    word: str
    weight: int | None

    books: Connection["Book"] = many_to_many(through="Tagging", by="tag_id", to="book_id")


@entity("lib.taggings")
class Tagging:
    """One tag of one book."""

    book: Book | None = belongs_to(by="book_id")
    tag: Tag | None = belongs_to(by="tag_id")


@entity("lib.agents")
class Agent:
    """Who sells."""

    id: UUID
    name: str

    author: Author | None = belongs_to(by="author_id")


Query = query_type(Author, Book, Tag, Tagging, Agent)

TABLES: Mapping[str, Mapping[str, str]] = {
    "authors": {
        "id": "bigint PRIMARY KEY",
        "name": "text NOT NULL",
        "motto": "varchar(80)",
        "code": "char(6)",
        "born": "date",
        "seen": "timestamp",
        "active": "boolean",
        "fans": "bigint",
        "rating": "real",
    },
    "books": {
        "id": "integer PRIMARY KEY",
        "author_id": "bigint",
        "title": "text",
        "genre": "text",
        "mood": "mood",
        "price": "numeric",
        "sold": "bigint",
        "pages": "smallint",
        "printed_at": "timestamptz NOT NULL",
        "weight_kg": "double precision",
        "token": "uuid",
    },
    "tags": {"word": "text PRIMARY KEY", "weight": "integer NOT NULL"},
    "taggings": {"id": "bigint PRIMARY KEY", "book_id": "integer", "tag_id": "text"},
    "agents": {"id": "uuid PRIMARY KEY", "name": "varchar NOT NULL", "author_id": "bigint"},
}

TEXTS = [
    "",
    "plain",
    'quo"te',
    "back\\slash\\n",
    "\x01\x02\x1f\x7f",
    "a\nb\tc\r\b\f",
    "Ünïcödé ☃ 🎈",
    "\u2028\ufeff",
    "{}[]'!",
    "null",
]
MOMENTS = ["2024-02-29 12:00:00", "1969-07-20 20:17:40.000001", "0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"]
INFINITE = ["infinity", "-infinity"]
FLOATS = [
    "0",
    "-0",
    "1",
    "-2.5",
    "0.1",
    "1e15",
    "999999999999999.9",
    "1e16",
    "1e-4",
    "1e-5",
    "9.99e-6",
    "-3e-7",
    "1e30",
]
DECIMALS = ["0", "-0.10", "1234.50", "1e20", "0.000000001", "99999999999999999999.9999", "7.000"]
BIG = [str(2**63 - 1), str(-(2**63)), "0", "9007199254740993"]


def dice(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - the same in every run


Rows = Mapping[str, Sequence[Mapping[str, str | None]]]


def rows(dice: random.Random, *, strays: float = 0.0, size: int = 12) -> Rows:
    """Rows as text; with the chance of `strays` a value is none that the graph allows for."""

    def one(*values: str | None, stray: Sequence[str | None] = ()) -> str | None:
        return dice.choice(stray if stray and dice.random() < strays else values)

    def float_() -> str | None:
        return one(*FLOATS, repr(dice.uniform(-1e6, 1e6)), stray=["NaN", "Infinity", "-Infinity", None])

    ids = [str(number) for number in range(1, size + 1)]
    authors = [
        {
            "id": id,
            "name": one(*TEXTS),
            "motto": one(None, *TEXTS),
            "code": one(None, "a", "  b ", "ü'\\"),
            "born": one(None, "2000-02-29", "0001-01-01", *INFINITE),
            "seen": one(None, *MOMENTS, *INFINITE),
            "active": one(None, "true", "false"),
            "fans": one("0", "-2147483648", "2147483647", stray=["2147483648", None]),
            "rating": one(None, *FLOATS, stray=["NaN", "Infinity"]),
        }
        for id in ids
    ]
    books = [
        {
            "id": str(number),
            "author_id": one(None, "999", *ids, *ids),
            "title": one(*TEXTS, stray=[None]),
            "genre": one("NOVEL", "ESSAY", "po'et\\ry", stray=["pamphlet", "", None]),
            "mood": one(None, "dark", "LIGHT", stray=["odd"]),
            "price": one(*DECIMALS, stray=["NaN", None]),
            "sold": one(None, *BIG),
            "pages": one(None, "0", "-5", "32767"),
            "printed_at": one(*MOMENTS, *INFINITE),
            "weight_kg": float_(),
            "token": one(None, "FFFFFFFF-0000-4000-8000-0000000000ff"),
        }
        for number in range(1, 4 * size)
    ]
    words = [f"{text}{number}" for number, text in enumerate(TEXTS)]
    taggings = [
        {"id": str(number), "book_id": one(None, *ids), "tag_id": one(None, "unknown", *words)}
        for number in range(1, 8 * size)
    ]
    agents = [
        {"id": f"00000000-0000-4000-8000-{number:012}", "name": one(*TEXTS), "author_id": id}
        for number, id in enumerate(ids[::2])
    ]
    tags = [{"word": word, "weight": one("1", "-7")} for word in words]
    return {"authors": authors, "books": books, "tags": tags, "taggings": taggings, "agents": agents}


async def fill(url: str, rows: Rows) -> None:
    """Tables that hold these rows, and nothing else."""
    async with connected(url) as connection:
        await connection.execute(
            "DROP TABLE IF EXISTS authors, books, tags, taggings, agents; DROP TYPE IF EXISTS mood"
        )
        await connection.execute("CREATE TYPE mood AS ENUM ('dark', 'LIGHT', 'odd'); SET TimeZone = 'UTC'")
        for table, columns in TABLES.items():
            await connection.execute(f"CREATE TABLE {table} ({', '.join(map(' '.join, columns.items()))})")
            types = (declared.partition(" PRIMARY")[0].partition(" NOT")[0] for declared in columns.values())
            values = ", ".join(f"CAST(${number}::text AS {type})" for number, type in enumerate(types, 1))
            await connection.executemany(
                f"INSERT INTO {table} VALUES ({values})", [[row[name] for name in columns] for row in rows[table]]
            )
        await connection.execute(
            "CREATE INDEX ON books (author_id); CREATE INDEX ON agents (author_id);"
            "CREATE INDEX taggings_of_books ON taggings (book_id); CREATE INDEX taggings_of_tags ON taggings (tag_id)"
        )


FIELDS: Mapping[str, Sequence[str]] = {
    "Author": ("id", "name", "motto", "code", "born", "seen", "active", "fans", "rating"),
    "Book": ("id", "title", "genre", "mood", "price", "sold", "pages", "printedAt", "weight", "token", "authorId"),
    "Tag": ("id", "word", "weight"),
    "Agent": ("id", "name", "authorId"),
    "Tagging": ("id", "bookId", "tagId"),
}
RELATIONS: Mapping[str, Sequence[tuple[str, str, bool]]] = {
    "Author": (("books", "Book", True), ("allBooks", "Book", False), ("agent", "Agent", False)),
    "Book": (("author", "Author", False), ("tags", "Tag", True)),
    "Tag": (("books", "Book", True),),
    "Agent": (("author", "Author", False),),
    "Tagging": (("book", "Book", False), ("tag", "Tag", False)),
}
"""(field, entity, whether it is paged)."""
ORDERS = {"Book": ("title: DESC", "price: ASC", "mood: ASC_NULLS_FIRST"), "Tag": ("weight: ASC", "word: DESC")}
FILTERS = {
    "Book": ('title: {contains: "a"}', "pages: {isNull: true}", "mood: {in: [DARK]}"),
    "Tag": ("weight: {gt: 0}",),
}
ROOTS = (
    "authors(first: 9)",
    "books",
    'author(id: "3")',
    "books(first: 3)",
    "tags",
    "taggings(first: 5)",
    'node(id: "Book:5")',
)
DIRECTIVES = ("@skip(if: $no)", "@include(if: $no)", "@include(if: true) @skip(if: $no)", "@skip(if: true)")


VARIABLES = {"$few": "Int = 2", "$word": "String", "$no": "Boolean! = false"}


def operation(dice: random.Random) -> str:
    """A query that follows relations."""
    root = dice.choice(ROOTS)
    kinds = {"authors": "Author", "author": "Author", "books": "Book", "tags": "Tag", "taggings": "Tagging"}
    entity = kinds.get(root.partition("(")[0], "Book")
    rows = _selected(dice, entity, 3)
    if root.startswith("node"):
        body = f"{{ {root} {{ ... on Book {rows} }} }}"
    else:
        body = f"{{ {root} {rows if root.startswith('author(') else _page(dice, rows)} }}"
    declared = ", ".join(f"{name}: {kind}" for name, kind in VARIABLES.items() if name in body)
    return f"query {f'({declared}) ' if declared else ''}{body}"


def _selected(dice: random.Random, entity: str, depth: int) -> str:
    return f"{{ {' '.join(_fields(dice, entity, depth))} }}"


def _fields(dice: random.Random, entity: str, depth: int) -> Iterator[str]:
    for name in dice.sample(FIELDS[entity], dice.randint(1, 3)):
        yield f"{dice.choice(('', '', 'other: '))}{name}" if name == "id" else f"{name} {_directives(dice)}"
    if dice.random() < 0.3:
        yield "__typename"
    if entity == "Book" and dice.random() < 0.05:
        yield "shout"
    if depth and dice.random() < 0.15:
        yield f"... on {entity} {_directives(dice)} {{ {dice.choice(FIELDS[entity])} }}"
    for name, target, paged in RELATIONS[entity]:
        for alias in dice.choice((("",), (f"my{name}: ",), (f"a{name}: ", f"b{name}: "))):
            if depth and dice.random() < 0.6:
                rows = _selected(dice, target, depth - 1)
                arguments, body = (_arguments(dice, target), _page(dice, rows)) if paged else ("", rows)
                yield f"{alias}{name}{arguments} {_directives(dice)} {body}"


def _directives(dice: random.Random) -> str:
    return dice.choice(DIRECTIVES) if dice.random() < 0.1 else ""


def _page(dice: random.Random, rows: str) -> str:
    return dice.choice(
        (*[f"{{ nodes {rows} }}"] * 6, f"{{ __typename list: nodes {rows} }}", f"{{ totalCount nodes {rows} }}")
    )


def _arguments(dice: random.Random, entity: str) -> str:
    given = []
    if dice.random() < 0.5:
        given.append(
            dice.choice(("first: 2", "first: 0", "first: $few", "first: 20", "first: -1", "last: 2", "first: 9999"))
        )
    if dice.random() < 0.4:
        given.append(f"orderBy: [{{{dice.choice(ORDERS[entity])}}}]")
    if dice.random() < 0.3:
        given.append(f"filter: {{{dice.choice(FILTERS[entity])}}}")
    elif dice.random() < 0.2:
        given.append(f"filter: {{{'title' if entity == 'Book' else 'word'}: {{ne: $word}}}}")
    return f"({', '.join(given)})" if given else ""
