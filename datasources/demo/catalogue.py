"""What the distributor sells: ten categories of fifty parts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from datasources.demo.dice import Dice, money
from datasources.demo.records import Product, Supplier
from datasources.demo.timeline import NOW

_MATERIALS = ("steel", "stainless steel", "brass", "PA66", "bronze", "aluminium")


@dataclass(frozen=True, slots=True)
class _Category:
    """Every one of five kinds comes in ten sizes."""

    code: str
    name: str
    kinds: tuple[str, ...]
    measure: str
    unit: str
    sizes: Sequence[int]
    cents: tuple[int, int]
    grams: tuple[int, int]
    extras: Mapping[str, Sequence[Any]]


_CATEGORIES = (
    _Category(
        "BRG",
        "Bearings",
        ("Deep groove ball bearing", "Needle bearing", "Tapered roller bearing", "Spherical bearing", "Thrust bearing"),
        "bore",
        "mm",
        (8, 10, 12, 15, 20, 25, 30, 40, 50, 60),
        (420, 18_900),
        (15, 4_200),
        {"sealed": (True, False), "clearance": ("C2", "CN", "C3")},
    ),
    _Category(
        "FST",
        "Fasteners",
        ("Hex bolt", "Socket head screw", "Lock nut", "Spring washer", "Threaded rod"),
        "thread",
        "mm",
        (3, 4, 5, 6, 8, 10, 12, 16, 20, 24),
        (4, 380),
        (1, 240),
        {"strength": ("8.8", "10.9", "12.9"), "material": _MATERIALS[:3]},
    ),
    _Category(
        "SEA",
        "Seals",
        ("O-ring", "Radial shaft seal", "V-ring", "Bonded seal", "Rod seal"),
        "diameter",
        "mm",
        (6, 10, 16, 20, 25, 32, 40, 63, 80, 100),
        (18, 2_400),
        (1, 180),
        {"compound": ("NBR", "FKM", "EPDM", "PTFE"), "hardness": (70, 80, 90)},
    ),
    _Category(
        "GER",
        "Gears",
        ("Spur gear", "Bevel gear", "Worm gear", "Gear rack", "Planetary gearbox"),
        "teeth",
        "teeth",
        (12, 15, 18, 20, 24, 30, 36, 40, 48, 60),
        (1_900, 64_000),
        (120, 18_000),
        {"module": (1, 1.5, 2, 3), "material": _MATERIALS},
    ),
    _Category(
        "BLT",
        "Belts and chains",
        ("V-belt", "Timing belt", "Roller chain", "Flat belt", "Round belt"),
        "length",
        "mm",
        (500, 630, 800, 1000, 1250, 1600, 2000, 2500, 3150, 4000),
        (690, 15_500),
        (60, 5_200),
        {"profile": ("SPZ", "SPA", "HTD 5M", "HTD 8M")},
    ),
    _Category(
        "VLV",
        "Valves",
        ("Ball valve", "Check valve", "Solenoid valve", "Relief valve", "Butterfly valve"),
        "nominal",
        "DN",
        (6, 8, 10, 15, 20, 25, 32, 40, 50, 80),
        (1_450, 48_000),
        (90, 9_500),
        {"pressureBar": (10, 16, 40, 315), "connection": ("G", "NPT", "flange")},
    ),
    _Category(
        "MOT",
        "Motors",
        ("Three-phase motor", "Servo motor", "Stepper motor", "Gear motor", "Brake motor"),
        "power",
        "W",
        (60, 90, 180, 370, 550, 750, 1100, 1500, 2200, 4000),
        (8_900, 289_000),
        (900, 48_000),
        {"voltage": (24, 230, 400), "efficiency": ("IE2", "IE3", "IE4"), "poles": (2, 4, 6)},
    ),
    _Category(
        "SEN",
        "Sensors",
        ("Inductive sensor", "Light barrier", "Pressure sensor", "Temperature probe", "Rotary encoder"),
        "range",
        "mm",
        (1, 2, 4, 5, 8, 10, 15, 20, 30, 40),
        (2_900, 42_000),
        (20, 600),
        {"output": ("PNP", "NPN", "4…20 mA", "IO-Link"), "protection": ("IP65", "IP67", "IP69K")},
    ),
    _Category(
        "CAB",
        "Cables",
        ("Control cable", "Servo cable", "Sensor cable", "Ethernet cable", "Drag chain cable"),
        "length",
        "m",
        (1, 2, 3, 5, 7, 10, 15, 20, 25, 50),
        (550, 28_000),
        (50, 22_000),
        {"cores": (2, 3, 4, 5, 8, 12), "shielded": (True, False)},
    ),
    _Category(
        "PMP",
        "Pumps",
        ("Gear pump", "Centrifugal pump", "Diaphragm pump", "Vane pump", "Dosing pump"),
        "flow",
        "l/min",
        (1, 2, 4, 8, 12, 20, 35, 60, 90, 140),
        (12_500, 398_000),
        (1_200, 64_000),
        {"medium": ("water", "oil", "coolant", "acid"), "pressureBar": (3, 6, 16, 250)},
    ),
)


def products(suppliers: Sequence[Supplier]) -> list[Product]:
    """The lower its number, the longer a part has been sold."""
    dice = Dice("products")
    return [
        _product(dice, category, index, 50 * place + index + 1, suppliers)
        for place, category in enumerate(_CATEGORIES)
        for index in range(50)
    ]


def _product(dice: Dice, category: _Category, index: int, number: int, suppliers: Sequence[Supplier]) -> Product:
    size = index // 5
    measure = category.sizes[size]
    kind = category.kinds[index % 5]
    return Product(
        id=number,
        sku=f"{category.code}-{index + 1:04}",
        name=f"{kind} DN {measure}" if category.unit == "DN" else f"{kind} {measure} {category.unit}",
        category=category.name,
        unit_price=money(_by_size(dice, category.cents, size)),
        weight_kg=_by_size(dice, category.grams, size) / 1000 if dice.chance(0.92) else None,
        discontinued=index > 4 and dice.chance(0.06),
        attributes=_attributes(dice, category, measure) if dice.chance(0.9) else None,
        created_at=_created_at(dice, index),
        supplier_id=dice.pick(suppliers).id if dice.chance(0.97) else None,
    )


def _by_size(dice: Dice, span: tuple[int, int], size: int) -> int:
    """From the low end for the smallest size to the high end for the largest, more or less."""
    low, high = span
    return low + (high - low) * size * size * dice.between(70, 100) // 8100


def _attributes(dice: Dice, category: _Category, measure: int) -> dict[str, Any]:
    attributes: dict[str, Any] = {category.measure: {"value": measure, "unit": category.unit}}
    attributes.update((name, dice.pick(options)) for name, options in category.extras.items())
    return attributes


def _created_at(dice: Dice, index: int) -> datetime:
    return min(
        datetime(2015, 1, 12, 9, tzinfo=UTC) + timedelta(days=85 * index, seconds=dice.below(86400 * 60)),
        NOW - timedelta(days=30),
    )
