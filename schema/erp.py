"""Products, orders, invoices and the people who handle them: the ERP database."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING

from strawberry.types import Info

from resolvers import (
    JSON,
    BigInt,
    Connection,
    Function,
    Writes,
    aggregate_by,
    belongs_to,
    column,
    computed,
    entity,
    has_many,
    has_one,
    validates,
)

if TYPE_CHECKING:
    from schema.crm import Customer
    from schema.scm import Shipment, StockLevel, Supplier


class OrderStatus(Enum):
    """Where an order stands."""

    PENDING = "PENDING"
    CONFIRMED = "CONFIRMED"
    SHIPPED = "SHIPPED"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


@entity("erp.employees")
class Employee:
    """Someone who works here."""

    id: int
    name: str
    email: str
    title: str
    hired_on: date

    manager: "Employee | None" = belongs_to(by="manager_id")
    reports: Connection["Employee"] = has_many(by="manager_id", description="Whose manager this is.")
    customers: Connection["Customer"] = has_many(by="account_manager_id", description="Whom this one looks after.")


@entity("erp.products", natural_keys=["sku"], writable=Writes(delete=False), watched=True, cache=60)
class Product:
    """A part that is sold."""

    id: int
    sku: str = column(pattern="[A-Z]{3}-[0-9]{4}")
    name: str = column(min_length=1, max_length=200)
    category: str = column(min_length=1, max_length=100)
    unit_price: Decimal = column(scale=2, minimum=0, description="In EUR, without tax.")
    weight_kg: float | None = column(minimum=0)
    discontinued: bool = column(default=True)
    attributes: JSON | None = column(description="Measures and materials; which ones depends on the category.")
    created_at: datetime = column(generated=True)

    supplier: "Supplier | None" = belongs_to(by="supplier_id")
    order_lines: Connection["OrderLine"] = has_many(by="product_id")
    stock_levels: Connection["StockLevel"] = has_many(by="product_id")

    @computed(needs=("id",), batched=True)
    @staticmethod
    async def units_sold(rows: "list[Product]", info: Info) -> list[BigInt | None]:
        """How many have been ordered, ever."""
        sold = await aggregate_by(
            info, OrderLine, Function.SUM, "quantity", by="product_id", keys=[row.id for row in rows]
        )
        return [BigInt(sold.get(row.id, 0)) for row in rows]


@entity("erp.orders", natural_keys=["number"], writable=True, version="version", updated="updated_at", watched=True)
class Order:
    """A customer's purchase."""

    id: int
    number: str = column(min_length=1, max_length=40)
    status: OrderStatus = column(default=True)
    placed_at: datetime = column(default=True)
    currency: str = column(pattern="[A-Z]{3}", description="ISO 4217 code of three letters.")
    total: Decimal = column(scale=2, minimum=0, description="The sum of the lines.")
    updated_at: datetime
    version: int = column(description="Grows by one with every write.")

    customer: "Customer" = belongs_to(by="customer_id")
    lines: Connection["OrderLine"] = has_many(by="order_id", writable=True)
    invoice: "Invoice | None" = has_one(by="order_id")
    shipments: Connection["Shipment"] = has_many(by="order_id")

    @computed(needs=("total", "currency"))
    def display_total(self) -> str:
        """The total as people write it: `EUR 1,234.50`."""
        return f"{self.currency} {self.total:,.2f}"


@entity("erp.order_lines", watched=True)
class OrderLine:
    """How much of one product an order is for."""

    id: int
    position: int = column(minimum=1)
    quantity: int = column(minimum=1)
    unit_price: Decimal = column(scale=2, minimum=0)
    discount: Decimal = column(
        scale=2, default=True, minimum=0, maximum=1, description="The part that is taken off: 0.10 is ten percent."
    )

    order: Order = belongs_to(by="order_id")
    product: Product = belongs_to(by="product_id")

    @computed(needs=("quantity", "unit_price", "discount"))
    def amount(self) -> Decimal:
        """What the line costs, in the order's currency."""
        return (self.quantity * self.unit_price * (1 - self.discount)).quantize(Decimal("0.01"))


@entity("erp.invoices", natural_keys=["number"], writable=Writes(delete=False), watched=True)
class Invoice:
    """What an order is billed with."""

    id: int
    number: str = column(min_length=1, max_length=40)
    issued_on: date
    due_on: date
    paid_at: datetime | None
    amount: Decimal = column(scale=2, minimum=0)
    ledger_entry: BigInt = column(description="The booking in the general ledger.")

    order: Order = belongs_to(by="order_id")

    @validates("issued_on", "due_on")
    @staticmethod
    def due_after_issue(issued_on: date, due_on: date) -> str | None:
        """Nobody has to pay before there is an invoice."""
        return "dueOn is before issuedOn." if due_on < issued_on else None
