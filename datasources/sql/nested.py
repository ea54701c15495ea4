"""Nested lookups as subqueries that write JSON, in the PostgreSQL dialect.

JSON is put together from text: that takes PostgreSQL two thirds of the time that its own JSON functions take, and their
form would not be the gateway's.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import FromClause, Select, and_, case, cast, func, literal_column, null, or_, select

from datasources.lookup import ColumnType, Lookup
from datasources.nested import IRREGULAR, Constant, Nested, Value
from datasources.sql.builder import Builder, CannotNest, Table
from datasources.sql.dialect import Expression, Operand, RawType
from datasources.sql.keyed import Read
from datasources.sql.predicates import Operands, order_by, predicate, where

Pieces = list[str | Expression]
"""Of JSON: those that are the same for each row, and those that are not."""

_TEXT = RawType("text")
_FLOAT = RawType("double precision")
_WITHIN_32_BITS = frozenset({"smallint", "integer"})


def read_found(builder: Builder, table: Table, found: FromClause, lookup: Lookup) -> list[Read]:
    """All that is asked for of rows that the subquery `found` selects as `Table.stored` gives them."""
    return [*table.read_from(found, lookup), *nested_texts(builder, table.operand_from(found, lookup), lookup)]


def nested_texts(builder: Builder, outer: Operands, lookup: Lookup) -> list[Read]:
    """The JSON of the lookups nested in `lookup`, whose columns are the `outer`; takes its values from the builder."""
    if lookup.nested and not builder.dialect.nests:
        raise CannotNest(f"cannot nest lookups in '{lookup.collection.name}'")
    return [(_concatenated(_nested(builder, outer, each)), None) for each in lookup.nested]


def _nested(builder: Builder, outer: Operands, nested: Nested) -> Pieces:
    """The JSON of what belongs to a row, in pieces."""
    lookup = nested.lookup
    table = builder.table(lookup.collection)
    limit = None if lookup.limit is None else builder.bind(builder.take())(None)
    condition = predicate(builder, table.operand, lookup.filter)
    of_key = _of_key(builder, table, lookup, outer(nested.local))
    rows: Select[Any] = select(_object(builder, table, nested)).select_from(table.source)
    found = where(rows, of_key, condition).order_by(*order_by(builder, table, lookup.order))
    found = found.correlate_except(table.source)
    if not nested.many:
        return [found.limit(literal_column("1")).scalar_subquery()]
    objects = func.array((found if limit is None else found.limit(limit)).scalar_subquery())
    if limit is None or not nested.refuses_full:
        return _listed(nested, objects)
    once = select(objects.label("objects")).offset(literal_column("0")).correlate_except().subquery("listed")
    is_full = func.cardinality(once.c.objects) >= cast(limit, RawType("bigint"))
    written = case((is_full, _literal(IRREGULAR)), else_=_concatenated(_listed(nested, once.c.objects)))
    return [select(written).correlate_except(once).scalar_subquery()]


def _listed(nested: Nested, objects: Expression) -> Pieces:
    before, after = nested.around
    return [before, func.array_to_string(objects, _literal(","), _literal(IRREGULAR)), after]


def _of_key(builder: Builder, table: Table, lookup: Lookup, local: Operand) -> Expression:
    """Whether a row is one of those that belong to the outer row's value."""
    through = lookup.through
    if through is None:
        return _indexed(table, lookup.key or "") == local.expression
    junction = builder.table(through.collection)
    links = select(junction.operand(through.target).expression)
    links = links.where(_indexed(junction, through.key) == local.expression)
    return _indexed(table, through.column).in_(links.correlate_except(junction.source))


def _indexed(table: Table, name: str) -> Expression:
    """A column by which an index finds rows: without, each outer row would take a scan of the whole table."""
    expression = table.expression(name)
    if not table.is_indexed(name) or table.operand(name).expression is not expression:
        raise CannotNest(f"cannot nest lookups in '{table.collection.name}' by {name!r}, which has no index")
    return expression


