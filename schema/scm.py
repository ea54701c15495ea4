"""Suppliers, stock and shipments: the supply chain service, which is read over REST."""

from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from datasources.rest import REST_CAPABILITIES
from resolvers import Connection, belongs_to, column, entity, has_many

if TYPE_CHECKING:
    from schema.erp import Order, Product


class ShipmentStatus(Enum):
    """Where a shipment is."""

    LABEL_CREATED = "LABEL_CREATED"
    IN_TRANSIT = "IN_TRANSIT"
    DELIVERED = "DELIVERED"
    RETURNED = "RETURNED"


@entity("scm.suppliers", capabilities=REST_CAPABILITIES)
class Supplier:
    """A company that parts are bought from."""

    id: int
    name: str
    country: str = column(description="ISO 3166 code of two letters.")
    email: str
    lead_time_days: int
    rating: float | None = column(description="From 1 to 5; null for suppliers that nobody has rated.")

    products: Connection["Product"] = has_many(by="supplier_id")


@entity("scm.warehouses", capabilities=REST_CAPABILITIES)
class Warehouse:
    """A place where parts are kept."""

    id: int
    code: str
    name: str
    country: str
    city: str

    stock_levels: Connection["StockLevel"] = has_many(by="warehouse_id")


@entity("scm.stock_levels", capabilities=REST_CAPABILITIES)
class StockLevel:
    """How much of a product a warehouse has."""

    id: int
    quantity: int
    reorder_point: int = column(description="Below this more is bought.")
    updated_at: datetime

    product: "Product | None" = belongs_to(by="product_id")
    warehouse: Warehouse | None = belongs_to(by="warehouse_id")


@entity("scm.shipments", capabilities=REST_CAPABILITIES)
class Shipment:
    """A parcel on its way to a customer."""

    id: int
    carrier: str
    status: ShipmentStatus
    shipped_at: datetime | None
    tracking: str | None

    order: "Order | None" = belongs_to(by="order_id")
