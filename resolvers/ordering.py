"""Order inputs of entities, and how a client's order becomes a datasource's: always total, by the key at last."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache

import strawberry

from datasources.filters import Order
from datasources.lookup import ColumnType
from resolvers.definition import Entity
from resolvers.policies import Sight
from resolvers.types import FieldSpec, camel, input_type, optional


@strawberry.enum(description="Nulls are the largest values, unless the direction says where they go.")
class OrderDirection(Enum):
    """Direction, and where nulls go."""

    ASC = (False, None)
    DESC = (True, None)
    ASC_NULLS_FIRST = (False, True)
    DESC_NULLS_LAST = (True, False)


@strawberry.enum(description="Nulls are the largest values.")
class PlainOrderDirection(Enum):
    """Direction, where the source does not let one choose where nulls go."""

    ASC = (False, None)
    DESC = (True, None)


@cache
def order_input(entity: Entity) -> type | None:
    """`OrderOrderBy`: one column and its direction; None when the source cannot order."""
    if not entity.capabilities.order:
        return None
    direction = OrderDirection if entity.capabilities.null_order else PlainOrderDirection
    specs = [
        FieldSpec(name, optional(direction), graphql_name=camel(name))
        for name, column in entity.columns.items()
        if column.sortable and column.column.type is not ColumnType.JSON
    ]
    return input_type(f"{entity.name}OrderBy", specs, f"One term in the order of {entity.plural}.", one_of=True)


def to_order(
    entity: Entity, terms: Sequence[Mapping[str, OrderDirection | PlainOrderDirection]] | None, sight: Sight
) -> tuple[Order, ...]:
    """The client's terms, made total by the key in the last term's direction (so that one index can serve both).

    Raises Unauthorized for one that is not seen.
    """
    columns = {camel(name): column for name, column in entity.columns.items()}
    order: list[Order] = []
    for term in terms or ():
        for name, direction in term.items():
            descending, nulls_first = direction.value
            column = columns[name]
            sight.refuse(column.required, f"{entity.name}OrderBy.{name}")
            if all(known.column != column.column.name for known in order):
                order.append(Order(column.column.name, descending, nulls_first))
    if all(known.column != entity.key for known in order):
        order.append(Order(entity.key, order[-1].descending if order else False))
    return tuple(order)
