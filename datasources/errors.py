"""What a datasource may raise; each vendor's exceptions are mapped to these once, in its adapter.

    GatewayError
    └── DatasourceError
        ├── SourceUnavailable   not reachable, overloaded, or left alone by its circuit breaker
        ├── SourceTimeout       no answer before the deadline
        ├── SourceRefused       answered that it won't: a constraint, a permission, a 4xx
        └── SourceMisbehaved    answered something that is no answer: a 5xx, broken JSON, a missing column

Messages reach clients: they name the source and the collection, never a statement, URL or secret.
What an operator needs beyond that is in `__cause__`, which is logged.
"""

from typing import ClassVar


class GatewayError(Exception):
    """An error whose message is meant for the client; `code` is stable and documented."""

    code: ClassVar[str] = "INTERNAL_SERVER_ERROR"


class DatasourceError(GatewayError):
    """A datasource did not deliver; `source` is its name in the settings."""

    code = "DATASOURCE_ERROR"

    def __init__(self, source: str, message: str) -> None:
        super().__init__(f"datasource '{source}' {message}")
        self.source = source


class SourceUnavailable(DatasourceError):
    """The datasource cannot be reached."""

    code = "DATASOURCE_UNAVAILABLE"


class SourceTimeout(DatasourceError):
    """The datasource did not answer before the deadline."""

    code = "DATASOURCE_TIMEOUT"


class SourceRefused(DatasourceError):
    """The datasource understood the lookup and refused it."""

    code = "DATASOURCE_REFUSED"


class SourceMisbehaved(DatasourceError):
    """The datasource's answer makes no sense."""

    code = "DATASOURCE_MISBEHAVED"
