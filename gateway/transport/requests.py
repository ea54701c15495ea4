"""uvicorn's requests, with a limit for their headers, of which it would keep as many as a client sends."""

from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.answers import encode, refused
from gateway.errors import HeadersTooLarge


class Requests(HttpToolsProtocol):
    """What the server makes of a connection."""

    limit: int
    """Bytes of a request's address and headers."""
    _received: int | None = None
    """Bytes of those, since they began in what was received before."""
    _too_large = False

    def data_received(self, data: bytes) -> None:
        """See asyncio.Protocol."""
        if self._received is not None:
            self._received += len(data)
            if self._received > self.limit:
                self._too_large = True
                self.send_400_response("")
                return
        super().data_received(data)

    def on_message_begin(self) -> None:
        self._received = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._received = None
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > self.limit:
            self._too_large = True
            raise HeadersTooLarge("")  # to the parser a mistake, which is answered below
        super().on_headers_complete()

    def send_400_response(self, msg: str) -> None:
        """Answers what is no request, and closes."""
        if not self._too_large:
            super().send_400_response(msg)
            return
        error = HeadersTooLarge(f"The address and the headers have more than {self.limit} bytes.")
        body = encode(refused(error).content)
        head = (
            f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\n"
            f"content-type: application/json; charset=utf-8\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


def within(limit: int) -> type[Requests]:
    """The protocol with this limit."""
    return type("Requests", (Requests,), {"limit": limit})
