"""What a step found for each row of a level, and what failed: with paths that begin at the row, and grow upwards."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import FieldNode, GraphQLError
from graphql.error import located_error

Suffix = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Failure:
    """One error of the answer."""

    error: Exception
    nodes: Sequence[FieldNode]
    path: Suffix | None
    """From where it is told; None where the error knows its whole path."""
    late: bool = False
    """Whether it came up after something was awaited; graphql-core drops such ones under what is null by then."""

    def under(self, prefix: Suffix) -> "Failure":
        """The same, told from further up: whatever leads down is awaited."""
        return Failure(self.error, self.nodes, None if self.path is None else prefix + self.path, True)

    def located(self) -> GraphQLError:
        return located_error(self.error, self.nodes, None if self.path is None else list(self.path))


@dataclass(slots=True)
class Outcome:
    """Values, one for each row, and what failed, by the row's index."""

    values: Sequence[Any]
    failures: dict[int, list[Failure]] = field(default_factory=dict)
    dead: dict[int, bool] = field(default_factory=dict)
    """Rows whose value is null where it must not be, so that what holds them is null; and whether that was late."""

    def fail(self, index: int, failure: Failure) -> None:
        self.failures.setdefault(index, []).append(failure)


def survivors(outcome: Outcome, start: int, stop: int) -> tuple[list[tuple[int, Failure]], bool | None]:
    """What failed in the rows of one list, and, where a row takes the list with it, whether that was late.

    As in graphql-core, what failed before is told, too; what is still under way then is not.
    """
    failures, dead = outcome.failures, outcome.dead
    told = [(index, each) for index in range(start, stop) for each in failures.get(index, ())]
    killers = [index for index in range(start, stop) if index in dead]
    if not killers:
        return told, None
    killer = next((index for index in killers if not dead[index]), killers[0])
    late = dead[killer]
    return [
        (index, each) for index, each in told if index == killer or (index < killer and (late or not each.late))
    ], late


def merged(outcomes: Iterable[Outcome]) -> dict[int, list[Failure]]:
    """What failed in each row, step by step."""
    found: dict[int, list[Failure]] = {}
    for outcome in outcomes:
        for index, failures in outcome.failures.items():
            found.setdefault(index, []).extend(failures)
    return found
