"""Values as they stand in JSON, written by PostgreSQL: in sessions of UTC and ISO dates, `SESSION`.

What is no date of Python's is no value, as it is none on the way through the driver: before the year 1 and after 9999.
The infinities, by which some mean "ever since" and "until further notice", are the first and the last that there are.
"""

from collections.abc import Mapping

from sqlalchemy import case, cast, func, literal_column, or_

from datasources.lookup import ColumnType
from datasources.sql.dialect import Expression, RawType

SESSION: Mapping[str, str] = {"TimeZone": "UTC", "DateStyle": "ISO"}

_TEXT = RawType("text")
_DATE = RawType("date")
_MOMENT = RawType("timestamp with time zone")


def _literal(text: str, form: RawType = _TEXT) -> Expression:
    return cast(literal_column(f"'{text}'"), form)


_FIRST, _LAST = "0001-01-01T00:00:00+00:00", "9999-12-31T23:59:59.999999+00:00"
_FORM = 'YYYY-MM-DD"T"HH24:MI:SS.US"+00:00"'


def finite(moment: Expression) -> Expression:
    """What asyncpg would make of infinities has no time zone."""
    first, last = _literal(_FIRST, _MOMENT), _literal(_LAST, _MOMENT)
    return case((_is(moment, "-infinity", _MOMENT), first), (_is(moment, "infinity", _MOMENT), last), else_=moment)


def to_text(column_type: ColumnType, native: Expression) -> Expression:
    """A value of a type that JSON has not, in the form of `datasources.wire`."""
    text = cast(native, _TEXT)
    if column_type is ColumnType.DATE:
        return _between(native, _DATE, _FIRST[:10], _LAST[:10], text)
    if column_type is ColumnType.DATETIME:
        whole = native == func.date_trunc(_literal("second"), native)
        iso = func.replace(text, _literal(" "), _literal("T")).concat(_literal(":00"))
        written = case((whole, iso), else_=func.to_char(native, _literal(_FORM)))
        return _between(native, _MOMENT, _FIRST, _LAST, written)
    return text


def _between(native: Expression, form: RawType, first: str, last: str, written: Expression) -> Expression:
    """`written`, where it is true to the form. The others are cast in vain, for an error of their own."""
    outside = or_(native < _literal(first, form), native > _literal(last, form))
    invalid = cast(cast(cast(native, _TEXT).concat(_literal(" is out of range")), form), _TEXT)
    return case(
        (_is(native, "-infinity", form), _literal(first)),
        (_is(native, "infinity", form), _literal(last)),
        (outside, invalid),
        else_=written,
    )


def _is(native: Expression, infinity: str, form: RawType) -> Expression:
    return native == _literal(infinity, form)
