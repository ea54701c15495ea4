"""API keys of clients: made, sent, rotated, revoked, in SQLite and in PostgreSQL."""

import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from gateway.auth.api_key import StoredApiKeys
from gateway.auth.authenticator import Authenticator
from gateway.auth.clients import Client, Clients
from gateway.auth.credentials import Credentials
from gateway.auth.errors import ApiKeyInvalid, AuthenticationUnavailable, TokenInvalid
from gateway.control import ControlStore
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.settings_auth import AuthSettings, ControlSettings
from resolvers.viewer import Viewer
from tests.gateway.live import live_app, live_settings
from tests.gateway.transport.test_websocket import ACK, connected
from tests.support.issuer import NAME, issuer, sign
from tests.support.postgres import Postgres, running_postgres
from tests.support.server import serve

pytestmark = pytest.mark.anyio

NOW = 1_800_000_000.0
TTL = 5.0


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


class Desk:
    """A control store, and a gateway's view of it; time is the test's."""

    def __init__(self, control: ControlSettings, home: Path) -> None:
        self.now, self.passed = NOW, 1000.0
        settings = Settings(home=home, control=control)
        self.clients = Clients(ControlStore(settings), lambda: self.now)  # as the command line has it
        self.seen = StoredApiKeys(Clients(ControlStore(settings), lambda: self.now), TTL, lambda: self.passed)
        auth = AuthSettings(issuers={"example": issuer()})
        self.door = Authenticator(auth, self.seen, lambda: self.now)

    async def viewer(self, api_key: str) -> Viewer:
        return await self.door.authenticate(Credentials(api_key=api_key))

    async def refused(self, api_key: str) -> None:
        with pytest.raises(ApiKeyInvalid, match=r"^The API key is nobody's, or no longer anybody's\.$"):
            await self.viewer(api_key)

    async def close(self) -> None:
        await self.clients.close()
        await self.door.close()


@pytest.fixture(params=["sqlite", "postgres"])
async def desk(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Desk]:
    if request.param == "sqlite":
        made = Desk(ControlSettings(), tmp_path / "home")
        yield made
        await made.close()
        return
    async with request.getfixturevalue("postgres").database() as url:
        made = Desk(ControlSettings(url=SecretStr(url)), tmp_path)
        yield made
        await made.close()


async def test_a_key_tells_the_client(desk: Desk) -> None:
    key = await desk.clients.create("partner-x", ["b", "a", "b"], 500, NOW + 60)
    assert re.fullmatch(r"gw_[0-9a-f]{12}_[\w-]{43}", key)
    viewer = await desk.viewer(key)
    assert (viewer, viewer.expires_at) == (Viewer(client="partner-x", scopes=frozenset("ab")), NOW + 60)
    assert await desk.clients.all() == [Client("partner-x", ("a", "b"), 500, NOW, NOW + 60, None, 1)]


async def test_a_key_beside_a_token_tells_which_app_it_is(desk: Desk) -> None:
    desk.now = 0.0  # before the token's end
    key = await desk.clients.create("app", ["app:scope"], None, 30.0)
    desk.door.now = lambda: 0.0
    token = sign({"iat": 0, "exp": 60, "scope": "read", "roles": ["sales"]})
    viewer = await desk.door.authenticate(Credentials(f"Bearer {token}", key))
    expected = Viewer("ada", frozenset({"sales"}), frozenset({"read"}), client="app", issuer=NAME)
    assert (viewer, viewer.expires_at) == (expected, 30.0)
    with pytest.raises(TokenInvalid):
        await desk.door.authenticate(Credentials("Bearer x", key))
    with pytest.raises(ApiKeyInvalid):
        await desk.door.authenticate(Credentials(f"Bearer {token}", key[:-1]))


async def test_other_keys_are_refused(desk: Desk) -> None:
    await desk.refused("gw_0123456789ab_" + "x" * 43)  # before there is a store
    key = await desk.clients.create("app")
    id_, secret = key.split("_", 2)[1:]
    for other in (
        "",
        "gw",
        "gw__",
        f"gw_{id_}_{'x' * 43}",
        f"gw_{'0' * 12}_{secret}",
        key.upper(),
        f"{key} ",
        "é" * 60,
    ):
        await desk.refused(other)
    assert (await desk.viewer(key)).client == "app"


async def test_the_key_itself_is_not_kept(tmp_path: Path) -> None:
    desk = Desk(ControlSettings(), tmp_path)
    key = await desk.clients.create("app")
    await desk.close()
    path = tmp_path / "control.sqlite"
    assert key.split("_", 2)[2].encode() not in path.read_bytes()
    assert path.stat().st_mode & 0o077 == 0
    with closing(sqlite3.connect(path)) as connection:
        assert [len(digest) for (digest,) in connection.execute("SELECT digest FROM gateway_api_keys")] == [32]


async def test_what_is_revoked_ends_within_seconds(desk: Desk) -> None:
    key, other = await desk.clients.create("app"), await desk.clients.create("other")
    assert (await desk.viewer(key)).client == "app"
    await desk.clients.revoke("app")
    desk.passed += TTL - 0.1
    assert (await desk.viewer(key)).client == "app"
    desk.passed += 0.1
    await desk.refused(key)
    assert (await desk.viewer(other)).client == "other"
    assert [(client.name, client.revoked_at, client.keys) for client in await desk.clients.all()] == [
        ("app", NOW, 0),
        ("other", None, 1),
    ]


