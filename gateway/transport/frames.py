"""uvicorn's sockets, with a shorter way for what is sent most: text as it is, in one frame, while nothing waits."""

from typing import Any

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.protocol import State

SEND_NOW = "gateway.send_now"
"""The extension of the ASGI scope by which applications find `Sockets.send_now`."""

TEXT = b"\x81"
"""The first byte of a frame that is the whole of a text: https://datatracker.ietf.org/doc/html/rfc6455#section-5.2"""


class Sockets(WebSocketsSansIOProtocol):
    """What the server makes of a connection that becomes a socket."""

    async def run_asgi(self) -> None:
        extensions = self.scope["extensions"]
        extensions[SEND_NOW] = {"send": self.send_now}
        try:
            await super().run_asgi()
        finally:
            del extensions[SEND_NOW]  # it leads back here, and sockets that have gone should not wait for the collector

    async def send(self, message: Any) -> None:
        """See ASGI."""
        text = message.get("text")
        if text is None or not self.send_now(text):
            await super().send(message)

    def send_now(self, text: str) -> bool:
        """Returns False where that has to wait, or cannot be: `send` does the one, and tells the other."""
        if (
            self.conn.state is not State.OPEN
            or self.conn.extensions
            or not self.writable.is_set()
            or self.transport.is_closing()
        ):
            return False
        data = text.encode()
        self.transport.write(TEXT + _length(len(data)) + data)
        return True


def _length(length: int) -> bytes:
    if length < 126:
        return bytes((length,))
    if length < 2**16:
        return b"\x7e" + length.to_bytes(2, "big")
    return b"\x7f" + length.to_bytes(8, "big")
