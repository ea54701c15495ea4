"""The supply chain's rows: suppliers, warehouses, stock and shipments."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from datasources.demo.dice import Dice
from datasources.demo.names import Namer
from datasources.demo.orders import Course
from datasources.demo.records import (
    COUNTS,
    Order,
    Product,
    Shipment,
    ShipmentStatus,
    StockLevel,
    Supplier,
    Warehouse,
)
from datasources.demo.timeline import NOW, later, moment

WAREHOUSES = [
    Warehouse(1, "HAM", "Hamburg-Altenwerder", "DE", "Hamburg"),
    Warehouse(2, "RTM", "Rotterdam Maasvlakte", "NL", "Rotterdam"),
    Warehouse(3, "LYS", "Lyon Saint-Priest", "FR", "Lyon"),
    Warehouse(4, "GDN", "Gdańsk Błonie", "PL", "Gdańsk"),
    Warehouse(5, "ORD", "Chicago O'Hare", "US", "Chicago"),
    Warehouse(6, "KIX", "大阪南港", "JP", "大阪"),
]
_CARRIERS = (("DHL", "JD"), ("UPS", "1Z"), ("DSV", "DSV"), ("GLS", "GLS"), ("DB Schenker", "SCH"))
"""With what their tracking numbers begin."""


def suppliers(namer: Namer) -> list[Supplier]:
    dice = Dice("suppliers")
    companies = [namer.company() for _ in range(COUNTS["suppliers"])]
    return [
        Supplier(
            id=number,
            name=company.name,
            country=company.country.code,
            email=f"sales@{company.domain}",
            lead_time_days=dice.mostly_low(2, 90),
            rating=dice.between(22, 50) / 10 if dice.chance(0.85) else None,
        )
        for number, company in enumerate(companies, 1)
    ]


def stock_levels(products: Sequence[Product], warehouses: Sequence[Warehouse]) -> list[StockLevel]:
    """Every product in every warehouse: here and there none, and sometimes too few."""
    dice = Dice("stock levels")

    def stock_level(number: int, product: Product, warehouse: Warehouse) -> StockLevel:
        typical = min(4000, 200_000 // int(product.unit_price.scaleb(2))) + 4
        return StockLevel(
            id=number,
            product_id=product.id,
            warehouse_id=warehouse.id,
            quantity=0 if dice.chance(0.3 if product.discontinued else 0.05) else dice.mostly_low(0, 5 * typical),
            reorder_point=0 if product.discontinued else typical // 2,
            updated_at=moment(dice, NOW - timedelta(days=dice.between(1, 60)), NOW),
        )

    places = [(product, warehouse) for product in products for warehouse in warehouses]
    return [stock_level(number, *place) for number, place in enumerate(places, 1)]


def shipments(orders: Sequence[Order], courses: Sequence[Course]) -> list[Shipment]:
    """At least one for each order that was sent; what an order on its way still lacks has a label at most."""
    dice = Dice("shipments")
    sent = [(order, course.shipped_at) for order, course in zip(orders, courses, strict=True) if course.shipped_at]
    split = _split(dice, [order for order, _ in sent], COUNTS["shipments"] - len(sent))
    parcels = sorted(
        (at, order.id, status)
        for order, shipped_at in sent
        for at, status in _parcels(dice, order, shipped_at, order.id in split)
    )
    return [_shipment(dice, number, order_id, status, at) for number, (at, order_id, status) in enumerate(parcels, 1)]


def _split(dice: Dice, sent: Sequence[Order], count: int) -> set[int]:
    """The orders that go in two parcels, by id; more of those that are still on their way."""
    split: set[int] = set()
    under_way = [order for order in sent if order.status == "SHIPPED"]
    while len(split) < count:
        split.add(dice.pick(under_way if dice.chance(0.4) else sent).id)
    return split


def _parcels(
    dice: Dice, order: Order, shipped_at: datetime, is_split: bool
) -> Iterator[tuple[datetime, ShipmentStatus]]:
    if order.status == "SHIPPED":
        yield shipped_at, "IN_TRANSIT"
        if is_split:
            yield shipped_at + timedelta(minutes=1), "LABEL_CREATED"
        return
    yield shipped_at, "RETURNED" if dice.chance(0.015) else "DELIVERED"
    if is_split:
        yield min(later(dice, shipped_at, 0, 1), order.updated_at), "DELIVERED"


def _shipment(dice: Dice, number: int, order_id: int, status: ShipmentStatus, at: datetime) -> Shipment:
    carrier, prefix = dice.pick(_CARRIERS)
    has_tracking = dice.chance(0.4 if status == "LABEL_CREATED" else 0.96)
    return Shipment(
        id=number,
        order_id=order_id,
        carrier=carrier,
        status=status,
        shipped_at=None if status == "LABEL_CREATED" else at,
        tracking=f"{prefix}{dice.digits(12)}" if has_tracking else None,
    )
