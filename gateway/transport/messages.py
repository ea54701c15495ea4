"""The messages of clients on sockets, and the codes that sockets are closed with."""

from typing import Any

import orjson
from starlette.types import Receive

from gateway.auth.credentials import Credentials, of_payload
from gateway.errors import BadRequest

INVALID_MESSAGE = 4400
UNAUTHORIZED = 4401
FORBIDDEN = 4403
SUBPROTOCOL_NOT_ACCEPTABLE = 4406
INIT_TIMEOUT = 4408
SUBSCRIBER_EXISTS = 4409
TOO_MANY_INITS = 4429
INTERNAL_ERROR = 4500


class Closed(Exception):
    """The socket is no more."""


class Close(Exception):
    """The client broke the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


async def read(receive: Receive) -> dict[str, Any]:
    """The client's next message, which has a type. Raises Close, Closed."""
    received = await receive()
    if received["type"] == "websocket.disconnect":
        raise Closed
    try:
        message = orjson.loads(received.get("text") or b"")
    except ValueError:
        raise Close(INVALID_MESSAGE, "The message is not JSON text.") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Close(INVALID_MESSAGE, "A message is an object with a type.")
    return message


def id_of(message: dict[str, Any]) -> str:
    name = message.get("id")
    if not isinstance(name, str) or not name:
        raise Close(INVALID_MESSAGE, f"A {message['type']} message has an id, which is a string.")
    return name


def credentials_of(message: dict[str, Any]) -> Credentials:
    """Those in the payload."""
    check_payload(message)
    try:
        return of_payload(message.get("payload"))
    except BadRequest as error:
        raise Close(INVALID_MESSAGE, str(error)) from None


def check_payload(message: dict[str, Any]) -> None:
    if not isinstance(message.get("payload"), dict | None):
        raise Close(INVALID_MESSAGE, f"The payload of {message['type']} is an object, if there is one.")
