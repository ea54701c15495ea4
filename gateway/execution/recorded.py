"""Answers of mutations as they are recorded, so that a repeated request gets the same once more."""

import json
from collections.abc import Sequence
from typing import Any

from graphql import GraphQLError
from graphql.language import SourceLocation

from gateway.answers import encode, told
from gateway.execution.outcome import Failure, Outcome
from gateway.execution.roots import Answers
from gateway.execution.shapes import Place


def recorded(outcomes: Sequence[Outcome]) -> bytes:
    """The values and errors of root fields."""
    return encode(
        [
            {"value": each.values[0], "errors": [told(failure.located()) for failure in each.failures.get(0, ())]}
            for each in outcomes
        ]
    )


def replayed(places: Sequence[Place], answer: bytes) -> Answers:
    """The same again."""
    return [(place, _replayed(place, each)) for place, each in zip(places, json.loads(answer), strict=True)]


def _replayed(place: Place, answer: dict[str, Any]) -> Outcome:
    failures = [Failure(_error(place, each), place.nodes, None) for each in answer["errors"]]
    return Outcome([answer["value"]], {0: failures} if failures else {})


def _error(place: Place, formatted: dict[str, Any]) -> GraphQLError:
    error = GraphQLError(formatted["message"], place.nodes, path=formatted["path"], extensions=formatted["extensions"])
    error.locations = [SourceLocation(**at) for at in formatted["locations"]]
    return error
