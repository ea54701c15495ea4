"""The rows that the contract's tests ask for, and the collections that hold them; each source's tests load them.

`people` has a column of each type, whose values have the same pattern: each person's is the column's low, middle or
high value, or null.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from datasources.lookup import Collection, Column, ColumnType, Through

LOW, MIDDLE, HIGH = 0, 1, 2
RANKS: Mapping[int, int | None] = {1: LOW, 2: MIDDLE, 3: None, 4: HIGH, 5: MIDDLE, 6: None, 7: LOW}
"""The rank of each person's values."""

VALUES: Mapping[str, tuple[Any, Any, Any]] = {
    "nick": ("ada", "bob", "cy"),
    "age": (-1, 0, 42),
    "big": (-(2**53) - 1, 2**53 + 1, 2**62),
    "score": (-0.5, 0.25, 1234.5),
    "balance": (Decimal("-10.10"), Decimal("0.20"), Decimal("9999999999.99")),
    "born": (date(1899, 12, 31), date(2000, 2, 29), date(2024, 1, 1)),
    "seen": (
        datetime(1969, 7, 20, 20, 17, 40, 1, UTC),
        datetime(2024, 2, 29, 12, tzinfo=UTC),
        datetime(2024, 2, 29, 12, 0, 0, 500000, UTC),
    ),
    "token": (
        UUID("00000000-0000-4000-8000-000000000001"),
        UUID("7fffffff-0000-4000-8000-000000000000"),
        UUID("ffffffff-0000-4000-8000-0000000000ff"),
    ),
    "active": (False, True, True),
    "data": ({"a": [1, 2.5, None, "é"]}, [], "text"),
}
"""Low, middle and high value of each column with ranks."""

RANKED = tuple(column for column in VALUES if column not in ("active", "data"))
"""The columns with an order and three different values."""

NAMES = {1: "Ada", 2: "élodie", 3: "ÉLODIE", 4: "Жанна", 5: "100%_\\,'x\"", 6: "", 7: "ada lovelace"}
MANAGERS = {1: None, 2: 1, 3: 1, 4: 2, 5: 1, 6: 2, 7: None}

_TAGS = [("a,b", "comma", 3), ("zü", "umlaut", 1), ("m", None, 2), ("unused", "comma", None)]
_TAGGINGS = [(1, "a,b"), (1, "zü"), (2, "zü"), (4, "m"), (4, "zü"), (4, "a,b"), (5, "m"), (3, None), (None, "zü")]

PEOPLE = Collection(
    "people",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("name", ColumnType.STRING, nullable=False),
        Column("manager_id", ColumnType.INTEGER),
        Column("nick", ColumnType.STRING),
        Column("age", ColumnType.INTEGER),
        Column("big", ColumnType.BIGINT),
        Column("score", ColumnType.FLOAT),
        Column("balance", ColumnType.DECIMAL, scale=2),
        Column("born", ColumnType.DATE),
        Column("seen", ColumnType.DATETIME),
        Column("token", ColumnType.UUID),
        Column("active", ColumnType.BOOLEAN),
        Column("data", ColumnType.JSON),
    ),
)
TAGS = Collection(
    "tags",
    "id",
    (
        Column("id", ColumnType.STRING, nullable=False),
        Column("label", ColumnType.STRING),
        Column("weight", ColumnType.INTEGER),
    ),
)
TAGGINGS = Collection(
    "taggings",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("person_id", ColumnType.INTEGER),
        Column("tag_id", ColumnType.STRING),
    ),
)
NUMBERS = Collection(
    "numbers",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("bucket", ColumnType.INTEGER, nullable=False),
    ),
)
COLLECTIONS: Mapping[str, Collection] = {each.name: each for each in (PEOPLE, TAGS, TAGGINGS, NUMBERS)}

TAGS_OF_PEOPLE = Through(TAGGINGS, "person_id", "tag_id", "id")
PEOPLE_OF_TAGS = Through(TAGGINGS, "tag_id", "person_id", "id")

ROWS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "people": [
        {
            "id": person,
            "name": NAMES[person],
            "manager_id": MANAGERS[person],
            **{column: None if rank is None else values[rank] for column, values in VALUES.items()},
        }
        for person, rank in RANKS.items()
    ],
    "tags": [dict(zip(("id", "label", "weight"), tag, strict=True)) for tag in _TAGS],
    "taggings": [{"id": id, "person_id": person, "tag_id": tag} for id, (person, tag) in enumerate(_TAGGINGS, 1)],
    "numbers": [{"id": number, "bucket": number % 10} for number in range(1, 5501)],
}
"""By collection; values are native."""

TYPES: Mapping[str, Mapping[str, ColumnType]] = {
    name: {column.name: column.type for column in collection.columns} for name, collection in COLLECTIONS.items()
}
