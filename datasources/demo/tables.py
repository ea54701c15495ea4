"""The tables of CRM and ERP, for SQLite and PostgreSQL alike; columns and enums are those of the records."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB
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
    unique: Sequence[str] = (),
    indexes: Sequence[str] = (),
    positive: Sequence[str] = (),
) -> None:
    """`references` are from columns to tables of the same database; `unique` and `indexes` are lists of columns."""
    fields = fields_of(name)
    enums = {field.name: sa.column(field.name).in_(field.values) for field in fields if field.values}
    checks = enums | {column: sa.column(column) > 0 for column in positive}
    sa.Table(
        name,
        metadata,
        *[_column(field, references or {}) for field in fields],
        *[sa.UniqueConstraint(*columns.split(), name=_name(name, columns, "key")) for columns in unique],
        *[sa.CheckConstraint(check, name=_name(name, column, "check")) for column, check in checks.items()],
        *[sa.Index(_name(name, columns, "idx"), *columns.split()) for columns in indexes],
    )


def _name(table: str, columns: str, kind: str) -> str:
    """As PostgreSQL would name it."""
    return "_".join((table, *columns.split(), kind))


def _column(field: Field, references: Mapping[str, str]) -> "sa.Column[Any]":
    is_key = field.name == "id"
    sqlite_type = RawType("INTEGER" if is_key else DDL_TYPES[field.type])  # any other integer would need an index
    details: list[Any] = [sa.Identity()] if is_key else []
    if field.name in references:
        details.append(sa.ForeignKey(f"{references[field.name]}.id"))
    return sa.Column(
        field.name,
        _POSTGRES_TYPES[field.type].with_variant(sqlite_type, "sqlite"),
        *details,
        primary_key=is_key,
        nullable=field.nullable,
    )


CRM = sa.MetaData()
ERP = sa.MetaData()

_table(
    CRM,
    "customers",
    unique=["public_id"],
    indexes=[
        "account_manager_id id",
        "name id",
        "segment id",
        "country id",
        "credit_limit id",
        "created_at id",
    ],
)
_table(CRM, "contacts", references={"customer_id": "customers"}, indexes=["customer_id id", "name id"])
_table(
    CRM,
    "opportunities",
    references={"customer_id": "customers"},
    indexes=["customer_id id", "stage expected_close id", "created_at id"],
)
_table(ERP, "employees", references={"manager_id": "employees"}, unique=["email"], indexes=["manager_id id"])
_table(ERP, "products", unique=["sku"], indexes=["supplier_id id", "category id", "name id"])
_table(
    ERP,
    "orders",
    unique=["number"],
    positive=["version"],
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
