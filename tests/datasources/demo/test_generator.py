"""The demo's rows: the same everywhere, whole, and plausible."""

from collections import Counter
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import sha256
from itertools import pairwise
from statistics import mean
from typing import Any

import pytest

from datasources.demo.countries import BY_CODE
from datasources.demo.generator import generate
from datasources.demo.records import COUNTS
from datasources.demo.timeline import NOW, START
from tests.datasources.demo.conftest import Demo

DIGEST = "24b3889fbdd9fd7a97dd0cc89564807a9e674b45f38fef375f01f456bfe2e924"
"""Of every value of every row; whoever changes the generator on purpose changes it here."""

REFERENCES = {
    "customers.account_manager_id": "employees",
    "contacts.customer_id": "customers",
    "opportunities.customer_id": "customers",
    "employees.manager_id": "employees",
    "products.supplier_id": "suppliers",
    "orders.customer_id": "customers",
    "order_lines.order_id": "orders",
    "order_lines.product_id": "products",
    "invoices.order_id": "orders",
    "stock_levels.product_id": "products",
    "stock_levels.warehouse_id": "warehouses",
    "shipments.order_id": "orders",
}
OPTIONAL = {
    "customers.phone",
    "customers.credit_limit",
    "customers.preferences",
    "customers.account_manager_id",
    "contacts.phone",
    "contacts.role",
    "opportunities.expected_close",
    "employees.manager_id",
    "products.weight_kg",
    "products.attributes",
    "products.supplier_id",
    "invoices.paid_at",
    "suppliers.rating",
    "shipments.shipped_at",
    "shipments.tracking",
}


def values(demo: Demo, path: str) -> list[Any]:
    """Of a column, like `orders.number`."""
    collection, column = path.split(".")
    return [getattr(row, column) for row in demo.rows[collection]]


def test_is_the_same_everywhere(demo: Demo) -> None:
    digest = sha256()
    for name in sorted(demo.rows):
        for row in demo.rows[name]:
            digest.update("\x1f".join((name, *map(str, row), "\n")).encode())
    assert digest.hexdigest() == DIGEST


def test_has_as_many_rows_as_promised(demo: Demo) -> None:
    assert {name: len(rows) for name, rows in demo.rows.items()} == COUNTS


def test_numbers_rows_from_one(demo: Demo) -> None:
    for name, count in COUNTS.items():
        assert values(demo, f"{name}.id") == list(range(1, count + 1)), name


@pytest.mark.parametrize(("path", "target"), REFERENCES.items(), ids=REFERENCES)
def test_refers_to_rows_that_exist(demo: Demo, path: str, target: str) -> None:
    assert set(values(demo, path)) - {None} <= set(values(demo, f"{target}.id"))


@pytest.mark.parametrize(
    "path",
    [
        "customers.public_id",
        "customers.name",
        "customers.email",
        "employees.email",
        "products.sku",
        "products.name",
        "orders.number",
        "invoices.number",
        "invoices.order_id",
        "invoices.ledger_entry",
        "warehouses.code",
    ],
)
def test_keeps_apart(demo: Demo, path: str) -> None:
    assert max(Counter(values(demo, path)).values()) == 1


def test_leaves_out_what_may_be_missing_and_nothing_else(demo: Demo) -> None:
    missing = {
        f"{name}.{column}"
        for name, rows in demo.rows.items()
        for column, of_column in zip(type(rows[0])._fields, zip(*rows, strict=True), strict=True)  # type: ignore[attr-defined]
        if None in of_column
    }
    assert missing == OPTIONAL


def test_totals_are_the_sums_of_lines(demo: Demo) -> None:
    cent = Decimal("0.01")
    for order in demo.orders:
        amounts = [line.quantity * line.unit_price * (1 - line.discount) for line in demo.lines_of[order.id]]
        assert order.total == sum(amount.quantize(cent, ROUND_HALF_EVEN) for amount in amounts), order.number


