"""One hub for all browser tests, and Chromium."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import OUTPUT, chromium, visitor
from support.installation import Installation as Hub

# Servers are slow on a busy machine; what is expected is waited for.
expect.set_options(timeout=90_000)


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    running = Hub(tmp_path_factory.mktemp("browser-hub"))
    try:
        yield running.start()
    finally:
        running.stop()
        OUTPUT.mkdir(parents=True, exist_ok=True)
        shutil.copy(running.log, OUTPUT / "hub.log")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium for this package only: Playwright keeps a loop running, in which asynchronous tests cannot start."""
    with chromium() as launched:
        yield launched


@pytest.fixture
def page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    with visitor(browser, request) as opened:
        yield opened
