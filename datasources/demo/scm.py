"""The supply chain service: suppliers, warehouses, stock and shipments over REST, from a file."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette

from datasources.demo.fields import fields_of
from datasources.demo.generator import Rows
from datasources.demo.rest_api import collection_api
from datasources.lookup import ColumnType

COLLECTIONS = ("suppliers", "warehouses", "stock_levels", "shipments")
FILE = "scm.json"


def scm_app(folder: Path, latency: float = 0.0) -> Starlette:
    """The service over the demo in `folder`; every answer takes `latency` seconds more. Raises FileNotFoundError."""
    return collection_api(read(folder), latency)


def write(folder: Path, collections: Mapping[str, Rows]) -> None:
    """Column by column, which takes less space and is read fast."""
    columns = {name: _columns(name, collections[name]) for name in COLLECTIONS}
    (folder / FILE).write_bytes(orjson.dumps(columns))


def _columns(collection: str, rows: Rows) -> dict[str, Any]:
    names = [field.name for field in fields_of(collection)]
    return dict(zip(names, zip(*rows, strict=True), strict=True))


def read(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """Rows by collection, in native values."""
    collections = orjson.loads((folder / FILE).read_bytes())
    return {name: _rows(name, columns) for name, columns in collections.items()}


def _rows(collection: str, columns: Mapping[str, Sequence[Any]]) -> list[dict[str, Any]]:
    native = [
        _moments(columns[field.name]) if field.type is ColumnType.DATETIME else columns[field.name]
        for field in fields_of(collection)
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*native, strict=True)]


def _moments(values: Sequence[str | None]) -> list[datetime | None]:
    return [None if value is None else datetime.fromisoformat(value) for value in values]
