"""Trusted documents: every form of naming one, what each mode refuses, and what running processes see of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
import pytest
from graphql import DocumentNode, parse

import gateway.operations.documents as documents
from gateway.app import Gateway, create_app
from gateway.auth.clients import Clients
from gateway.control import ControlStore, ControlUnavailable
from gateway.errors import ConfigError
from gateway.execution.planner import Planner
from gateway.graph import make_graph
from gateway.operations.store import EVERYBODY, OperationStore, published
from gateway.settings import LimitSettings, Settings
from gateway.settings_auth import AuthSettings
from gateway.settings_operations import Mode, OperationSettings
from resolvers.query import query_type
from tests.gateway.live import Subscription
from tests.gateway.shop import Customer, Order, shop_sources
from tests.gateway.transport.test_websocket import connected
from tests.support.server import serve

pytestmark = pytest.mark.anyio

BODY = "query Customer($id: ID!) { customer(id: $id) { name } }"
DIGEST = sha256(BODY.encode()).hexdigest()
COUNT = "subscription Count { count(to: 1) }"
OTHER = "{ customer(id: 2) { name } }"
VARIABLES = {"variables": {"id": 1}}
ANSWER = {"data": {"customer": {"name": "Müller Maschinenbau"}}}
OTHERS = {"data": {"customer": {"name": "Ateliers Lefèvre"}}}
MODERN = {"accept": "application/graphql-response+json"}
PREFLIGHT = {"graphql-require-preflight": "1"}

IN_LIST = [
    published("web", "web~1.4.0~c1", "Customer", "query", BODY),
    published("web", "s", "Count", "subscription", COUNT),
]


def by_hash(digest: str) -> dict[str, Any]:
    return {"extensions": {"persistedQuery": {"version": 1, "sha256Hash": digest}}}


def refusal(code: str, message: str) -> dict[str, Any]:
    return {"errors": [{"message": message, "extensions": {"code": code}}]}


class House:
    """A gateway, the store that it shares with the command line, and the key of its client."""

    def __init__(self, home: Path, limits: LimitSettings | None = None, **operations: Any) -> None:
        self.settings = Settings(
            home=home,
            auth=AuthSettings(anonymous=True),
            limits=limits or LimitSettings(),
            operations=OperationSettings(refresh=0.02, **operations),
        )
        self.control = ControlStore(self.settings)
        self.store = OperationStore(self.control)
        self.key: dict[str, str] = {}

    def app(self) -> Gateway:
        graph = make_graph(query_type(Customer, Order), subscription=Subscription)
        return create_app(self.settings, graph, shop_sources())

    async def prepare(self, mode: Mode | None = None) -> None:
        self.key = {"x-api-key": await Clients(self.control).create("web")}
        await self.store.publish(IN_LIST)
        if mode is not None:
            await self.store.set_mode("web", mode)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[httpx.AsyncClient]:
        app = self.app()
        transport, headers = httpx.ASGITransport(app), {**self.key, **MODERN}
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://x", headers=headers) as client,
        ):
            yield client

    async def asked(self, parameters: dict[str, Any]) -> tuple[int, Any]:
        async with self.client() as client:
            response = await client.post("/graphql", json=parameters)
            return response.status_code, response.json()


@asynccontextmanager
async def house(home: Path, mode: Mode | None = None, **options: Any) -> AsyncIterator[House]:
    made = House(home, **options)
    try:
        await made.prepare(mode)
        yield made
    finally:
        await made.store.close()


FORMS = [
    pytest.param({"documentId": "web~1.4.0~c1"}, id="document-id"),
    pytest.param({"documentId": f"sha256:{DIGEST}"}, id="document-id-hash"),
    pytest.param({"documentId": DIGEST}, id="document-id-plain-hash"),
    pytest.param({"doc_id": "web~1.4.0~c1"}, id="relay-doc-id"),
    pytest.param({"id": "web~1.4.0~c1"}, id="relay-id"),
    pytest.param(by_hash(DIGEST), id="persisted-query"),
    pytest.param(by_hash("web~1.4.0~c1"), id="persisted-query-id"),
]


@pytest.mark.parametrize("mode", [Mode.OPEN, Mode.TRUSTED_PREFERRED, Mode.TRUSTED_ONLY])
@pytest.mark.parametrize("form", FORMS)
async def test_each_form_in_each_mode(tmp_path: Path, form: dict[str, Any], mode: Mode) -> None:
    async with house(tmp_path, mode, require_id=True) as made, made.client() as client:
        posted = await client.post("/graphql", json={**form, **VARIABLES})
        parameters = {name: value if isinstance(value, str) else json.dumps(value) for name, value in form.items()}
        got = await client.get(
            "/graphql", params={**parameters, "variables": json.dumps(VARIABLES["variables"])}, headers=PREFLIGHT
        )
    assert [(each.status_code, each.json()) for each in (posted, got)] == [(200, ANSWER)] * 2


@pytest.mark.parametrize("form", FORMS)
async def test_another_text_beside_an_id(tmp_path: Path, form: dict[str, Any]) -> None:
    async with house(tmp_path) as made, made.client() as client:
        same = await client.post("/graphql", json={**form, **VARIABLES, "query": BODY})
        other = await client.post("/graphql", json={**form, **VARIABLES, "query": OTHER})
    assert (same.status_code, same.json()) == (200, ANSWER)
    if "doc_id" in form or "id" in form:  # beside a text, these are something of the client's own
        assert other.json() == OTHERS
    else:
        answer = refusal("CANNOT_SEND_PQ_ID_AND_BODY", "The text is not that of the id: send one of them.")
        assert (other.status_code, other.json()) == (400, answer)


NOT_IN_LIST = refusal("PERSISTED_QUERY_NOT_IN_LIST", "No operation is published under this id.")
HASH_NOT_IN_LIST = refusal("PERSISTED_QUERY_NOT_IN_LIST", "No operation is published under this hash.")
NOT_IN_SAFELIST = refusal(
    "QUERY_NOT_IN_SAFELIST", "This operation is not among those that are published for the client."
)
ID_REQUIRED = refusal("PERSISTED_QUERY_ID_REQUIRED", "Send the operation's id, and no text.")
OTHER_DIGEST = sha256(OTHER.encode()).hexdigest()


@pytest.mark.parametrize(
    ("parameters", "status", "answer"),
    [
        pytest.param({"documentId": "unknown"}, 404, NOT_IN_LIST, id="id"),
        pytest.param(by_hash(OTHER_DIGEST), 404, HASH_NOT_IN_LIST, id="hash"),
        pytest.param({"query": OTHER}, 403, NOT_IN_SAFELIST, id="text"),
        pytest.param({"query": OTHER, **by_hash(OTHER_DIGEST)}, 403, NOT_IN_SAFELIST, id="text-and-hash"),
        pytest.param(
            {"query": OTHER, "documentId": f"sha256:{OTHER_DIGEST}"}, 403, NOT_IN_SAFELIST, id="text-and-document-id"
        ),
        pytest.param({"query": BODY, **VARIABLES}, 200, ANSWER, id="trusted-text"),
    ],
)
async def test_what_trusted_only_refuses(
    tmp_path: Path, parameters: dict[str, Any], status: int, answer: dict[str, Any]
) -> None:
    async with house(tmp_path, Mode.TRUSTED_ONLY) as made:
        assert await made.asked(parameters) == (status, answer)


async def test_ids_may_be_required(tmp_path: Path) -> None:
    async with house(tmp_path, Mode.TRUSTED_ONLY, require_id=True) as made:
        assert await made.asked({"query": BODY, **VARIABLES}) == (400, ID_REQUIRED)
        assert await made.asked({"query": OTHER}) == (403, NOT_IN_SAFELIST)


@pytest.mark.parametrize(
    ("mode", "again"),
    [
        pytest.param(Mode.OPEN, OTHERS, id="open"),
        pytest.param(
            Mode.TRUSTED_PREFERRED,
            refusal("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound"),
            id="trusted-preferred",
        ),
    ],
)
async def test_other_modes_execute_anything(tmp_path: Path, mode: Mode, again: dict[str, Any]) -> None:
    async with house(tmp_path, mode) as made, made.client() as client:
        named = by_hash(OTHER_DIGEST)
        for parameters in ({"query": OTHER}, {"query": OTHER, **named}):
            assert (await client.post("/graphql", json=parameters)).json() == OTHERS
        assert (await client.post("/graphql", json=named)).json() == again
        assert (await client.post("/graphql", json={"documentId": "unknown"})).status_code == 404


async def test_a_lockdown_can_be_tried(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house(tmp_path, Mode.TRUSTED_ONLY, log_only=True) as made, made.client() as client:
        for _ in range(3):
            assert (await client.post("/graphql", json={"query": OTHER})).json() == OTHERS
        await client.post("/graphql", json={"query": BODY, **VARIABLES})
    told = [record.getMessage() for record in caplog.records if record.name == "gateway.operations"]
    assert told == [f"QUERY_NOT_IN_SAFELIST of web would be refused: {OTHER}"]


async def test_each_client_has_its_own(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        await made.store.publish(
            [published(EVERYBODY, "for-all", "Other", "query", "query Other { customer(id: 2) { name } }")]
        )
        partner = await Clients(made.control).create("partner")
        async with made.client() as client:
            for headers, web, everybodys in (
                ({}, 200, 200),
                ({"x-api-key": partner}, 404, 200),
            ):
                mine = await client.post("/graphql", json={"documentId": DIGEST, **VARIABLES}, headers=headers)
                all_ = await client.post("/graphql", json={"documentId": "for-all"}, headers=headers)
                assert (mine.status_code, all_.status_code) == (web, everybodys)
        made.key = {}
        assert await made.asked({"documentId": DIGEST}) == (404, NOT_IN_LIST)
        assert await made.asked({"documentId": "for-all"}) == (200, OTHERS)


async def test_on_sockets_and_streams(tmp_path: Path) -> None:
    async with house(tmp_path, Mode.TRUSTED_ONLY) as made, serve(made.app(), made.settings) as url:
        async with connected(f"{url.replace('http', 'ws')}/graphql", additional_headers=made.key) as socket:
            await socket.say({"id": "1", "type": "subscribe", "payload": {"documentId": "s"}})
            assert await socket.hear() == {"id": "1", "type": "next", "payload": {"data": {"count": 1}}}
            assert await socket.hear() == {"id": "1", "type": "complete"}
            refused = await socket.operation(OTHER)
            assert refused == [{"id": "1", "type": "error", "payload": NOT_IN_SAFELIST["errors"]}]
        async with httpx.AsyncClient(base_url=url, headers=made.key) as client:
            sse = {"accept": "text/event-stream"}
            events = await client.post("/graphql", json={"documentId": "s"}, headers=sse)
            assert b'event: next\ndata: {"data":{"count":1}}\n\n' in events.content
            refused_too = await client.post("/graphql", json={"query": OTHER}, headers=sse)
            assert b"QUERY_NOT_IN_SAFELIST" in refused_too.content
            token = {"x-graphql-event-stream-token": (await client.put("/graphql")).text}
            extensions = {"extensions": {"operationId": "1"}}
            started = await client.post("/graphql", json={"documentId": "s", **extensions}, headers=token)
            denied = await client.post("/graphql", json={"query": OTHER, **extensions}, headers=token)
            assert (started.status_code, denied.status_code) == (202, 403)


async def test_is_neither_parsed_nor_planned_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parsed: list[str] = []
    planned: list[Planner] = []

    def counted(text: str, **options: Any) -> DocumentNode:
        parsed.append(str(text))
        return parse(text, **options)

    monkeypatch.setattr(documents, "parse", counted)
    made_plan = Planner._object

    def counted_plan(self: Planner, *arguments: Any, **options: Any) -> Any:
        planned.append(self)
        return made_plan(self, *arguments, **options)

    monkeypatch.setattr(Planner, "_object", counted_plan)
    async with house(tmp_path, limits=LimitSettings(documents=10)) as made, made.client() as client:
        assert sorted(parsed) == sorted([BODY, COUNT])
        before = len(planned)
        assert before > 0
        flood = [f"{{ a{number}: __typename }}" for number in range(50)]
        for query in flood:
            await client.post("/graphql", json={"query": query})
        assert (await client.post("/graphql", json={"documentId": DIGEST, **VARIABLES})).json() == ANSWER
    assert sorted(parsed) == sorted([BODY, COUNT, *flood])
    assert len(planned) == before


async def until(client: httpx.AsyncClient, status: int, parameters: dict[str, Any]) -> None:
    for _ in range(500):
        if (await client.post("/graphql", json=parameters)).status_code == status:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the status did not become {status}")


async def test_processes_see_what_happens(tmp_path: Path) -> None:
    late = published("web", "late", "Late", "query", "query Late { customer(id: 2) { name } }")
    async with house(tmp_path) as made, AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(made.client()) for _ in range(2)]
        for client in clients:
            await until(client, 404, {"documentId": "late"})
        await made.store.publish([late])
        for client in clients:
            await until(client, 200, {"documentId": "late"})
        await made.store.set_mode("web", Mode.TRUSTED_ONLY)
        for client in clients:
            await until(client, 403, {"query": OTHER})
        await made.store.retire([late])
        for client in clients:
            await until(client, 404, {"documentId": "late"})
        await made.store.set_mode("web", None)
        for client in clients:
            await until(client, 200, {"query": OTHER})


async def test_uses_are_counted(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        for _ in range(2):
            async with made.client() as client:
                for parameters in ({"documentId": DIGEST}, {"query": BODY}, {"query": OTHER}):
                    await client.post("/graphql", json={**VARIABLES, **parameters})
        [usage] = await made.store.usage()
        assert (usage.client, usage.id, usage.count) == ("web", "web~1.4.0~c1", 4)
        assert usage.p50 is not None
        assert usage.p99 is not None
        assert 0 < usage.p50 <= usage.p99 < 5


async def test_a_document_that_fits_the_graph_no_longer(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with house(tmp_path) as made:
        await made.store.publish([published("web", "old", "Old", "query", "query Old { gone1234567890 }")])
        status, answer = await made.asked({"documentId": "old"})
        assert (status, answer["errors"][0]["message"]) == (400, "Cannot query field 'gone1234567890' on type 'Query'.")
        assert (await made.asked({"documentId": DIGEST, **VARIABLES})) == (200, ANSWER)
    assert (
        "Old of web fits the graph no longer: Cannot query field 'gone1234567890' on type 'Query'." in caplog.messages
    )


async def test_a_client_whose_mode_is_unknown_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def away(_: OperationStore) -> str | None:
        raise ControlUnavailable("control: the store cannot be used: OSError.")

    async with house(tmp_path) as made:
        monkeypatch.setattr(OperationStore, "revision", away)
        async with made.client() as client:
            waits = await client.post("/graphql", json={"query": OTHER})
        answer = refusal("TRUSTED_DOCUMENTS_UNAVAILABLE", "Trusted documents cannot be read now.")
        assert (waits.status_code, waits.json(), waits.headers["retry-after"]) == (503, answer, "1")
        made.key = {}
        assert await made.asked({"query": OTHER}) == (200, OTHERS)


async def test_an_id_stands_for_one_text(tmp_path: Path) -> None:
    async with house(tmp_path) as made:
        assert await made.store.publish(IN_LIST) == 0
        message = "Customer: the id 's' stands for another text already, also if that is retired."
        for retired in (False, True):
            if retired:
                await made.store.retire(IN_LIST)
            with pytest.raises(ConfigError, match=message.replace(".", r"\.")):
                await made.store.publish(
                    [published("web", "new", "New", "query", OTHER), published("web", "s", "Customer", "query", BODY)]
                )
        assert await made.store.all() == []
        assert await made.store.publish(IN_LIST) == 2
