"""What SQL dialects do differently."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import ColumnElement, Dialect, FromClause
from sqlalchemy.types import UserDefinedType

from datasources.filters import Operator
from datasources.lookup import Aggregate, Column, ColumnType

Convert = Callable[[Any], Any]
Expression = ColumnElement[Any]
Bind = Callable[[Convert | None], Expression]
"""Makes the parameter for a value, given how it is encoded."""

INTEGERS = frozenset({ColumnType.INTEGER, ColumnType.BIGINT})


class RawType(UserDefinedType[Any]):
    """A type by the name that the database knows it by."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Physical:
    """A column as the database has it."""

    type: str
    not_null: bool = False
    is_enum: bool = False
    is_primary: bool = False
    """Whether it is the primary key alone, and never null."""
    is_indexed: bool = False
    """Whether an index finds rows by it."""
    sample: tuple[Any, ...] = ()
    """Some of its values, where databases keep them in more forms than one."""
    is_of_plain_table: bool = False
    """Whether nothing that the database does for its table may look at what one statement writes elsewhere."""


Catalog = Mapping[str, Mapping[str, Physical]]
"""The columns of each collection, by name."""


@dataclass(frozen=True, slots=True)
class Operand:
    """What is compared and ordered by, and how a value that it is compared with becomes a parameter."""

    type: ColumnType
    expression: Expression
    encode: Convert | None = None
    cast: RawType | None = None
    not_null: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """An aggregate as it is selected and decoded, and what of the selected value `having` compares."""

    expression: Expression
    decode: Convert | None
    compared: Callable[[Expression], Operand]


@dataclass(frozen=True, slots=True)
class Keys:
    """The keys of a lookup as a table."""

    source: FromClause
    compared: Expression
    """The key as the operand compares with it."""
    selected: Expression


class SqlDialect(Protocol):
    """How statements are written for a database."""

    @property
    def compiler(self) -> Dialect: ...

    @property
    def nulls_are_largest(self) -> bool:
        """In an ORDER BY that says nothing of nulls."""

    @property
    def has_lateral(self) -> bool: ...

    @property
    def nests(self) -> bool:
        """Whether `sql.nested` is written for it."""

    def table(self, collection: str) -> tuple[str, str | None]:
        """The collection's name within its schema, and the schema."""

    def column_type(self, physical: Physical) -> ColumnType | None:
        """The native type that the column has where no entity says otherwise."""

    def read(
        self, column: Column, physical: Physical, expression: Expression, *, wire: bool = False
    ) -> tuple[Expression, Convert | None]:
        """A column as it is selected, and how its values, but nulls, become native (or, if so wanted, `wire`)."""

    def operand(self, column: Column, physical: Physical, expression: Expression) -> Operand: ...

    def value(self, operand: Operand, bind: Bind) -> Expression:
        """A value that `operand` is compared with."""

    def one_of(self, operand: Operand, bind: Bind) -> Expression:
        """Whether the operand is among the values of one parameter, a sequence."""

    def keys(self, operand: Operand, bind: Bind) -> Keys:
        """The values of one parameter, a sequence, as a table."""

    def matches(self, operator: Operator, operand: Operand, bind: Bind) -> Expression:
        """CONTAINS and its like."""

    def figure(self, aggregate: Aggregate, column: Column, physical: Physical, expression: Expression) -> Figure: ...

    def counted(self, count: Expression) -> Operand:
        """A selected COUNT, as `having` compares it."""
