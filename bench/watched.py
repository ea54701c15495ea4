"""The graph that subscribers use here. Its orders are watched, for which their writes are kept in an outbox."""

from datetime import datetime
from decimal import Decimal

from bench.graph import OrderStatus
from resolvers import column, entity, query_type, subscription_type


@entity("shop.orders", watched=True)
class Order:
    """A customer's purchase."""

    number: str
    status: OrderStatus
    placed_at: datetime
    currency: str
    total: Decimal = column(scale=2)
    updated_at: datetime
    version: int
    note: str | None
    customer_id: int


Query = query_type(Order)
Subscription = subscription_type(Order)
