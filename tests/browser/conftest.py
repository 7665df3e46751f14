"""One hub for all browser tests, and Chromium."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from support.browser import OUTPUT, chromium, visitor
from support.installation import Installation as Hub
from support.mail import MailSink, mail_sink

# Servers are slow on a busy machine; what is expected is waited for.
expect.set_options(timeout=90_000)


@pytest.fixture(scope="package")
def mail() -> Iterator[MailSink]:
    """The mail server of the hub below."""
    with mail_sink() as sink:
        yield sink


@pytest.fixture(scope="package")
def hub(tmp_path_factory: pytest.TempPathFactory, mail: MailSink) -> Iterator[Hub]:
    server = {"host": mail.host, "port": mail.port, "security": "none", "sender": "collegium@example.org"}
    mail_lines = f"import os\nos.environ['COLLEGIUM_MAIL'] = {json.dumps(server)!r}"
    running = Hub(tmp_path_factory.mktemp("browser-hub"), extra=mail_lines)
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
