"""What several browser tests do."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from support.installation import ROOT

if TYPE_CHECKING:
    from support.main_job import Hub

OUTPUT = ROOT / "test-output" / "browser"


#: How every Chromium of the tests starts.
LAUNCH = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--disable-background-networking"]


def installed() -> str | None:
    """The system's Chromium if there is one; None is Playwright's own."""
    found = [p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p]
    return found[0] if found else None


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    """Headless Chromium: the system's if there is one, else Playwright's own."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=installed(), args=LAUNCH)
        yield launched
        launched.close()


def shot(page: Page, name: str, folder: Path = OUTPUT) -> Path:
    """Save what the visitor sees under the test's output."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.png"
    page.screenshot(path=path)
    return path


def log_in(page: Page, hub: Hub, user: str) -> None:
    """Through the hub's login page, to the page with the groups."""
    page.goto(f"{hub.url}/hub/login")
    page.fill("input[name=username]", user)
    page.fill("input[name=password]", hub.password(user))
    page.click("#login_submit")
    page.wait_for_url("**/hub/home*")


def stop_server(hub: Hub, user: str, group: str) -> None:
    """Stop a server if it is there, and wait until it is not."""
    address, token = f"{hub.url}/hub/api/users/{user}", hub.token(user)
    deadline = time.monotonic() + 120
    while group in hub.request("GET", address, token)[1]["servers"]:
        assert time.monotonic() < deadline, f"the server of {user} in {group} does not stop"
        hub.request("DELETE", f"{address}/servers/{group}", token)
        time.sleep(0.2)


def start_server(
    page: Page, hub: Hub, user: str, group: str, instance_type: str, before: Callable[[], object] = lambda: None
) -> None:
    """Fill in the spawn form and wait for JupyterLab; ``before`` is called with the form filled in. A server that an
    earlier test, or an earlier try, left there is stopped first."""
    stop_server(hub, user, group)
    page.goto(f"{hub.url}/hub/spawn/{user}/{group}")
    page.locator(f'input[name=instance_type][value="{instance_type}"]:enabled').first.check()
    before()
    page.click("#spawn_form button[type=submit]")
    page.wait_for_url(f"**/user/{user}/{group}/lab**", timeout=180_000)
    page.wait_for_selector("#jupyterlab-splash", state="detached", timeout=180_000)


@contextlib.contextmanager
def visitor(browser: Browser, request: pytest.FixtureRequest, folder: Path = OUTPUT) -> Iterator[Page]:
    """A fresh visitor; what they saw last is kept in ``folder`` when the test fails."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    context.set_default_timeout(90_000)
    opened = context.new_page()
    failures = request.session.testsfailed
    yield opened
    if request.session.testsfailed > failures:
        shot(opened, f"failed-{request.node.name}", folder)
    context.close()
