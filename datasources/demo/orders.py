"""The ERP's orders: who ordered what and when, and how far each order has come."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from itertools import accumulate
from typing import NamedTuple

from datasources.demo.countries import BY_CODE
from datasources.demo.dice import Dice, Weighted, divide, money
from datasources.demo.records import COUNTS, Customer, Order, OrderLine, OrderStatus, Product, Segment
from datasources.demo.timeline import NOW, later, order_times

_LINES: Weighted[int] = Weighted(zip(range(1, 10), (24, 26, 18, 12, 8, 5, 3, 2, 2), strict=True))
_RATES = {"EUR": 100, "USD": 108, "GBP": 85, "CHF": 95}
"""What a hundred EUR are in a currency; the demo knows no other day's rate."""
_PRICES = {2024: 94, 2025: 97, 2026: 100}
"""What a part cost in a year, in percent of today's price."""
_BUDGETS = {"ENTERPRISE": (12_000, 1_400_000), "MID_MARKET": (6_000, 320_000), "SMALL_BUSINESS": (1_500, 70_000)}
"""How much is spent on a line, in cents."""
_DISCOUNTS = {"ENTERPRISE": (0, 5, 10, 10, 15, 20), "MID_MARKET": (0, 0, 5, 10), "SMALL_BUSINESS": (0, 0, 0, 0, 0, 5)}
_FREQUENCIES = {"ENTERPRISE": (1200, 4200), "MID_MARKET": (60, 280), "SMALL_BUSINESS": (0, 62)}
"""How often customers order, compared with others."""
_OVERSEAS = {"US", "JP", "VN"}


class Course(NamedTuple):
    """When an order was confirmed, sent, delivered or cancelled: the steps that lie before the demo's present."""

    confirmed_at: datetime | None
    shipped_at: datetime | None
    delivered_at: datetime | None
    cancelled_at: datetime | None


class Orders(NamedTuple):
    """Courses stand in the order of `orders`."""

    orders: list[Order]
    lines: list[OrderLine]
    courses: list[Course]


def orders(customers: Sequence[Customer], products: Sequence[Product]) -> Orders:
    """Numbered in the order in which they were placed."""
    dice = Dice("orders")
    buyers = _Buyers(dice, customers)
    shelf = _Shelf(products)
    made = Orders([], [], [])
    numbers: dict[int, int] = {}
    line_counts = _line_counts(dice, COUNTS["orders"], COUNTS["order_lines"])
    for number, placed_at in enumerate(order_times(dice, COUNTS["orders"]), 1):
        customer = buyers.pick(placed_at)
        course = _course(dice, placed_at, customer.country in _OVERSEAS)
        currency = BY_CODE[customer.country].currency
        factor = _PRICES[placed_at.year] * _RATES[currency]
        wanted = shelf.pick(dice, placed_at, line_counts[number - 1])
        total = _add_lines(made.lines, dice, number, customer.segment, factor, wanted)
        steps = [at for at in course if at is not None]
        edits = dice.between(1, 3) if dice.chance(0.15) else 0
        numbers[placed_at.year] = numbers.get(placed_at.year, 0) + 1
        made.orders.append(
            Order(
                id=number,
                number=f"SO-{placed_at.year}-{numbers[placed_at.year]:05}",
                customer_id=customer.id,
                status=_status(course),
                placed_at=placed_at,
                currency=currency,
                total=money(total),
                updated_at=max(steps, default=placed_at),
                version=1 + len(steps) + edits,
            )
        )
        made.courses.append(course)
    return made


class _Buyers:
    """Customers by how often they order: a few very often, many hardly ever."""

    def __init__(self, dice: Dice, customers: Sequence[Customer]) -> None:
        self._dice = dice
        self._customers = customers
        self._bounds = list(accumulate(dice.mostly_low(*_FREQUENCIES[customer.segment]) for customer in customers))
        self._created = [customer.created_at for customer in customers]

    def pick(self, at: datetime) -> Customer:
        """One of those who are customers by then."""
        end = bisect_right(self._created, at)
        return self._customers[bisect_right(self._bounds, self._dice.below(self._bounds[end - 1]))]


class _Shelf:
    """Products by how well they sell: in each category the first ones best."""

    def __init__(self, products: Sequence[Product]) -> None:
        popular = {"Bearings": 3, "Fasteners": 2, "Seals": 2}
        self._products: Weighted[Product] = Weighted(
            (product, popular.get(product.category, 1) * 1000 // (int(product.sku[4:]) + 3)) for product in products
        )

    def pick(self, dice: Dice, at: datetime, count: int) -> list[Product]:
        """So many different ones that were sold then; discontinued ones were until 2025."""
        picked: dict[int, Product] = {}
        while len(picked) < count:
            product = self._products.pick(dice)
            if product.created_at <= at and not (product.discontinued and at.year > 2024):
                picked[product.id] = product
        return list(picked.values())


def _add_lines(
    lines: list[OrderLine], dice: Dice, order_id: int, segment: Segment, factor: int, products: Sequence[Product]
) -> int:
    """Adds a line for each of the products and returns the order's total in cents.

    `factor` leads from today's price in EUR to the price in the order's currency, in hundredths of a percent.
    """
    total = 0
    for position, product in enumerate(products, 1):
        price = max(1, divide(int(product.unit_price.scaleb(2)) * factor, 10_000))
        affordable = dice.mostly_low(*_BUDGETS[segment]) // price
        quantity = _packs(min(affordable, dice.mostly_low(100, 10_000)))
        discount = dice.pick(_DISCOUNTS[segment])
        lines.append(OrderLine(len(lines) + 1, order_id, position, product.id, quantity, money(price), money(discount)))
        total += divide(quantity * price * (100 - discount), 100)
    return total


def _packs(quantity: int) -> int:
    """Many are ordered by the box."""
    if quantity >= 1000:
        return quantity // 500 * 500
    if quantity >= 100:
        return quantity // 50 * 50
    if quantity >= 20:
        return quantity // 10 * 10
    return max(1, quantity)


def _line_counts(dice: Dice, orders: int, lines: int) -> list[int]:
    """How many lines each order has, `lines` in all."""
    counts = [_LINES.pick(dice) for _ in range(orders)]
    missing = lines - sum(counts)
    while missing:
        place = dice.below(orders)
        if missing > 0:
            counts[place] += 1
            missing -= 1
        elif counts[place] > 1:
            counts[place] -= 1
            missing += 1
    return counts


def _course(dice: Dice, placed_at: datetime, is_overseas: bool) -> Course:
    confirmed_at = later(dice, placed_at, 0, 3)
    waits = dice.between(20, 120) if dice.chance(0.24) else dice.between(1, 9)
    shipped_at = later(dice, confirmed_at, waits, waits)
    travels = dice.between(8, 35) if is_overseas else dice.between(1, 8)
    delivered_at = later(dice, shipped_at, travels, travels)
    if dice.chance(0.12):
        cancelled_at = later(dice, placed_at, 0, 12)
        if cancelled_at < min(NOW, shipped_at):
            return Course(confirmed_at if confirmed_at < cancelled_at else None, None, None, cancelled_at)
    return Course(
        confirmed_at if confirmed_at <= NOW else None,
        shipped_at if shipped_at <= NOW else None,
        delivered_at if delivered_at <= NOW else None,
        None,
    )


def _status(course: Course) -> OrderStatus:
    if course.cancelled_at:
        return "CANCELLED"
    if course.delivered_at:
        return "DELIVERED"
    if course.shipped_at:
        return "SHIPPED"
    return "CONFIRMED" if course.confirmed_at else "PENDING"
