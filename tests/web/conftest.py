"""A browser, and pages to look at."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext

    from tests.web.stand_in import StandIn

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-sync",
    "--no-first-run",
    "--disable-dev-shm-usage",
]
_TIMEOUT = 60_000


@pytest.fixture(scope="session")
async def browser() -> "AsyncIterator[Browser]":
    """Debian's Chromium, without anything that it says to its maker."""
    from playwright.async_api import async_playwright

    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
async def make_context(browser: "Browser") -> AsyncIterator[Any]:
    """Makes browser contexts that fail the test for what the console complains of."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    async def make(**options: Any) -> "BrowserContext":
        context = await browser.new_context(**options)
        context.set_default_timeout(_TIMEOUT)
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        context.on("console", lambda message: complaints.append(message.text) if _is_grave(message) else None)
        contexts.append(context)
        return context

    yield make
    for context in contexts:
        await context.close()
    assert complaints == []


@pytest.fixture
async def stand_in() -> "AsyncIterator[StandIn]":
    """A gateway that says what the test wants it to, stocked with samples."""
    from tests.web.sample import stock
    from tests.web.stand_in import StandIn

    server = StandIn()
    stock(server)
    await server.start()
    yield server
    await server.stop()


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker's source."""
    found = Path(__file__).parents[2] / "services" / "web" / "node_modules" / "axe-core" / "axe.min.js"
    assert found.exists(), "run `make web` first: the accessibility checker comes by npm"
    return found.read_text()


def _is_grave(message: Any) -> bool:
    # What a server refuses is said in the page; that the console says it too can't be turned off.
    return message.type == "error" and "Failed to load resource" not in message.text
