"""Answers of mutations as they are recorded, so that a repeated request gets the same once more."""

import json
from typing import Any

from graphql import GraphQLError
from graphql.language import SourceLocation

from gateway.answers import encode, told
from gateway.execution.outcome import Failure, Outcome
from gateway.execution.shapes import Place


def recorded(outcome: Outcome) -> bytes:
    """A root field's value and errors."""
    errors = [told(failure.located()) for failure in outcome.failures.get(0, ())]
    return encode({"value": outcome.values[0], "errors": errors})


def replayed(place: Place, answer: bytes) -> Outcome:
    """The same again."""
    found = json.loads(answer)
    failures = [Failure(_error(place, each), place.nodes, None) for each in found["errors"]]
    return Outcome([found["value"]], {0: failures} if failures else {})


def _error(place: Place, formatted: dict[str, Any]) -> GraphQLError:
    error = GraphQLError(formatted["message"], place.nodes, path=formatted["path"], extensions=formatted["extensions"])
    error.locations = [SourceLocation(**at) for at in formatted["locations"]]
    return error
