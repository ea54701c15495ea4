"""Cursors: they come back as what they were, and what was tampered with is refused."""

import base64
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datasources.filters import Order
from resolvers.cursors import cursor_encoder, decode_cursor
from resolvers.definition import Entity, entity_of
from resolvers.errors import InvalidCursor
from tests.resolvers import shop


def entity(cls: type) -> Entity:
    found = entity_of(cls)
    assert found is not None
    return found


CUSTOMERS, ORDERS = entity(shop.Customer), entity(shop.Order)
BY_NUMBER = (Order("number"), Order("id"))

VALUES: dict[str, tuple[Entity, st.SearchStrategy[Any]]] = {
    "number": (ORDERS, st.text(st.characters(codec="utf-8"))),
    "placed": (ORDERS, st.datetimes(timezones=st.just(UTC))),
    "total": (ORDERS, st.decimals(allow_nan=False, allow_infinity=False)),
    "ledger": (ORDERS, st.integers(-(2**63), 2**63 - 1)),
    "public_id": (CUSTOMERS, st.uuids()),
    "rating": (CUSTOMERS, st.floats(allow_nan=False)),
    "vip": (CUSTOMERS, st.booleans()),
    "since": (CUSTOMERS, st.dates()),
}


@pytest.mark.parametrize("column", VALUES)
def test_positions_come_back(column: str) -> None:
    owner, values = VALUES[column]
    order = (Order(column, True), Order("id", True))
    encode = cursor_encoder(owner, order, ("id", column), skip=1)

    @settings(deadline=None)
    @given(values | st.none(), st.integers(-(2**63), 2**63 - 1))
    def check(value: Any, key: int) -> None:
        position = decode_cursor(owner, order, encode(("parent", key, value)))
        assert position == (value, key)
        assert [type(each) for each in position] == [type(value), int]

    check()


def _cursor(*payload: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(payload))).decode().rstrip("=")


def _signature(owner: Entity, order: tuple[Order, ...]) -> str:
    cursor = cursor_encoder(owner, order, [term.column for term in order], skip=0)((None,) * len(order))
    return str(orjson.loads(base64.urlsafe_b64decode(cursor + "=="))[0])


@pytest.mark.parametrize(
    ("owner", "column", "values"),
    [
        (ORDERS, "number", [7, True, 1.5, [], {}]),
        (ORDERS, "total", ["NaN", "Infinity", "-Infinity", "sNaN", "x", "", 5, 1.5]),
        (ORDERS, "placed", ["x", "2026-13-01", 5, "", "0001-01-01T00:00:00+23:00"]),
        (ORDERS, "ledger", ["5", 2**63, 1.0, True]),
        (ORDERS, "customer_id", ["5", 2**63, True]),
        (CUSTOMERS, "public_id", ["x", 5]),
        (CUSTOMERS, "rating", ["infinity", "1.5", True]),
        (CUSTOMERS, "vip", [0, 1, "true"]),
        (CUSTOMERS, "since", ["2026", 5]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_position_of_another_type_is_refused(owner: Entity, column: str, values: list[Any]) -> None:
    order = (Order(column), Order("id"))
    signature = _signature(owner, order)
    for value in values:
        with pytest.raises(InvalidCursor, match="position is malformed"):
            decode_cursor(owner, order, _cursor(signature, value, 1))


@pytest.mark.parametrize("position", [[], ["A-1"], ["A-1", 1, 2]], ids=len)
def test_a_position_of_another_length_is_refused(position: list[Any]) -> None:
    with pytest.raises(InvalidCursor, match="position is malformed"):
        decode_cursor(ORDERS, BY_NUMBER, _cursor(_signature(ORDERS, BY_NUMBER), *position))


@settings(deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: base64.urlsafe_b64encode(raw).decode()))
def test_garbage_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor):
        decode_cursor(ORDERS, BY_NUMBER, cursor)


@pytest.mark.parametrize("cursor", ["[" * 5000, "9" * 20000], ids=["deep", "long"])
def test_json_that_is_made_to_hurt_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidCursor, match="is not a cursor"):
        decode_cursor(ORDERS, BY_NUMBER, base64.urlsafe_b64encode(cursor.encode()).decode())


def test_the_signature_tells_entity_columns_directions_and_nulls_apart() -> None:
    signatures = {
        _signature(owner, order)
        for owner in (CUSTOMERS, ORDERS)
        for order in (
            (Order("id"),),
            (Order("id", True),),
            (Order("id", nulls_first=True),),
            (Order("name"), Order("id")),
            (Order("id"), Order("name")),
        )
    }
    assert len(signatures) == 10


def test_a_cursor_is_a_url_safe_word() -> None:
    position = ("ÿþ?>", 1, Decimal(1), UUID(int=1), date(2026, 1, 1), datetime(2026, 1, 1, tzinfo=UTC))
    cursor = cursor_encoder(ORDERS, (Order("number"),), ("number",), skip=0)(position)
    assert cursor.replace("-", "").replace("_", "").isalnum()
