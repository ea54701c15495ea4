"""How an engine's answers differ from graphql-core's.

**Data** must be equal, key order included. It is determined by what each resolver returns, whatever runs first.

**Errors.** An error nulls a position: the nearest nullable one at or above it. When several errors null the same
position they race, and the specification lets an engine stop at the first (section 6.4.4: "only one error should be
added to the errors list per field"). So, with *all* the errors that could occur (what graphql-core finds when errors
do not propagate, so that nothing is cancelled):

* of the errors that null one position, exactly one is in the answer when no position above it is null;
* at most one, when it lies below another nulled position: it may have been found before that one was lost;
* everything else is no error that could occur.

Where nothing awaits, and nothing is read from a source, graphql-core's order of execution leaves no choice: the
errors must be the same list.

**Side effects.** Mutations do the same in the same order. No resolver is called that the standard engine would not
call, nor more often; all of them when there are no errors. Sources are asked no more often than by the standard
engine, where lookups count as one that differ but in whether they read the key, and at most once for each field that
reads; except below resolvers that return entities, each in its own time: which of their objects meet in one turn of
the event loop is chance.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import strawberry
from graphql import parse
from graphql.validation import specified_rules
from strawberry.schema.schema import validate_document

from tests.gateway.sameness.operations import CURSOR
from tests.gateway.sameness.reads import most_reads
from tests.gateway.sameness.running import Case, Position, Told, other, possible, standard


async def differences(case: Case, cls: type[strawberry.Schema]) -> list[str] | None:
    """How a schema of class `cls` differs from graphql-core, with each set of variables; None if it is all invalid."""
    found: list[str] = []
    cursors: list[str] = []
    for given in case.operation.variables:
        variables = _with_cursors(given, cursors)
        actual = await other(case, variables, cls)
        if actual.content is None and not _is_valid(case):
            return None
        everything = await possible(case, variables)
        expected = await standard(case, variables) if everything.errors else everything
        problems = compare(case, everything, expected, actual)
        if not (everything.awaited or case.graph.entities):
            problems += compare(case, everything, expected, await other(case, variables, cls, sync=True))
        found += [f"{problem}\nvariables: {variables}" for problem in problems]
        cursors += _cursors(expected.content)
    return found


def _is_valid(case: Case) -> bool:
    return not validate_document(case.core, parse(case.operation.document), tuple(specified_rules))


def compare(case: Case, everything: Told, expected: Told, actual: Told) -> list[str]:
    found = []
    if actual.data != expected.data:
        found.append(f"data differs:\n  expected {expected.data}\n  actual   {actual.data}")
    found += compare_errors(everything, expected, actual, is_reading=bool(case.graph.entities))
    if actual.world.journal != expected.world.journal:
        found.append(f"side effects differ: expected {expected.world.journal}, actual {actual.world.journal}")
    missing = Counter(map(repr, everything.world.calls))
    missing.subtract(map(repr, actual.world.calls))
    more = [call for call, count in missing.items() if count < 0]
    if more:
        found.append(f"calls that the standard engine does not make: {more}")
    if not everything.errors and any(count > 0 for count in missing.values()):
        found.append(f"calls left out: {[call for call, count in missing.items() if count > 0]}")
    most = most_reads(case.core, case.operation.document, case.operation.name)
    if most is not None and actual.lookups > min(most, everything.lookups):
        found.append(f"{actual.lookups} lookups for {most} fields that read; graphql-core: {everything.lookups}")
    return found


def compare_errors(everything: Told, expected: Told, actual: Told, *, is_reading: bool) -> list[str]:
    """By the rule that the module's docstring states."""
    if everything.content is None or not (everything.awaited or is_reading):
        if actual.errors == expected.errors:
            return []
        return [f"errors differ:\n  expected {expected.errors}\n  actual   {actual.errors}"]
    candidates = _reachable(everything)
    by_position: dict[Position | None, list[Any]] = {}
    for error, position in candidates:
        by_position.setdefault(position, []).append(error)
    left = list(actual.errors)
    found = []
    for position, possible_errors in by_position.items():
        told = [error for error in left if error in possible_errors]
        for error in told:
            left.remove(error)
        covered = any(_above(above, position) for above in by_position)
        if len(told) > 1 or (not told and not covered):
            found.append(f"at {position}: expected one of {possible_errors}, actual {told}")
    if left:
        found.append(f"errors that cannot occur: {left}, possible: {by_position}")
    return found


def _reachable(everything: Told) -> list[tuple[Any, Position | None]]:
    """The errors that could occur; a mutation stops at the first field that loses its data."""
    candidates = list(zip(everything.errors, everything.nulled, strict=True))
    if not everything.world.journal:
        return candidates
    kept: list[str] = []
    lost = {error[1][0] for error, position in candidates if position is None and error[1]}
    for key in everything.content:
        kept.append(key)
        if key in lost:
            break
    return [(error, position) for error, position in candidates if not error[1] or error[1][0] in kept]


def _above(above: Position | None, position: Position | None) -> bool:
    """Whether one position is strictly above the other."""
    if position is None:
        return False
    return above is None or (len(above) < len(position) and position[: len(above)] == above)


def _with_cursors(variables: Mapping[str, Any], cursors: Sequence[str]) -> dict[str, Any]:
    return {
        name: (cursors[len(name) % len(cursors)] if cursors else "abc") if value == CURSOR else value
        for name, value in variables.items()
    }


def _cursors(data: Any) -> list[str]:
    """The cursors in an answer."""
    if isinstance(data, list):
        return [cursor for each in data for cursor in _cursors(each)]
    if not isinstance(data, dict):
        return []
    found = [value for key, value in data.items() if "ursor" in key and isinstance(value, str)]
    return found + [cursor for each in data.values() for cursor in _cursors(each)]
