"""Answers to random operations are what their JSON Schemas say; and what these say of types, one by one."""

import asyncio
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, build_schema, parse, type_from_ast
from graphql.language import parse_type
from hypothesis import HealthCheck, assume, given, settings
from openapi_schema_validator import OAS31Validator

from gateway.operations.json_schema import Schema, Schemas
from tests.gateway.sameness.running import Case, standard
from tests.gateway.sameness.test_sameness import cases


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


def schema_of(case: Case) -> dict[str, Any]:
    """Of the data that the operation answers."""
    document = parse(case.operation.document)
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    chosen = [node for node in operations if case.operation.name in (None, node.name.value if node.name else None)]
    fragments = {node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)}
    schemas = Schemas(case.core)
    selected = schemas.of_operation(chosen[0], fragments)
    return {**selected, "components": {"schemas": schemas.components}}


@pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:Exception ignored in. <coroutine:pytest.PytestUnraisableExceptionWarning")
@given(case=cases())
@settings(
    max_examples=300,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
def test_answers_are_what_is_said_of_them(runner: asyncio.Runner, case: Case) -> None:
    told = runner.run(standard(case, case.operation.variables[0]))
    assume(told.content is not None)
    OAS31Validator(schema_of(case)).validate(orjson.loads(orjson.dumps(told.content)))


SDL = """
type Query { a: Int b: Float }
scalar Any
scalar DateTime
enum Size { SMALL LARGE }
"A filter."
input Filter { size: Size! sizes: [Size!] not: Filter any: Any "How many." limit: Int! = 3 }
input Choice @oneOf { a: Int b: Filter }
"""
SIZE = {"$ref": "#/components/schemas/Size"}
NULL = {"type": "null"}


def test_a_field_of_several_types() -> None:
    schema = build_schema("""
        interface Node { id: ID! }
        type Query { node: Node }
        type A implements Node { id: ID! child: B! }
        type B implements Node { id: ID! child: A! name: String }
    """)
    document = parse("{ node { id ... on A { child { id } } ... on B { child { child { id } } } } }")
    [operation] = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    identified = {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}
    node = {
        "type": ["object", "null"],
        "properties": {
            "id": {"type": "string"},
            "child": {
                "anyOf": [identified, {"type": "object", "properties": {"child": identified}, "required": ["child"]}]
            },
        },
        "required": ["id"],
    }
    assert Schemas(schema).of_operation(operation, {}) == {
        "type": "object",
        "properties": {"node": node},
        "required": ["node"],
    }


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param("Int!", {"type": "integer", "format": "int32"}, id="int"),
        pytest.param("Float", {"type": ["number", "null"]}, id="nullable"),
        pytest.param("DateTime!", {"type": "string", "format": "date-time"}, id="moment"),
        pytest.param("Any", {}, id="anything"),
        pytest.param("Size", {"anyOf": [SIZE, NULL]}, id="enum"),
        pytest.param(
            "[[Boolean!]]!",
            {"type": "array", "items": {"type": ["array", "null"], "items": {"type": "boolean"}}},
            id="lists",
        ),
    ],
)
def test_types(written: str, expected: Schema) -> None:
    schema = build_schema(SDL)
    type_: Any = type_from_ast(schema, parse_type(written))
    assert Schemas(schema).of_input(type_) == expected


def test_inputs_are_named() -> None:
    schema = build_schema(SDL)
    schemas = Schemas(schema)
    choice: Any = schema.type_map["Choice"]
    schemas.of_input(choice)
    assert schemas.components == {
        "Choice": {
            "type": "object",
            "properties": {
                "a": {"type": ["integer", "null"], "format": "int32"},
                "b": {"anyOf": [{"$ref": "#/components/schemas/Filter"}, NULL]},
            },
            "additionalProperties": False,
            "minProperties": 1,
            "maxProperties": 1,
        },
        "Filter": {
            "type": "object",
            "description": "A filter.",
            "properties": {
                "size": SIZE,
                "sizes": {"type": ["array", "null"], "items": SIZE},
                "not": {"anyOf": [{"$ref": "#/components/schemas/Filter"}, NULL]},
                "any": {},
                "limit": {"type": "integer", "format": "int32", "description": "How many."},
            },
            "additionalProperties": False,
            "required": ["size"],
        },
        "Size": {"type": "string", "enum": ["SMALL", "LARGE"]},
    }
