"""Wake-ups among the processes of one gateway, where the settings name a Redis for them."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from datasources.changes import feed_of
from datasources.events import Announced
from datasources.registry import Registry
from gateway.errors import ConfigError
from gateway.settings import RedisSettings
from resolvers.definition import Entity

if TYPE_CHECKING:
    from datasources.events.redis_wakeups import RedisWakeUps


def make_wakeups(settings: RedisSettings, entities: Iterable[Entity], sources: Registry) -> "RedisWakeUps | None":
    """Those of the sources of watched entities. Raises ConfigError."""
    found = {entity.source: feed_of(sources[entity.source]) for entity in entities if entity.watched}
    feeds = {source: feed for source, feed in found.items() if feed is not None}
    if settings.url is None or not feeds:
        return None
    from datasources.events.redis_wakeups import RedisWakeUps  # which takes longer to load than all the rest

    try:
        return RedisWakeUps(settings.url.get_secret_value(), feeds)
    except ValueError as error:
        raise ConfigError(f"redis.url {error}.") from None


def announced(sources: Registry, wakeups: "RedisWakeUps") -> Registry:
    """The sources, of which all processes are told what is written to them."""
    watched = {name: Announced(sources[name], wakeups.announce) for name in wakeups.feeds}
    return replace(sources, sources={**sources.sources, **watched})