def test_numbers_the_lines_of_each_order_and_repeats_no_product(demo: Demo) -> None:
    for lines in demo.lines_of.values():
        assert [line.position for line in lines] == list(range(1, len(lines) + 1))
        assert len({line.product_id for line in lines}) == len(lines)


def test_nothing_is_older_than_what_it_needs_or_newer_than_the_present(demo: Demo) -> None:
    customers = {customer.id: customer for customer in demo.customers}
    products = {product.id: product for product in demo.products}
    for order in demo.orders:
        assert START <= order.placed_at <= order.updated_at <= NOW
        assert customers[order.customer_id].created_at <= order.placed_at
        assert all(products[line.product_id].created_at <= order.placed_at for line in demo.lines_of[order.id])
    for contact in demo.contacts:
        assert customers[contact.customer_id].created_at <= contact.created_at <= NOW
    for opportunity in demo.opportunities:
        assert customers[opportunity.customer_id].created_at <= opportunity.created_at <= NOW


def test_status_fits_the_date(demo: Demo) -> None:
    old = Counter(order.status for order in demo.orders if order.placed_at < NOW - timedelta(days=200))
    assert old.keys() == {"DELIVERED", "CANCELLED"}
    assert old["DELIVERED"] > 8 * old["CANCELLED"]
    fresh = Counter(order.status for order in demo.orders if order.placed_at > NOW - timedelta(days=5))
    assert fresh.keys() == {"PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"}
    assert fresh["PENDING"] + fresh["CONFIRMED"] > fresh["DELIVERED"]


def test_ships_and_bills_what_was_sent(demo: Demo) -> None:
    orders = {order.id: order for order in demo.orders}
    sent = {order.id for order in demo.orders if order.status in ("SHIPPED", "DELIVERED")}
    assert {shipment.order_id for shipment in demo.shipments} == sent
    for shipment in demo.shipments:
        order = orders[shipment.order_id]
        assert (shipment.status in ("DELIVERED", "RETURNED")) == (order.status == "DELIVERED")
        assert (shipment.shipped_at is None) == (shipment.status == "LABEL_CREATED")
        assert shipment.shipped_at is None or order.placed_at <= shipment.shipped_at <= order.updated_at

    billed = {invoice.order_id for invoice in demo.invoices}
    assert sent < billed < {order.id for order in demo.orders if order.status not in ("PENDING", "CANCELLED")}
    for invoice in demo.invoices:
        assert invoice.amount == orders[invoice.order_id].total
        assert orders[invoice.order_id].placed_at.date() <= invoice.issued_on < invoice.due_on
        assert invoice.paid_at is None or invoice.issued_on <= invoice.paid_at.date() <= NOW.date()


def test_some_ledger_entries_exceed_what_json_numbers_hold(demo: Demo) -> None:
    entries = values(demo, "invoices.ledger_entry")
    assert min(entries) < 2**31
    assert 2**53 < max(entries) < 2**63
    assert any(int(float(entry)) != entry for entry in entries)


def test_employees_are_a_tree(demo: Demo) -> None:
    managers = {employee.id: employee.manager_id for employee in demo.employees}
    assert [employee.title for employee in demo.employees if employee.manager_id is None] == ["Chief executive"]
    for employee in demo.employees:
        chain = [employee.id]
        while managers[chain[-1]] is not None:
            chain.append(managers[chain[-1]] or 0)
            assert len(chain) <= 4
        assert chain[-1] == 1


def test_few_customers_order_much_and_many_little(demo: Demo) -> None:
    orders = Counter(order.customer_id for order in demo.orders)
    by_segment: dict[str, list[int]] = {}
    for customer in demo.customers:
        by_segment.setdefault(customer.segment, []).append(orders[customer.id])
    assert len(by_segment["ENTERPRISE"]) < 0.03 * len(demo.customers)
    assert sum(by_segment["ENTERPRISE"]) > 0.4 * len(demo.orders)
    assert (
        mean(by_segment["ENTERPRISE"]) > 10 * mean(by_segment["MID_MARKET"]) > 50 * mean(by_segment["SMALL_BUSINESS"])
    )
    assert max(orders.values()) > 400
    assert sum(orders[customer.id] <= 3 for customer in demo.customers) > 0.5 * len(demo.customers)


