"""uvicorn's sockets, with a shorter way for what is sent most: text as it is, in one frame."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

TEXT = b"\x81"
"""The first byte of a frame that is the whole of a text: https://datatracker.ietf.org/doc/html/rfc6455#section-5.2"""


class Sockets(WebSocketsSansIOProtocol):
    """What the server makes of a connection that becomes a socket."""

    async def send(self, message: Any) -> None:
        """See ASGI. Whatever may have to wait, or be refused, goes the long way."""
        text = message.get("text")
        if (
            text is None
            or self.conn.state is not State.OPEN
            or self.conn.extensions
            or self.disconnected
            or not self.writable.is_set()
        ):
            await super().send(message)
            return
        data = text.encode()
        self.transport.write(TEXT + _length(len(data)) + data)


def _length(length: int) -> bytes:
    if length < 126:
        return bytes((length,))
    if length < 2**16:
        return b"\x7e" + length.to_bytes(2, "big")
    return b"\x7f" + length.to_bytes(8, "big")
