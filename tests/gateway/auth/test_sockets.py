"""Who asks on a socket, for how long, and how that is prolonged."""

import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.settings_auth import AuthSettings
from resolvers.viewer import Viewer
from tests.gateway.live import Bell, bell, live_settings
from tests.gateway.transport.test_websocket import ACK, PROTOCOL, Client, connected, served
from tests.support.issuer import NAME, bearer, issuer, sign

__all__ = ["bell"]

pytestmark = pytest.mark.anyio

VIEWER = "{ viewer { subject roles scopes client } }"
LIFE, GRACE = 0.3, 0.2


def ada(life: float = 3600, **claims: Any) -> str:
    return sign({"exp": time.time() + life, **claims})


def init(token: str) -> dict[str, Any]:
    return {"type": "connection_init", "payload": bearer(token)}


def ping(token: str) -> dict[str, Any]:
    return {"type": "ping", "payload": bearer(token)}


def answer(subject: str) -> list[dict[str, Any]]:
    viewer: dict[str, Any] = {"subject": subject, "roles": [], "scopes": [], "client": None}
    return [
        {"id": "1", "type": "next", "payload": {"data": {"viewer": viewer}}},
        {"id": "1", "type": "complete"},
    ]


@pytest.fixture(scope="module")
async def url() -> AsyncIterator[str]:
    auth = AuthSettings(issuers={"example": issuer(leeway=0)}, grace=GRACE)
    async with served(live_settings(auth=auth)) as address:
        yield address


async def begun(client: Client, token: str) -> None:
    await client.say(init(token))
    assert await client.hear() == ACK


@pytest.mark.parametrize(
    ("payload", "headers"),
    [
        pytest.param(bearer(ada()), {}, id="payload"),
        pytest.param({"Authorization": f"bearer {ada()}", "other": 1}, {}, id="payload-in-another-case"),
        pytest.param(None, bearer(ada()), id="handshake"),
        pytest.param({}, bearer(ada()), id="handshake-and-empty-payload"),
        pytest.param(bearer(ada()), bearer(ada(sub="eve")), id="payload-rather-than-handshake"),
    ],
)
async def test_credentials_come_with_the_init_or_the_handshake(
    url: str, payload: dict[str, Any] | None, headers: dict[str, str]
) -> None:
    async with connected(url, initialised=False, additional_headers=headers) as client:
        await client.say({"type": "connection_init", "payload": payload})
        assert await client.hear() == ACK
        assert await client.operation(VIEWER) == answer("ada")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        pytest.param(None, "UNAUTHENTICATED: Send a bearer token, or an API key.", id="nothing"),
        pytest.param(bearer("x"), "TOKEN_INVALID: The token is not valid here.", id="garbage"),
        pytest.param(bearer(ada(-1)), "TOKEN_EXPIRED: The token has expired.", id="expired"),
        pytest.param(
            {"apiKey": "x"}, "API_KEY_INVALID: The API key is nobody's, or no longer anybody's.", id="api-key"
        ),
    ],
)
async def test_others_are_sent_away(url: str, payload: dict[str, Any] | None, reason: str) -> None:
    async with connected(url, initialised=False) as client:
        await client.say({"type": "connection_init", "payload": payload})
        assert await client.closed() == (4403, reason)


async def test_credentials_are_texts(url: str) -> None:
    async with connected(url, initialised=False) as client:
        await client.say({"type": "connection_init", "payload": {"authorization": ["Bearer x"]}})
        assert await client.closed() == (4400, "Credentials are strings.")


async def test_who_cannot_be_asked_about_may_come_again() -> None:
    auth = AuthSettings(issuers={"example": issuer(jwks="http://127.0.0.1:1/")})
    async with served(live_settings(auth=auth)) as url, connected(url, initialised=False) as client:
        await client.say(init(ada()))
        assert await client.closed() == (1013, "The keys to verify the token with cannot be read now.")


