"""The published operations of a client as an OpenAPI document: https://spec.openapis.org/oas/v3.1.1"""

from collections.abc import Iterable, Sequence
from typing import Any

import strawberry
from graphql import (
    FragmentDefinitionNode,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    parse,
    type_from_ast,
    value_from_ast_untyped,
)

from gateway.execution.operation import core_schema
from gateway.operations.automatic import digest_of
from gateway.operations.json_schema import Schema, Schemas
from gateway.operations.store import EVERYBODY, Published
from gateway.operations.url_variables import is_json

PATH = "/operations"
EVERYBODYS = "-"
"""In the place of a client, for what is published for everybody."""

ERROR: Schema = {
    "type": "object",
    "properties": {
        "message": {"type": "string"},
        "path": {"type": "array", "items": {"type": ["string", "integer"]}},
        "locations": {"type": "array", "items": {"type": "object"}},
        "extensions": {"type": "object", "properties": {"code": {"type": "string"}}},
    },
    "required": ["message"],
}
ERRORS: Schema = {"type": "array", "items": {"$ref": "#/components/schemas/Error"}}
REFUSED: Schema = {"type": "object", "properties": {"errors": ERRORS}, "required": ["errors"]}
KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "A request that is sent again with the same key is answered the same, and writes nothing again.",
    "schema": {"type": "string"},
}


def describe(schema: strawberry.Schema, client: str, operations: Iterable[Published]) -> dict[str, Any]:
    """The document of those that are the client's or everybody's, the latest of each name, without subscriptions."""
    core = core_schema(schema)
    schemas = Schemas(core)
    schemas.components["Error"] = ERROR
    schemas.components["Refused"] = REFUSED
    queued = sorted(operations, key=lambda each: (each.client != EVERYBODY, each.published_at))
    latest = {each.name: each for each in queued}  # as the last one of each counts
    listed = [latest[name] for name in sorted(latest) if latest[name].kind != "subscription"]
    return {
        "openapi": "3.1.1",
        "info": {
            "title": f"Operations of {'everybody' if client == EVERYBODYS else client}",
            "version": digest_of("".join(each.sha256 for each in listed))[:12],
        },
        "paths": {f"{PATH}/{client}/{each.name}": _path(core, schemas, each) for each in listed},
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "apiKey": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"apiKey": []}, {"bearer": []}],
    }


def _path(schema: GraphQLSchema, schemas: Schemas, operation: Published) -> dict[str, Any]:
    document = parse(operation.body)
    [node] = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    data = schemas.of_operation(node, fragments)
    responses = {
        "200": _json("The answer. Where something failed, errors say what, and its place is null.", _answer(data)),
        "default": _json("Why there is no answer.", {"$ref": "#/components/schemas/Refused"}),
    }
    variables = node.variable_definitions or ()
    post: dict[str, Any] = {"operationId": operation.name, "responses": responses}
    if variables:
        body = _body(schema, schemas, variables)
        post["requestBody"] = {
            "required": bool(body.get("required")),
            "content": {"application/json": {"schema": body}},
        }
    if node.operation is OperationType.MUTATION:
        return {"post": {**post, "parameters": [KEY]}}
    parameters = [_parameter(schema, schemas, each) for each in variables]
    get = {"operationId": operation.name, "parameters": parameters, "responses": responses}
    return {"get": get, "post": {**post, "operationId": f"{operation.name}ByPost"}}


def _answer(data: Schema) -> Schema:
    nullable = {**data, "type": ["object", "null"]}
    return {"type": "object", "properties": {"data": nullable, "errors": ERRORS}, "required": ["data"]}


def _json(description: str, schema: Schema) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": schema}}}


def _body(schema: GraphQLSchema, schemas: Schemas, variables: Sequence[VariableDefinitionNode]) -> Schema:
    required = [each.variable.name.value for each in variables if _is_required(each)]
    made: Schema = {
        "type": "object",
        "properties": {each.variable.name.value: _variable(schema, schemas, each) for each in variables},
        "additionalProperties": False,
    }
    return {**made, "required": required} if required else made


def _variable(schema: GraphQLSchema, schemas: Schemas, variable: VariableDefinitionNode) -> Schema:
    made = schemas.of_input(_type(schema, variable))
    if variable.default_value is None:
        return made
    return {**made, "default": value_from_ast_untyped(variable.default_value)}


def _parameter(schema: GraphQLSchema, schemas: Schemas, variable: VariableDefinitionNode) -> dict[str, Any]:
    type_ = _type(schema, variable)
    given = type_ if isinstance(type_, GraphQLNonNull) else GraphQLNonNull(type_)  # nobody can write null in a URL
    made = schemas.of_input(given)
    if variable.default_value is not None:
        made["default"] = value_from_ast_untyped(variable.default_value)
    head = {"name": variable.variable.name.value, "in": "query", "required": _is_required(variable)}
    if is_json(type_):
        return {**head, "schema": {"type": "string", "contentMediaType": "application/json", "contentSchema": made}}
    if isinstance(given.of_type, GraphQLList):
        return {**head, "style": "form", "explode": True, "schema": made}
    return {**head, "schema": made}


def _type(schema: GraphQLSchema, variable: VariableDefinitionNode) -> Any:
    return type_from_ast(schema, variable.type)


def _is_required(variable: VariableDefinitionNode) -> bool:
    return variable.type.kind == "non_null_type" and variable.default_value is None
