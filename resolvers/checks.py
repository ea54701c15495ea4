"""Checks a schema against its datasources, so that a mistake stops the start instead of failing requests."""

import asyncio
from collections.abc import Iterable, Iterator
from dataclasses import replace

from datasources.base import Datasource
from datasources.changes import feed_of
from datasources.errors import DatasourceError
from datasources.lookup import ColumnType
from datasources.outbox import Watched, outbox_of
from datasources.registry import Registry
from resolvers.definition import Entity
from resolvers.errors import SchemaError

INTERCHANGEABLE = (
    {ColumnType.INTEGER, ColumnType.BIGINT},
    {ColumnType.FLOAT, ColumnType.DECIMAL, ColumnType.INTEGER, ColumnType.BIGINT},
    {ColumnType.STRING, ColumnType.UUID},
)
"""Types that a source may hold where an entity declares another of the same set."""


def check(entities: Iterable[Entity], sources: Registry) -> None:
    """Raises SchemaError for every capability that an entity asks for and its source lacks, all in one message."""
    problems = [problem for entity in entities for problem in _capability_problems(entity, sources)]
    if problems:
        raise SchemaError("\n".join(problems))


def _capability_problems(entity: Entity, sources: Registry) -> Iterator[str]:
    if entity.source not in sources:
        known = ", ".join(sorted(sources.sources)) or "none"
        yield f"{entity.name} is read from {entity.source!r}, which is not among the sources of the settings: {known}."
        return
    asked = replace(entity.capabilities, write=entity.writes is not None)
    lacking = asked.beyond(sources[entity.source].capabilities)
    if "write" in lacking:
        lacking.remove("write")
        yield f"{entity.name} is writable, but source {entity.source!r} cannot be written."
    if entity.watched and feed_of(sources[entity.source]) is None:
        yield f"{entity.name} is watched, but source {entity.source!r} keeps no changes; SQLite and PostgreSQL do."
    if lacking:
        yield (
            f"{entity.name} asks source {entity.source!r} for {', '.join(lacking)}, which it cannot do; "
            f"give @entity the source's own capabilities."
        )


async def verify(entities: Iterable[Entity], sources: Registry) -> None:
    """Raises SchemaError for every column that is declared and does not exist, or holds another type.

    And for every watched entity whose changes are not kept. Sources that do not answer are left out: the gateway starts
    without them.
    """
    found = await asyncio.gather(
        *(
            problems(entity, sources[entity.source])
            for entity in entities
            for problems in (_column_problems, _change_problems)
        )
    )
    problems = [problem for problems in found for problem in problems]
    if problems:
        raise SchemaError("\n".join(problems))


async def _column_problems(entity: Entity, source: Datasource) -> list[str]:
    try:
        columns = await source.describe(entity.collection_name)
    except DatasourceError:
        return []
    if columns is None:
        return []
    if not columns:
        return [f"{entity.name}: source {entity.source!r} has no {entity.collection_name!r}."]
    where = f"{entity.source}.{entity.collection_name}"
    problems = []
    for column in entity.collection.columns:
        field = f"{entity.name}.{entity.by_column[column.name].attribute}"
        if column.name not in columns:
            problems.append(f"{field}: {where} has no column {column.name!r}; it has {', '.join(sorted(columns))}.")
        elif not _fits(column.type, columns[column.name]):
            problems.append(f"{field} is declared as {column.type}, but {where} holds {columns[column.name]}.")
    return problems


async def _change_problems(entity: Entity, source: Datasource) -> list[str]:
    outbox = outbox_of(source)
    if not entity.watched or outbox is None:
        return []
    try:
        status = await outbox.status([Watched(entity.collection_name, entity.key)])
    except DatasourceError:
        return []
    return [
        f"{entity.name} is watched; {entity.source}.{entity.collection_name}: {table.problem}, by "
        f"`gateway changes install {entity.name}`."
        for table in status.tables
        if table.table == entity.collection_name and table.problem is not None
    ]


def _fits(declared: ColumnType, held: ColumnType | None) -> bool:
    return held is None or held is declared or any({declared, held} <= alike for alike in INTERCHANGEABLE)
