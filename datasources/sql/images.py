"""Rows as an outbox keeps them, in JSON, on their way to native values."""

import json
import logging
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from datasources.changes import Values
from datasources.lookup import Collection, Column

Decode = Callable[[Any], Any]
"""Makes a native value of one that JSON has, but null."""

_NOT_NATIVE = (ValueError, TypeError, ArithmeticError, AttributeError, KeyError)

logger = logging.getLogger("gateway.changes")


class Images:
    """Reads the rows of one source; what a row lacks, for its table had no such column then, is null."""

    def __init__(self, source: str, decoder: Callable[[Collection, Column], Decode], *, exact: bool = False) -> None:
        """With `exact`, decoders get numbers that are no integers as Decimals."""
        self._source = source
        self._decoder = decoder
        self._read = json.JSONDecoder(parse_float=Decimal if exact else None).decode
        self._decoders: dict[str, tuple[Collection, list[tuple[str, Decode]]]] = {}

    def native(self, collection: Collection, image: str | None) -> Values | None:
        if image is None:
            return None
        row = self._read(image)
        values: dict[str, Any] = {}
        for name, decode in self._of(collection):
            value = row.get(name)
            values[name] = None if value is None else self._decoded(collection, name, decode, value)
        return values

    def _of(self, collection: Collection) -> list[tuple[str, Decode]]:
        known = self._decoders.get(collection.name)
        if known is None or known[0] is not collection:
            made = [(column.name, self._decoder(collection, column)) for column in collection.columns]
            known = self._decoders[collection.name] = collection, made
        return known[1]

    def _decoded(self, collection: Collection, name: str, decode: Decode, value: Any) -> Any:
        """One value that is none must not stop all that comes behind it."""
        try:
            return decode(value)
        except _NOT_NATIVE:
            logger.warning(
                "datasource '%s' holds a value in '%s.%s' that is none; its change tells null",
                self._source, collection.name, name,
            )  # fmt: skip
            return None
