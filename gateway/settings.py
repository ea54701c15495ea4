"""Everything that can be set: gateway.toml and GATEWAY_* variables become one frozen, validated `Settings`.

A variable wins over the file: `GATEWAY_HTTP__PORT=9000` is `port` of the table `[http]`.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from datasources.resilience import Resilience
from datasources.rest import Batch
from gateway.errors import ConfigError

PREFIX = "GATEWAY_"
SCHEMES = ("sqlite", "postgresql", "postgresql+asyncpg", "http", "https", "demo")

HttpPath = Annotated[str, StringConstraints(pattern=r"^/[\w./-]*$")]


def _origin(text: str) -> str:
    if not re.fullmatch(r"\*|https?://[^/\s]+", text):
        raise ValueError("must be a web origin like https://shop.example")
    return text


Origin = Annotated[str, AfterValidator(_origin)]


class Section(BaseModel):
    """A table of the settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


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
    resilience: Resilience = Resilience()
    """Deadline, concurrency, retries and circuit breaker."""

    @field_validator("url")
    @classmethod
    def _known_scheme(cls, url: SecretStr) -> SecretStr:
        scheme, colon, _ = url.get_secret_value().partition(":")
        if not colon or scheme not in SCHEMES:
            raise ValueError(f"must begin with one of {', '.join(f'{known}:' for known in SCHEMES)}")
        return url


class HttpSettings(Section):
    """The endpoint, and what may be sent to it."""

    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8000, ge=0, le=65535)
    """The port to listen on; 0 takes any that is free."""
    path: HttpPath = "/graphql"
    """Where the endpoint is."""
    allowed_origins: tuple[Origin, ...] = ()
    """Web origins whose pages may use the endpoint (CORS): https://shop.example, http://localhost:*, or * for all."""
    csrf_prevention: bool = True
    """Whether requests that a browser sends without asking first are refused."""
    max_body: int = Field(default=1024 * 1024, ge=1)
    """Bytes of a request's body, at most."""
    max_upload: int = Field(default=0, ge=0)
    """Bytes of a multipart request with files, at most; 0 refuses them."""
    max_batch: int = Field(default=0, ge=0, le=1000)
    """Operations in one request, at most; 0 refuses JSON arrays."""
    graphiql: bool = False
    """Whether browsers that open the endpoint see GraphiQL."""


class LimitSettings(Section):
    """What one operation may cost."""

    tokens: int = Field(default=10_000, ge=1)
    """Tokens of a document, at most."""
    seconds: float = Field(default=30.0, gt=0)
    """Time that an operation may take."""
    documents: int = Field(default=1000, ge=1)
    """Parsed and validated documents that are kept."""
    page_default: int = Field(default=50, ge=1)
    """Rows of a page when the client does not say."""
    page_maximum: int = Field(default=500, ge=1)
    """Rows of a page, at most."""
    groups: int = Field(default=10_000, ge=1)
    """Groups of an aggregate, at most; of a relation's, over all parents together."""


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
    http: HttpSettings = HttpSettings()
    limits: LimitSettings = LimitSettings()
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
    """The same with the defaults of development: open to the machine that it runs on, with GraphiQL."""

    http: HttpSettings = HttpSettings(
        allowed_origins=("http://localhost:*", "http://127.0.0.1:*"),
        csrf_prevention=False,
        max_upload=10 * 1024 * 1024,
        max_batch=10,
        graphiql=True,
    )


def load(file: Path | None = None, kind: type[Settings] = Settings) -> Settings:
    """The settings of `file` (GATEWAY_CONFIG, or ./gateway.toml where it exists) and of the environment.

    Raises ConfigError with a line for each mistake.
    """
    named = file or (Path(os.environ["GATEWAY_CONFIG"]) if os.environ.get("GATEWAY_CONFIG") else None)
    path = named or Path("gateway.toml")
    content = _read(path) if named or path.exists() else {}
    stray = list(_stray_variables(os.environ))
    if stray:
        raise ConfigError("\n".join(stray))
    try:
        return kind(**content)
    except ValidationError as error:
        raise ConfigError("\n".join(_explain(error, path, content))) from None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"{path}: there is no such file.") from None
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None


def _stray_variables(environment: Mapping[str, str]) -> Iterator[str]:
    """Variables that mean a table which is not there; others may be anybody's, like Kubernetes' GATEWAY_PORT."""
    tables = {name.upper() for name in Settings.model_fields}
    for name in sorted(environment):
        table, nested, _ = name.upper().removeprefix(PREFIX).partition("__")
        if name.upper().startswith(PREFIX) and nested and table not in tables:
            yield f"{name}: there is no setting {table.lower()!r}{_suggestion(table.lower(), Settings.model_fields)}"


def _explain(error: ValidationError, path: Path, content: Mapping[str, Any]) -> Iterator[str]:
    for problem in error.errors(include_url=False, include_context=False):
        location = [str(part) for part in problem["loc"]]
        where = _where(location, path, content)
        if problem["type"] in ("extra_forbidden", "unexpected_keyword_argument"):
            known = _known_names(location[:-1])
            yield f"{where}: there is no such setting{_suggestion(location[-1], known)}"
            continue
        message = problem["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
        given = problem["input"]
        shown = f"; it is {given!r}" if isinstance(given, (int, float, str)) and "url" not in location else ""
        yield f"{where}: {_sentence(problem['type'], message)}{shown}."


def _sentence(kind: str, message: str) -> str:
    if kind == "missing":
        return "is missing"
    return message if message.startswith("must") else f"must be {message[:1].lower()}{message[1:]}"


def _where(location: list[str], path: Path, content: Mapping[str, Any]) -> str:
    """`gateway.toml: http.port`, or the variable that says so."""
    variable = PREFIX + "__".join(location).upper()
    if variable in {name.upper() for name in os.environ}:
        return variable
    return f"{path}: {'.'.join(location)}" if content else ".".join(location)


def _known_names(location: list[str]) -> list[str]:
    """The settings of the table at `location`."""
    table: Any = Settings
    for part in location:
        if part in ("sources", "resources"):
            table = {"sources": SourceSettings, "resources": ResourceSettings}[part]
        elif part in table.model_fields:
            table = table.model_fields[part].annotation
    return [field.name for field in fields(table)] if is_dataclass(table) else list(table.model_fields)


def _suggestion(name: str, known: Iterable[str]) -> str:
    """The end of a sentence that says that there is no such name."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1)
    return f"; did you mean {close[0]!r}?" if close else f"; there are {', '.join(names)}."