def _object(builder: Builder, table: Table, nested: Nested) -> Expression:
    """A row's object. A null in a column that holds none, by what is known of it, makes it irregular."""
    pieces: Pieces = ["{"]
    separator = ""
    trusts = False
    for member in nested.members:
        pieces.append(f'{separator}"{member.name}":')
        separator = ","
        match member:
            case Constant():
                pieces.append(member.text)
            case Value():
                written = _value(table, member)
                if table.physical[member.column].not_null:
                    trusts = True
                    pieces += written
                else:
                    missing = _literal("null" if member.nullable else IRREGULAR)
                    pieces.append(func.coalesce(_concatenated(written), missing))
            case Nested():
                found = _nested(builder, table.operand, member)
                pieces += found if member.many else [func.coalesce(*found, _literal("null"))]
    made = _concatenated([*pieces, "}"])
    return func.coalesce(made, _literal(IRREGULAR)) if trusts and not nested.many else made


def _value(table: Table, member: Value) -> Pieces:
    """The pieces of a value's text, which is null where the value is."""
    column, physical = table.column(member.column), table.physical[member.column]
    native, _ = table.read(member.column, wire=member.prefix is None)
    if member.names is not None:
        return ['"', _named(native, member.names), '"']
    if member.prefix is not None:
        text = cast(native, _TEXT)
        if column.type is ColumnType.STRING:
            return [cast(func.to_json(_literal(member.prefix).concat(text)), _TEXT)]
        return [f'"{member.prefix}', text, '"']
    match column.type:
        case ColumnType.STRING:
            return [cast(func.to_json(native), _TEXT)]
        case ColumnType.INTEGER if physical.type not in _WITHIN_32_BITS:
            fits = native.between(literal_column("-2147483648"), literal_column("2147483647"))
            return [case((fits, cast(native, _TEXT)), (native.is_not(null()), _literal(IRREGULAR)))]
        case ColumnType.INTEGER | ColumnType.BOOLEAN:
            return [cast(native, _TEXT)]
        case ColumnType.FLOAT:
            return [_float(cast(native, _FLOAT))]
        case ColumnType.JSON:
            raise CannotNest(f"cannot nest {member.column!r} of '{table.collection.name}'")
        case _:
            return ['"', native, '"']


def _named(stored: Expression, names: Sequence[tuple[str, str]]) -> Expression:
    """The name of an enum's value."""
    alike = [_literal(value) for value, name in names if value == name]
    others = [(stored == _literal(value), _literal(name)) for value, name in names if value != name]
    known = [(stored.in_(alike), stored)] if alike else []
    return case(*known, *others, (stored.is_not(null()), _literal(IRREGULAR)))


def _float(number: Expression) -> Expression:
    """As orjson writes it: with an exponent, or as `1.0`. From 1e16 to 1e20 PostgreSQL may write more digits."""

    def size_below(limit: str) -> Expression:
        return func.abs(number) < literal_column(limit)

    text = cast(number, _TEXT)
    whole = number == func.trunc(number)
    digits = cast(cast(text, RawType("numeric")), _TEXT)
    return case(
        (
            or_(and_(size_below("1e15"), func.abs(number) >= literal_column("1e-4")), number == literal_column("0")),
            case((whole, text.concat(_literal(".0"))), else_=text),
        ),
        (size_below("1e-5"), func.replace(text, _literal("e-0"), _literal("e-"))),
        (size_below("1e16"), case((whole, digits.concat(_literal(".0"))), else_=digits)),
        (and_(size_below("'Infinity'"), func.abs(number) >= literal_column("1e20")), text),
        (number.is_not(null()), _literal(IRREGULAR)),
    )


def _concatenated(pieces: Pieces) -> Expression:
    """The pieces in one, with as few operations as there can be."""
    merged: Pieces = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    first, *others = (_literal(piece) if isinstance(piece, str) else piece for piece in merged)
    for other in others:
        first = first.concat(other)
    return first


def _literal(text: str) -> Expression:
    """A constant of the statement's, whatever the server's settings say of backslashes."""
    quoted = text.replace("'", "''")
    if "\\" in quoted or not quoted.isprintable():
        escaped = "".join(
            each if each.isprintable() else f"\\U{ord(each):08x}" for each in quoted.replace("\\", "\\\\")
        )
        return cast(literal_column(f"E'{escaped}'"), _TEXT)
    return cast(literal_column(f"'{quoted}'"), _TEXT)
