"""What the parts of a statement share: the parameters, and the tables with their columns."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import BindParameter, FromClause, Label, Select, TableClause, UpdateBase, bindparam, table
from sqlalchemy import column as sql_column
from sqlalchemy.types import NullType

from datasources.lookup import Collection, Column, ColumnType, Lookup, Row
from datasources.sql.dialect import Bind, Catalog, Convert, Expression, Operand, Physical, SqlDialect
from datasources.sql.shapes import FIRST_VALUE

Decoders = Sequence[Convert | None]


class Unknown(Exception):
    """The database has no such collection or column; the message goes on after the source's name."""


class CannotNest(Exception):
    """Nested lookups are not written, or would be slow; the message goes on after the source's name."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement in the driver's form; good for every lookup of its shape."""

    text: str
    parameters: tuple[tuple[int, Convert | None], ...]
    """Which of the lookup's values goes there, and how it is encoded."""
    decode: Callable[[Sequence[Row]], Sequence[Row]] | None

    def arguments(self, values: Sequence[Any]) -> list[Any]:
        return [values[index] if encode is None else encode(values[index]) for index, encode in self.parameters]


class Builder:
    """Builds one statement."""

    def __init__(self, dialect: SqlDialect, catalog: Catalog) -> None:
        self.dialect = dialect
        self._catalog = catalog
        self._names: dict[tuple[int, Convert | None], str] = {}
        self._next_value = FIRST_VALUE
        self._tables = 0

    def table(self, collection: Collection) -> "Table":
        physical = self._catalog[collection.name]
        if not physical:
            raise Unknown(f"has no '{collection.name}'")
        name, schema = self.dialect.table(collection.name)
        alias = f"t{self._tables}"
        self._tables += 1
        source = table(name, *map(sql_column, physical), schema=schema).alias(alias)
        return Table(self.dialect, collection, physical, source)

    def target(self, collection: Collection) -> tuple["Table", TableClause]:
        """The collection in a statement that writes it: under its own name."""
        physical = self._catalog[collection.name]
        if not physical:
            raise Unknown(f"has no '{collection.name}'")
        name, schema = self.dialect.table(collection.name)
        target = table(name, *map(sql_column, physical), schema=schema)
        return Table(self.dialect, collection, physical, target), target

    def take(self) -> int:
        """The number of the next value, in the order of `shapes`."""
        self._next_value += 1
        return self._next_value - 1

    def bind(self, index: int) -> Bind:
        """Makes parameters of a value."""

        def parameter(encode: Convert | None) -> Expression:
            name = self._names.setdefault((index, encode), f"p{len(self._names)}")
            made: BindParameter[Any] = bindparam(name, type_=NullType())
            return made

        return parameter

    def statement(self, made: Select[*tuple[Any, ...]] | UpdateBase, decoders: Decoders) -> Statement:
        """`decoders` are those of the selected columns; none at all where the rows are to be empty."""
        # without the keys an INSERT of no values would get one for each column
        compiled = made.compile(dialect=self.dialect.compiler, column_keys=[])
        known = {name: parameter for parameter, name in self._names.items()}
        names = compiled.positiontup or ()
        parameters = (known.get(name) or (0, _constant(compiled.params[name])) for name in names)
        return Statement(compiled.string, tuple(parameters), _decoding(decoders))


@dataclass(frozen=True, slots=True)
class Table:
    """A collection in a statement, under an alias of its own."""

    dialect: SqlDialect
    collection: Collection
    physical: Mapping[str, Physical]
    source: FromClause

    def read(self, name: str, *, wire: bool = False) -> tuple[Expression, Convert | None]:
        return self.read_as(name, self.expression(name), wire=wire)

    def read_as(self, name: str, expression: Expression, *, wire: bool = False) -> tuple[Expression, Convert | None]:
        """The column as it is selected, where it goes by `expression`."""
        return self.dialect.read(self.column(name), self.physical[name], expression, wire=wire)

    def read_from(self, subquery: FromClause, lookup: Lookup) -> list[tuple[Expression, Convert | None]]:
        """The lookup's columns, where `subquery` selects them as `stored` gives them."""
        return [
            self.read_as(name, subquery.c[f"c{position}"], wire=name in lookup.wire)
            for position, name in enumerate(lookup.columns)
        ]

    def stored(self, lookup: Lookup) -> list[Label[Any]]:
        """The lookup's columns for a subquery: rows that it drops, or only sorts, need not be converted."""
        return [self.expression(name).label(f"c{position}") for position, name in enumerate(lookup.columns)]

    def operand(self, name: str) -> Operand:
        return self._operand(name, self.expression(name))

    def operand_from(self, subquery: FromClause, lookup: Lookup) -> Callable[[str], Operand]:
        """The lookup's columns as operands, where `subquery` selects them as `stored` gives them."""
        return lambda name: self._operand(name, subquery.c[f"c{lookup.columns.index(name)}"])

    def _operand(self, name: str, expression: Expression) -> Operand:
        return self.dialect.operand(self.column(name), self.physical[name], expression)

    def expression(self, name: str) -> Expression:
        self.known(name)
        return self.source.c[name]

    def known(self, name: str) -> Physical:
        """The column as the database has it. Raises Unknown."""
        if name not in self.physical:
            raise Unknown(f"has no {name!r} in '{self.collection.name}'")
        return self.physical[name]

    def is_indexed(self, name: str) -> bool:
        return name in self.physical and self.physical[name].is_indexed

    def column(self, name: str) -> Column:
        declared = self.collection.by_name.get(name)
        if declared is not None:
            return declared
        return Column(name, self.dialect.column_type(self.known(name)) or ColumnType.STRING)


def _constant(value: Any) -> Convert:
    return lambda _: value


def _decoding(decoders: Decoders) -> Callable[[Sequence[Row]], Sequence[Row]] | None:
    """Decodes rows column by column, for that is faster than row by row."""
    if not decoders:
        return lambda rows: [()] * len(rows)
    decoded = [(position, decode) for position, decode in enumerate(decoders) if decode is not None]
    if not decoded:
        return None
    if len(decoders) == 1:
        only = decoded[0][1]
        return lambda rows: [(None if value is None else only(value),) for (value,) in rows]

    def decode_rows(rows: Sequence[Row]) -> Sequence[Row]:
        if not rows:
            return rows
        columns: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for position, decode in decoded:
            columns[position] = [None if value is None else decode(value) for value in columns[position]]
        return list(zip(*columns, strict=True))

    return decode_rows
