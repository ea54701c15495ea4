"""The ERP's invoices: everything that was sent is billed, and so are the oldest orders that wait."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from datasources.demo.dice import Dice, Weighted
from datasources.demo.orders import Course
from datasources.demo.records import COUNTS, Invoice, Order
from datasources.demo.timeline import NOW, later

_TERMS: Weighted[int] = Weighted([(14, 3), (30, 6), (60, 1)])
"""Days until an invoice is due."""


def invoices(orders: Sequence[Order], courses: Sequence[Course]) -> list[Invoice]:
    """Numbered in the order in which they were issued."""
    dice = Dice("invoices")
    billable = sorted(
        (order.status == "CONFIRMED", course.shipped_at or course.confirmed_at, order.id)
        for order, course in zip(orders, courses, strict=True)
        if order.status in ("CONFIRMED", "SHIPPED", "DELIVERED")
    )
    issued = sorted((at, order_id) for _, at, order_id in billable[: COUNTS["invoices"]] if at)
    numbers: dict[int, int] = {}
    made: list[Invoice] = []
    for number, (at, order_id) in enumerate(issued, 1):
        days = _TERMS.pick(dice)
        numbers[at.year] = numbers.get(at.year, 0) + 1
        made.append(
            Invoice(
                id=number,
                number=f"INV-{at.year}-{numbers[at.year]:05}",
                order_id=order_id,
                issued_on=at.date(),
                due_on=(at + timedelta(days=days)).date(),
                paid_at=_paid_at(dice, at, days),
                amount=orders[order_id - 1].total,
                ledger_entry=_ledger_entry(dice, number, at),
            )
        )
    return made


def _paid_at(dice: Dice, issued_at: datetime, days: int) -> datetime | None:
    """Most are paid in time, some late, a few never."""
    paid_at = later(dice, issued_at, 3, days) if dice.chance(0.8) else later(dice, issued_at, days, days + 45)
    return None if paid_at > NOW or dice.chance(0.02) else paid_at


def _ledger_entry(dice: Dice, number: int, at: datetime) -> int:
    """Until 2025 bookings were numbered; the new general ledger gives ids of 63 bits."""
    if at.year < 2025:
        return 700_000 + number
    return (int(at.timestamp()) << 32) + (number << 8) + dice.below(256)
