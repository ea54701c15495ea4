"""What the schema says of itself is executed once for a document and its variables, and kept as JSON."""

import json
from typing import Any

import orjson
import pytest

from datasources.registry import Registry
from gateway.answers import encode
from gateway.execution.schema import run_operation
from gateway.execution.written import Written
from gateway.operations.documents import DocumentCache
from gateway.settings import LimitSettings
from resolvers.context import Context
from tests.gateway.execution.engines import Engines
from tests.resolvers import shop

pytestmark = pytest.mark.anyio

SHOP = Engines(shop.Query)
DOCUMENT = (
    "query ($name: String!, $no: Boolean = false) { __type(name: $name) { name fields @skip(if: $no) { name } } }"
)


async def introspected(operation: Any, **variables: Any) -> Written:
    coerced = operation.coerce(variables)
    data, errors = await run_operation(operation, coerced, Context(Registry({})))
    assert errors == []
    assert isinstance(data, Written)
    return data


async def test_an_answer_is_written_once() -> None:
    operation = SHOP.operation(DOCUMENT)
    first = await introspected(operation, name="Line", no=True)
    assert orjson.loads(first.json) == {"__type": {"name": "Line"}}
    assert (await introspected(operation, name="Line", no=True)).json is first.json
    for variables in ({"name": "Line"}, {"name": "Order"}, {"name": "Nothing"}):
        answer = await introspected(operation, **variables)
        expected = await SHOP.standard.execute(DOCUMENT, variable_values=variables)
        assert orjson.loads(answer.json) == expected.data


async def test_many_answers_are_not_kept() -> None:
    operation = SHOP.operation(DOCUMENT)
    for number in range(100):
        await introspected(operation, name=f"T{number}")
    assert len(operation.introspections) == 16


def test_written_data_is_json_beside_anything() -> None:
    written = {"data": Written(b'{"a":[1]}')}
    assert encode(written) == b'{"data":{"a":[1]}}'
    assert json.loads(encode([written, {"data": 2**70}])) == [{"data": {"a": [1]}}, {"data": 2**70}]


def test_documents_are_counted() -> None:
    cache = DocumentCache(SHOP.planned, LimitSettings(documents=2, tokens=100, introspection=True))
    for text in ("{ __typename }", "{ a: __typename }", "{ __typename }", "{ b: __typename }", "{ a: __typename }"):
        cache.load(text)
    documents = cache.caches["documents"]
    assert (documents.hits, documents.misses, documents.evictions) == (1, 4, 2)
