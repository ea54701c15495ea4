"""Datasources as the settings describe them: the URL says of which kind each is."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import httpx
from pydantic import SecretStr

from datasources.base import Datasource
from datasources.demo import scm_app
from datasources.registry import Registry
from datasources.resilience import resilient
from datasources.rest import Resource, RestSource
from datasources.sql import PostgresSource, SqliteSource
from gateway.errors import ConfigError
from gateway.settings import Settings
from gateway.settings_sources import ResourceSettings, SourceSettings

DEMO = ("crm", "erp", "scm")
"""The sources that the demo can stand in for."""


def demo_folder(settings: Settings) -> Path:
    return settings.home / "demo"


def demo_sources(settings: Settings) -> frozenset[str]:
    """The sources that the settings read from the demo."""
    return frozenset(name for name, source in settings.sources.items() if _url(source).startswith("demo:"))


def with_demo(settings: Settings, needed: Iterable[str]) -> Settings:
    """The settings, in which the demo stands in for needed sources that they do not name."""
    missing = {name for name in needed if name in DEMO} - settings.sources.keys()
    demo = {name: SourceSettings(url=SecretStr(f"demo:{name}")) for name in sorted(missing)}
    return settings.model_copy(update={"sources": {**demo, **settings.sources}})


def make_registry(settings: Settings) -> Registry:
    """Every datasource of the settings, not yet open. Raises ConfigError."""
    folder = demo_folder(settings)
    made = {name: _make(name, source, folder) for name, source in settings.sources.items()}
    return Registry(
        {name: resilient(source, settings.sources[name].resilience) for name, source in made.items()},
        {
            name: source.reader.cache
            for name, source in made.items()
            if isinstance(source, PostgresSource | SqliteSource)
        },
    )


def _make(name: str, settings: SourceSettings, demo: Path) -> Datasource:
    url = _url(settings)
    match url.partition(":")[0]:
        case "demo":
            return _demo(name, url, settings, demo)
        case "sqlite":
            _expect_file(name, url)
            return SqliteSource(name, url, pool_size=settings.pool_size)
        case "http" | "https":
            return _rest(name, url, settings)
        case _:
            return PostgresSource(name, url, pool_size=settings.pool_size, nest=settings.nest)


def _expect_file(name: str, url: str) -> None:
    path = Path(url.removeprefix("sqlite:///"))
    if not path.is_file():
        raise ConfigError(f"sources.{name}.url: there is no file {path}.")


def _demo(name: str, url: str, settings: SourceSettings, folder: Path) -> Datasource:
    match url.removeprefix("demo:"):
        case "scm":
            return _rest(name, "http://demo", settings, httpx.ASGITransport(scm_app(folder)))
        case "crm" | "erp" as database:
            return SqliteSource(name, f"sqlite:///{folder / database}.sqlite", pool_size=settings.pool_size)
    raise ConfigError(f"sources.{name}.url: the demo has {', '.join(DEMO)}; {url!r} is none of them.")


def _rest(
    name: str, url: str, settings: SourceSettings, transport: httpx.AsyncBaseTransport | None = None
) -> RestSource:
    headers = {header: value.get_secret_value() for header, value in settings.headers.items()}
    timeout = settings.resilience.deadline
    return RestSource(name, url, _resources(settings.resources), headers, transport, timeout, health=settings.health)


def _resources(settings: Mapping[str, ResourceSettings]) -> dict[str, Resource]:
    return {
        collection: Resource(
            path=resource.path or f"/{collection}",
            key=resource.key,
            batch=resource.batch,
            chunk=resource.chunk,
            page=resource.page,
            per=resource.per,
        )
        for collection, resource in settings.items()
    }


def _url(settings: SourceSettings) -> str:
    return settings.url.get_secret_value()
