"""Datasources: where each is, and how it is reached."""

from dataclasses import fields
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from datasources.resilience import Resilience
from datasources.rest import Batch
from gateway.settings_section import HttpPath, Section

SCHEMES = ("sqlite", "postgresql", "postgresql+asyncpg", "http", "https", "demo")


class ResourceSettings(Section):
    """How one collection of a REST service is reached."""

    path: HttpPath | None = None
    """Below the source's URL; by default the collection's name."""
    key: str = "id"
    """The column that is unique."""
    batch: Batch = Batch.AUTO
    """How the rows of many keys are asked for: auto, list, post or each."""
    chunk: int = Field(default=1000, ge=1)
    """Keys in one request, at most."""
    page: int = Field(default=1000, ge=1)
    """Rows that the service answers at once, at most."""
    per: bool = True
    """Whether the service limits and orders per key (`per=order_id`)."""


class SourceSettings(Section):
    """A datasource; its URL says of which kind it is."""

    url: SecretStr
    """`sqlite:///file`, `postgresql+asyncpg://user:password@host/database`, `https://service/v1` or `demo:name`."""
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """Sent with every request to a REST service."""
    resources: dict[str, ResourceSettings] = Field(default_factory=dict)
    """Collections of a REST service that are not reached by the convention."""
    health: HttpPath = "/health"
    """What a REST service answers with 200 while it is well."""
    pool_size: int = Field(default=10, ge=1, le=1000)
    """Connections to a database (threads, for SQLite), at most."""
    nest: bool = True
    """Whether PostgreSQL may answer relations within itself as JSON, with the lookup of their parents."""
    resilience: Resilience = Resilience()
    """Deadline, concurrency, retries and circuit breaker."""

    @field_validator("url")
    @classmethod
    def _usable(cls, url: SecretStr) -> SecretStr:
        problem = _url_problem(url.get_secret_value())
        if problem:
            raise ValueError(problem)
        return url

    @field_validator("headers")
    @classmethod
    def _ascii(cls, headers: dict[str, SecretStr]) -> dict[str, SecretStr]:
        for name, value in headers.items():
            if not (f"{name}{value.get_secret_value()}".isascii() and value.get_secret_value().isprintable()):
                raise ValueError(f"must be printable ASCII, which {name!r} is not")
        return headers

    @field_validator("resilience")
    @classmethod
    def _positive(cls, resilience: Resilience) -> Resilience:
        for field in fields(resilience):
            value, least = getattr(resilience, field.name), 0 if field.name in ("waiting", "backoff") else 1
            if value < 0 or (least and value == 0):
                raise ValueError(f"must have a {field.name} {'above' if least else 'not below'} 0; it is {value}")
        return resilience


def _url_problem(url: str) -> str | None:
    """What is wrong with a source's URL, without its words, which may be secret."""
    scheme, colon, rest = url.partition(":")
    if not colon or scheme not in SCHEMES:
        return f"must begin with one of {', '.join(f'{known}:' for known in SCHEMES)}"
    if scheme == "demo":
        return None
    if scheme == "sqlite":
        return (
            None
            if rest.startswith("///") and len(rest) > 3
            else "must name a file, as sqlite:///folder/file.sqlite does"
        )
    return host_problem(url, "https://service.example/v1" if scheme in ("http", "https") else None)


def host_problem(url: str, example: str | None) -> str | None:
    """`example` is that of a URL that must name a host."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return "has a host or a port that cannot be read"
    if example and not parts.hostname:
        return f"must name a host, as {example} does"
    return None
