"""Names of people and companies, and their addresses, after the manner of a country."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from datasources.demo.countries import COUNTRIES, Country
from datasources.demo.dice import Dice, Weighted

_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "æ": "ae", "ł": "l", "đ": "d", "\N{LATIN SMALL LETTER DOTLESS I}": "i", " ": "-", "~": "-"}
)


class Word(NamedTuple):
    text: str
    latin: str
    """In the letters of a domain name."""


class Person(NamedTuple):
    name: str
    mailbox: str


@dataclass(frozen=True, slots=True)
class Company:
    name: str
    domain: str
    country: Country
    city: str


class Namer:
    """Makes names; no two companies of one namer are called alike."""

    def __init__(self, dice: Dice) -> None:
        self._dice = dice
        self._domains: set[str] = set()
        self._countries: Weighted[Country] = Weighted((country, country.customers) for country in COUNTRIES)

    def company(self) -> Company:
        while True:
            country = self._countries.pick(self._dice)
            city = self._dice.pick(_words(country.cities))
            family, other = self._dice.pick(_words(country.family)), self._dice.pick(_words(country.family))
            words = {"family": family, "other": other, "trade": self._dice.pick(_words(country.trades)), "city": city}
            pattern = self._dice.pick(country.companies)
            domain = _domain(pattern, words)
            if domain not in self._domains and family != other:
                self._domains.add(domain)
                name = pattern.format_map({role: word.text for role, word in words.items()})
                return Company(name, domain, country, city.text)

    def person(self, country: Country) -> Person:
        given, family = self._dice.pick(_words(country.given)), self._dice.pick(_words(country.family))
        parts = (family.text, given.text) if country.family_first else (given.text, family.text)
        return Person(" ".join(parts), f"{given.latin}.{family.latin}")

    def phone(self, country: Country) -> str:
        if country.code == "US":
            return f"+1 {self._dice.between(201, 989)} 555 01{self._dice.digits(2)}"
        return f"{country.dial} {self._dice.between(20, 99)} {self._dice.digits(7)}"


def _domain(pattern: str, words: Mapping[str, Word]) -> str:
    """The pattern's words without legal forms, below the top-level domain that is kept for examples."""
    used = sorted((pattern.find(f"{{{role}}}"), word.latin) for role, word in words.items())
    return "-".join(latin for place, latin in used if place >= 0) + ".example"


@cache
def _words(line: str) -> tuple[Word, ...]:
    return tuple(_word(each) for each in line.split())


def _word(written: str) -> Word:
    text, _, latin = written.partition("|")
    return Word(text.replace("~", " "), latin or _latin(text))


def _latin(text: str) -> str:
    """`Đặng` becomes `dang`."""
    plain = unicodedata.normalize("NFKD", text.lower().translate(_LETTERS))
    return "".join(letter for letter in plain if letter.isascii() and (letter.isalnum() or letter == "-"))
