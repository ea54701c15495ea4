"""Runs `sync`: its rows, of several entities, are completed as those of a query."""

import asyncio
from collections.abc import Sequence
from functools import partial
from typing import Any

from graphql.pyutils import Path

from datasources.lookup import Row
from gateway.execution.levels import complete
from gateway.execution.outcome import Failure, Outcome
from gateway.execution.pages import slice_of
from gateway.execution.plan import ObjectPlan, SyncRoot
from gateway.execution.run import Run
from gateway.execution.shapes import Layout, Place
from gateway.execution.values import failed, written
from resolvers.definition import Entity


async def synchronise(run: Run, root: SyncRoot, base: Path | None) -> Outcome:
    """The field's value."""
    place = root.place

    def layout(entity: Entity) -> tuple[tuple[str, ...], frozenset[str]]:
        shape = root.rows_of(entity).shape
        return shape.columns, shape.wire

    try:
        arguments = root.arguments.bind(run.variables)
        sizes, viewer = run.context.page_sizes, run.context.viewer
        page = await root.field.read(partial(run.source, root), arguments, sizes, layout, viewer)
    except Exception as error:  # noqa: BLE001 - it becomes part of the answer
        return failed(place, error, (0,), 1)
    values: dict[str, Any] = {}
    failures: list[Failure] = []
    upserts = await _upserts(run, root, page.upserts, base)
    for part, complete_part in root.parts:
        key = part.key
        match part.nodes[0].name.value:
            case "upserts":
                outcome = upserts.pop(0)
                values[key], told = slice_of(outcome, 0, len(outcome.values), (place.key, key), ())
                failures += told
                if values[key] is None:
                    return Outcome([None], {0: failures})
            case "tombstones":
                values[key], _, _ = await written(run, part, complete_part, root.field.tombstones(page))
            case "cursor":
                values[key] = page.cursor
            case "hasMore":
                values[key] = page.has_more
            case _:
                values[key] = part.parent.name
    return Outcome([values], {0: failures} if failures else {})


async def _upserts(run: Run, root: SyncRoot, rows: Sequence[tuple[Entity, Row]], base: Path | None) -> list[Outcome]:
    """For each of the parts that select them."""
    entities = dict.fromkeys(entity for entity, _ in rows)
    places = [part for part, _ in root.parts if part.nodes[0].name.value == "upserts"]
    field = Path(base, root.place.key, root.place.parent.name)
    outcomes = [Outcome([None] * len(rows)) for _ in places]

    async def of_entity(place: Place, plan: ObjectPlan, into: Outcome, indexes: Sequence[int]) -> None:
        items = Path(field, place.key, place.parent.name)
        paths = [Path(items, index, None) for index in indexes] if plan.traced else None
        outcome = await complete(run, plan, [rows[index][1] for index in indexes], Layout(plan.shape.wire), paths)
        values: Any = into.values
        for position, index in enumerate(indexes):
            values[index] = outcome.values[position]
        into.failures |= {indexes[position]: each for position, each in outcome.failures.items()}
        into.dead |= {indexes[position]: late for position, late in outcome.dead.items()}

    await asyncio.gather(
        *(
            of_entity(place, plan, into, [index for index, (each, _) in enumerate(rows) if each is entity])
            for entity in entities
            for place, plan, into in zip(places, root.rows_of(entity).plans, outcomes, strict=True)
        )
    )
    return outcomes
