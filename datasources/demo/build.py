"""Builds the demo's data into a folder: two SQLite databases and the REST service's data."""

import errno
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Mapping
from contextlib import closing, suppress
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from datasources.demo import scm
from datasources.demo.fields import encoded
from datasources.demo.generator import Rows, generate
from datasources.demo.progress import Progress, Step, silent
from datasources.demo.records import COUNTS
from datasources.demo.tables import CRM, ERP
from datasources.outbox import Watched
from datasources.sql.sqlite_outbox import install_triggers
from datasources.sql.sqlite_values import ENCODERS

DATABASES = {"crm.sqlite": CRM, "erp.sqlite": ERP}
_MARKER = "version"
_CHUNK = 5_000
_ABANDONED = 3600
"""Seconds after which a build that is not done was killed."""


def build_demo(folder: Path, progress: Progress = silent, *, fresh: bool = False) -> None:
    """Builds the demo into `folder`, unless it is there; `fresh` builds it anew and drops what was written to it.

    `folder` holds a whole demo or none, at any time, also when builds are killed or run at the same time. Raises
    FileExistsError when something else is in it, and other OSErrors when it cannot be written.
    """
    if is_built(folder) and not fresh:
        return
    _refuse_strangers(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    workshop = Path(tempfile.mkdtemp(prefix=_prefix(folder), dir=folder.parent))
    try:
        made = workshop / "made"
        made.mkdir()
        _build(made, progress)
        if fresh or not is_built(folder):
            _replace(folder, made, workshop)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def is_built(folder: Path) -> bool:
    """Whether `folder` holds the demo that this version builds."""
    try:
        return (folder / _MARKER).read_text() == _version()
    except (FileNotFoundError, NotADirectoryError):
        return False


@cache
def _version() -> str:
    """Changes with the code that decides what is built."""
    demo = [path for path in files("datasources.demo").iterdir() if path.name.endswith(".py")]
    code = sha256()
    sql = [files("datasources.sql") / name for name in ("sqlite_outbox.py", "sqlite_values.py")]
    for source in (*sorted(demo, key=lambda path: path.name), *sql):
        code.update(source.read_bytes())
    return code.hexdigest()


def _refuse_strangers(folder: Path) -> None:
    """A folder is replaced as a whole; people's own files must not be in it."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise FileExistsError(f"{folder} is a file; the demo needs a folder of its own.")
    ours = {*DATABASES, scm.FILE, _MARKER}
    for path in folder.iterdir():
        if re.sub(r"-(wal|shm|journal)$", "", path.name) not in ours:
            raise FileExistsError(f"{folder} holds {path.name}, which is not the demo's; it needs a folder of its own.")


def _prefix(folder: Path) -> str:
    return f".{folder.name}.building-"


def _sweep(folder: Path) -> None:
    """Removes what killed builds have left."""
    for workshop in folder.parent.iterdir():
        if workshop.name.startswith(_prefix(folder)):
            with suppress(FileNotFoundError):
                if workshop.stat().st_mtime < time.time() - _ABANDONED:
                    shutil.rmtree(workshop, ignore_errors=True)


def _replace(folder: Path, made: Path, workshop: Path) -> None:
    """Puts `made` in the place of `folder`, which others may do at the same time: the last one wins."""
    for attempt in range(100):
        try:
            made.rename(folder)
            return
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
        with suppress(FileNotFoundError):
            folder.rename(workshop / f"replaced-{attempt}")
    raise FileExistsError(f"{folder} is replaced by others all the time.")


def _build(folder: Path, progress: Progress) -> None:
    collections = generate(progress)
    for filename, metadata in DATABASES.items():
        step = Step(progress, f"Writing {filename}", sum(COUNTS[name] for name in metadata.tables))
        _write_database(folder / filename, metadata, collections, step)
    step = Step(progress, f"Writing {scm.FILE}", sum(COUNTS[name] for name in scm.COLLECTIONS))
    scm.write(folder, collections)
    step.advance(sum(COUNTS[name] for name in scm.COLLECTIONS))
    (folder / _MARKER).write_text(_version())


def _write_database(path: Path, metadata: sa.MetaData, collections: Mapping[str, Rows], step: Step) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript("PRAGMA journal_mode = OFF; PRAGMA foreign_keys = ON; BEGIN")
        for table in metadata.sorted_tables:
            connection.execute(_sql(CreateTable(table)))
            marks = ", ".join("?" * len(table.columns))
            rows = encoded(table.name, collections[table.name], ENCODERS)
            while chunk := list(islice(rows, _CHUNK)):
                connection.executemany(f"INSERT INTO {table.name} VALUES ({marks})", chunk)  # noqa: S608 - our own names
                step.advance(len(chunk))
            for index in sorted(table.indexes, key=lambda index: str(index.name)):
                connection.execute(_sql(CreateIndex(index)))
        connection.execute("COMMIT")
        connection.execute("ANALYZE")
        install_triggers(connection, path.stem, [Watched(table) for table in metadata.tables])
        connection.execute("PRAGMA journal_mode = WAL")


def _sql(statement: CreateTable | CreateIndex) -> str:
    return str(statement.compile(dialect=sqlite.dialect()))
