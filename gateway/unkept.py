"""Tells the operator which watched entities' changes are not kept: their subscribers would wait in vain."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from datasources.errors import DatasourceError
from datasources.outbox import Watched, outbox_of
from datasources.registry import Registry
from resolvers.definition import Entity

logger = logging.getLogger("gateway.changes")


@asynccontextmanager
async def looking_for_unkept(entities: Iterable[Entity], sources: Registry) -> AsyncIterator[None]:
    """Looks once, while the gateway begins to serve."""
    task = asyncio.create_task(tell_unkept(entities, sources))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def tell_unkept(entities: Iterable[Entity], sources: Registry) -> None:
    """Logs a warning for each table. Sources that are away, or keep no changes at all, are left alone."""
    tables: dict[str, list[Watched]] = {}
    for entity in entities:
        if entity.watched:
            tables.setdefault(entity.source, []).append(Watched(entity.collection_name, entity.key))
    for source, watched in tables.items():
        outbox = outbox_of(sources[source])
        if outbox is None:
            continue
        try:
            status = await outbox.status(watched)
        except DatasourceError:
            continue
        wanted = {each.table for each in watched}
        for table in status.tables:
            if table.problem is not None and table.table in wanted:
                logger.warning("%s.%s is watched: %s; see `gateway changes`", source, table.table, table.problem)
