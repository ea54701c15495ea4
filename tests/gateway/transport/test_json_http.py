"""GraphQL over HTTP: what is sent, and status, headers and body that come back."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from gateway.settings import HttpSettings, LimitSettings
from gateway.transport import exchange
from tests.gateway.shop import shop_app, shop_client
from tests.support.server import serve

pytestmark = pytest.mark.anyio

GRAPHQL_JSON = "application/graphql-response+json"
QUERY = "{ customer(id: 1) { name } }"
ANSWER = {"data": {"customer": {"name": "Müller Maschinenbau"}}}


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with shop_client() as client:
        yield client


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        pytest.param(GRAPHQL_JSON, GRAPHQL_JSON, id="current"),
        pytest.param("application/json", "application/json", id="legacy"),
        pytest.param("*/*", "application/json", id="anything"),
        pytest.param("application/*", "application/json", id="any-application"),
        pytest.param("", "application/json", id="missing"),
        pytest.param(f"{GRAPHQL_JSON}, application/json;q=0.9", GRAPHQL_JSON, id="apollo"),
        pytest.param(f"application/json, {GRAPHQL_JSON}", "application/json", id="the-first-of-equals"),
        pytest.param(f"application/json;q=0.5, {GRAPHQL_JSON};q=0.8", GRAPHQL_JSON, id="by-quality"),
        pytest.param("text/html, application/json;q=0.1", "application/json", id="no-html-by-post"),
        pytest.param(f"text/csv, {GRAPHQL_JSON};q=0, application/json", "application/json", id="excluded"),
        pytest.param(f"{GRAPHQL_JSON}, application/json, text/event-stream, multipart/mixed", GRAPHQL_JSON, id="urql"),
        pytest.param("text/event-stream;q=0.5, application/json", "application/json", id="rather-no-stream"),
        pytest.param("multipart/mixed;deferSpec=20220824, application/json", "application/json", id="defer"),
        pytest.param(
            'multipart/mixed;subscriptionSpec="1.0", application/json', "application/json", id="only-subscriptions"
        ),
    ],
)
async def test_answers_in_the_media_type_that_the_client_likes_best(
    client: httpx.AsyncClient, accept: str, media_type: str
) -> None:
    response = await client.post("/graphql", json={"query": QUERY}, headers={"accept": accept})
    assert (response.status_code, response.json()) == (200, ANSWER)
    assert response.headers["content-type"] == f"{media_type}; charset=utf-8"


async def test_refuses_when_the_client_accepts_nothing_it_has(client: httpx.AsyncClient) -> None:
    response = await client.post("/graphql", json={"query": QUERY}, headers={"accept": "text/csv"})
    message = (
        "Accept leaves nothing to answer with; this endpoint answers application/graphql-response+json or "
        "application/json or text/event-stream."
    )
    assert (response.status_code, response.json()) == (406, refusal("NOT_ACCEPTABLE", message))
    assert response.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize(
    ("parameters", "answer"),
    [
        pytest.param({"query": QUERY}, ANSWER, id="query"),
        pytest.param(
            {"query": "query ($id: ID!) { customer(id: $id) { name } }", "variables": '{"id": "Customer:1"}'},
            ANSWER,
            id="variables",
        ),
        pytest.param(
            {"query": f"query A {{ __typename }} query B {QUERY}", "operationName": "B"}, ANSWER, id="operation-name"
        ),
        pytest.param(
            {"query": QUERY, "extensions": "{}", "utm_source": "x"}, ANSWER, id="what-is-not-known-is-ignored"
        ),
    ],
)
async def test_queries_by_get(client: httpx.AsyncClient, parameters: dict[str, str], answer: object) -> None:
    headers = {"graphql-require-preflight": "1"}
    response = await client.get("/graphql", params=parameters, headers=headers)
    assert (response.status_code, response.json()) == (200, answer)


@pytest.mark.parametrize(
    ("query_string", "message"),
    [
        pytest.param("", "query is missing: send the text of an operation.", id="nothing"),
        pytest.param("query=%7B__typename%7D&variables=%7B", "variables is not JSON.", id="variables"),
        pytest.param("query=%7B__typename%7D&extensions=3", "extensions must be an object.", id="extensions"),
        pytest.param("query=%7Ba%7D&query=%7Bb%7D", "query is given twice.", id="twice"),
        pytest.param("query=%FF", "The URL's parameters cannot be read.", id="no-utf-8"),
        pytest.param("&".join(["a=1"] * 101), "The URL's parameters cannot be read.", id="too-many"),
    ],
)
async def test_refuses_urls_that_make_no_request(client: httpx.AsyncClient, query_string: str, message: str) -> None:
    response = await client.get(f"/graphql?{query_string}", headers={"graphql-require-preflight": "1"})
    assert (response.status_code, response.json()) == (400, refusal("BAD_REQUEST", message))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param(b"", "The body is not JSON.", id="empty"),
        pytest.param(b"{", "The body is not JSON.", id="broken"),
        pytest.param(b'{"query": "\xff"}', "The body is not JSON.", id="no-utf-8"),
        pytest.param(b"[" * 100_000, "The body is not JSON.", id="brackets"),
        pytest.param(b'{"operationName": "\\ud800", "query": "{a}"}', "The body is not JSON.", id="lone-surrogate"),
        pytest.param(
            b'{"query": "{a}", "variables": ' + b'{"a":' * 10_000 + b"1" + b"}" * 10_001,
            "The body is not JSON.",
            id="deep-variables",
        ),
        pytest.param(b"null", 'A request is a JSON object like {"query": "{ __typename }"}.', id="null"),
        pytest.param(b"3", 'A request is a JSON object like {"query": "{ __typename }"}.', id="number"),
        pytest.param(b'"{a}"', 'A request is a JSON object like {"query": "{ __typename }"}.', id="string"),
        pytest.param(b"{}", "query is missing: send the text of an operation.", id="no-query"),
        pytest.param(b'{"query": 1}', "query must be a string.", id="query-no-string"),
        pytest.param(b'{"query": "{a}", "variables": []}', "variables must be an object.", id="variables-no-object"),
        pytest.param(
            b'{"query": "{a}", "operationName": 1}', "operationName must be a string.", id="operation-name-no-string"
        ),
        pytest.param(b'{"query": "{a}", "extensions": 0}', "extensions must be an object.", id="extensions-no-object"),
        pytest.param(
            b'[{"query": "{a}"}]', "This gateway takes one operation in a request, not an array of them.", id="batch"
        ),
    ],
)
async def test_refuses_bodies_that_make_no_request(client: httpx.AsyncClient, body: bytes, message: str) -> None:
    headers = {"content-type": "application/json", "accept": "application/json"}
    response = await client.post("/graphql", content=body, headers=headers)
    assert (response.status_code, response.json()) == (400, refusal("BAD_REQUEST", message))


async def test_a_ten_thousand_digit_integer_is_no_int(client: httpx.AsyncClient) -> None:
    body = (
        b'{"query": "query ($n: Int) { customers(first: $n) { nodes { name } } }", "variables": {"n": ' + b"9" * 10_000
    )
    response = await client.post("/graphql", content=body + b"}}", headers={"content-type": "application/json"})
    assert response.status_code in (200, 400)
    assert response.json()["errors"][0]["extensions"]["code"] in ("BAD_REQUEST", "BAD_USER_INPUT")


@pytest.mark.parametrize(
    ("headers", "message"),
    [
        pytest.param({}, "Content-Type is missing; send application/json.", id="missing"),
        pytest.param({"content-type": "text/xml"}, "Content-Type is text/xml; send application/json.", id="xml"),
        pytest.param(
            {"content-type": "application/graphql"},
            "Content-Type is application/graphql; send application/json.",
            id="graphql",
        ),
        pytest.param(
            {"content-type": "application/json; charset=latin-1"}, "The charset is latin-1; send UTF-8.", id="charset"
        ),
        pytest.param(
            {"content-type": "application/json", "content-encoding": "gzip"},
            "Content-Encoding is gzip; send the body as it is.",
            id="gzip",
        ),
    ],
)
async def test_refuses_content_that_it_does_not_read(
    client: httpx.AsyncClient, headers: dict[str, str], message: str
) -> None:
    body = json.dumps({"query": QUERY}).encode()
    response = await client.post("/graphql", content=body, headers={"graphql-require-preflight": "1", **headers})
    assert (response.status_code, response.json()) == (415, refusal("UNSUPPORTED_MEDIA_TYPE", message))


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
async def test_reads_utf_8_by_any_of_its_names(client: httpx.AsyncClient, charset: str) -> None:
    headers = {"content-type": f"Application/JSON; charset={charset}"}
    response = await client.post("/graphql", content=json.dumps({"query": QUERY}).encode(), headers=headers)
    assert (response.status_code, response.json()) == (200, ANSWER)


async def test_refuses_large_bodies(client: httpx.AsyncClient) -> None:
    large = b" " * 2_000_000
    headers = {"content-type": "application/json"}
    declared = await client.post("/graphql", content=large, headers=headers)
    message = "The body has 2000000 bytes; 1048576 may be sent."
    assert (declared.status_code, declared.json()) == (413, refusal("PAYLOAD_TOO_LARGE", message))

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    chunked = await client.post("/graphql", content=chunks(), headers=headers)
    message = "The body has more than 1048576 bytes."
    assert (chunked.status_code, chunked.json()) == (413, refusal("PAYLOAD_TOO_LARGE", message))


@pytest.mark.parametrize("method", ["PATCH", "OPTIONS", "HEAD"])
async def test_other_methods_are_not_allowed(client: httpx.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql", headers={"graphql-require-preflight": "1"})
    assert (response.status_code, response.headers["allow"]) == (405, "GET, POST, PUT, DELETE")
    if method != "HEAD":
        message = "Send operations by POST, or queries by GET."
        assert response.json() == refusal("METHOD_NOT_ALLOWED", message)


UNKNOWN_FIELD = "Cannot query field 'nam' on type 'Customer'."
UNKNOWN_OPERATION = "The document has no operation called 'C'; it has A, B."


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        pytest.param(
            {"query": "{"},
            {
                "message": "Syntax Error: Expected Name, found <EOF>.",
                "locations": [{"line": 1, "column": 2}],
                "extensions": {"code": "GRAPHQL_PARSE_FAILED"},
            },
            id="syntax",
        ),
        pytest.param(
            {"query": "{ customer(id: 1) { nam } }"},
            {
                "message": UNKNOWN_FIELD,
                "locations": [{"line": 1, "column": 21}],
                "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
            },
            id="validation",
        ),
        pytest.param(
            {"query": "query ($id: ID!) { customer(id: $id) { name } }"},
            {
                "message": "Variable '$id' has invalid value: Expected a value of non-null type 'ID!' to be provided.",
                "locations": [{"line": 1, "column": 8}],
                "extensions": {"code": "BAD_USER_INPUT"},
            },
            id="variables",
        ),
        pytest.param(
            {"query": "query A { __typename } query B { __typename }", "operationName": "C"},
            {"message": UNKNOWN_OPERATION, "extensions": {"code": "OPERATION_NOT_FOUND"}},
            id="operation-name",
        ),
        pytest.param(
            {"query": "fragment F on Customer { name }"},
            {
                "message": "Fragment 'F' is never used.",
                "locations": [{"line": 1, "column": 1}],
                "extensions": {"code": "GRAPHQL_VALIDATION_FAILED"},
            },
            id="no-operation",
        ),
        pytest.param(
            {"query": "query A { __typename } query B { __typename }"},
            {
                "message": "The document has several operations; it has A, B: name one in operationName.",
                "extensions": {"code": "OPERATION_NOT_FOUND"},
            },
            id="several-operations",
        ),
    ],
)
async def test_well_formed_requests_that_fail(
    client: httpx.AsyncClient, parameters: dict[str, str], error: dict[str, Any]
) -> None:
    current = await client.post("/graphql", json=parameters, headers={"accept": GRAPHQL_JSON})
    assert (current.status_code, current.json()) == (400, {"errors": [error]})
    legacy = await client.post("/graphql", json=parameters, headers={"accept": "application/json"})
    assert (legacy.status_code, legacy.json()) == (200, {"errors": [error]})


CSRF_MESSAGE = (
    "A web page could send this request without its user's knowledge. Send Content-Type: application/json, or the "
    "header GraphQL-Require-Preflight with any value."
)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        pytest.param({}, 400, id="none"),
        pytest.param({"content-type": "text/plain"}, 400, id="simple"),
        pytest.param({"content-type": "multipart/form-data; boundary=x"}, 400, id="form"),
        pytest.param({"content-type": "application/json"}, 200, id="json"),
        pytest.param({"graphql-require-preflight": "1"}, 200, id="graphql"),
        pytest.param({"apollo-require-preflight": "true"}, 200, id="apollo"),
        pytest.param({"x-apollo-operation-name": "Q"}, 200, id="apollo-client"),
    ],
)
async def test_requests_that_a_page_may_forge(client: httpx.AsyncClient, headers: dict[str, str], status: int) -> None:
    response = await client.get("/graphql", params={"query": QUERY}, headers=headers)
    expected = ANSWER if status == 200 else refusal("CSRF_PREVENTED", CSRF_MESSAGE)
    assert (response.status_code, response.json()) == (status, expected)


async def test_csrf_prevention_can_be_off() -> None:
    async with shop_client(HttpSettings(csrf_prevention=False)) as client:
        response = await client.get("/graphql", params={"query": QUERY})
    assert (response.status_code, response.json()) == (200, ANSWER)


async def test_batches_answer_in_order() -> None:
    batch = [{"query": QUERY}, {"query": "{"}, 3, {"query": "{ customer(id: 2) { name } }"}]
    async with shop_client(HttpSettings(max_batch=4)) as client:
        response = await client.post("/graphql", json=batch)
        empty = await client.post("/graphql", json=[])
        large = await client.post("/graphql", json=[{"query": QUERY}] * 5)
    assert response.status_code == 200
    assert [list(answer) for answer in response.json()] == [["data"], ["errors"], ["errors"], ["data"]]
    assert response.json()[0] == ANSWER
    assert response.json()[3] == {"data": {"customer": {"name": "Ateliers Lefèvre"}}}
    assert (empty.status_code, empty.json()) == (400, refusal("BAD_REQUEST", "The batch is empty."))
    message = "The batch has 5 operations; 4 may be sent."
    assert (large.status_code, large.json()) == (413, refusal("PAYLOAD_TOO_LARGE", message))


@pytest.mark.parametrize(
    ("given", "kept"),
    [("req-42/a", True), ("a" * 128, True), ("a" * 129, False), ("a b", False), ("", False)],
    ids=["sane", "longest", "long", "space", "empty"],
)
async def test_correlation_id_is_the_clients_where_it_is_sane(
    client: httpx.AsyncClient, given: str, kept: bool
) -> None:
    response = await client.post("/graphql", json={"query": QUERY}, headers={"x-correlation-id": given})
    answered = response.headers["x-correlation-id"]
    assert (answered == given) is kept
    assert answered


async def test_documents_have_a_limit() -> None:
    async with shop_client(limits=LimitSettings(tokens=20)) as client:
        headers = {"accept": GRAPHQL_JSON}
        few = await client.post("/graphql", json={"query": "{" + "__typename " * 18 + "}"}, headers=headers)
        many = await client.post("/graphql", json={"query": "{" + "__typename " * 20 + "}"}, headers=headers)
    assert few.status_code == 200
    assert (many.status_code, many.json()["errors"][0]["extensions"]) == (400, {"code": "DOCUMENT_TOO_LARGE"})


async def test_a_body_that_does_not_arrive_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "BODY_SECONDS", 0.05)
    async with serve(shop_app()) as url:
        host, port = httpx.URL(url).host, httpx.URL(url).port
        reader, writer = await asyncio.open_connection(host, port)
        head = "POST /graphql HTTP/1.1\r\nhost: shop\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{"
        writer.write(head.encode())
        status = await asyncio.wait_for(reader.readline(), 5)
        writer.close()
    assert status == b"HTTP/1.1 408 Request Timeout\r\n"


@pytest.mark.parametrize(
    "order",
    ["[{}]", "[{number: null}]", "[{number: ASC, quantity: ASC}]"],
)
async def test_an_order_that_names_no_one_column_is_the_clients_mistake(client: httpx.AsyncClient, order: str) -> None:
    response = await client.post("/graphql", json={"query": f"{{ orders(orderBy: {order}) {{ totalCount }} }}"})
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}


async def test_an_order_of_a_null_variable_is_the_clients_mistake(client: httpx.AsyncClient) -> None:
    query = "query ($o: OrderDirection) { orders(orderBy: [{ number: $o }]) { totalCount } }"
    response = await client.post("/graphql", json={"query": query, "variables": {"o": None}})
    codes = {error["extensions"]["code"] for error in response.json()["errors"]}
    assert codes <= {"BAD_USER_INPUT", "GRAPHQL_VALIDATION_FAILED"}
