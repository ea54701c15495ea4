"""The scalars: how values are written, and what is refused when they are read."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from resolvers.scalars import SCALARS, BigInt


@strawberry.type
class Query:
    """Gives back what it is given, and shows what Python reads."""

    @strawberry.field
    def decimal(self, value: Decimal) -> Decimal:
        return value

    @strawberry.field
    def date_time(self, value: datetime) -> datetime:
        return value

    @strawberry.field
    def date(self, value: date) -> date:
        return value

    @strawberry.field
    def uuid(self, value: UUID) -> UUID:
        return value

    @strawberry.field
    def json(self, value: JSON) -> JSON:
        return value

    @strawberry.field
    def big_int(self, value: BigInt) -> BigInt:
        return value


SCHEMA = strawberry.Schema(query=Query, config=StrawberryConfig(scalar_map=SCALARS))
TYPES = {
    "decimal": "Decimal",
    "dateTime": "DateTime",
    "date": "Date",
    "uuid": "UUID",
    "json": "JSON",
    "bigInt": "BigInt",
}


def literal(field: str, value: str) -> Any:
    """The field's value, or the error's message, when `value` stands in the document."""
    return _outcome(field, SCHEMA.execute_sync(f"{{ {field}(value: {value}) }}"))


def variable(field: str, value: Any) -> Any:
    document = f"query($value: {TYPES[field]}!) {{ {field}(value: $value) }}"
    return _outcome(field, SCHEMA.execute_sync(document, variable_values={"value": value}))


def _outcome(field: str, result: Any) -> Any:
    if not result.errors:
        return result.data[field]
    (error,) = result.errors
    return str(error.message).removeprefix("Variable '$value' has invalid value: ")


@pytest.mark.parametrize(
    ("field", "given", "written"),
    [
        ("decimal", '"1234.50"', "1234.50"),
        ("decimal", "1234.50", "1234.50"),
        ("decimal", "0.1234567890123456789012345", "0.1234567890123456789012345"),
        ("decimal", "7", "7"),
        ("decimal", '"-0.10"', "-0.10"),
        ("decimal", '"1e3"', "1000"),
        ("decimal", '"1E-7"', "0.0000001"),
        ("dateTime", '"2026-01-31T08:30:00Z"', "2026-01-31T08:30:00+00:00"),
        ("dateTime", '"2026-01-31T09:30:00.25+01:00"', "2026-01-31T08:30:00.250000+00:00"),
        ("date", '"2026-01-31"', "2026-01-31"),
        ("uuid", '"123E4567-E89B-42D3-A456-426614174000"', "123e4567-e89b-42d3-a456-426614174000"),
        ("json", '{a: [1, 2.5, "x", null, true]}', {"a": [1, 2.5, "x", None, True]}),
        ("bigInt", '"9223372036854775807"', "9223372036854775807"),
        ("bigInt", "-9223372036854775808", "-9223372036854775808"),
        ("bigInt", "007", "Syntax Error: Invalid number, unexpected digit after 0: '0'."),
    ],
)
def test_forms(field: str, given: str, written: Any) -> None:
    assert literal(field, given) == written


@pytest.mark.parametrize(
    ("field", "given", "written"),
    [
        ("decimal", 1234, "1234"),
        ("decimal", 0.1, "0.1"),
        ("decimal", 1e16, "10000000000000000"),
        ("bigInt", 2**53 + 1, "9007199254740993"),
        ("json", {"a": [None, 1]}, {"a": [None, 1]}),
    ],
)
def test_variables_that_are_no_strings(field: str, given: Any, written: Any) -> None:
    assert variable(field, given) == written


DECIMAL = 'write a number of at most 64 digits, such as "1234.50".'
DATE_TIME = 'write date, time and offset, such as "2026-01-31T09:30:00+01:00" or "2026-01-31T08:30:00Z".'
DATE = 'write a day, such as "2026-01-31".'
A_UUID = 'write a UUID, such as "123e4567-e89b-42d3-a456-426614174000".'
BIG_INT = 'write an integer of 64 bits, such as "9007199254740993".'

REFUSED: list[tuple[str, Any, str]] = [
    *(("decimal", text, f"Decimal cannot represent {text!r}: {DECIMAL}") for text in ("abc", "", " 1", "1_000", "٣")),
    *(("decimal", text, f"Decimal cannot represent {text!r}: {DECIMAL}") for text in ("NaN", "sNaN", "-Infinity")),
    ("decimal", "9" * 10_000, f"Decimal cannot represent '{'9' * 80}': {DECIMAL}"),
    ("decimal", "1e999", f"Decimal cannot represent '1e999': {DECIMAL}"),
    ("decimal", "1e99999999999", f"Decimal cannot represent '1e99999999999': {DECIMAL}"),
    ("decimal", float("nan"), f"Decimal cannot represent 'nan': {DECIMAL}"),
    ("decimal", float("inf"), f"Decimal cannot represent 'inf': {DECIMAL}"),
    ("decimal", True, f"Decimal cannot represent a value of type bool: {DECIMAL}"),
    ("decimal", [1], f"Decimal cannot represent a value of type list: {DECIMAL}"),
    ("dateTime", "2026-01-31T08:30:00", f"DateTime cannot represent '2026-01-31T08:30:00': {DATE_TIME}"),
    ("dateTime", "2026-01-31", f"DateTime cannot represent '2026-01-31': {DATE_TIME}"),
    ("dateTime", "abc", f"DateTime cannot represent 'abc': {DATE_TIME}"),
    ("dateTime", "2026-02-30T00:00:00Z", f"DateTime cannot represent '2026-02-30T00:00:00Z': {DATE_TIME}"),
    ("dateTime", "0001-01-01T00:00:00+23:00", f"DateTime cannot represent '0001-01-01T00:00:00+23:00': {DATE_TIME}"),
    ("dateTime", 5, f"DateTime cannot represent a value of type int: {DATE_TIME}"),
    ("date", "2026-02-30", f"Date cannot represent '2026-02-30': {DATE}"),
    ("date", "2026-01-31T00:00:00", f"Date cannot represent '2026-01-31T00:00:00': {DATE}"),
    ("date", 5, f"Date cannot represent a value of type int: {DATE}"),
    ("uuid", "abc", f"UUID cannot represent 'abc': {A_UUID}"),
    ("uuid", 5, f"UUID cannot represent a value of type int: {A_UUID}"),
    ("bigInt", "abc", f"BigInt cannot represent 'abc': {BIG_INT}"),
    ("bigInt", "1.0", f"BigInt cannot represent '1.0': {BIG_INT}"),
    ("bigInt", "9223372036854775808", f"BigInt cannot represent '9223372036854775808': {BIG_INT}"),
    ("bigInt", 10**100 - 1, f"BigInt cannot represent '{'9' * 80}': {BIG_INT}"),
    ("bigInt", 5.0, f"BigInt cannot represent a value of type float: {BIG_INT}"),
    ("bigInt", True, f"BigInt cannot represent a value of type bool: {BIG_INT}"),
]


@pytest.mark.parametrize(("field", "value", "message"), REFUSED, ids=lambda value: str(value)[:20])
def test_what_is_refused(field: str, value: Any, message: str) -> None:
    assert variable(field, value) == message
    if isinstance(value, str):
        assert literal(field, f'"{value}"') == message


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("decimal", "9" * 10_000, f"Decimal cannot represent '{'9' * 80}': {DECIMAL}"),
        ("decimal", "true", f"Decimal cannot represent a value of type bool: {DECIMAL}"),
        ("decimal", "{a: 1}", f"Decimal cannot represent a value of type dict: {DECIMAL}"),
        ("bigInt", "9" * 10_000, f"BigInt cannot represent '{'9' * 80}': {BIG_INT}"),
        ("bigInt", "1.5", f"BigInt cannot represent '1.5': {BIG_INT}"),
        ("dateTime", "5", f"DateTime cannot represent a value of type int: {DATE_TIME}"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_literals_that_are_refused(field: str, value: str, message: str) -> None:
    assert literal(field, value) == message


def test_what_resolvers_return() -> None:
    written: dict[object, Any] = {scalar: definition.serialize for scalar, definition in SCALARS.items()}
    east = timezone(timedelta(hours=5, minutes=30))
    assert [written[Decimal](value) for value in (Decimal("1E+3"), Decimal("0E-4"), 5, 0.1)] == [
        "1000",
        "0.0000",
        "5",
        "0.1",
    ]
    assert written[datetime](datetime(2026, 1, 31, 9, tzinfo=east)) == "2026-01-31T03:30:00+00:00"
    assert written[datetime](datetime(2026, 1, 31, 9, tzinfo=UTC)) == "2026-01-31T09:00:00+00:00"
    with pytest.raises(ValueError, match="has no offset from UTC"):
        written[datetime](datetime(2026, 1, 31, 9))
