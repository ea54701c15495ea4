"""All rows of the demo's back office, the same on every machine."""

from collections.abc import Iterator, Sequence
from typing import Any

from datasources.demo import catalogue, crm, invoices, orders, staff, supply
from datasources.demo.dice import Dice
from datasources.demo.names import Namer
from datasources.demo.progress import Progress, Step, silent
from datasources.demo.records import COUNTS

Rows = Sequence[tuple[Any, ...]]


def generate(progress: Progress = silent) -> dict[str, Rows]:
    """Rows by collection."""
    step = Step(progress, "Making the data", sum(COUNTS.values()))
    collections: dict[str, Rows] = {}
    for name, rows in _collections():
        collections[name] = rows
        step.advance(len(rows))
    return collections


def _collections() -> Iterator[tuple[str, Rows]]:
    """One after the other; those that others refer to come first."""
    namer = Namer(Dice("names"))
    suppliers = supply.suppliers(namer)
    yield "suppliers", suppliers
    yield "warehouses", supply.WAREHOUSES
    employees = staff.employees(namer)
    yield "employees", employees
    products = catalogue.products(suppliers)
    yield "products", products
    customers = crm.customers(namer, employees)
    yield "customers", customers
    yield "contacts", crm.contacts(namer, customers)
    yield "opportunities", crm.opportunities(customers)
    placed = orders.orders(customers, products)
    yield "orders", placed.orders
    yield "order_lines", placed.lines
    yield "invoices", invoices.invoices(placed.orders, placed.courses)
    yield "stock_levels", supply.stock_levels(products, supply.WAREHOUSES)
    yield "shipments", supply.shipments(placed.orders, placed.courses)