def test_few_products_sell_best(demo: Demo) -> None:
    sold = [count for _, count in Counter(line.product_id for line in demo.order_lines).most_common()]
    assert sum(sold[:50]) > 0.3 * len(demo.order_lines)
    assert sold[-1] < 0.05 * sold[0]


def test_business_grows_and_has_seasons(demo: Demo) -> None:
    months = Counter(order.placed_at.strftime("%Y-%m") for order in demo.orders)
    assert len(months) == 34
    for before, after in pairwise(("2024", "2025", "2026")):
        assert all(months[f"{after}-{month:02}"] > months[f"{before}-{month:02}"] for month in range(1, 11))
        assert months[f"{after}-08"] < 0.8 * months[f"{after}-07"]
    assert months["2025-10"] > 1.5 * months["2025-12"]


def test_weekends_and_nights_are_quiet(demo: Demo) -> None:
    weekdays = Counter(order.placed_at.weekday() for order in demo.orders)
    assert min(weekdays[day] for day in range(5)) > 5 * max(weekdays[5], weekdays[6])
    assert {order.placed_at.hour for order in demo.orders} == set(range(6, 18))


def test_orders_that_come_electronically_share_their_moment(demo: Demo) -> None:
    together = Counter((order.customer_id, order.placed_at) for order in demo.orders)
    assert sum(count > 1 for count in together.values()) > 10


def test_cities_are_in_their_countries_and_names_in_many_scripts(demo: Demo) -> None:
    for customer in demo.customers:
        cities = {city.partition("|")[0].replace("~", " ") for city in BY_CODE[customer.country].cities.split()}
        assert customer.city in cities
        assert customer.phone is None or customer.phone.startswith(BY_CODE[customer.country].dial)
    assert {customer.country for customer in demo.customers} == BY_CODE.keys()
    names = {person.name for person in demo.contacts} | {customer.name for customer in demo.customers}
    for part in ("Müller", "Søren", "Łukasz", "Nguyễn", "株式会社", "O'Connor", "Şahin", "Étienne"):
        assert any(part in name for name in names), part


def test_addresses_lead_nowhere(demo: Demo) -> None:
    for collection in ("customers", "contacts", "employees", "suppliers"):
        for email in values(demo, f"{collection}.email"):
            assert email.isascii(), email
            assert email.endswith(".example"), email
            assert email.count("@") == 1, email


def test_stock_covers_every_warehouse_and_is_short_here_and_there(demo: Demo) -> None:
    places = {(level.product_id, level.warehouse_id) for level in demo.stock_levels}
    assert len(places) == len(demo.products) * len(demo.warehouses)
    short = sum(level.quantity < level.reorder_point for level in demo.stock_levels)
    assert 0.1 < short / len(demo.stock_levels) < 0.6
    assert any(level.quantity == 0 for level in demo.stock_levels)


def test_open_deals_are_due_in_the_future(demo: Demo) -> None:
    stages = Counter(opportunity.stage for opportunity in demo.opportunities)
    assert min(stages.values()) > 100
    for opportunity in demo.opportunities:
        if opportunity.stage in ("LEAD", "QUALIFIED", "PROPOSAL") and opportunity.expected_close:
            assert opportunity.expected_close >= NOW.date()


def test_reports_how_far_it_has_come() -> None:
    reports: list[tuple[str, int, int]] = []
    generate(lambda *report: reports.append(report))
    assert {(step, total) for step, _, total in reports} == {("Making the data", sum(COUNTS.values()))}
    done = [done for _, done, _ in reports]
    assert done == sorted(done)
    assert (done[0], done[-1]) == (0, sum(COUNTS.values()))
