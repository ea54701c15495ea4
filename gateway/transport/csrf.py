"""Requests that a web page can make a browser send without asking first: https://fetch.spec.whatwg.org/#simple-header"""

from collections.abc import Mapping

from gateway.errors import CsrfPrevented

SIMPLE_CONTENT_TYPES = {b"application/x-www-form-urlencoded", b"multipart/form-data", b"text/plain"}
PREFLIGHT_HEADERS = (b"graphql-require-preflight", b"apollo-require-preflight", b"x-apollo-operation-name")


def prevent_csrf(headers: Mapping[bytes, bytes]) -> None:
    """Raises CsrfPrevented for a request that needs no preflight."""
    content_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if content_type and content_type not in SIMPLE_CONTENT_TYPES:
        return
    if not any(headers.get(name) for name in PREFLIGHT_HEADERS):
        raise CsrfPrevented(
            "A web page could send this request without its user's knowledge. Send Content-Type: application/json, "
            "or the header GraphQL-Require-Preflight with any value."
        )
