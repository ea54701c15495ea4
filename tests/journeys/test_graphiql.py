"""GraphiQL over the demo, in a real browser: the examples that read answer, and nothing leaves the host."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.async_api import expect

from gateway.app import create_app
from gateway.graph import load_graph
from gateway.settings import DevSettings
from gateway.sources import with_demo
from tests.support.chromium import artifact, chromium_tab, until_saved
from tests.support.server import serve

pytestmark = pytest.mark.anyio

TELLING = {
    "ThreeSystems": "stockLevels",
    "FindOrders": '"totalCount"',
    "Revenue": '"groups"',
    "WhereIsMyOrder": '"tracking"',
    "BestCustomers": '"ordersAggregate"',
}
"""What the answer to each example that reads shows."""


@pytest.mark.browser
async def test_the_examples_answer(demo_folder: Path) -> None:
    settings = with_demo(DevSettings(home=demo_folder.parent), {"crm", "erp", "scm"})
    async with serve(create_app(settings, load_graph("schema"))) as origin, chromium_tab() as tab:
        page = tab.page
        result = page.locator(".graphiql-response .view-lines")
        await page.goto(f"{origin}/graphql")
        await expect(page.locator(".graphiql-tab-button")).to_have_text([*TELLING, "CreateOrder"])
        for name, telling in TELLING.items():
            await page.get_by_role("tab", name=name).click()
            await until_saved(page, name, name)
            await page.get_by_role("button", name="Execute query").click()
            await expect(result).to_contain_text('"data"')
            await expect(result).to_contain_text(telling)
            await expect(result).not_to_contain_text('"errors"')
            await page.screenshot(path=artifact(f"graphiql-{name}.png"))
    assert {urlsplit(url).netloc for url in tab.requests} == {urlsplit(origin).netloc}
    # the explorer has no boxes for lists of input objects, such as orderBy, and says so
    assert [complaint for complaint in tab.complaints if not complaint.startswith("arg mismatch")] == []
