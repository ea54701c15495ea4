"""SQL databases: statements built with SQLAlchemy Core, run on each database's own driver."""

from datasources.sql.postgres import PostgresSource
from datasources.sql.sqlite import SqliteSource

__all__ = ["PostgresSource", "SqliteSource"]
