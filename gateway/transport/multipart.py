"""Events as parts: https://www.apollographql.com/docs/graphos/routing/operations/subscriptions/multipart-protocol"""

from collections.abc import Sequence

from gateway.answers import Answer, encode
from gateway.subscriptions.stream import Event


class Multipart:
    """Each part is followed by the delimiter of the next one at once: clients wait for it before they read the part."""

    content_type = b'multipart/mixed;boundary="graphql";subscriptionSpec="1.0"'
    opening = b"\r\n--graphql"
    complete = b"--\r\n"

    def __init__(self) -> None:
        self.heartbeat = _part(b"{}")

    def events(self, events: Sequence[Event]) -> bytes:
        return b"".join([_part(b'{"payload":' + event.json + b"}") for event in events])

    def answer(self, answer: Answer) -> bytes:
        return _part(encode({"payload": answer.content})) + self.complete

    def broken(self, answer: Answer) -> bytes:
        return _part(encode({"payload": None, "errors": answer.content["errors"]})) + self.complete


def _part(json: bytes) -> bytes:
    return b"\r\ncontent-type: application/json\r\n\r\n" + json + b"\r\n--graphql"
