"""The graph that the gateway serves here: a shop in one source."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from resolvers import Connection, belongs_to, column, entity, has_many, mutation_type, query_type


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING = "PENDING"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


@entity("shop.customers")
class Customer:
    """Who buys."""

    name: str
    email: str
    city: str
    created_at: datetime

    orders: Connection["Order"] = has_many(by="customer_id")


@entity("shop.orders", writable=True, version="version", updated="updated_at")
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

    customer: Customer | None = belongs_to(by="customer_id")
    lines: Connection["OrderLine"] = has_many(by="order_id", writable=True)


@entity("shop.order_lines")
class OrderLine:
    """How much of one product an order is for."""

    quantity: int
    unit_price: Decimal = column(scale=2)

    order: Order = belongs_to(by="order_id")
    product: "Product" = belongs_to(by="product_id")


@entity("shop.products")
class Product:
    """What is sold."""

    sku: str
    name: str
    category: str
    unit_price: Decimal = column(scale=2)
    weight_kg: float | None
    discontinued: bool
    stock: int
    released_on: date
    created_at: datetime
    updated_at: datetime


ENTITIES = (Customer, Order, OrderLine, Product)
Query = query_type(*ENTITIES)
Mutation = mutation_type(*ENTITIES)
