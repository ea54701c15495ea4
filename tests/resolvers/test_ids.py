"""Global ids: `Type:key`, for keys that are numbers, strings or UUIDs."""

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resolvers.definition import entity_of
from resolvers.errors import InvalidId
from resolvers.ids import decode_id, encode_id
from tests.resolvers.shop import Order, Product, Warehouse

KEYS: list[tuple[type, st.SearchStrategy[Any]]] = [
    (Order, st.integers(-(2**63) + 1, 2**63 - 1)),
    (Product, st.text(min_size=1)),
    (Warehouse, st.uuids()),
]


@pytest.mark.parametrize(("cls", "keys"), KEYS, ids=["int", "str", "UUID"])
def test_ids_come_back(cls: type, keys: st.SearchStrategy[Any]) -> None:
    entity = entity_of(cls)
    assert entity is not None

    @settings(deadline=None)
    @given(keys)
    def check(key: Any) -> None:
        assert decode_id(entity, encode_id(entity.name, key)) == key

    check()


@pytest.mark.parametrize(
    ("cls", "text"),
    [
        (Order, "Order:007"),
        (Order, "Order:+7"),
        (Order, "Order: 7"),
        (Order, "Order:7.0"),
        (Order, "Order:\u0667"),
        (Order, "Order:-0"),
        (Order, "Order:" + "9" * 10_000),
        (Order, "order:7"),
        (Product, "Product:"),
        (Product, ""),
        (Warehouse, "Warehouse:1"),
    ],
)
def test_what_is_no_id_is_refused(cls: type, text: str) -> None:
    entity = entity_of(cls)
    assert entity is not None
    with pytest.raises(InvalidId) as refusal:
        decode_id(entity, text)
    assert len(str(refusal.value)) < 200


def test_a_bare_key_is_taken_where_the_type_is_known() -> None:
    keys = {Order: ("7", 7), Product: ("p-1", "p-1"), Warehouse: (str(UUID(int=7)), UUID(int=7))}
    for cls, (text, key) in keys.items():
        entity = entity_of(cls)
        assert entity is not None
        assert decode_id(entity, text) == key
