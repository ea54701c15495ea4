"""How the contract's tests ask a source, and what they make of its answers."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from datasources.base import Datasource, required
from datasources.errors import SourceRefused
from datasources.filters import EVERYTHING, Filter, Order
from datasources.lookup import AggregateLookup, Lookup, Row, Rows
from tests.datasources.dataset import PEOPLE

BY_ID = (Order("id"),)


async def expect(
    source: Datasource,
    lookup: Lookup | AggregateLookup,
    expected: Sequence[Row] | Mapping[Any, Sequence[Row]],
    counts: Mapping[Any, int] | None = None,
) -> None:
    """The answer to `lookup` is `expected` (by key, where there are keys), or a refusal of what it cannot do."""
    if required(lookup).beyond(source.capabilities):
        with pytest.raises(SourceRefused):
            await ask(source, lookup)
        return
    answer = await ask(source, lookup)
    found = answer.rows if lookup.key is None else by_key(answer)
    assert found == expected
    assert _present(answer.counts) == _present(counts or {})
    assert _types(found) == _types(expected)


def _present(counts: Mapping[Any, int]) -> Mapping[Any, int]:
    """Without the zeros, which a source may leave out."""
    return {key: count for key, count in counts.items() if count}


async def expect_people(
    source: Datasource, ids: Sequence[int], filter: Filter = EVERYTHING, order: tuple[Order, ...] = BY_ID
) -> None:
    """The people that `filter` selects have `ids`, in `order`."""
    await expect(source, Lookup(PEOPLE, ("id",), filter=filter, order=order), [(id,) for id in ids])


async def ask(source: Datasource, lookup: Lookup | AggregateLookup) -> Rows:
    if isinstance(lookup, AggregateLookup):
        answer = await source.aggregate(lookup)
        assert answer.columns == (*lookup.group_by, *(each.name for each in lookup.aggregates))
        return answer
    answer = await source.lookup(lookup)
    assert answer.columns == lookup.columns
    return answer


def by_key(answer: Rows) -> dict[Any, list[Row]]:
    """The rows of a keyed lookup, without their keys."""
    rows: dict[Any, list[Row]] = {}
    for key, *row in answer.rows:
        rows.setdefault(key, []).append(tuple(row))
    return rows


def _types(rows: Sequence[Row] | Mapping[Any, Sequence[Row]]) -> Any:
    """Native types, which `==` does not tell apart: 1, True, 1.0 and Decimal(1) are equal, and times in all zones."""
    if isinstance(rows, Mapping):
        return {key: (_type(key), _types(rows[key])) for key in rows}
    return [tuple(map(_type, row)) for row in rows]


def _type(value: Any) -> Any:
    if isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0)
    return UUID if isinstance(value, UUID) else type(value)
