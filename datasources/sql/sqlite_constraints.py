"""Which constraint of a SQLite database a write violates: its messages tell it of some, the catalog of others."""

import re
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from datasources.errors import CheckViolated, ConstraintViolated, NotNullViolated, UniqueViolated

Values = Mapping[str, Any]
"""A row as it is stored, by column."""

_UNIQUE = {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY", "SQLITE_CONSTRAINT_ROWID"}

_UNIQUE_INDEXES = """
SELECT indexes.name, indexes.origin, (SELECT group_concat(name, ', ') FROM (
  SELECT name FROM pragma_index_info(indexes.name) ORDER BY seqno))
FROM pragma_index_list(?) AS indexes WHERE indexes."unique"
"""
_DEFINITION = "SELECT sql FROM sqlite_master WHERE name = ? COLLATE NOCASE AND type = ?"
_REFERENCES = """
SELECT tables.name, keys."table", keys.id, keys."from", coalesce(keys."to", (
  SELECT name FROM pragma_table_info(keys."table") WHERE pk = keys.seq + 1))
FROM sqlite_master AS tables, pragma_foreign_key_list(tables.name) AS keys
WHERE tables.type = 'table' AND (tables.name = :table COLLATE NOCASE OR keys."table" = :table COLLATE NOCASE)
ORDER BY tables.name, keys.id, keys.seq
"""


def is_foreign_key(error: sqlite3.Error) -> bool:
    """By its message, for RESTRICT goes by the code of triggers."""
    return str(error) == "FOREIGN KEY constraint failed"


def violation(
    connection: sqlite3.Connection, source: str, collection: str, error: sqlite3.Error, row: int | None
) -> ConstraintViolated | None:
    """Of a constraint that the error names, as those on foreign keys are not."""
    named = str(error).partition(": ")[2]
    parts = named.split(", ")
    table, _, _ = parts[0].rpartition(".")
    columns = tuple([part.rpartition(".")[2] for part in parts])
    name = getattr(error, "sqlite_errorname", "")
    if name == "SQLITE_CONSTRAINT_NOTNULL":
        return NotNullViolated(source, table, columns, None, row)
    if name == "SQLITE_CONSTRAINT_CHECK":
        return CheckViolated(source, collection, *_check(connection, collection, named), row)
    if name not in _UNIQUE:
        return None
    index = re.fullmatch("index '(.*)'", named)
    if index is not None:
        [[definition]] = connection.execute(_DEFINITION, (index[1], "index")).fetchall()
        return UniqueViolated(source, collection, _named_in(connection, collection, definition), index[1], row)
    created = [
        found
        for found, origin, of in connection.execute(_UNIQUE_INDEXES, (table,))
        if (of, origin) == (", ".join(columns), "c")
    ]
    return UniqueViolated(source, table, columns, created[0] if created else None, row)


def _check(connection: sqlite3.Connection, table: str, named: str) -> tuple[tuple[str, ...], str | None]:
    """The columns of a check that goes by its name, or by its condition where it has none, and the name."""
    [[definition]] = connection.execute(_DEFINITION, (table, "table")).fetchall() or [[""]]
    begin = re.search(rf"CONSTRAINT\s+[\"`\[]?{re.escape(named)}[\"`\]]?\s+CHECK\s*\(", definition, re.IGNORECASE)
    if begin is None:
        return _named_in(connection, table, named), None
    depth, end = 1, begin.end()
    while depth and end < len(definition):
        depth += {"(": 1, ")": -1}.get(definition[end], 0)
        end += 1
    return _named_in(connection, table, definition[begin.end() : end]), named


def _named_in(connection: sqlite3.Connection, table: str, condition: str) -> tuple[str, ...]:
    """The table's columns that a condition is about."""
    words = {word.lower() for word in re.findall(r"\w+", re.sub("'[^']*'", "", condition))}
    columns = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
    return tuple([column for (column,) in columns if column.lower() in words])


@dataclass(frozen=True, slots=True)
class _Reference:
    """A foreign key."""

    child: str
    columns: tuple[str, ...]
    parent: str
    targets: tuple[str, ...]

    def dangles(self, connection: sqlite3.Connection, values: tuple[Any, ...]) -> bool:
        """Whether there is no parent of these values."""
        if None in values:
            return False
        return not _exists(connection, self.parent, self.targets, values)


def dangling(
    connection: sqlite3.Connection, table: str, before: Values | None, after: Values | None
) -> tuple[str, tuple[str, ...]] | None:
    """The table and the columns of a foreign key that refers to nothing, once a row that was `before` is `after`."""
    for reference in _references(connection, table):
        if after is not None and reference.child.lower() == table.lower():
            values = tuple([after[column] for column in reference.columns])
            if reference.dangles(connection, values):
                return reference.child, reference.columns
        if before is not None and reference.parent.lower() == table.lower():
            values = tuple([before[column] for column in reference.targets])
            if _exists(connection, reference.child, reference.columns, values) and reference.dangles(
                connection, values
            ):
                return reference.child, reference.columns
    return None


def referring(connection: sqlite3.Connection, table: str, row: Values | None) -> tuple[str, tuple[str, ...]]:
    """The table and the columns of a foreign key by which another row refers to this one."""
    for reference in _references(connection, table):
        if row is not None and reference.parent.lower() == table.lower():
            values = tuple([row[column] for column in reference.targets])
            if _exists(connection, reference.child, reference.columns, values):
                return reference.child, reference.columns
    return table, ()


def stored_row(connection: sqlite3.Connection, table: str, key_column: str, key: Any) -> Values | None:
    cursor = connection.execute(f"SELECT * FROM {quoted(table)} WHERE {quoted(key_column)} = ?", (key,))  # noqa: S608
    columns = [column[0] for column in cursor.description]
    row = cursor.fetchone()
    return None if row is None else dict(zip(columns, row, strict=True))


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _references(connection: sqlite3.Connection, table: str) -> Iterator[_Reference]:
    found: dict[tuple[str, int], list[tuple[str, str, str]]] = {}
    for child, parent, number, column, target in connection.execute(_REFERENCES, {"table": table}).fetchall():
        found.setdefault((child, number), []).append((parent, column, target))
    for (child, _), parts in found.items():
        parents, columns, targets = zip(*parts, strict=True)
        yield _Reference(child, columns, parents[0], targets)


def _exists(connection: sqlite3.Connection, table: str, columns: tuple[str, ...], values: tuple[Any, ...]) -> bool:
    conditions = " AND ".join(f"{quoted(column)} = ?" for column in columns)
    statement = f"SELECT EXISTS (SELECT 1 FROM {quoted(table)} WHERE {conditions})"  # noqa: S608
    return bool(connection.execute(statement, values).fetchone()[0])
