"""What else people meet: no group, a viewer, a service that is down, the dark theme, the keyboard."""

from __future__ import annotations

import os
import signal

from playwright.sync_api import Page, expect

from support.browser import log_in, shot, start_server
from support.installation import Installation as Hub
from support.installation import until


def test_nobody_without_a_group_is_left_alone(page: Page, hub: Hub) -> None:
    log_in(page, hub, "zoe")
    expect(page.locator("body")).to_contain_text("No group available")
    expect(page.locator("body")).to_contain_text("admin")
    page.goto(f"{hub.url}/hub/spawn/zoe")
    expect(page.locator("body")).to_contain_text("No group available")
    expect(page.locator("#spawn_form button[type=submit]")).to_have_count(0)
    shot(page, "10-no-group")


def test_a_viewer_is_told_why_nothing_starts(page: Page, hub: Hub) -> None:
    log_in(page, hub, "vic")
    page.goto(f"{hub.url}/hub/spawn/vic/physics")
    expect(page.locator("body")).to_contain_text("As viewer you can look but not start servers here")
    expect(page.locator("#spawn_form button[type=submit]")).to_be_disabled()
    shot(page, "11-viewer")


def test_a_wrong_password_is_told_plainly(page: Page, hub: Hub) -> None:
    page.goto(f"{hub.url}/hub/login")
    page.fill("input[name=username]", "ann")
    page.fill("input[name=password]", "wrong")
    page.click("#login_submit")
    expect(page.locator(".login_error")).to_contain_text("Invalid")


def test_the_panel_says_when_the_service_is_down_and_comes_back(page: Page, hub: Hub) -> None:
    log_in(page, hub, "bob")
    start_server(page, hub, "bob", "physics", "small")
    page.locator('.jp-SideBar [data-id="collegium-panel"]').click()
    expect(page.get_by_test_id("collegium-usage-group")).to_be_visible()
    page.evaluate("document.body.dataset.before = 'yes'")
    (service,) = [p for p in hub.processes("collegium.services") if p]
    os.kill(service, signal.SIGSTOP)
    try:
        page.get_by_test_id("collegium-group-select").focus()
        os.kill(service, signal.SIGKILL)
    finally:
        until(
            "the hub has started the service again",
            lambda: [p for p in hub.processes("collegium.services") if p != service],
        )
    until("the service answers again", hub.answers)
    expect(page.get_by_test_id("collegium-usage-group")).to_be_visible(timeout=90_000)
    expect(page.get_by_test_id("collegium-status")).to_have_count(0, timeout=90_000)


def test_the_dark_theme_and_the_keyboard(page: Page, hub: Hub) -> None:
    log_in(page, hub, "mia")
    start_server(page, hub, "mia", "biology", "small")
    page.locator(".lm-MenuBar-item", has_text="Settings").click()
    page.locator(".lm-Menu-item[data-type=submenu]", has_text="Theme").first.hover()
    page.locator(".lm-Menu-item", has_text="JupyterLab Dark").first.click()
    page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
    # Lab may have opened it again, as an earlier test left it.
    if not page.get_by_test_id("collegium-usage-group").is_visible():
        page.locator('.jp-SideBar [data-id="collegium-panel"]').click()
    expect(page.get_by_test_id("collegium-usage-group")).to_be_visible()
    page.get_by_test_id("collegium-new-job").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("collegium-form")).to_be_visible()
    shot(page, "12-dark")
