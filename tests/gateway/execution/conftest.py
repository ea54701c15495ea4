"""The PostgreSQL server of plans' tests."""

from tests.datasources.sql.conftest import postgres

__all__ = ["postgres"]
