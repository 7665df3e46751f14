"""Work that runs by itself, and a list of hundreds of jobs, as people meet them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

from playwright.sync_api import Page, expect

from support.browser import log_in, shot, start_server
from support.installation import Installation as Hub
from support.installation import until

JOBS = 400
NOTEBOOK = {
    "cells": [
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "parameters",
            "metadata": {"tags": ["parameters"]},
            "outputs": [],
            "source": "from typing import Literal\ncount: int = 3  # how many\nmood: Literal['calm', 'loud'] = 'calm'",
        },
        {
            "cell_type": "code",
            "execution_count": None,
            "id": "work",
            "metadata": {},
            "outputs": [],
            "source": "print('tick', count, mood)",
        },
    ],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}


def submit_hundreds(hub: Hub, token: str) -> None:
    for part in range(0, JOBS, 100):
        jobs = [
            {
                "key": f"k{n}",
                "name": f"many {part + n:03d}",
                "image": "scientific-python",
                "instance_type": "large",
                "command": "sleep 3600",
                "tags": ["odd"] if n % 2 else [],
            }
            for n in range(100)
        ]
        status, answer = hub.request("POST", "/groups/physics/jobs/batch", token, {"jobs": jobs})
        assert status == 201, answer
    # One that the filter leaves out, so that one sees when it has done so.
    other = {"name": "other", "image": "scientific-python", "instance_type": "large", "command": "true"}
    assert hub.request("POST", "/groups/physics/jobs", token, other)[0] == 201


def the_list_of_hundreds(page: Page, hub: Hub, token: str) -> None:
    """In the portal: only what is seen is drawn, keys lead through it, and all are cancelled at once."""
    submit_hundreds(hub, token)
    page.goto(f"{hub.url}/services/collegium/portal#/groups/physics/jobs")
    expect(page.get_by_test_id("collegium-job-row").first).to_have_attribute("aria-label", re.compile("^other"))
    page.get_by_test_id("collegium-filter-text").fill("many")
    rows = page.get_by_test_id("collegium-job-row")
    grid = page.get_by_test_id("collegium-job-grid")
    expect(grid).to_have_attribute("aria-rowcount", str(JOBS))
    expect(rows.first).to_have_attribute("aria-label", re.compile("^many 399, Pending, ann"))
    # To the end by keys; it is loaded on the way, and never more is drawn than the screen holds.
    rows.first.focus()

    def at_the_end() -> bool:
        page.keyboard.press("End")
        return page.locator(":focus").get_attribute("aria-rowindex") == str(JOBS)

    until("the last job has the focus", at_the_end)
    expect(page.locator(":focus")).to_have_attribute("aria-label", re.compile("^many 000"))
    assert rows.count() < 80
    shot(page, "43-list-end")
    page.keyboard.press("Home")
    expect(page.locator(":focus")).to_have_attribute("aria-rowindex", "1")
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowDown")
    expect(page.get_by_test_id("collegium-bulk")).to_contain_text("2 jobs chosen")
    # The service filters: half of them have the tag.
    page.get_by_test_id("collegium-filter-tag").focus()
    page.get_by_test_id("collegium-filter-tag").select_option("odd")
    expect(grid).to_have_attribute("aria-rowcount", str(JOBS // 2))
    expect(page.get_by_test_id("collegium-bulk")).to_have_count(0)
    page.get_by_test_id("collegium-filter-tag").select_option("")
    expect(grid).to_have_attribute("aria-rowcount", str(JOBS))
    rows.first.get_by_test_id("collegium-job-choose").click()
    page.get_by_test_id("collegium-bulk-all").click()
    expect(page.get_by_test_id("collegium-bulk")).to_contain_text(f"{JOBS} jobs chosen")
    shot(page, "44-list-chosen")
    page.get_by_test_id("collegium-bulk-cancel").click()
    expect(page.locator("dialog")).to_contain_text(f"Cancel {JOBS} jobs?")
    page.get_by_test_id("collegium-ask-accept").click()
    expect(page.get_by_test_id("collegium-note")).to_contain_text(f"{JOBS} jobs cancelled")
    page.get_by_test_id("collegium-filter-state").select_option("Pending,Preparing,Running")
    expect(page.get_by_test_id("collegium-jobs")).to_contain_text("No job fits the filters")


def test_a_notebook_on_a_schedule(page: Page, hub: Hub) -> None:
    token = hub.token("ann")
    log_in(page, hub, "ann")
    start_server(page, hub, "ann", "chemistry", "small")
    (hub.state / "homes/ann/chemistry/tick.ipynb").write_text(json.dumps(NOTEBOOK))
    page.get_by_role("button", name="Refresh the file browser").first.click()
    item = page.locator(".jp-DirListing-item", has_text="tick.ipynb").first
    item.click(button="right")
    page.locator(".lm-Menu-item", has_text="Run on a Schedule").click()
    form = page.get_by_test_id("collegium-form")
    expect(form).to_contain_text("New schedule in Chemistry")

    # The parameters have the types that the notebook gives them.
    expect(page.get_by_test_id("collegium-param-mood")).to_have_attribute("data-kind", "choice")
    page.get_by_test_id("collegium-param-mood").select_option("loud")
    page.get_by_test_id("collegium-param-count").fill("1.5")
    page.get_by_test_id("collegium-form-submit").click()
    expect(form).to_contain_text("must be a whole number")
    page.get_by_test_id("collegium-param-count").fill("7")

    # What the service says of the time stands where it was typed; the preview follows.
    preview = page.get_by_test_id("collegium-preview")
    page.get_by_test_id("collegium-rhythm").select_option("cron")
    page.get_by_test_id("collegium-when-expression").fill("0 6 30 2 *")
    expect(form.locator(".clg-field-wrong", has=page.get_by_test_id("collegium-when-expression"))).to_be_visible()
    page.get_by_test_id("collegium-when-zone").fill("Europe/Atlantis")
    page.get_by_test_id("collegium-when-expression").fill("0 6 * * *")
    expect(form.locator(".clg-field-wrong", has=page.get_by_test_id("collegium-when-zone"))).to_be_visible()
    page.get_by_test_id("collegium-when-zone").fill("Europe/Berlin")
    expect(preview.locator("li")).to_have_count(5)
    shot(page, "40-schedule-form")

    # Every minute, which is the most often there may be; counted so that the first is due right away.
    page.get_by_test_id("collegium-rhythm").select_option("interval")
    page.get_by_test_id("collegium-when-zone").fill("UTC")
    page.get_by_test_id("collegium-when-every").fill("1")
    page.get_by_test_id("collegium-when-unit").select_option("minutes")
    anchor = datetime.now(UTC) - timedelta(seconds=52)
    page.get_by_test_id("collegium-when-anchor").fill(anchor.strftime("%Y-%m-%dT%H:%M:%S"))
    page.get_by_test_id("collegium-instance-type-small").check()
    page.get_by_test_id("collegium-form-submit").click()
    view = page.get_by_test_id("collegium-schedule")
    expect(view).to_have_attribute("data-state", "Active")
    schedule = view.get_attribute("data-schedule-id")
    fired = view.locator("[data-testid=collegium-run][data-trigger=time]")
    expect(fired).to_have_count(1)

    # Meanwhile, in another tab.
    portal = page.context.new_page()
    the_list_of_hundreds(portal, hub, token)
    portal.close()

    # Second fire; the notebook ran with what the form said.
    expect(fired).to_have_count(2)
    expect(fired.last).to_have_attribute("data-state", "Succeeded")
    page.locator('.jp-SideBar [data-id="collegium-panel"]').click()
    page.get_by_test_id("collegium-section-schedules").click()
    row = page.locator(f'[data-testid=collegium-schedule-row][data-schedule-id="{schedule}"]')
    expect(row.get_by_test_id("collegium-schedule-next")).to_contain_text("next")
    shot(page, "41-two-fires")

    # Paused, edited, resumed, and by hand.
    page.get_by_test_id("collegium-schedule-pause").click()
    expect(view).to_have_attribute("data-state", "Paused")
    expect(row).to_have_attribute("data-state", "Paused")
    page.get_by_test_id("collegium-schedule-update").click()
    edit = page.get_by_test_id("collegium-form").last
    expect(edit.get_by_test_id("collegium-when-every")).to_have_value("1")
    expect(edit.get_by_test_id("collegium-form-name")).to_have_value("tick.ipynb")
    edit.get_by_test_id("collegium-when-every").fill("0.5")
    edit.get_by_test_id("collegium-when-unit").select_option("minutes")
    edit.get_by_test_id("collegium-form-submit").click()
    expect(edit.locator(".clg-field-wrong")).to_contain_text("60")
    edit.get_by_test_id("collegium-when-every").fill("2")
    edit.get_by_test_id("collegium-when-unit").select_option("hours")
    edit.get_by_test_id("collegium-form-name").fill("tick, seldom")
    edit.get_by_test_id("collegium-form-submit").click()
    expect(view.locator("h2")).to_have_text("tick, seldom")
    expect(view).to_contain_text("Every 2 hours")
    page.get_by_test_id("collegium-schedule-resume").click()
    expect(view).to_have_attribute("data-state", "Active")

    # History: how it went, and the jobs behind it.
    expect(page.get_by_test_id("collegium-trend-share")).to_contain_text("100 %")
    assert view.locator(".clg-spark rect").count() >= 1
    shot(page, "42-history")
    view.get_by_test_id("collegium-run-job").last.click()
    expect(page.get_by_test_id("collegium-log")).to_contain_text("tick 7 loud")

    # Deleting asks first.
    row.get_by_role("button", name=re.compile("^Delete")).click()
    page.locator(".jp-Dialog").get_by_role("button", name="Delete the schedule").click()
    expect(row).to_have_count(0)
    assert hub.request("GET", f"/groups/chemistry/schedules/{schedule}", token)[0] == 404
