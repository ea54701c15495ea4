"""Events in the form of server-sent events: https://github.com/enisdenjo/graphql-sse/blob/master/PROTOCOL.md

Lines end with LF alone: clients split there.
"""

from collections.abc import Sequence

import orjson

from gateway.answers import Answer, encode
from gateway.errors import ShuttingDown
from gateway.subscriptions.stream import Event

HEARTBEAT = b": \n\n"


class Sse:
    """One operation on a stream of its own."""

    content_type = b"text/event-stream; charset=utf-8"
    opening = HEARTBEAT  # some clients wait for the first bytes before they see the headers
    heartbeat = HEARTBEAT
    complete = b"event: complete\ndata:\n\n"

    def events(self, events: Sequence[Event]) -> bytes:
        return b"".join([_event(event) for event in events])

    def answer(self, answer: Answer) -> bytes:
        return b"event: next\ndata: " + encode(answer.content) + b"\n\n" + self.complete

    def broken(self, answer: Answer) -> bytes:
        """A stream that ends without `complete` is one that clients open again."""
        if isinstance(answer.refused, ShuttingDown):
            return b""
        told = self.answer(answer)
        resumable = answer.refused is not None and answer.refused.close_code is not None
        return told.removesuffix(self.complete) if resumable else told


def _event(event: Event) -> bytes:
    if event.cursor is None:
        return b"event: next\ndata: " + event.json + b"\n\n"
    return b"event: next\nid: " + event.cursor.encode() + b"\ndata: " + event.json + b"\n\n"


class SharedSse:
    """One of several operations on a stream."""

    def __init__(self, operation_id: str) -> None:
        self._id = b'{"id":' + orjson.dumps(operation_id)

    def events(self, events: Sequence[Event]) -> bytes:
        """Without ids: a stream has one last event, but each of its operations a cursor."""
        head = b"event: next\ndata: " + self._id + b',"payload":'
        return b"".join([head + event.json + b"}\n\n" for event in events])

    def end(self, answer: Answer | None) -> bytes:
        told = b"" if answer is None else self.events([Event(encode(answer.content))])
        return told + b"event: complete\ndata: " + self._id + b"}\n\n"
