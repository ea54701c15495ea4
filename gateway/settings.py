"""Everything that can be set: gateway.toml and GATEWAY_* variables become one frozen, validated `Settings`.

A variable wins over the file: `GATEWAY_HTTP__PORT=9000` is `port` of the table `[http]`.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Self

from pydantic import (
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from gateway.errors import ConfigError
from gateway.settings_auth import AuthSettings, ControlSettings
from gateway.settings_errors import PREFIX, explain, stray_variables, unreadable_variable
from gateway.settings_limits import RateSettings
from gateway.settings_operations import OperationSettings
from gateway.settings_section import HttpPath, Origin, Section
from gateway.settings_sources import SourceSettings, host_problem


class HttpSettings(Section):
    """The endpoint, and what may be sent to it."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """The port to listen on; 0 takes any that is free."""
    path: HttpPath = "/graphql"
    """Where the endpoint is; not below /health, /metrics or /operations."""
    allowed_origins: tuple[Origin, ...] = ()
    """Web origins whose pages may use the endpoint (CORS): https://shop.example, http://localhost:*, or * for all."""
    csrf_prevention: bool = True
    """Whether requests that a browser sends without asking first are refused."""
    max_headers: int = Field(default=64 * 1024, ge=1024)
    """Bytes of a request's address and headers, at most."""
    max_body: int = Field(default=1024 * 1024, ge=1)
    """Bytes of a request's body, at most."""
    max_upload: int = Field(default=0, ge=0)
    """Bytes of a multipart request with files, at most; 0 refuses them."""
    max_batch: int = Field(default=0, ge=0, le=1000)
    """Operations in one request, at most; 0 refuses JSON arrays."""
    graphiql: bool = False
    """Whether browsers that open the endpoint see GraphiQL."""
    explain: bool = False
    """Whether requests with `extensions: {"explain": true}` are told of lookups and statements."""
    metrics: bool = False
    """Whether /metrics tells Prometheus of answers, caches and the process."""

    @field_validator("path")
    @classmethod
    def _not_taken(cls, path: str) -> str:
        if path.startswith(("/health", "/metrics", "/operations")):
            raise ValueError("must not be below /health, /metrics or /operations, where others ask")
        return path


class LimitSettings(Section):
    """What may be asked, and what it may cost."""

    tokens: int = Field(default=5000, ge=1)
    """Tokens of a document, at most."""
    parsing: float = Field(default=0.02, gt=0, le=1)
    """Share of the time that may go into large documents that are new; more are sent away for a while."""
    depth: int = Field(default=20, ge=1)
    """Levels of fields, at most."""
    fields: int = Field(default=5000, ge=1)
    """Fields that a document selects, at most; those of a fragment count wherever it is spread."""
    root_fields: int = Field(default=50, ge=1)
    """Root fields of an operation, at most."""
    aliases: int = Field(default=100, ge=0)
    """Aliases in a document, at most."""
    directives: int = Field(default=200, ge=0)
    """Directives in a document, at most."""
    repeats: int = Field(default=50_000, ge=1)
    """Pairs of fields that validation has to compare as they have one place in the answer, at most."""
    list_length: int = Field(default=1000, ge=1)
    """Values of a list among the arguments or variables, at most."""
    input_depth: int = Field(default=20, ge=1)
    """Lists and objects within each other, among the arguments or variables, at most."""
    cost: int = Field(default=100_000, ge=1)
    """What an operation may cost by its estimate, at most: an object costs 1."""
    introspection: bool = False
    """Whether the schema is told to clients; GraphiQL cannot do without."""
    suggestions: bool = False
    """Whether errors suggest names of the schema for those that are not in it."""
    seconds: float = Field(default=30.0, gt=0)
    """Time that an operation may take."""
    concurrency: int = Field(default=200, ge=1)
    """Operations of this process that run at once, at most; subscriptions do not count."""
    waiting: int = Field(default=1000, ge=0)
    """Operations that wait for their turn, at most; one more is sent away."""
    patience: float = Field(default=5.0, gt=0)
    """Seconds that an operation waits for its turn, before it is sent away."""
    viewer_operations: int = Field(default=100, ge=1)
    """Operations of one viewer under way in this process, at most; anonymous ones share the limit of all."""
    rate: RateSettings = RateSettings()
    documents: int = Field(default=1000, ge=1)
    """Parsed and validated documents that are kept."""
    page_default: int = Field(default=50, ge=1)
    """Rows of a page when the client does not say."""
    page_maximum: int = Field(default=500, ge=1)
    """Rows of a page, at most."""
    groups: int = Field(default=10_000, ge=1)
    """Groups of an aggregate, at most; of a relation's, over all parents together."""

    @model_validator(mode="after")
    def _default_fits(self) -> Self:
        if self.page_default > self.page_maximum:
            raise ValueError(f"must have a page_default of page_maximum at most, which is {self.page_maximum}")
        return self