async def test_every_operation_and_event_is_the_viewers(url: str, bell: Bell) -> None:
    async with connected(url, initialised=False) as client:
        await begun(client, ada())
        await client.subscribe("subscription { ring { recorded } }")
        bell.rings.put_nowait(1)
        assert (await client.hear())["payload"] == {"data": {"ring": {"recorded": True}}}
        assert [context.viewer for context in bell.contexts] == [Viewer("ada", issuer=NAME)] * 2
        assert bell.contexts[0] is not bell.contexts[1]


async def test_what_has_expired_is_closed_and_what_was_renewed_stays(url: str, bell: Bell) -> None:
    """The one that is renewed would have been the first to be closed."""
    async with connected(url, initialised=False) as renewed, connected(url, initialised=False) as other:
        end = time.time() + LIFE
        await begun(renewed, sign({"exp": end}))
        await begun(other, sign({"exp": end}))
        for client in (renewed, other):
            await client.subscribe("subscription { ring { number } }", "events")
        await renewed.say(ping(ada()))
        assert await renewed.hear() == {"type": "pong"}  # which does not say the token again
        assert await other.closed() == (4403, "TOKEN_EXPIRED: The token has expired.")
        assert time.time() >= end + GRACE
        assert await renewed.operation(VIEWER) == answer("ada")


async def test_an_older_token_takes_nothing_away(url: str) -> None:
    async with connected(url, initialised=False) as client, connected(url, initialised=False) as other:
        await begun(client, ada())
        await client.say(ping(ada(LIFE)))
        assert await client.hear() == {"type": "pong"}
        await begun(other, ada(LIFE))
        await other.closed()
        assert await client.operation(VIEWER) == answer("ada")


async def test_within_the_grace_period_nothing_begins_until_it_is_renewed() -> None:
    auth = AuthSettings(issuers={"example": issuer(leeway=0)}, grace=3600)
    async with served(live_settings(auth=auth)) as url, connected(url, initialised=False) as client:
        await begun(client, ada(LIFE))
        heard = await client.operation(VIEWER)
        while heard == answer("ada"):
            heard = await client.operation(VIEWER)
        told = {"message": "The token has expired.", "extensions": {"code": "TOKEN_EXPIRED"}}
        assert heard == [{"id": "1", "type": "error", "payload": [told]}]
        await client.say(ping(ada()))
        assert await client.hear() == {"type": "pong"}
        assert await client.operation(VIEWER) == answer("ada")


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        pytest.param(
            ada(sub="eve"),
            "VIEWER_CHANGED: The credentials are not those of the connection's viewer: connect anew.",
            id="another",
        ),
        pytest.param(
            ada(roles=["admin"]),
            "VIEWER_CHANGED: The credentials are not those of the connection's viewer: connect anew.",
            id="other-rights",
        ),
        pytest.param("x", "TOKEN_INVALID: The token is not valid here.", id="garbage"),
        pytest.param(ada(-1), "TOKEN_EXPIRED: The token has expired.", id="expired"),
    ],
)
async def test_nobody_else_takes_a_socket_over(url: str, token: str, reason: str) -> None:
    async with connected(url, initialised=False) as client:
        await begun(client, ada())
        await client.say(ping(token))
        assert await client.closed() == (4403, reason)


async def test_other_pings_are_answered_as_ever(url: str) -> None:
    async with connected(url, initialised=False) as client:
        await begun(client, ada())
        await client.say({"type": "ping", "payload": {"number": 1}})
        assert await client.hear() == {"type": "pong", "payload": {"number": 1}}
        assert client.socket.subprotocol == PROTOCOL


async def test_sockets_of_one_viewer_have_a_limit() -> None:
    auth = AuthSettings(issuers={"example": issuer()})
    async with served(live_settings(auth=auth, viewer_connections=1)) as url:
        async with connected(url, initialised=False) as first:
            await begun(first, ada())
            async with connected(url, initialised=False) as second, connected(url, initialised=False) as third:
                await second.say(init(ada()))
                assert await second.closed() == (
                    1013,
                    "You have 1 sockets and event streams, as many as one viewer may have here.",
                )
                await begun(third, ada(sub="bob"))
            await first.say(ping(ada()))
            assert await first.hear() == {"type": "pong"}
        async with connected(url, initialised=False) as again:
            await begun(again, ada())
