"""Order inputs of entities, and how a client's order becomes a datasource's: always total, by the key at last."""

from collections.abc import Mapping, Sequence
from enum import Enum
from functools import cache

import strawberry

from datasources.filters import Order
from datasources.lookup import ColumnType
from resolvers.definition import Entity
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
    entity: Entity, terms: Sequence[Mapping[str, OrderDirection | PlainOrderDirection]] | None
) -> tuple[Order, ...]:
    """The client's terms, made total by the key in the last term's direction (so that one index can serve both)."""
    columns = {camel(name): column.column.name for name, column in entity.columns.items()}
    order: list[Order] = []
    for term in terms or ():
        for name, direction in term.items():
            descending, nulls_first = direction.value
            if all(known.column != columns[name] for known in order):
                order.append(Order(columns[name], descending, nulls_first))
    if all(known.column != entity.key for known in order):
        order.append(Order(entity.key, order[-1].descending if order else False))
    return tuple(order)
