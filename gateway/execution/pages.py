"""Pages of rows that were completed all together: their rows, the pages themselves, and what failed in them."""

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from typing import Any

from graphql import GraphQLError
from graphql.pyutils import Path

from datasources.lookup import Row
from gateway.execution.outcome import Failure, Outcome, Suffix, survivors
from gateway.execution.plan import ConnectionPlan
from resolvers.connections import Page

MAXIMUM_INT = 2_147_483_647


def cut_rows(page: Page, rows: Sequence[Row]) -> tuple[Sequence[Row], Container[Any]]:
    """The rows of the pages of all keys, each key's in order; and the keys that have one more."""
    more: Container[Any] = NONE
    if page.lookup.limit is not None and page.lookup.limit > page.size:
        more = {key for key, count in Counter([row[0] for row in rows]).items() if count > page.size}
        if more:
            seen: Counter[Any] = Counter()
            kept = []
            for row in rows:
                seen[row[0]] += 1
                if seen[row[0]] <= page.size:
                    kept.append(row)
            rows = kept
    return (rows[::-1] if page.backward else rows), more


def fits(plan: ConnectionPlan, counts: Iterable[int]) -> bool:
    """Whether the counts, if they are told, are of the type Int."""
    return plan.count_place is None or max(counts, default=0) <= MAXIMUM_INT


def write_all(
    plan: ConnectionPlan,
    page: Page,
    keys: Sequence[Any],
    objects: Mapping[Any, Any],
    more: Container[Any],
    counts: Mapping[Any, int],
) -> list[dict[str, Any]]:
    """The page of each key, of which nothing is out of the ordinary."""
    assert plan.write_all is not None  # noqa: S101 - the caller's condition
    bounded = EVERY if page.lookup.after is not None else NONE
    nexts, previouses = (bounded, more) if page.backward else (more, bounded)
    return plan.write_all(keys, objects, nexts, previouses, counts)


def page_by_page(
    plan: ConnectionPlan,
    page: Page,
    keys: Sequence[Any],
    rows: Sequence[Row],
    more: Container[Any],
    counts: Mapping[Any, int],
    outcome: Outcome,
) -> Outcome:
    """The same where something is; `outcome` is that of all rows."""
    places: dict[Any, list[int]] = {key: [] for key in keys}
    for index, row in enumerate(rows):
        places[row[0]].append(index)
    order = [index for indexes in places.values() for index in indexes]
    cut = [([rows[index] for index in indexes], key in more) for key, indexes in places.items()]
    ordered = Outcome(
        [outcome.values[index] for index in order],
        {position: outcome.failures[index] for position, index in enumerate(order) if index in outcome.failures},
        {position: outcome.dead[index] for position, index in enumerate(order) if index in outcome.dead},
    )
    return write_pages(plan, page, cut, [counts.get(key, 0) for key in keys], [ordered])


def write_pages(
    plan: ConnectionPlan,
    page: Page,
    cut: Sequence[tuple[Sequence[Row], bool]],
    counts: Sequence[int],
    completed: Sequence[Outcome],
) -> Outcome:
    """Pages one by one, of rows that were completed all together."""
    fails = any(outcome.failures for outcome in completed)
    start = 0
    values: list[Any] = []
    result = Outcome(values)
    for index, (kept, more) in enumerate(cut):
        stop = start + len(kept)
        count = counts[index]
        alive = True
        if fails or (plan.count_place is not None and count > MAXIMUM_INT):
            alive, failures = _page_failures(plan, completed, start, stop, count)
            if failures:
                result.failures[index] = failures
        slices = [outcome.values[start:stop] for outcome in completed]
        values.append(plan.write(kept, page.cursor, *page.beyond(more), count, *slices) if alive else None)
        start = stop
    return result


class _Every:
    def __contains__(self, item: object) -> bool:
        return True


EVERY: Container[Any] = _Every()
NONE: Container[Any] = frozenset()


def _page_failures(
    plan: ConnectionPlan, outcomes: Sequence[Outcome], start: int, stop: int, count: int
) -> tuple[bool, list[Failure]]:
    """Whether the page stands, and what failed in it."""
    key = plan.place.key
    told: list[Failure] = []
    for outcome, (outer, inner) in zip(outcomes, plan.paths, strict=True):
        value, failures = slice_of(outcome, start, stop, (key, outer), () if inner is None else (inner,))
        told += failures
        if value is None:
            return False, told
    place = plan.count_place
    if place is not None and count > MAXIMUM_INT:
        error = GraphQLError(f"Int cannot represent non 32-bit signed integer value: {count}")
        return False, [*told, Failure(error, place.nodes, (key, place.key), True)]
    return True, told


def slice_of(
    outcome: Outcome, start: int, stop: int, before: Suffix, after: Suffix
) -> tuple[Sequence[Any] | None, list[Failure]]:
    """One list out of a level's objects, null if one of them takes it along, and what failed in it."""
    if not outcome.failures:
        return outcome.values[start:stop], []
    told, dead = survivors(outcome, start, stop)
    located = [failure.under((*before, index - start, *after)) for index, failure in told]
    return (outcome.values[start:stop] if dead is None else None), located


def row_path(path: Path | None, plan: ConnectionPlan, keys: tuple[str, str | None], position: int) -> Path:
    outer, inner = keys
    name = plan.shape.entity.name
    item = Path(Path(path, outer, f"{name}Connection"), position, None)
    return item if inner is None else Path(item, inner, f"{name}Edge")
