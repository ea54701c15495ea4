"""The tables of CRM and ERP, for SQLite and PostgreSQL alike; columns and enums are those of the records."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine

from datasources.demo.fields import Field, fields_of
from datasources.lookup import ColumnType
from datasources.sql.dialect import RawType
from datasources.sql.sqlite_values import DDL_TYPES

_POSTGRES_TYPES: Mapping[ColumnType, TypeEngine[Any]] = {
    ColumnType.STRING: sa.Text(),
    ColumnType.INTEGER: sa.Integer(),
    ColumnType.BIGINT: sa.BigInteger(),
    ColumnType.FLOAT: sa.Double(),
    ColumnType.BOOLEAN: sa.Boolean(),
    ColumnType.DECIMAL: sa.Numeric(12, 2),
    ColumnType.DATETIME: sa.DateTime(timezone=True),
    ColumnType.DATE: sa.Date(),
    ColumnType.UUID: sa.Uuid(),
    ColumnType.JSON: JSONB(),
}


def _table(
    metadata: sa.MetaData,
    name: str,
    *,
    references: Mapping[str, str] | None = None,
    owner: str | None = None,
    unique: Sequence[str] = (),
    indexes: Sequence[str] = (),
    positive: Sequence[str] = (),
    defaults: "Mapping[str, sa.ColumnElement[Any] | sa.TextClause] | None" = None,
) -> None:
    """`references` are from columns to tables of the same database; `unique` and `indexes` are lists of columns.

    Rows go with the one that the reference `owner` leads to.
    """
    fields = fields_of(name)
    enums = {field.name: sa.column(field.name).in_(field.values) for field in fields if field.values}
    checks = enums | {column: sa.column(column) > 0 for column in positive}
    sa.Table(
        name,
        metadata,
        *[_column(field, references or {}, owner, (defaults or {}).get(field.name)) for field in fields],
        *[sa.UniqueConstraint(*columns.split(), name=_name(name, columns, "key")) for columns in unique],
        *[sa.CheckConstraint(check, name=_name(name, column, "check")) for column, check in checks.items()],
        *[sa.Index(_name(name, columns, "idx"), *columns.split()) for columns in indexes],
    )


def _name(table: str, columns: str, kind: str) -> str:
    """As PostgreSQL would name it."""
    return "_".join((table, *columns.split(), kind))


def _column(
    field: Field,
    references: Mapping[str, str],
    owner: str | None,
    default: "sa.ColumnElement[Any] | sa.TextClause | None",
) -> "sa.Column[Any]":
    is_key = field.name == "id"
    sqlite_type = RawType("INTEGER" if is_key else DDL_TYPES[field.type])  # any other integer would need an index
    details: list[Any] = [sa.Identity()] if is_key else []
    if field.name in references:
        goes_along = "CASCADE" if field.name == owner else None
        details.append(sa.ForeignKey(f"{references[field.name]}.id", ondelete=goes_along))
    return sa.Column(
        field.name,
        _POSTGRES_TYPES[field.type].with_variant(sqlite_type, "sqlite"),
        *details,
        primary_key=is_key,
        nullable=field.nullable,
        server_default=default,
    )


class _Made(FunctionElement[Any]):
    """What each database makes in a way of its own."""

    inherit_cache = False

    def __init__(self, postgres: str, sqlite: str) -> None:
        super().__init__()
        self.postgres = postgres
        self.sqlite = sqlite


@compiles(_Made, "postgresql")
def _in_postgres(made: _Made, _compiler: object, **_: object) -> str:
    return made.postgres


@compiles(_Made, "sqlite")
def _in_sqlite(made: _Made, _compiler: object, **_: object) -> str:
    return made.sqlite


NOW = _Made("now()", "strftime('%Y-%m-%d %H:%M:%f000', 'now')")
"""In the form in which SQLite's values are kept; see `sqlite_values`."""
NEW_UUID = _Made(
    "gen_random_uuid()",
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || "
    "substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))",
)

CRM = sa.MetaData()
ERP = sa.MetaData()

_table(
    CRM,
    "customers",
    unique=["public_id"],
    defaults={"public_id": NEW_UUID, "created_at": NOW},
    indexes=[
        "account_manager_id id",
        "name id",
        "segment id",
        "country id",
        "credit_limit id",
        "created_at id",
    ],
)
_table(
    CRM,
    "contacts",
    references={"customer_id": "customers"},
    owner="customer_id",
    indexes=["customer_id id", "name id"],
    defaults={"created_at": NOW},
)
_table(
    CRM,
    "opportunities",
    references={"customer_id": "customers"},
    indexes=["customer_id id", "stage expected_close id", "created_at id"],
    defaults={"stage": sa.text("'LEAD'"), "created_at": NOW},
)
_table(ERP, "employees", references={"manager_id": "employees"}, unique=["email"], indexes=["manager_id id"])
_table(
    ERP,
    "products",
    unique=["sku"],
    indexes=["supplier_id id", "category id", "name id"],
    defaults={"discontinued": sa.false(), "created_at": NOW},
)
_table(
    ERP,
    "orders",
    unique=["number"],
    positive=["version"],
    defaults={"status": sa.text("'PENDING'"), "placed_at": NOW, "updated_at": NOW, "version": sa.text("1")},
    indexes=[
        "customer_id placed_at id",
        "placed_at id",
        "status placed_at id",
        "total id",
        "updated_at id",
    ],
)
_table(
    ERP,
    "order_lines",
    references={"order_id": "orders", "product_id": "products"},
    owner="order_id",
    defaults={"discount": sa.text("0")},
    unique=["order_id position"],
    positive=["quantity", "position"],
    indexes=["product_id order_id"],
)
_table(
    ERP,
    "invoices",
    references={"order_id": "orders"},
    unique=["number", "order_id"],
    indexes=["issued_on id", "due_on id"],
)
