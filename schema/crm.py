"""Customers, the people there, and the deals in the making: the CRM database."""

from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import TYPE_CHECKING
from uuid import UUID

from resolvers import JSON, Connection, belongs_to, column, entity, has_many

if TYPE_CHECKING:
    from schema.erp import Employee, Order


EMAIL = "[^@ ]+@[^@ ]+"


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


@entity("crm.customers", writable=True, watched=True)
class Customer:
    """A company that buys parts."""

    id: int
    public_id: UUID = column(generated=True, description="How partner systems know this customer.")
    name: str = column(min_length=1, max_length=200)
    email: str = column(pattern=EMAIL)
    phone: str | None = column(max_length=40)
    country: str = column(pattern="[A-Z]{2}", description="ISO 3166 code of two letters.")
    city: str = column(min_length=1, max_length=200)
    segment: Segment
    credit_limit: Decimal | None = column(scale=2, minimum=0, description="In EUR; null when nobody set one.")
    preferences: JSON | None = column(description="What the customer asked for: packaging, delivery days, …")
    created_at: datetime = column(generated=True)

    account_manager: "Employee | None" = belongs_to(by="account_manager_id", description="Who looks after them.")
    contacts: Connection["Contact"] = has_many(by="customer_id", writable=True)
    opportunities: Connection["Opportunity"] = has_many(by="customer_id")
    orders: Connection["Order"] = has_many(by="customer_id")


@entity("crm.contacts", writable=True, watched=True)
class Contact:
    """A person at a customer."""

    id: int
    name: str = column(min_length=1, max_length=200)
    email: str = column(pattern=EMAIL)
    phone: str | None = column(max_length=40)
    role: str | None = column(max_length=100)
    created_at: datetime = column(generated=True)

    customer: Customer = belongs_to(by="customer_id")


@entity("crm.opportunities", writable=True, watched=True)
class Opportunity:
    """A deal that may come about."""

    id: int
    title: str = column(min_length=1, max_length=200)
    stage: Stage = column(default=True)
    amount: Decimal = column(scale=2, minimum=0)
    expected_close: date | None
    created_at: datetime = column(generated=True)

    customer: Customer = belongs_to(by="customer_id")
