"""How a collection is reached over REST, and what a source that speaks the convention can do."""

from dataclasses import dataclass
from enum import StrEnum

from datasources.base import Capabilities
from datasources.filters import Operator
from datasources.lookup import Column

REST_CAPABILITIES = Capabilities(
    operators=frozenset(
        {
            Operator.EQ,
            Operator.NE,
            Operator.IN,
            Operator.LT,
            Operator.LTE,
            Operator.GT,
            Operator.GTE,
            Operator.IS_NULL,
        }
    ),
    combine=False,
    exists=False,
    null_order=False,
    aggregates=False,
    through=False,
)


class Batch(StrEnum):
    """How the rows of many keys are asked for."""

    AUTO = "auto"
    """`GET ?id=1,2,3`, or a POST where that would make too long a URL."""
    LIST = "list"
    """`GET ?id=1,2,3`, several of them where one would make too long a URL."""
    POST = "post"
    """`POST {path}/query` with a JSON body."""
    EACH = "each"
    """A request for each key."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One collection of a REST service."""

    path: str
    """Below the base URL, with a slash in front."""
    columns: tuple[Column, ...] = ()
    """For `describe`; when empty, nothing is known and a schema's columns are taken on trust."""
    key: str = "id"
    """Unique; makes every order total, so that pages can be followed."""
    batch: Batch = Batch.AUTO
    chunk: int = 1000
    """Keys in one request, at most."""
    page: int = 1000
    """Rows that the service answers at once, at most."""
    per: bool = True
    """`per=order_id` is understood: order, position and limit hold for each value of that column.

    Otherwise a lookup that limits per key takes a request for each key.
    """
