"""What an entity's author can say of a column beyond its type."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from resolvers.policies import Policies, Policy, as_policies
from resolvers.writes import NO_RULES, Rules


@dataclass(frozen=True, slots=True)
class ColumnSpec:
    """What `column()` says beyond the annotation."""

    name: str | None = None
    description: str | None = None
    filterable: bool = True
    sortable: bool = True
    scale: int | None = None
    generated: bool | None = None
    default: bool = False
    rules: Rules = NO_RULES
    cache: int | None = None
    requires: Policies = ()


def column(
    name: str | None = None,
    *,
    description: str | None = None,
    filterable: bool = True,
    sortable: bool = True,
    scale: int | None = None,
    generated: bool | None = None,
    default: bool = False,
    min_length: int | None = None,
    max_length: int | None = None,
    minimum: Any = None,
    maximum: Any = None,
    pattern: str | None = None,
    cache: int | None = None,
    requires: Policy | Sequence[Policy] | None = None,
) -> Any:
    """A column that wants more said than its type: its `name` in the collection, a description, …

    `scale` is the number of digits after the point of a Decimal, where the source does not tell. Of writes: the source
    makes what is `generated` itself (as it does integer keys, unless this is False), and has a `default` for what a new
    row leaves out. The others are rules that written values keep; `pattern` is that of the whole text.
    Answers with it may be kept for `cache` seconds, if not for less. `requires` is what a viewer must have to see it,
    to look at it in filters and orders, and to write it.
    """
    rules = Rules(min_length, max_length, minimum, maximum, pattern, scale)
    required = as_policies(requires)
    return ColumnSpec(name, description, filterable, sortable, scale, generated, default, rules, cache, required)
