"""Which constraint of a PostgreSQL database a write violates: its errors name it, the catalog knows its columns."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import asyncpg

from datasources.errors import CheckViolated, ConstraintViolated, ForeignKeyViolated, NotNullViolated, UniqueViolated
from datasources.lookup import Row
from datasources.write import Delete, Insert, Update, Write

_COLUMNS = """
WITH tables AS (
  SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2
), named AS (
  SELECT c.conrelid AS relation,
    CASE WHEN c.contype = 'c' THEN ARRAY(SELECT unnest(c.conkey) ORDER BY 1) ELSE c.conkey END AS keys
  FROM pg_constraint c JOIN tables ON c.conrelid = tables.oid WHERE c.conname = $3
  UNION ALL
  SELECT i.indrelid, CASE WHEN i.indexprs IS NULL THEN string_to_array(i.indkey::text, ' ')::int2[] ELSE ARRAY(
    SELECT DISTINCT d.refobjsubid::int2 FROM pg_depend d
    WHERE d.classid = 'pg_class'::regclass AND d.objid = i.indexrelid AND d.refobjid = i.indrelid AND d.refobjsubid > 0
  ) END
  FROM pg_index i JOIN tables ON i.indrelid = tables.oid JOIN pg_class x ON x.oid = i.indexrelid AND x.relname = $3
  LIMIT 1
)
SELECT n.nspname, c.relname, ARRAY(
  SELECT a.attname::text FROM unnest(named.keys) WITH ORDINALITY AS parts(number, position)
  JOIN pg_attribute a ON a.attrelid = named.relation AND a.attnum = parts.number ORDER BY parts.position
)
FROM named
JOIN pg_class c ON c.oid = coalesce(pg_partition_root(named.relation), named.relation)
JOIN pg_namespace n ON n.oid = c.relnamespace
"""
"""The table, of a partition the whole, and the columns."""

_WHOLE = """
SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.oid = pg_partition_root(to_regclass(concat(quote_ident($1), '.', quote_ident($2))))
"""
"""The table of a partition, too; none where it is no partition."""

_OF_DOMAIN = """
SELECT a.attname::text FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(concat(quote_ident(nullif($1::text, '')) || '.', quote_ident($2)))
  AND t.typname = $3 AND NOT a.attisdropped
ORDER BY a.attnum
"""

_KINDS: Mapping[type[asyncpg.PostgresError], type[ConstraintViolated]] = {
    asyncpg.UniqueViolationError: UniqueViolated,
    asyncpg.ExclusionViolationError: UniqueViolated,
    asyncpg.ForeignKeyViolationError: ForeignKeyViolated,
    asyncpg.RestrictViolationError: ForeignKeyViolated,
    asyncpg.CheckViolationError: CheckViolated,
    asyncpg.NotNullViolationError: NotNullViolated,
}

_DETAIL = re.compile(r"\((.+?)\)=\((.*)\)")
"""As in `Key (number)=(A-1) already exists.`, in any language."""

Found = tuple[str, str, tuple[str, ...]]
"""Schema, table and columns."""


class Constraints:
    """What is known of the constraints of one database."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._found: dict[tuple[str, str, str], Found] = {}

    async def violated(
        self, connection: asyncpg.Connection, error: asyncpg.IntegrityConstraintViolationError, write: Write | None
    ) -> ConstraintViolated:
        """The error to raise; `connection` is in no transaction. `write` is None where the commit failed."""
        kind = next((ours for theirs, ours in _KINDS.items() if isinstance(error, theirs)), ConstraintViolated)
        schema, table, columns = await self._of(connection, error, write)
        name = "" if write is None else write.collection.name
        if table not in ("", name.rpartition(".")[2]):
            name = f"{schema}.{table}" if "." in name else table
        row = None if write is None else _row(error, write, columns)
        return kind(self._source, name, columns, error.constraint_name, row)

    async def _of(
        self, connection: asyncpg.Connection, error: asyncpg.IntegrityConstraintViolationError, write: Write | None
    ) -> Found:
        schema, table, column = error.schema_name or "", error.table_name or "", error.column_name
        if column is not None:
            rows = await connection.fetch(_WHOLE, schema, table)
            return (*rows[0], (column,)) if rows else (schema, table, (column,))
        if error.data_type_name is not None and write is not None:
            written_schema, _, written_table = write.collection.name.rpartition(".")
            rows = await connection.fetch(_OF_DOMAIN, written_schema, written_table, error.data_type_name)
            return "", "", tuple([name for (name,) in rows if not isinstance(write, Delete) and name in write.columns])
        key = (schema, table, error.constraint_name or "")
        found = self._found.get(key)
        if found is None:
            rows = await connection.fetch(_COLUMNS, *key)
            found = (rows[0][0], rows[0][1], tuple(rows[0][2])) if rows else (schema, table, ())
            self._found[key] = found
        return found


def _row(error: asyncpg.IntegrityConstraintViolationError, write: Write, columns: tuple[str, ...]) -> int | None:
    """The number of the row that is to blame; PostgreSQL tells its values, of most constraints."""
    names, rows = _named(write)
    if len(rows) == 1:
        return 0
    if isinstance(error, asyncpg.NotNullViolationError):
        missing = (number for number, row in enumerate(rows) if any(_lacks(row, names, column) for column in columns))
        return next(missing, None)
    detail = _DETAIL.search(error.detail or "")
    if detail is None:
        return None
    told, wanted = [name.strip('"') for name in detail[1].split(", ")], detail[2]
    known = [name for name in told if name in names]
    if known != told:  # the others are defaults, or the key of the rows' new parent
        parts = dict(zip(told, wanted.split(", "), strict=False))
        wanted = ", ".join([parts.get(name, "") for name in known])
    values = [", ".join([str(_value(row, names, name)) for name in known]) for row in rows]
    found = [number for number, value in enumerate(values) if known and value == wanted]
    repeats = isinstance(error, asyncpg.UniqueViolationError) and len(found) > 1
    return found[repeats] if found else None  # of those that are alike, the second is one too many


def _named(write: Write) -> tuple[tuple[str, ...], Sequence[Row]]:
    """The columns that the write has values of, and the values of each row."""
    key = write.collection.key
    match write:
        case Insert():
            return write.columns, write.rows
        case Update():
            return (key, *write.columns), write.rows
        case Delete():
            return (key,), [(each,) for each in write.keys]


def _lacks(row: Row, names: tuple[str, ...], column: str) -> bool:
    return column not in names or _value(row, names, column) is None


def _value(row: Row, names: tuple[str, ...], name: str) -> Any:
    return row[names.index(name)]