class SubscriptionSettings(Section):
    """Sockets and event streams, and what they may hold."""

    connections: int = Field(default=10_000, ge=1)
    """Sockets and event streams of this process, at most."""
    viewer_connections: int = Field(default=100, ge=1)
    """Those of one viewer, at most; anonymous ones share the limit of all."""
    operations: int = Field(default=100, ge=1)
    """Operations under way on one of them, at most."""
    queue: int = Field(default=1000, ge=1)
    """Events that wait for a slow subscriber, at most; one more ends the subscription."""
    init_timeout: float = Field(default=10.0, gt=0)
    """Seconds that a client has to send connection_init, or to open the event stream that it reserved."""
    heartbeat: float = Field(default=15.0, gt=0)
    """Seconds between pings on sockets, and between heartbeats on event streams."""
    pong_timeout: float = Field(default=15.0, gt=0)
    """Seconds within which a client has to answer a ping, and to accept what is sent, before it is taken for gone."""
    compression: bool = False
    """Whether messages on sockets are compressed: less to send, for half as much processor time again."""


class ChangeSettings(Section):
    """What is kept of the changes of watched entities, for clients that were away; `gateway changes prune` too."""

    keep_seconds: int = Field(default=7 * 24 * 3600, ge=0)
    """How old a change may be. Clients that were away for longer read their data anew."""
    keep_count: int = Field(default=1_000_000, ge=0)
    """Changes of each source, at most."""
    prune_seconds: float = Field(default=60.0, ge=0)
    """Seconds until the gateway drops again what need not be kept; 0 leaves it to `gateway changes prune`."""


class RedisSettings(Section):
    """What the processes of one gateway share."""

    url: SecretStr | None = None
    """`redis://user:password@host:6379`, or `rediss:` for TLS; where processes tell each other of what they
    write, and share texts that clients name by hash."""

    @field_validator("url")
    @classmethod
    def _usable(cls, url: SecretStr | None) -> SecretStr | None:
        problem = None if url is None else _redis_problem(url.get_secret_value())
        if problem:
            raise ValueError(problem)
        return url


def _redis_problem(url: str) -> str | None:
    """What is wrong with a URL, without its words."""
    if not url.startswith(("redis://", "rediss://")):
        return "must begin with redis:// or rediss://"
    return host_problem(url, "redis://redis.example:6379")


class Settings(BaseSettings):
    """The settings of one gateway."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
        extra="forbid",
        frozen=True,
        use_attribute_docstrings=True,
    )

    home: Path = Path(".gateway")
    """The folder for data of the gateway's own, such as the demo's."""
    graph: str = "schema"
    """The module that holds the graph: `Query`, and `EXAMPLES` if there are any."""
    gc_threshold: int = Field(default=50_000, ge=1)
    """Objects that are made before Python looks for garbage among them; more is faster and takes more memory."""
    drain: float = Field(default=10.0, ge=0)
    """Seconds that what is under way has to finish when the gateway is told to stop."""
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
    subscriptions: SubscriptionSettings = SubscriptionSettings()
    changes: ChangeSettings = ChangeSettings()
    redis: RedisSettings = RedisSettings()
    auth: AuthSettings = AuthSettings()
    control: ControlSettings = ControlSettings()
    operations: OperationSettings = OperationSettings()
    sources: dict[str, SourceSettings] = Field(default_factory=dict)
    """Datasources, by the names that entities use: `[sources.erp]`."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Variables win over what `load` read from the file; there is nothing else."""
        return env_settings, init_settings


class DevSettings(Settings):
    """The same with the defaults of development: open to the machine that it runs on, with GraphiQL, and patient."""

    http: HttpSettings = HttpSettings(
        allowed_origins=("http://localhost:*", "http://127.0.0.1:*"),
        csrf_prevention=False,
        max_upload=10 * 1024 * 1024,
        max_batch=10,
        graphiql=True,
        explain=True,
        metrics=True,
    )
    limits: LimitSettings = LimitSettings(
        tokens=20_000,
        parsing=1.0,
        depth=50,
        fields=20_000,
        root_fields=1000,
        aliases=1000,
        directives=1000,
        list_length=10_000,
        input_depth=50,
        cost=10_000_000,
        rate=RateSettings(viewer=0, client=0),
        introspection=True,
        suggestions=True,
    )
    auth: AuthSettings = AuthSettings(anonymous=True)


def load(file: Path | None = None, kind: type[Settings] = Settings) -> Settings:
    """The settings of `file` (GATEWAY_CONFIG, or ./gateway.toml where it exists) and of the environment.

    Raises ConfigError with a line for each mistake.
    """
    named = file or (Path(os.environ["GATEWAY_CONFIG"]) if os.environ.get("GATEWAY_CONFIG") else None)
    path = named or Path("gateway.toml")
    content = _read(path) if named or path.exists() else {}
    stray = list(stray_variables(os.environ, Settings))
    if stray:
        raise ConfigError("\n".join(stray))
    try:
        return kind(**content)
    except SettingsError as error:
        raise ConfigError(unreadable_variable(error)) from None
    except ValidationError as error:
        raise ConfigError("\n".join(explain(error, kind, path, content))) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None
