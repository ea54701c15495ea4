"""The forms of values in JSON."""

from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datasources.lookup import ColumnType
from datasources.wire import TO_WIRE, is_date, is_datetime, is_decimal, is_uuid

OTHERS: dict[Any, list[str]] = {
    is_decimal: ["", "+1", "01", ".5", "1.", "1e3", "NaN", "Infinity", "-", "1\n", "٣", "1_0", "--1", "0x1"],
    is_uuid: ["", "123E4567-e89b-42d3-a456-426614174000", "123e4567e89b42d3a456426614174000", "{123e4567}"],
    is_date: ["", "20260131", "2026-W05-6", "2026-02-30", "2026-1-31", "0000-01-01", "2026-01-3x", "2026/01/31"],
    is_datetime: [
        "",
        "2026-01-31T08:30:00",
        "2026-01-31T08:30:00Z",
        "2026-01-31 08:30:00+00:00",
        "2026-01-31T08:30:00-00:00",
        "2026-01-31T08:30:00+01:00",
        "2026-01-31T24:00:00+00:00",
        "2026-02-30T08:30:00+00:00",
        "2026-W05-6T08:30:00+00:00",
        "2026-01-31T083000.5+00:00",
        "2026-01-31T08:30:00.5+00:00",
        "2026-01-31T08:30:00.000000+00:00",
        "2026-01-31T08:30:00,500000+00:00",
        "2026-01-31T08:30:00.5000000+0000",
        "20260131T08:30:00.50000000+00:00",
        "2026-01-31T08:30+00:00:00.123456",
    ],
}


@pytest.mark.parametrize(
    ("passes", "text"),
    [
        pytest.param(passes, text, id=f"{passes.__name__}-{text!a}")
        for passes, texts in OTHERS.items()
        for text in texts
    ],
)
def test_other_forms_do_not_pass(passes: Callable[[str], bool], text: str) -> None:
    assert not passes(text)


ZONES = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)


@pytest.mark.parametrize(
    ("column_type", "values", "passes", "read"),
    [
        pytest.param(ColumnType.DECIMAL, st.decimals(allow_nan=False, allow_infinity=False), is_decimal, Decimal),
        pytest.param(ColumnType.UUID, st.uuids(), is_uuid, UUID),
        pytest.param(ColumnType.DATE, st.dates(), is_date, date.fromisoformat),
        pytest.param(ColumnType.DATETIME, MOMENTS, is_datetime, datetime.fromisoformat),
    ],
    ids=["decimal", "uuid", "date", "datetime"],
)
def test_what_is_written_passes_and_is_the_same_value(
    column_type: ColumnType, values: Any, passes: Callable[[str], bool], read: Callable[[str], Any]
) -> None:
    @given(value=values)
    def test(value: Any) -> None:
        text = TO_WIRE[column_type](value)
        assert passes(text)
        assert read(text) == value
        assert TO_WIRE[column_type](read(text)) == text

    test()


@given(value=MOMENTS)
def test_moments_have_the_form_that_libraries_write(value: datetime) -> None:
    text = TO_WIRE[ColumnType.DATETIME](value)
    moment = datetime.fromisoformat(text)
    assert text == moment.isoformat() == orjson.loads(orjson.dumps(moment))


def test_a_moment_without_offset_has_no_form() -> None:
    with pytest.raises(ValueError, match="has no offset from UTC"):
        TO_WIRE[ColumnType.DATETIME](datetime(2026, 1, 31, 9))
