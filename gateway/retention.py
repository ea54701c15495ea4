"""Drops changes that need not be kept, some at a time, while the gateway runs."""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from datasources.errors import DatasourceError, SourceRefused
from datasources.outbox import PRUNED, Outbox, Retention, outbox_of
from datasources.registry import Registry
from gateway.settings import ChangeSettings
from resolvers.definition import Entity

BREATH = 0.1
"""Seconds between two batches, for others to write."""

logger = logging.getLogger("gateway.changes")


def retention(settings: ChangeSettings) -> Retention:
    return Retention(settings.keep_seconds, settings.keep_count)


@asynccontextmanager
async def pruning(entities: Iterable[Entity], sources: Registry, settings: ChangeSettings) -> AsyncIterator[None]:
    """Prunes the outboxes that watched entities' changes are in, until the block ends."""
    found = {entity.source: outbox_of(sources[entity.source]) for entity in entities if entity.watched}
    outboxes = [outbox for outbox in found.values() if outbox is not None]
    if not outboxes or not settings.prune_seconds:
        yield
        return
    task = asyncio.create_task(_keep_pruning(outboxes, settings))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def _keep_pruning(outboxes: list[Outbox], settings: ChangeSettings) -> None:
    """A source that refuses is left alone from then on."""
    while outboxes:
        await asyncio.sleep(settings.prune_seconds)
        for outbox in [*outboxes]:
            try:
                await prune(outbox, retention(settings))
            except SourceRefused as error:
                logger.warning("%s; its changes are not pruned", error)
                outboxes.remove(outbox)
            except DatasourceError:
                continue  # it may be well the next time


async def prune(outbox: Outbox, keep: Retention) -> int:
    """Drops all that need not be kept; returns how many these were."""
    total = pruned = await outbox.prune(keep)
    while pruned >= PRUNED:
        await asyncio.sleep(BREATH)
        pruned = await outbox.prune(keep)
        total += pruned
    return total
