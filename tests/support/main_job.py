"""The main job, as a person does it: log in, start a server, run the notebook as a job, watch it, open its plot."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Protocol

from playwright.sync_api import Page, expect

from support.browser import OUTPUT, log_in, start_server
from support.browser import shot as save_shot
from support.installation import until


class Hub(Protocol):
    """Any installation, on one machine or on a cluster."""

    url: str

    def password(self, user: str) -> str:
        """What this user logs in with."""

    def token(self, user: str) -> str:
        """A token of this user."""

    def request(self, method: str, url: str, token: str | None, body: Any = None) -> tuple[int, Any]:
        """Status and decoded JSON; ``url`` may be relative to the API."""


def from_login_to_the_plot(page: Page, hub: Hub, folder: Path = OUTPUT) -> str:
    """Everything from the login page to the open plot; returns the job's id. Screenshots go to ``folder``."""

    def shot(page: Page, name: str) -> Path:
        return save_shot(page, name, folder)

    log_in(page, hub, "ann")
    shot(page, "01-home")
    start_server(page, hub, "ann", "physics", "small", before=lambda: shot(page, "02-spawn-form"))

    # Somebody fills the group's quota, so that the next job has to wait.
    token = hub.token("ann")
    status, filler = hub.request(
        "POST",
        "/groups/physics/jobs",
        token,
        {"name": "fill the quota", "image": "scientific-python", "instance_type": "large", "command": "sleep 3600"},
    )
    assert status == 201, filler
    job_url = f"/groups/physics/jobs/{filler['id']}"
    until("the filler runs", lambda: hub.request("GET", job_url, token)[1]["state"] == "Running")

    # The notebook, from its toolbar, with one parameter changed.
    page.get_by_test_id("collegium-panel").wait_for(state="attached")
    page.locator(
        '.jp-DirListing-item[title^="Name: digits.ipynb"], .jp-DirListing-item:has-text("digits.ipynb")'
    ).first.dblclick()
    page.locator(".jp-NotebookPanel").wait_for()
    page.get_by_test_id("collegium-run-as-job").first.click()
    form = page.get_by_test_id("collegium-form")
    form.wait_for()
    page.get_by_test_id("collegium-form-name").fill("digits, wider")
    page.get_by_test_id("collegium-param-hidden_units").fill("48")
    page.get_by_test_id("collegium-instance-type-medium").check()
    shot(page, "03-run-as-job-form")
    page.get_by_test_id("collegium-form-submit").click()

    # It waits, and says for what and where in line.
    page.locator('#tab-key-1-panel, .jp-SideBar [data-id="collegium-panel"]').first.click()
    row = page.locator('[data-testid="collegium-job-row"]', has_text="digits, wider")
    expect(row).to_have_attribute("data-state", "Pending")
    expect(row).to_contain_text(re.compile("5 of 6 CPU in use; 2 CPU more was asked"))
    shot(page, "04-pending")
    job_id = row.get_attribute("data-job-id")

    # The filler is cancelled, the job runs, and its lines appear while it runs.
    assert hub.request("POST", f"{job_url}/cancel", token)[0] in (200, 202)
    row.get_by_test_id("collegium-job-open-log").click()
    log = page.get_by_test_id("collegium-log")
    expect(log).to_contain_text("epoch   1", timeout=300_000)
    state_when_lines_came = page.get_by_test_id("collegium-detail-state").inner_text()
    shot(page, "05-running-with-log")
    assert "Running" in state_when_lines_came
    expect(page.get_by_test_id("collegium-detail-state")).to_contain_text("Succeeded", timeout=300_000)
    expect(log).to_contain_text('"hidden_units": 48')
    shot(page, "06-succeeded")

    # The plot opens in Lab.
    page.get_by_test_id("collegium-tab-artifacts").click()
    page.locator('[data-testid="collegium-artifact-open"][data-path="digits.png"]').first.click()
    image = page.locator(".jp-ImageViewer img")
    image.wait_for()
    until("the picture is drawn", lambda: image.evaluate("i => i.naturalWidth > 0"))
    shot(page, "07-plot")
    assert job_id
    return job_id
