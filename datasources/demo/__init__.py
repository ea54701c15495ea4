"""The demo's back office: a parts distributor whose data lives in a CRM, an ERP and a supply chain service."""

from datasources.demo.build import build_demo, is_built
from datasources.demo.postgres import DemoNotLoaded, load_postgres
from datasources.demo.scm import scm_app

__all__ = ["DemoNotLoaded", "build_demo", "is_built", "load_postgres", "scm_app"]
