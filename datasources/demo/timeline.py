"""When things happen: the demo's first and last day, and when customers order."""

from datetime import UTC, date, datetime, timedelta

from datasources.demo.dice import Dice, Weighted

START = datetime(2024, 1, 1, tzinfo=UTC)
"""The first order's day; customers, products and people may be older."""
NOW = datetime(2026, 10, 31, 18, tzinfo=UTC)
"""What the demo takes for the present: nothing has happened after it."""
DAYS = (NOW - START).days + 1

_MONTHS = (0.9, 0.95, 1.1, 1.0, 1.05, 1.1, 0.9, 0.7, 1.15, 1.2, 1.15, 0.75)
_WEEKDAYS = (1.15, 1.2, 1.1, 1.05, 0.85, 0.12, 0.05)
_HOLIDAYS = {(1, 1), (12, 25), (12, 26)}


def _demand(day: date) -> float:
    """How many orders come on a day, compared with others: growth, season, weekday."""
    growth = 0.6 + 0.8 * (day - START.date()).days / DAYS
    weekday = 0.05 if (day.month, day.day) in _HOLIDAYS else _WEEKDAYS[day.weekday()]
    return growth * _MONTHS[day.month - 1] * weekday


def order_times(dice: Dice, count: int) -> list[datetime]:
    """In order. Some arrive together, at six in the morning: electronic orders are handed over once a day."""
    days: Weighted[datetime] = Weighted(
        (day, _demand(day.date())) for day in (START + timedelta(days=number) for number in range(DAYS))
    )
    return sorted(
        days.pick(dice) + timedelta(seconds=6 * 3600 if dice.chance(0.12) else dice.between(6 * 3600, 18 * 3600 - 1))
        for _ in range(count)
    )


def moment(dice: Dice, start: datetime, end: datetime) -> datetime:
    """Some second from `start` to `end`."""
    return start + timedelta(seconds=dice.below(int((end - start).total_seconds()) + 1))


def later(dice: Dice, start: datetime, days: int, at_most: int) -> datetime:
    """At another time of day, `days` to `at_most` days later."""
    return start + timedelta(
        days=dice.between(days, at_most), seconds=dice.below(6 * 3600), microseconds=dice.below(1000) * 1000
    )
