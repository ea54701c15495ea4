"""A real Chromium for tests: it records what its pages ask for and complain about."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest
from playwright.async_api import Page, async_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


@dataclass(frozen=True)
class BrowserTab:
    """A page, the URLs it asked for, and the warnings and errors it reported, policy violations included."""

    page: Page
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)


@asynccontextmanager
async def chromium_tab(width: int = 1440, height: int = 900) -> AsyncIterator[BrowserTab]:
    """A tab of a fresh headless Chromium; skips the test where there is none, but fails in CI."""
    executable = next(filter(None, map(shutil.which, _NAMES)), None)
    if executable is None:
        unavailable("no Chromium on the PATH")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=executable, args=_ARGUMENTS)
        page = await browser.new_page(viewport={"width": width, "height": height})
        tab = BrowserTab(page)
        page.on("request", lambda request: tab.requests.append(request.url))
        page.on("pageerror", lambda error: tab.complaints.append(str(error)))
        page.on(
            "console",
            lambda message: tab.complaints.append(message.text) if message.type in ("error", "warning") else None,
        )
        yield tab
        await browser.close()


async def until_saved(page: Page, operation: str, text: str) -> None:
    """Wait until GraphiQL, which follows typing with a delay, has stored the active tab's operation and text."""
    await page.evaluate(
        """([operation, text]) => new Promise((done) => {
            const look = () => {
                const { tabs = [], activeTabIndex } = JSON.parse(localStorage.getItem("graphiql:tabState") ?? "{}");
                const tab = tabs[activeTabIndex];
                if (tab?.operationName === operation && tab.query.includes(text)) done();
                else requestAnimationFrame(look);
            };
            look();
        })""",
        [operation, text],
    )


def artifact(name: str) -> Path:
    """Where a test leaves a file for people to look at."""
    folder = Path(os.environ.get("GATEWAY_ARTIFACTS", "artifacts"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder / name


def unavailable(reason: str) -> NoReturn:
    """Skip the test, or fail it in CI, where every tool is installed."""
    if "CI" in os.environ:
        pytest.fail(reason)
    pytest.skip(reason)
