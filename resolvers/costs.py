"""What fields cost, as directives of the schema: https://ibm.github.io/graphql-specs/cost-spec.html"""

import strawberry
from strawberry.schema_directive import Location
from strawberry.types.unset import UNSET


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT],
    description="What one value of the field, or one object of the type, costs.",
)
class Cost:
    """By default objects cost 1, scalars nothing, and root fields of mutations 10 more."""

    weight: int


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    description="How long a list is: as its arguments say, or as is assumed; or the lists in the fields of the object.",
)
class ListSize:
    """Without any of it, a list is taken to be as long as a page of `limits.page_default`.

    A slicing argument may be a number, or a list that is as long.
    """

    assumed_size: int | None = UNSET
    slicing_arguments: list[str] | None = UNSET
    sized_fields: list[str] | None = UNSET
    require_one_slicing_argument: bool = True


PAGE = ListSize(
    slicing_arguments=["first", "last"], sized_fields=["nodes", "edges"], require_one_slicing_argument=False
)
"""Of connections."""
FREE = Cost(weight=0)
"""Of objects that lead from one to another."""
AGGREGATE = Cost(weight=10)
"""Of figures over all rows, of which the source has to read many."""


def as_long_as(argument: str) -> ListSize:
    """Of lists with a value for each of the argument's."""
    return ListSize(slicing_arguments=[argument])
