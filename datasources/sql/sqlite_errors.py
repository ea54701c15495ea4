"""What SQLite raises of writes, as what a datasource may raise."""

import sqlite3
from collections.abc import Callable

from datasources.errors import DatasourceError, SourceRefused, SourceTimeout, SourceUnavailable

Mapped = Callable[[str, Exception], DatasourceError]
"""The error of a read, given the collection."""

_UNAVAILABLE = {"SQLITE_FULL", "SQLITE_IOERR", "SQLITE_CANTOPEN"}
_UNKEPT = {"SQLITE_TOOBIG", "SQLITE_MISMATCH", "SQLITE_RANGE"}


def mapped_write(source: str, collection: str, error: Exception, mapped: Mapped) -> DatasourceError:
    """The error to raise of a write that breaks no constraint of the database."""
    name = getattr(error, "sqlite_errorname", "")
    kind = "_".join(name.split("_")[:2])
    if kind in _UNAVAILABLE:
        return SourceUnavailable(source, "cannot be written")
    if kind in ("SQLITE_BUSY", "SQLITE_LOCKED"):
        return SourceTimeout(source, "is locked; it could not be written in time")
    if kind in ("SQLITE_READONLY", "SQLITE_PERM"):
        return SourceRefused(source, "cannot be written: its file may only be read")
    if name == "SQLITE_CONSTRAINT_TRIGGER":
        return SourceRefused(source, f"has a trigger that refuses the write to '{collection}'")
    if kind in _UNKEPT or isinstance(error, (OverflowError, UnicodeEncodeError, sqlite3.IntegrityError)):
        return SourceRefused(source, f"cannot keep such a value in '{collection}'")
    if str(error).startswith("ON CONFLICT clause does not match"):
        return SourceRefused(source, f"has no such unique key in '{collection}'")
    if str(error).startswith("cannot "):  # modify a view, UPDATE a generated column, …
        return SourceRefused(source, f"does not let '{collection}' be written like that")
    return mapped(collection, error)
