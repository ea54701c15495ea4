"""The collections that the contract's tests of writes write to, with every kind of constraint; at first empty."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from datasources.lookup import Collection, Column, ColumnType
from datasources.memory_tables import Constraints

TEAMS = Collection(
    "teams",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("name", ColumnType.STRING, nullable=False),
        Column("lead_id", ColumnType.INTEGER),
    ),
)
PAPERS = Collection(
    "papers",
    "id",
    (
        Column("id", ColumnType.INTEGER, nullable=False),
        Column("number", ColumnType.STRING, nullable=False),
        Column("team_id", ColumnType.INTEGER),
        Column("shelf", ColumnType.INTEGER),
        Column("total", ColumnType.DECIMAL, scale=2),
        Column("status", ColumnType.STRING, nullable=False),
        Column("version", ColumnType.INTEGER, nullable=False),
        Column("big", ColumnType.BIGINT),
        Column("score", ColumnType.FLOAT),
        Column("born", ColumnType.DATE),
        Column("seen", ColumnType.DATETIME),
        Column("token", ColumnType.UUID),
        Column("active", ColumnType.BOOLEAN),
        Column("data", ColumnType.JSON),
    ),
)
KEYS = Collection("keys", "id", (Column("id", ColumnType.UUID, nullable=False), Column("label", ColumnType.STRING)))
WRITTEN: Mapping[str, Collection] = {each.name: each for each in (TEAMS, PAPERS, KEYS)}

TYPES: Mapping[str, Mapping[str, ColumnType]] = {
    name: {column.name: column.type for column in collection.columns} for name, collection in WRITTEN.items()
}

CONSTRAINTS: Mapping[str, Constraints] = {
    "teams": Constraints(
        not_null=frozenset({"name"}),
        unique=(("name",),),
        references={"lead_id": ("teams", "id")},
    ),
    "papers": Constraints(
        defaults={"status": lambda: "draft", "version": lambda: 1},
        not_null=frozenset({"number", "status", "version"}),
        unique=(("number",), ("team_id", "shelf")),
        references={"team_id": ("teams", "id")},
        checks={
            "papers_total_check": (("total",), lambda row: row["total"] is None or row["total"] >= 0),
            "shelved_by_team": (("team_id", "shelf"), lambda row: row["shelf"] is None or row["team_id"] is not None),
        },
    ),
}

TABLES = """
CREATE TABLE teams (
  id {key},
  name text NOT NULL UNIQUE,
  lead_id integer REFERENCES teams (id)
);
CREATE TABLE papers (
  id {key},
  number text NOT NULL CONSTRAINT papers_number_key UNIQUE,
  team_id integer CONSTRAINT papers_team_id_fkey REFERENCES teams (id),
  shelf integer,
  total {decimal} CONSTRAINT papers_total_check CHECK (total >= 0),
  status text NOT NULL DEFAULT 'draft',
  version integer NOT NULL DEFAULT 1,
  big bigint,
  score double precision,
  born date,
  seen {datetime},
  token uuid,
  active boolean,
  data {json},
  UNIQUE (team_id, shelf),
  CONSTRAINT shelved_by_team CHECK (shelf IS NULL OR team_id IS NOT NULL)
);
CREATE INDEX ON_papers_team ON papers (team_id);
CREATE TABLE keys (id uuid PRIMARY KEY{uuid}, label text);
"""

VALUES: Mapping[str, Any] = {
    "number": "P-1",
    "total": Decimal("12.50"),
    "big": 2**62,
    "score": 0.25,
    "born": date(2024, 2, 29),
    "seen": datetime(2024, 2, 29, 12, 0, 0, 500000, UTC),
    "token": UUID("00000000-0000-4000-8000-0000000000ff"),
    "active": True,
    "data": {"a": [1, 2.5, None, "é"]},
}
"""A paper with a value of every type."""
