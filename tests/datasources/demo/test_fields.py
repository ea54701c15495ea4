"""The demo's columns are those of the graph that ships."""

import pytest

import schema
from datasources.demo.fields import fields_of
from datasources.demo.records import RECORDS
from datasources.lookup import ColumnType
from resolvers.definition import Entity
from resolvers.query import entities_of

ENTITIES = {entity.collection_name: entity for entity in entities_of(schema.Query)}


def columns(entity: Entity) -> dict[str, ColumnType]:
    return {each.column.name: each.column.type for each in entity.all_columns}


def test_every_entity_has_data() -> None:
    assert ENTITIES.keys() == RECORDS.keys()


@pytest.mark.parametrize("collection", RECORDS)
def test_columns_fit_the_entity(collection: str) -> None:
    assert {field.name: field.type for field in fields_of(collection)} == columns(ENTITIES[collection])


@pytest.mark.parametrize("collection", RECORDS)
def test_only_nullable_columns_hold_nulls(collection: str) -> None:
    declared = {each.column.name for each in ENTITIES[collection].all_columns if each.column.nullable}
    assert {field.name for field in fields_of(collection) if field.nullable} <= declared


@pytest.mark.parametrize("collection", RECORDS)
def test_enums_fit_the_entity(collection: str) -> None:
    enums = {
        each.column.name: tuple(member.value for member in each.annotation)
        for each in ENTITIES[collection].all_columns
        if hasattr(each.annotation, "__members__")
    }
    assert {field.name: field.values for field in fields_of(collection) if field.values} == enums
