"""What is answered to those whose credentials do not do.

RequestError
├── Unauthenticated             nobody may ask without credentials, or theirs say nothing that can be proven
│   ├── TokenInvalid            not a token of an issuer, for this gateway, now
│   ├── TokenExpired
│   ├── TokenTooLarge
│   └── ApiKeyInvalid           nobody's, or no longer anybody's
├── ViewerChanged               a connection's new credentials are not its viewer's
└── AuthenticationUnavailable   whether credentials are good cannot be found out now
"""

from typing import ClassVar

from gateway.errors import RequestError


class Unauthenticated(RequestError):
    """Credentials are needed, and there are none that count."""

    code = "UNAUTHENTICATED"
    status = 401
    close_code = 4403
    challenge: ClassVar[str] = "Bearer"
    """The header WWW-Authenticate: https://datatracker.ietf.org/doc/html/rfc6750#section-3"""


class TokenInvalid(Unauthenticated):
    """Which of the checks it failed is for nobody to know who might have forged it."""

    code = "TOKEN_INVALID"
    challenge = 'Bearer error="invalid_token"'


class TokenExpired(Unauthenticated):
    """It was a good one; the client gets a new one."""

    code = "TOKEN_EXPIRED"
    challenge = 'Bearer error="invalid_token"'


class TokenTooLarge(Unauthenticated):
    """The token has more bytes than are looked at."""

    code = "TOKEN_TOO_LARGE"
    challenge = 'Bearer error="invalid_request"'


class ApiKeyInvalid(Unauthenticated):
    """No client has the key, or no longer."""

    code = "API_KEY_INVALID"


class ViewerChanged(RequestError):
    """The connection is another viewer's, or was when less or more was allowed to it."""

    code = "VIEWER_CHANGED"
    status = 403
    close_code = 4403


class AuthenticationUnavailable(RequestError):
    """What credentials are checked against cannot be reached."""

    code = "AUTHENTICATION_UNAVAILABLE"
    status = 503
    close_code = 1013
    retry_after = 5
