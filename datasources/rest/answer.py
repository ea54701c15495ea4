"""Reads an answer of the REST convention: `{"items": [...], "next": position or null, "counts": {...}}`."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datasources.lookup import ColumnType, Row
from datasources.rest.query import Query

Convert = Callable[[ColumnType, Sequence[Any]], Sequence[Any]]
"""`to_native` or `to_wire`."""


class Nonsense(Exception):
    """The answer does not keep to the convention; the message, to be read after "answered …", says how."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One page."""

    items: Sequence[Any]
    next: tuple[Any, ...] | None
    counts: Mapping[str, int]


def read_answer(content: Any, query: Query) -> Answer:
    """Raises Nonsense for what cannot be the answer to `query`."""
    if not isinstance(content, dict) or not {"items", "next"} <= content.keys():
        raise Nonsense("with something that is no page of items")
    items, position, counts = content["items"], content["next"], content.get("counts")
    if not isinstance(items, list):
        raise Nonsense("with items that are no list")
    if len(items) > query.most:
        raise Nonsense(f"with more than the {query.most} items that were asked for")
    if position is not None and (not isinstance(position, list) or not items or tuple(position) == query.after):
        raise Nonsense("with a next page that leads nowhere")
    after = None if position is None else tuple(position)
    return Answer(items, after, _counts(counts, query) if query.count else {})


def _counts(counts: Any, query: Query) -> Mapping[str, int]:
    """By key, and of all under "" where there are no keys."""
    if not isinstance(counts, dict) or not all(type(count) is int for count in counts.values()):
        raise Nonsense("without the counts that were asked for")
    if query.per is None and "" not in counts:
        raise Nonsense("without the count that was asked for")
    return counts


def expect_keys(sizes: Mapping[Any, int], keys: Sequence[Any], limit: int | None) -> None:
    """`sizes` is the number of rows by key. Raises Nonsense for other keys, and for more than `limit` rows of one."""
    if not sizes.keys() <= set(keys):
        raise Nonsense("with keys that were not asked for")
    if limit is not None and any(size > limit for size in sizes.values()):
        raise Nonsense(f"with more than the {limit} items of a key that were asked for")


def to_rows(items: Sequence[Any], columns: Sequence[tuple[str, ColumnType, Convert]]) -> list[Row]:
    """The items as rows of converted values. Raises Nonsense for a missing column or a value of another type."""
    if not columns:
        return [()] * len(items)
    return list(zip(*(_column(items, *column) for column in columns), strict=True))


def _column(items: Sequence[Any], name: str, column_type: ColumnType, convert: Convert) -> Sequence[Any]:
    try:
        return convert(column_type, [item[name] for item in items])
    except KeyError:
        raise Nonsense(f"with an item that lacks {name!r}") from None
    except TypeError:
        raise Nonsense("with an item that is no object") from None
    except ValueError as error:
        raise Nonsense(f"with a value of {name!r} that is no {column_type}") from error
