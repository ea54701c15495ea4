"""The distributor's own people."""

from datetime import date, timedelta
from itertools import chain, repeat

from datasources.demo.countries import BY_CODE
from datasources.demo.dice import Dice
from datasources.demo.names import Namer
from datasources.demo.records import Employee

_TEAMS = (
    ("Chief executive", 1, 0),
    ("Head of sales", 1, 1),
    ("Head of purchasing", 1, 1),
    ("Head of logistics", 1, 1),
    ("Head of finance", 1, 1),
    ("Head of IT", 1, 1),
    ("Regional sales manager", 3, 2),
    ("Key account manager", 5, 7),
    ("Account manager", 6, 8),
    ("Account manager", 6, 9),
    ("Buyer", 4, 3),
    ("Logistics planner", 4, 4),
    ("Accountant", 3, 5),
    ("Software developer", 3, 6),
)
"""A title, how many have it, and the id of their manager."""
_HOMES = ("DE", "DE", "DE", "NL", "DK", "PL", "FR", "GB", "TR", "VN")


def employees(namer: Namer) -> list[Employee]:
    """A tree: everybody but the chief executive has a manager, who was hired before."""
    dice = Dice("employees")
    hired: dict[int, date] = {0: date(2009, 4, 1)}
    made: list[Employee] = []
    for number, (title, _, manager) in enumerate(chain.from_iterable(repeat(team, team[1]) for team in _TEAMS), 1):
        person = namer.person(BY_CODE[dice.pick(_HOMES)])
        hired[number] = hired[manager] + timedelta(days=dice.between(30, 1400)) if manager else hired[0]
        made.append(
            Employee(
                id=number,
                name=person.name,
                email=f"{person.mailbox}@nordlicht-parts.example",
                title=title,
                hired_on=hired[number],
                manager_id=manager or None,
            )
        )
    return made
