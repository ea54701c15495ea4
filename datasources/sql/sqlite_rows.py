"""Writes of rows to SQLite, one after the other, with foreign keys checked after all of them."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasources.errors import ForeignKeyViolated, SourceRefused
from datasources.lookup import Row
from datasources.sql.builder import Statement
from datasources.sql.sqlite_constraints import Values, dangling, is_foreign_key, referring, stored_row, violation
from datasources.write import Delete, Insert, Write

_IS_MERE_VIEW = """
SELECT 1 FROM sqlite_master AS views WHERE type = 'view' AND name = ? COLLATE NOCASE AND NOT EXISTS (
  SELECT 1 FROM sqlite_master AS triggers WHERE triggers.type = 'trigger' AND triggers.tbl_name = views.name
)
"""


class RowWrites:
    """The writes of one transaction.

    SQLite does not say which foreign key refers to nothing. Once one does, they are left for the commit to check, and
    looked for here after each write.
    """

    def __init__(self, source: str, writable: set[str]) -> None:
        """`writable` are the collections that are known to be; it is added to."""
        self._source = source
        self._writable = writable
        self._defers = False

    def write(
        self, connection: sqlite3.Connection, write: Write, statement: Statement, rows: Sequence[list[Any]]
    ) -> list[Row]:
        """What the statement returns for each of the rows. Raises ConstraintViolated."""
        self._refuse_view(connection, write.collection.name)
        written: list[Row] = []
        suspects: list[_Suspect] = []
        for number, arguments in enumerate(rows):
            found = None if self._defers else self._at_once(connection, write, statement, arguments, number)
            if found is None:
                suspect = _Suspect(number, _row_before(connection, write, statement, arguments))
                found = self._deferred(connection, write, statement, arguments, suspect)
                suspects.append(suspect)
            written += found
        for suspect in suspects:
            after = None if isinstance(write, Delete) else _stored(connection, write, suspect.key)
            violated = dangling(connection, write.collection.name, suspect.before, after)
            if violated is not None:
                raise ForeignKeyViolated(self._source, *violated, row=suspect.number)
        return written

    def _refuse_view(self, connection: sqlite3.Connection, collection: str) -> None:
        """With a RETURNING, SQLite does nothing to a view, and says nothing either."""
        if collection in self._writable:
            return
        if connection.execute(_IS_MERE_VIEW, (collection,)).fetchone() is not None:
            raise SourceRefused(self._source, f"does not let '{collection}' be written like that")
        self._writable.add(collection)

    def _at_once(
        self, connection: sqlite3.Connection, write: Write, statement: Statement, arguments: list[Any], number: int
    ) -> list[Row] | None:
        """None where a foreign key would refer to nothing."""
        try:
            return connection.execute(statement.text, arguments).fetchall()
        except sqlite3.IntegrityError as error:
            self._raise_named(connection, write, error, number)
        connection.execute("PRAGMA defer_foreign_keys = ON")
        self._defers = True
        return None

    def _deferred(
        self,
        connection: sqlite3.Connection,
        write: Write,
        statement: Statement,
        arguments: list[Any],
        suspect: "_Suspect",
    ) -> list[Row]:
        try:
            found: list[Row] = connection.execute(statement.text, arguments).fetchall()
        except sqlite3.IntegrityError as error:
            self._raise_named(connection, write, error, suspect.number)
            # one that is checked at once all the same: RESTRICT
            violated = referring(connection, write.collection.name, suspect.before)
            raise ForeignKeyViolated(self._source, *violated, row=suspect.number) from error
        suspect.key = found[0][0] if found else None
        return found

    def _raise_named(
        self, connection: sqlite3.Connection, write: Write, error: sqlite3.IntegrityError, number: int
    ) -> None:
        """Raises all errors but those of foreign keys."""
        violated = violation(connection, self._source, write.collection.name, error, number)
        if violated is not None:
            raise violated from error
        if not is_foreign_key(error):
            raise error


@dataclass(slots=True)
class _Suspect:
    """A row that may refer to nothing, or have left others behind that do."""

    number: int
    before: Values | None
    key: Any = None
    """As it is stored; None where nothing was written."""


def _row_before(
    connection: sqlite3.Connection, write: Write, statement: Statement, arguments: list[Any]
) -> Values | None:
    if isinstance(write, Insert):
        return None
    number = 0 if isinstance(write, Delete) else len(write.columns)
    position = next(place for place, (index, _) in enumerate(statement.parameters) if index == number)
    return _stored(connection, write, arguments[position])


def _stored(connection: sqlite3.Connection, write: Write, key: Any) -> Values | None:
    return stored_row(connection, write.collection.name, write.collection.key, key)
