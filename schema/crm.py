"""Customers, the people there, and the deals in the making: the CRM database."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID

from resolvers import JSON, Connection, belongs_to, column, entity, has_many

if TYPE_CHECKING:
    from schema.erp import Employee, Order


class Segment(Enum):
    """How large a customer is."""

    ENTERPRISE = "ENTERPRISE"
    MID_MARKET = "MID_MARKET"
    SMALL_BUSINESS = "SMALL_BUSINESS"


class Stage(Enum):
    """How far an opportunity has come."""

    LEAD = "LEAD"
    QUALIFIED = "QUALIFIED"
    PROPOSAL = "PROPOSAL"
    WON = "WON"
    LOST = "LOST"


@entity("crm.customers")
class Customer:
    """A company that buys parts."""

    id: int
    public_id: UUID = column(description="How partner systems know this customer.")
    name: str
    email: str
    phone: str | None
    country: str = column(description="ISO 3166 code of two letters.")
    city: str
    segment: Segment
    credit_limit: Decimal | None = column(scale=2, description="In EUR; null when nobody set one.")
    preferences: JSON | None = column(description="What the customer asked for: packaging, delivery days, …")
    created_at: datetime

    account_manager: "Employee | None" = belongs_to(by="account_manager_id", description="Who looks after them.")
    contacts: Connection["Contact"] = has_many(by="customer_id")
    opportunities: Connection["Opportunity"] = has_many(by="customer_id")
    orders: Connection["Order"] = has_many(by="customer_id")


@entity("crm.contacts")
class Contact:
    """A person at a customer."""

    id: int
    name: str
    email: str
    phone: str | None
    role: str | None
    created_at: datetime

    customer: Customer | None = belongs_to(by="customer_id")


@entity("crm.opportunities")
class Opportunity:
    """A deal that may come about."""

    id: int
    title: str
    stage: Stage
    amount: Decimal = column(scale=2)
    expected_close: date | None
    created_at: datetime

    customer: Customer | None = belongs_to(by="customer_id")
