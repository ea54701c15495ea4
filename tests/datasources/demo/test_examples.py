"""The operations that GraphiQL shows have something to show."""

from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

from tests.datasources.demo.conftest import Demo


def test_three_systems_one_query(demo: Demo) -> None:
    """The customers with the most credit have a manager, several orders, and credit lines that differ."""
    with_credit = [customer for customer in demo.customers if customer.credit_limit is not None]
    first = sorted(with_credit, key=lambda each: (-(each.credit_limit or 0), each.id))[:5]
    orders = Counter(order.customer_id for order in demo.orders)
    assert all(customer.account_manager_id and orders[customer.id] > 20 for customer in first)
    assert len({customer.country for customer in first}) > 2


def test_find_orders(demo: Demo) -> None:
    """More than one page of large open orders has the product."""
    (product,) = [product.id for product in demo.products if product.sku == "BRG-0001"]
    having = {line.order_id for line in demo.order_lines if line.product_id == product}
    found = [
        order
        for order in demo.orders
        if order.status in ("CONFIRMED", "SHIPPED") and order.total >= Decimal(1000) and order.id in having
    ]
    assert 10 < len(found) < 100
    assert {order.status for order in found} == {"CONFIRMED", "SHIPPED"}


def test_revenue_by_status(demo: Demo) -> None:
    statuses = Counter(order.status for order in demo.orders if order.placed_at >= datetime(2026, 1, 1, tzinfo=UTC))
    assert statuses.keys() == {"PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"}
    assert min(statuses.values()) > 10


def test_where_is_my_order(demo: Demo) -> None:
    (order,) = [order for order in demo.orders if order.number == "SO-2026-00001"]
    assert order.status == "DELIVERED"
    (shipment,) = [shipment for shipment in demo.shipments if shipment.order_id == order.id]
    assert (shipment.status, shipment.tracking is None) == ("DELIVERED", False)
    (invoice,) = [invoice for invoice in demo.invoices if invoice.order_id == order.id]
    assert invoice.paid_at


def test_best_customers(demo: Demo) -> None:
    first = [customer.id for customer in demo.customers if customer.segment == "ENTERPRISE"][:10]
    orders = Counter(order.customer_id for order in demo.orders if order.status != "CANCELLED")
    deals = Counter(deal.customer_id for deal in demo.opportunities if deal.stage in ("QUALIFIED", "PROPOSAL"))
    assert all(orders[customer] > 50 for customer in first)
    assert sum(deals[customer] > 0 for customer in first) >= 6
