"""For how long answers may be kept by clients and by what stands between: `@cacheControl` on entities and fields."""

from collections.abc import Iterable
from typing import Any

import strawberry
from strawberry.schema_directive import Location

from resolvers.errors import SchemaError


@strawberry.schema_directive(
    locations=[Location.OBJECT, Location.FIELD_DEFINITION],
    description="Answers may be kept for so many seconds; the least of all that is selected counts.",
)
class CacheControl:
    """Declared as `cache=60` of entities and columns; on other types and fields it is one of their `directives`."""

    max_age: int


def cache_directives(owner: str, seconds: int | None) -> list[object]:
    """Raises SchemaError."""
    if seconds is None:
        return []
    if seconds < 0:
        raise SchemaError(f"{owner}: cache is a number of seconds, and cannot be {seconds}.")
    return [CacheControl(max_age=seconds)]


def max_age(directives: Iterable[Any]) -> int | None:
    """The seconds, if one of the directives says any."""
    return next((each.max_age for each in directives if isinstance(each, CacheControl)), None)