async def test_a_revoked_client_begins_anew(desk: Desk) -> None:
    old = await desk.clients.create("app", ["a"])
    await desk.clients.revoke("app")
    with pytest.raises(ConfigError):
        await desk.clients.rotate("app")
    new = await desk.clients.create("app", ["b"])
    assert await desk.viewer(new) == Viewer(client="app", scopes=frozenset("b"))
    await desk.refused(old)


async def test_a_rotated_key_stays_good_for_a_while(desk: Desk) -> None:
    keys = [await desk.clients.create("app"), await desk.clients.rotate("app", 60)]
    assert [(await desk.viewer(key)).expires_at for key in keys] == [NOW + 60, None]
    keys.append(await desk.clients.rotate("app", 3600))
    desk.passed += TTL
    assert [(await desk.viewer(key)).expires_at for key in keys] == [NOW + 60, NOW + 3600, None]
    desk.now += 60
    await desk.refused(keys[0])  # also while it is not looked up again
    keys.append(await desk.clients.rotate("app"))
    desk.passed += TTL
    for key in keys[:3]:
        await desk.refused(key)
    assert (await desk.viewer(keys[3])).client == "app"
    assert [client.keys for client in await desk.clients.all()] == [1]


async def test_a_client_ends(desk: Desk) -> None:
    key = await desk.clients.create("app", expires_at=NOW + 60)
    assert (await desk.viewer(key)).client == "app"
    desk.now += 60
    await desk.refused(key)
    desk.passed += TTL
    await desk.refused(key)


@pytest.mark.parametrize("name", ["", "with space", "-x", "é", "x" * 65, "a\n"])
async def test_a_name_is_short_and_plain(desk: Desk, name: str) -> None:
    with pytest.raises(ConfigError):
        await desk.clients.create(name)


async def test_what_cannot_be_done_is_said(desk: Desk) -> None:
    await desk.clients.create("app")
    for work, problem in (
        (desk.clients.create("app"), "there is a client 'app' already; clients rotate gives it a new key"),
        (desk.clients.rotate("nobody"), "there is no client 'nobody'; clients create makes it"),
        (desk.clients.revoke("nobody"), "there is no client 'nobody'"),
    ):
        with pytest.raises(ConfigError) as raised:
            await work
        assert str(raised.value) == f"clients: {problem}."


async def test_nobody_is_let_in_while_keys_cannot_be_looked_up(postgres: Postgres, tmp_path: Path) -> None:
    async with postgres.database() as url:
        desk = Desk(ControlSettings(url=SecretStr(url)), tmp_path)
        key = await desk.clients.create("app")
        assert (await desk.viewer(key)).client == "app"
        postgres.stop()
        try:
            assert (await desk.viewer(key)).client == "app"
            desk.passed += TTL
            for _ in range(2):
                with pytest.raises(AuthenticationUnavailable):
                    await desk.viewer(key)
        finally:
            postgres.start()
        assert (await desk.viewer(key)).client == "app"
        await desk.close()


async def test_keys_over_http_and_on_sockets(tmp_path: Path) -> None:
    settings = live_settings(auth=AuthSettings(recheck=0.1)).model_copy(update={"home": tmp_path})
    clients = Clients(ControlStore(settings))
    key = await clients.create("app", ["read"])
    query = "{ viewer { subject roles scopes client } }"
    told = {"data": {"viewer": {"subject": None, "roles": [], "scopes": ["read"], "client": "app"}}}
    async with serve(live_app(settings), settings) as url, httpx.AsyncClient(base_url=url) as client:
        response = await client.post("/graphql", json={"query": query}, headers={"x-api-key": key})
        assert response.json() == told
        async with connected(f"{url}/graphql".replace("http", "ws"), initialised=False) as socket:
            await socket.say({"type": "connection_init", "payload": {"apiKey": key}})
            assert await socket.hear() == ACK
            assert (await socket.operation(query))[0]["payload"] == told
            await clients.revoke("app")
            reason = "API_KEY_INVALID: The API key is nobody's, or no longer anybody's."
            assert await socket.closed() == (4403, reason)
        response = await client.post("/graphql", json={"query": query}, headers={"x-api-key": key})
        assert response.status_code == 401
    await clients.close()


async def test_a_socket_stays_for_the_grace_period_when_its_key_ends(tmp_path: Path) -> None:
    settings = live_settings(auth=AuthSettings(recheck=0.02, grace=0.2)).model_copy(update={"home": tmp_path})
    clients = Clients(ControlStore(settings))
    async with (
        serve(live_app(settings), settings) as url,
        connected(f"{url}/graphql".replace("http", "ws"), initialised=False) as socket,
    ):
        end = time.time() + 1.0
        key = await clients.create("app", expires_at=end)
        await socket.say({"type": "connection_init", "payload": {"apiKey": key}})
        reason = "API_KEY_INVALID: The API key is nobody's, or no longer anybody's."
        assert await socket.closed() == (4403, reason)
        assert time.time() >= end + 0.2
    await clients.close()
