"""What an entity's author says of writing it: which writes there are, and what its values must be like."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Writes:
    """Which root fields an entity gets to be written by."""

    create: bool = True
    update: bool = True
    delete: bool = True

    @property
    def upsert(self) -> bool:
        return self.create and self.update


@dataclass(frozen=True, slots=True)
class Rules:
    """What a column's values, but nulls, must be like; a `pattern` is that of the whole text."""

    min_length: int | None = None
    max_length: int | None = None
    minimum: Any = None
    maximum: Any = None
    pattern: str | None = None
    scale: int | None = None
    """Digits after the point of a Decimal."""

    @property
    def of_text(self) -> bool:
        return any(rule is not None for rule in (self.min_length, self.max_length, self.pattern))

    @property
    def of_range(self) -> bool:
        return self.minimum is not None or self.maximum is not None

    def descriptions(self) -> Iterator[str]:
        """What a client reads of them."""
        if self.min_length == 1:
            yield "Not empty."
        elif self.min_length is not None:
            yield f"At least {self.min_length} characters."
        if self.max_length is not None:
            yield f"At most {self.max_length} characters."
        if self.pattern is not None:
            yield f"Of the form `{self.pattern}`."
        if self.minimum is not None:
            yield f"At least {self.minimum}."
        if self.maximum is not None:
            yield f"At most {self.maximum}."

    def broken_by(self, value: Any) -> Iterator[tuple[str, str]]:
        """(rule, message) of each rule that the value breaks."""
        if self.min_length is not None and len(value) < self.min_length:
            yield "minLength", "is empty" if self.min_length == 1 else f"is shorter than {self.min_length} characters"
        if self.max_length is not None and len(value) > self.max_length:
            yield "maxLength", f"is longer than {self.max_length} characters"
        if self.pattern is not None and not re.fullmatch(self.pattern, value):
            yield "pattern", f"is not of the form {self.pattern}"
        if self.minimum is not None and value < self.minimum:
            yield "minimum", f"is less than {self.minimum}"
        if self.maximum is not None and value > self.maximum:
            yield "maximum", f"is more than {self.maximum}"
        if self.scale is not None and -value.as_tuple().exponent > self.scale and value != round(value, self.scale):
            yield "scale", f"has more than {self.scale} digits after the point"


NO_RULES = Rules()


@dataclass(frozen=True, slots=True)
class Validation:
    """A rule over several attributes: `function` returns what is wrong with their values, or None."""

    name: str
    attributes: tuple[str, ...]
    function: Callable[..., str | None]


def validates(*attributes: str) -> Callable[[Any], Any]:
    """A rule over several of an entity's attributes, whose values the function gets in this order.

    It returns a message, or None where all is well. What the input lacks is read from the row when that has been
    written; one that breaks the rule is taken back again. Written as a static method:

        @validates("issued_on", "due_on")
        @staticmethod
        def due_after_issue(issued_on: date, due_on: date) -> str | None: ...
    """

    def decorate(declared: Any) -> Validation:
        function: Callable[..., str | None] = getattr(declared, "__func__", declared)
        return Validation(function.__name__, attributes, function)

    return decorate
