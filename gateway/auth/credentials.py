"""What a client shows to say who it is: a token, the API key of an app, or both."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gateway.errors import BadRequest

AUTHORIZATION, API_KEY = b"authorization", b"x-api-key"


@dataclass(frozen=True, slots=True)
class Credentials:
    """Not yet looked at."""

    authorization: str | None = None
    """As in HTTP: `Bearer …`."""
    api_key: str | None = None


NONE = Credentials()


def of_headers(headers: Mapping[bytes, bytes]) -> Credentials:
    authorization, api_key = headers.get(AUTHORIZATION), headers.get(API_KEY)
    if authorization is None and api_key is None:
        return NONE
    return Credentials(
        None if authorization is None else authorization.decode("latin-1"),
        None if api_key is None else api_key.decode("latin-1").strip(),
    )


def of_payload(payload: Mapping[str, Any] | None) -> Credentials:
    """Of a message's payload `{"authorization": "Bearer …"}` or `{"apiKey": "…"}`, in any case. Raises BadRequest."""
    found = {name.lower(): value for name, value in (payload or {}).items()}
    authorization, api_key = found.get("authorization"), found.get("apikey", found.get("x-api-key"))
    if not isinstance(authorization, str | None) or not isinstance(api_key, str | None):
        raise BadRequest("Credentials are strings.")
    return Credentials(authorization, api_key)
