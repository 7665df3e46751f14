"""A sweep in the browser, from the form to the best point, and mail about a job that failed."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from support.browser import log_in, shot
from support.installation import Installation as Hub
from support.mail import MailSink

#: The further from 0.1 and 2, the larger; three steps.
COMMAND = """python3 - <<'END'
import json, os
lr, layers = float(os.environ["PARAM_lr"]), int(os.environ["PARAM_layers"])
with open(os.environ["COLLEGIUM_ARTIFACTS"] + "/metrics.jsonl", "a") as file:
    for step in range(3):
        print(json.dumps({"step": step, "loss": abs(lr - 0.1) + abs(layers - 2) + 1 / (step + 1)}), file=file)
END
"""


def open_group(page: Page, hub: Hub, user: str, place: str) -> None:
    log_in(page, hub, user)
    page.goto(f"{hub.url}/services/collegium/portal#/groups/{place}")
    expect(page.locator(".clg-nav")).to_be_visible()


def test_a_sweep_of_nine_to_its_best_point(page: Page, hub: Hub) -> None:
    open_group(page, hub, "mia", "biology/sweeps")
    expect(page.get_by_test_id("collegium-empty")).to_contain_text("as a sweep")
    page.goto(f"{hub.url}/services/collegium/portal#/groups/biology/jobs")
    page.get_by_test_id("collegium-new-job").click()
    page.get_by_test_id("collegium-form-name").fill("tune")
    page.get_by_test_id("collegium-when-sweep").check()
    page.get_by_test_id("collegium-form-command").fill(COMMAND)
    page.get_by_test_id("collegium-axis-name-0").fill("lr")
    page.get_by_test_id("collegium-axis-kind-0").select_option("spread")
    page.get_by_test_id("collegium-axis-from-0").fill("0.01")
    page.get_by_test_id("collegium-axis-to-0").fill("1")
    page.get_by_test_id("collegium-axis-count-0").fill("3")
    page.get_by_label("logarithmic").check()
    page.get_by_test_id("collegium-axis-add").click()
    page.get_by_test_id("collegium-axis-name-1").fill("layers")
    page.get_by_test_id("collegium-axis-values-1").fill("1, 2, 3")
    page.get_by_test_id("collegium-sweep-metric").fill("loss")
    page.get_by_test_id("collegium-instance-type-small").check()
    expect(page.get_by_test_id("collegium-sweep-total")).to_have_text("9")
    # What the service says of a field stands at that field.
    page.get_by_test_id("collegium-axis-from-0").fill("0")
    page.get_by_test_id("collegium-form-submit").click()
    expect(page.locator(".clg-axis").first).to_contain_text("logarithmic scale")
    # The preview may have said it before; the refused submit leads to the field, and only then is it free to be mended.
    expect(page.get_by_role("alert")).to_contain_text("logarithmic scale")
    expect(page.locator(".clg-axis").first.locator(":focus")).to_be_visible()
    page.get_by_test_id("collegium-axis-from-0").fill("0.01")
    expect(page.get_by_test_id("collegium-sweep-preview")).to_contain_text("0.1")
    shot(page, "50-sweep-form")
    page.get_by_test_id("collegium-form-submit").click()

    sweep = page.get_by_test_id("collegium-sweep")
    expect(sweep).to_be_visible()
    expect(page.get_by_test_id("collegium-sweep-progress").first).to_contain_text("of 9 ended")
    shot(page, "51-sweep-running")
    expect(sweep).to_have_attribute("data-state", "Succeeded", timeout=180_000)
    best = page.get_by_test_id("collegium-sweep-best")
    expect(best).to_contain_text("loss 0.33")
    expect(best).to_contain_text("lr 0.1, layers 2")
    expect(page.get_by_test_id("collegium-sweep-lines")).to_have_attribute("data-series", "9")
    expect(page.get_by_test_id("collegium-sweep-lines").locator("path.clg-plot-line")).to_have_count(9)
    expect(page.get_by_test_id("collegium-sweep-dots").locator("circle.clg-plot-dot")).to_have_count(9)
    table = page.get_by_test_id("collegium-sweep-table")
    table.get_by_role("button", name="loss").click()
    expect(table.locator("tbody tr").first).to_contain_text("best")
    # The plot is read by keys, and as a table.
    plot = page.get_by_test_id("collegium-sweep-lines")
    plot.get_by_role("slider").focus()
    page.keyboard.press("End")
    expect(plot.get_by_role("slider")).to_have_attribute("aria-valuetext", re.compile(r"step 2: .*layers 2 0\.333"))
    shot(page, "52-sweep")
    plot.get_by_role("button", name="Table").click()
    expect(plot.locator("tbody tr")).to_have_count(3)
    best.get_by_role("button").click()
    page.get_by_test_id("collegium-tab-metrics").click()
    expect(page.get_by_test_id("collegium-metric-loss")).to_be_visible()
    shot(page, "53-metrics")
    page.locator(".clg-nav").get_by_role("link", name="Recent activity").click()
    expect(page.get_by_test_id("collegium-activity").locator("[data-kind=sweep][data-state=Succeeded]")).to_be_visible()


def test_mail_about_a_job_that_failed(page: Page, hub: Hub, mail: MailSink) -> None:
    log_in(page, hub, "mia")
    page.click("#collegium-menu")
    page.click("#menu-notifications")
    form = page.get_by_test_id("collegium-own-notifications")
    form.get_by_test_id("collegium-event-job.failed").check()
    form.get_by_test_id("collegium-notify-save").click()
    expect(form).to_contain_text("your account has none")
    form.get_by_test_id("collegium-notify-address").fill("mia@example.org")
    form.get_by_test_id("collegium-notify-save").click()
    expect(page.get_by_test_id("collegium-notify-said")).to_have_text("Saved.")
    shot(page, "54-notifications")
    body = {"name": "doomed", "command": "exit 3", "image": "scientific-python", "instance_type": "small"}
    status, job = hub.request("POST", "/groups/biology/jobs", hub.token("mia"), body)
    assert status == 201, job
    message = mail.wait_for("mia@example.org", lambda m: "doomed" in str(m["subject"]))
    assert "3" in message.get_content()
    page.goto(f"{hub.url}/services/collegium/portal#/")
    row = page.get_by_test_id("collegium-activity").locator(f"[data-id='{job['id']}'][data-state=Failed]")
    expect(row).to_contain_text("doomed")
    shot(page, "55-home")
