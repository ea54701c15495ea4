"""The CRM's rows: customers, the people there, and the deals in the making."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

from datasources.demo.countries import BY_CODE
from datasources.demo.dice import Dice, Weighted, money
from datasources.demo.names import Namer
from datasources.demo.records import COUNTS, Contact, Customer, Employee, Opportunity, Segment, Stage
from datasources.demo.timeline import NOW, moment

_FOUNDED = datetime(2016, 3, 1, 8, tzinfo=UTC)
_SEGMENTS: Weighted[Segment] = Weighted([("ENTERPRISE", 2), ("MID_MARKET", 18), ("SMALL_BUSINESS", 80)])
_CREDIT = {"ENTERPRISE": (20, 200, 25_000), "MID_MARKET": (4, 40, 5_000), "SMALL_BUSINESS": (1, 20, 500)}
"""From how many steps to how many, and a step in EUR."""
_CONTACTS = {"ENTERPRISE": 12, "MID_MARKET": 3, "SMALL_BUSINESS": 1}
_OPPORTUNITIES = {"ENTERPRISE": 14, "MID_MARKET": 3, "SMALL_BUSINESS": 1}
_DEALS = {"ENTERPRISE": (15_000, 400_000), "MID_MARKET": (4_000, 90_000), "SMALL_BUSINESS": (500, 15_000)}

_MAILBOXES = ("info", "office", "purchasing", "orders", "contact")
_ROLES = ("Buyer", "Head of purchasing", "Maintenance manager", "Design engineer", "Accounts payable", "Plant manager")
_PACKAGING = ("reusable", "cardboard", "pallet", "esd")
_DAYS = (["MON", "WED"], ["TUE", "THU"], ["FRI"], ["MON", "TUE", "WED", "THU", "FRI"])
_SUBJECTS = (
    "Frame contract for bearings",
    "Spare parts for line",
    "Pump overhaul, hall",
    "Sensors for retrofit",
    "Consignment stock, site",
    "Drives for conveyor",
    "Seal kits for press",
    "Fasteners, yearly demand, plant",
)


def customers(namer: Namer, managers: Sequence[Employee]) -> list[Customer]:
    """Large ones are looked after by key account managers; some small ones by nobody."""
    dice = Dice("customers")
    key_managers = [each.id for each in managers if each.title == "Key account manager"]
    others = [each.id for each in managers if each.title == "Account manager"]

    def customer(number: int) -> Customer:
        company = namer.company()
        segment = _SEGMENTS.pick(dice)
        low, high, step = _CREDIT[segment]
        has_credit = segment == "ENTERPRISE" or dice.chance(0.8)
        is_managed = segment != "SMALL_BUSINESS" or dice.chance(0.9)
        return Customer(
            id=number,
            public_id=dice.uuid(),
            name=company.name,
            email=f"{dice.pick(_MAILBOXES)}@{company.domain}",
            phone=namer.phone(company.country) if dice.chance(0.85) else None,
            country=company.country.code,
            city=company.city,
            segment=segment,
            credit_limit=money(100 * step * dice.mostly_low(low, high)) if has_credit else None,
            preferences=_preferences(dice, company.country.code) if dice.chance(0.4) else None,
            created_at=moments[number - 1],
            account_manager_id=dice.pick(key_managers if segment == "ENTERPRISE" else others) if is_managed else None,
        )

    moments = sorted(moment(dice, _FOUNDED, NOW - timedelta(days=3)) for _ in range(COUNTS["customers"]))
    return [customer(number) for number in range(1, COUNTS["customers"] + 1)]


def _preferences(dice: Dice, country: str) -> dict[str, Any]:
    preferences: dict[str, Any] = {"packaging": dice.pick(_PACKAGING)}
    if dice.chance(0.6):
        preferences["deliveryDays"] = dice.pick(_DAYS)
    if dice.chance(0.4):
        preferences["invoice"] = {"format": "XRechnung" if country == "DE" else "PDF", "copies": dice.between(1, 3)}
    if dice.chance(0.1):
        preferences["note"] = dice.pick(
            ("Klingel „Lager“, Rampe 3", "Appeler avant 16 h", "受付は3階", "Gate B, no forklift")
        )
    return preferences


def contacts(namer: Namer, customers: Sequence[Customer]) -> list[Contact]:
    """At least one at each customer."""
    dice = Dice("contacts")

    def contact(number: int, customer: Customer) -> Contact:
        country = BY_CODE[customer.country]
        person = namer.person(country)
        return Contact(
            id=number,
            customer_id=customer.id,
            name=person.name,
            email=f"{person.mailbox}@{customer.email.partition('@')[2]}",
            phone=namer.phone(country) if dice.chance(0.7) else None,
            role=dice.pick(_ROLES) if dice.chance(0.9) else None,
            created_at=moment(dice, customer.created_at, NOW),
        )

    places = [*customers, *_some(dice, customers, _CONTACTS, COUNTS["contacts"] - len(customers))]
    return [contact(number, customer) for number, customer in enumerate(places, 1)]


def opportunities(customers: Sequence[Customer]) -> list[Opportunity]:
    """In the order in which they came up."""
    dice = Dice("opportunities")
    found = sorted(
        (moment(dice, max(customer.created_at, NOW - timedelta(days=900)), NOW), customer.id)
        for customer in _some(dice, customers, _OPPORTUNITIES, COUNTS["opportunities"])
    )
    segments = {customer.id: customer.segment for customer in customers}
    return [
        _opportunity(dice, number, customer_id, segments[customer_id], created_at)
        for number, (created_at, customer_id) in enumerate(found, 1)
    ]


def _opportunity(dice: Dice, number: int, customer_id: int, segment: Segment, created_at: datetime) -> Opportunity:
    low, high = _DEALS[segment]
    closes = created_at + timedelta(days=dice.between(20, 240))
    stage = _stage(dice, (NOW - created_at) / (closes - created_at))
    is_open = stage in get_args(Stage)[:3]
    if is_open and closes < NOW:
        closes = NOW + timedelta(days=dice.between(5, 90))
    return Opportunity(
        id=number,
        customer_id=customer_id,
        title=f"{dice.pick(_SUBJECTS)} {dice.between(1, 24)}",
        stage=stage,
        amount=money(5000 * dice.mostly_low(low // 50, high // 50)),
        expected_close=None if stage == "LEAD" and dice.chance(0.5) else closes.date(),
        created_at=created_at,
    )


def _stage(dice: Dice, progress: float) -> Stage:
    """`progress` is 0 for a deal that has just come up and 1 when it is due; few stay open longer."""
    if progress > 1 and dice.chance(0.93):
        return "WON" if dice.chance(0.45) else "LOST"
    if progress < 0.2 or dice.chance(0.15):
        return "LEAD"
    return "QUALIFIED" if progress < 0.5 or dice.chance(0.3) else "PROPOSAL"


def _some(dice: Dice, customers: Sequence[Customer], weights: dict[str, int], count: int) -> Iterator[Customer]:
    chosen: Weighted[Customer] = Weighted((customer, weights[customer.segment]) for customer in customers)
    return (chosen.pick(dice) for _ in range(count))
