"""Five relations over three real systems: one lookup for each, however many parents there are."""

from pathlib import Path

import httpx
import pytest

from datasources.registry import Registry
from gateway.app import create_app
from gateway.graph import load_graph
from gateway.settings import DevSettings
from gateway.sources import make_registry, with_demo
from tests.support.sources import Counted

pytestmark = pytest.mark.anyio

QUERY = """
query ($customers: Int!) {
  customers(first: $customers, orderBy: [{ creditLimit: DESC_NULLS_LAST }]) {
    nodes {
      name
      accountManager { name }
      orders(first: 3, orderBy: [{ placedAt: DESC }]) {
        nodes {
          number
          lines { nodes { quantity product { name stockLevels { nodes { quantity warehouse { name } } } } } }
          shipments { nodes { tracking } }
        }
      }
    }
  }
}
"""


@pytest.mark.parametrize("customers", [1, 5, 100])
async def test_one_lookup_for_each_relation(demo_folder: Path, customers: int) -> None:
    settings = with_demo(DevSettings(home=demo_folder.parent), {"crm", "erp", "scm"})
    counted = {name: Counted(source) for name, source in make_registry(settings).sources.items()}
    app = create_app(settings, load_graph("schema"), Registry(counted))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://demo") as client,
    ):
        response = await client.post("/graphql", json={"query": QUERY, "variables": {"customers": customers}})
    answer = response.json()
    assert list(answer) == ["data"]
    assert len(answer["data"]["customers"]["nodes"]) == customers
    assert {name: sorted(source.collections) for name, source in counted.items()} == {
        "crm": ["customers"],
        "erp": ["employees", "order_lines", "orders", "products"],
        "scm": ["shipments", "stock_levels", "warehouses"],
    }
