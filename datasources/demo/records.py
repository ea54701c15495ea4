"""The rows of each collection, field by field as they are stored."""

from datetime import date, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from datasources.lookup import ColumnType

BigInt = Annotated[int, ColumnType.BIGINT]
Key = BigInt
Json = Annotated[Any, ColumnType.JSON]

Segment = Literal["ENTERPRISE", "MID_MARKET", "SMALL_BUSINESS"]
Stage = Literal["LEAD", "QUALIFIED", "PROPOSAL", "WON", "LOST"]
OrderStatus = Literal["PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"]
ShipmentStatus = Literal["LABEL_CREATED", "IN_TRANSIT", "DELIVERED", "RETURNED"]


class Customer(NamedTuple):
    id: Key
    public_id: UUID
    name: str
    email: str
    phone: str | None
    country: str
    city: str
    segment: Segment
    credit_limit: Decimal | None
    preferences: Json | None
    created_at: datetime
    account_manager_id: Key | None


class Contact(NamedTuple):
    id: Key
    customer_id: Key
    name: str
    email: str
    phone: str | None
    role: str | None
    created_at: datetime


class Opportunity(NamedTuple):
    id: Key
    customer_id: Key
    title: str
    stage: Stage
    amount: Decimal
    expected_close: date | None
    created_at: datetime


class Employee(NamedTuple):
    id: Key
    name: str
    email: str
    title: str
    hired_on: date
    manager_id: Key | None


class Product(NamedTuple):
    id: Key
    sku: str
    name: str
    category: str
    unit_price: Decimal
    weight_kg: float | None
    discontinued: bool
    attributes: Json | None
    created_at: datetime
    supplier_id: Key | None


class Order(NamedTuple):
    id: Key
    number: str
    customer_id: Key
    status: OrderStatus
    placed_at: datetime
    currency: str
    total: Decimal
    updated_at: datetime
    version: int


class OrderLine(NamedTuple):
    id: Key
    order_id: Key
    position: int
    product_id: Key
    quantity: int
    unit_price: Decimal
    discount: Decimal


class Invoice(NamedTuple):
    id: Key
    number: str
    order_id: Key
    issued_on: date
    due_on: date
    paid_at: datetime | None
    amount: Decimal
    ledger_entry: BigInt


class Supplier(NamedTuple):
    id: Key
    name: str
    country: str
    email: str
    lead_time_days: int
    rating: float | None


class Warehouse(NamedTuple):
    id: Key
    code: str
    name: str
    country: str
    city: str


class StockLevel(NamedTuple):
    id: Key
    product_id: Key
    warehouse_id: Key
    quantity: int
    reorder_point: int
    updated_at: datetime


class Shipment(NamedTuple):
    id: Key
    order_id: Key
    carrier: str
    status: ShipmentStatus
    shipped_at: datetime | None
    tracking: str | None


RECORDS: dict[str, type[tuple[Any, ...]]] = {
    "customers": Customer,
    "contacts": Contact,
    "opportunities": Opportunity,
    "employees": Employee,
    "products": Product,
    "orders": Order,
    "order_lines": OrderLine,
    "invoices": Invoice,
    "suppliers": Supplier,
    "warehouses": Warehouse,
    "stock_levels": StockLevel,
    "shipments": Shipment,
}
"""By collection."""

COUNTS = {
    "customers": 2_000,
    "contacts": 5_000,
    "opportunities": 3_000,
    "employees": 40,
    "products": 500,
    "orders": 20_000,
    "order_lines": 60_000,
    "invoices": 18_000,
    "suppliers": 60,
    "warehouses": 6,
    "stock_levels": 3_000,
    "shipments": 18_000,
}
"""How many rows each collection has."""
