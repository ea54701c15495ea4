"""The demo's rows, typed."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, cast

import pytest

from datasources.demo.generator import Rows, generate
from datasources.demo.records import (
    Contact,
    Customer,
    Employee,
    Invoice,
    Opportunity,
    Order,
    OrderLine,
    Product,
    Shipment,
    StockLevel,
    Supplier,
    Warehouse,
)


@dataclass(frozen=True, repr=False)
class Demo:
    """Every collection, and what tests look up in them."""

    rows: dict[str, Rows]
    customers: list[Customer]
    contacts: list[Contact]
    opportunities: list[Opportunity]
    employees: list[Employee]
    products: list[Product]
    orders: list[Order]
    order_lines: list[OrderLine]
    invoices: list[Invoice]
    suppliers: list[Supplier]
    warehouses: list[Warehouse]
    stock_levels: list[StockLevel]
    shipments: list[Shipment]

    @cached_property
    def lines_of(self) -> dict[int, list[OrderLine]]:
        lines: dict[int, list[OrderLine]] = {}
        for line in self.order_lines:
            lines.setdefault(line.order_id, []).append(line)
        return lines


@pytest.fixture(scope="session")
def demo() -> Demo:
    rows = generate()
    return Demo(rows, **cast("dict[str, Any]", rows))
