"""Datasets in the browser: made from shared files, versions, grants and uses; and the platform's pages about data."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from support.browser import log_in, shot
from support.installation import Installation as Hub

CSV = "label,pixels,size\nzero,0.5,8\none,1.5,8\ntwo,,9\n"
COMMAND = "cat $COLLEGIUM_DATASETS/digits/train.csv"


def go(page: Page, hub: Hub, place: str) -> None:
    page.goto(f"{hub.url}/services/collegium/portal#/{place}")


def open_portal(page: Page, hub: Hub, user: str, place: str) -> None:
    log_in(page, hub, user)
    go(page, hub, place)
    expect(page.locator(".clg-nav")).to_be_visible()


def drop(page: Page, name: str, text: str, kind: str) -> None:
    file = {"name": name, "mimeType": kind, "buffer": text.encode()}
    page.get_by_test_id("collegium-upload-files").set_input_files([file])


def test_a_dataset_from_shared_files_to_a_job(page: Page, hub: Hub) -> None:
    open_portal(page, hub, "ann", "groups/physics/files")
    expect(page.get_by_test_id("collegium-files-empty")).to_be_visible()
    drop(page, "train.csv", CSV, "text/csv")
    row = page.get_by_test_id("collegium-file-grid").get_by_role("row", name="train.csv")
    expect(row).to_be_visible()
    row.click()
    page.get_by_test_id("collegium-make-dataset").click()
    form = page.get_by_test_id("collegium-dataset-form")
    name = form.get_by_test_id("collegium-dataset-name")
    expect(name).to_have_value("train")
    expect(form.get_by_test_id("collegium-dataset-copies")).to_contain_text("train.csv")
    # What is wrong with a name stands at it, and nothing typed is lost.
    name.fill("Digits!")
    form.get_by_test_id("collegium-dataset-make").click()
    expect(form.locator("#clg-new-dataset-name-error")).to_contain_text("a-z")
    name.fill("digits")
    form.get_by_test_id("collegium-dataset-title").fill("Handwritten digits")
    form.get_by_test_id("collegium-dataset-licence").fill("CC-BY-4.0")
    form.get_by_test_id("collegium-tags").fill("images")
    form.get_by_test_id("collegium-tags").press("Enter")
    form.get_by_test_id("collegium-dataset-description").fill("Small pictures of digits, with their labels.")
    shot(page, "70-dataset-form")
    form.get_by_test_id("collegium-dataset-make").click()

    dataset = page.get_by_test_id("collegium-dataset")
    expect(dataset).to_be_visible()
    expect(dataset.get_by_test_id("collegium-file-grid").get_by_role("row", name="train.csv")).to_be_visible()
    expect(dataset.get_by_test_id("collegium-dataset-where")).to_contain_text("collegium://physics/.datasets/digits")
    drop(page, "about.md", "# Digits\n", "text/markdown")
    expect(dataset.get_by_role("row", name="about.md")).to_be_visible()
    shot(page, "71-dataset-data")

    dataset.get_by_test_id("collegium-dataset-tab-versions").click()
    dataset.get_by_test_id("collegium-version-note").fill("as it was measured")
    dataset.get_by_test_id("collegium-version-make").click()
    version = dataset.get_by_test_id("collegium-version-row")
    expect(version).to_have_attribute("data-state", "Ready")
    version.get_by_test_id("collegium-version-open").click()
    table = dataset.get_by_test_id("collegium-version-table")
    expect(table).to_contain_text("train.csv")
    expect(table).to_contain_text("pixels")
    expect(table.locator("tbody tr")).to_have_count(3)
    dataset.get_by_test_id("collegium-manifest").locator("summary").click()
    expect(dataset.get_by_test_id("collegium-manifest")).to_contain_text("sha256:")
    shot(page, "72-dataset-version")
    version.get_by_role("button", name="Files of version 1").click()
    expect(dataset.get_by_test_id("collegium-dataset-data")).to_have_attribute("data-version", "1")
    expect(dataset.get_by_role("row", name="train.csv")).to_be_visible()
    # Nothing can be changed in a version.
    expect(dataset.get_by_role("button", name="Upload files")).to_be_disabled()

    dataset.get_by_test_id("collegium-dataset-tab-access").click()
    dataset.get_by_test_id("collegium-grant-group").fill("chemistry")
    dataset.get_by_test_id("collegium-grant-add").click()
    expect(dataset.locator("[data-group=chemistry]")).to_have_attribute("data-access", "ro")
    shot(page, "73-dataset-access")

    go(page, hub, "groups/chemistry/datasets")
    row = page.get_by_test_id("collegium-datasets-table").locator("[data-dataset=digits]")
    expect(row.get_by_test_id("collegium-dataset-access")).to_have_attribute("data-access", "ro")
    expect(row).to_contain_text("of physics")
    shot(page, "74-datasets-granted")
    a_job_of_a_version(page, hub)


def a_job_of_a_version(page: Page, hub: Hub) -> None:
    """The other group's job reads version 1; its details and the owner's list of uses show it."""
    go(page, hub, "groups/chemistry/jobs")
    page.get_by_test_id("collegium-new-job").click()
    page.get_by_test_id("collegium-form-name").fill("read-digits")
    page.get_by_test_id("collegium-form-command").fill(COMMAND)
    page.get_by_test_id("collegium-datasets-some").check()
    page.get_by_test_id("collegium-use-digits").check()
    page.get_by_test_id("collegium-use-version-digits").select_option("1")
    page.get_by_test_id("collegium-instance-type-small").check()
    page.get_by_test_id("collegium-form-datasets").scroll_into_view_if_needed()
    shot(page, "75-job-form-datasets")
    page.get_by_test_id("collegium-form-submit").click()
    expect(page.get_by_test_id("collegium-detail-state")).to_have_text("Succeeded")
    expect(page.get_by_test_id("collegium-log")).to_contain_text("zero,0.5,8")
    page.get_by_test_id("collegium-tab-details").click()
    line = page.get_by_test_id("collegium-job-datasets").locator("[data-dataset=digits]")
    expect(line).to_have_attribute("data-version", "1")
    shot(page, "76-job-datasets")
    job = page.locator("[data-job-id]").get_attribute("data-job-id")

    go(page, hub, "groups/physics/datasets/digits/uses")
    use = page.get_by_test_id("collegium-uses").locator(f"[data-id='{job}']")
    expect(use).to_have_attribute("data-version", "1")
    expect(use).to_contain_text("chemistry")
    shot(page, "77-dataset-uses")
    go(page, hub, "groups/physics/datasets/digits/access")
    page.get_by_test_id("collegium-grant-revoke").click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_test_id("collegium-grant-held")).to_contain_text("chemistry")


def test_data_of_the_platform(page: Page, hub: Hub) -> None:
    open_portal(page, hub, "admin", "secrets")
    page.get_by_test_id("collegium-new-platform-secret").click()
    form = page.get_by_test_id("collegium-platform-secret-form")
    form.get_by_test_id("collegium-secret-name").fill("archive")
    form.get_by_test_id("collegium-secret-access_key").fill("AKIAEXAMPLE")
    form.get_by_test_id("collegium-secret-save").click()
    expect(form).to_contain_text("is needed")
    form.get_by_test_id("collegium-secret-secret_key").fill("never-shown-again")
    form.get_by_test_id("collegium-secret-group-biology").check()
    shot(page, "80-platform-secret")
    form.get_by_test_id("collegium-secret-save").click()
    row = page.get_by_test_id("collegium-platform-secrets").locator("[data-secret=archive]")
    expect(row).to_contain_text("biology")
    assert "never-shown-again" not in page.content()

    go(page, hub, "new-dataset")
    page.get_by_test_id("collegium-dataset-kind-s3").check()
    define = page.get_by_test_id("collegium-define-form")
    define.get_by_test_id("collegium-dataset-name").fill("spectra")
    define.get_by_test_id("collegium-source-bucket").fill("research")
    define.get_by_test_id("collegium-source-endpoint").fill("http://127.0.0.1:9")
    define.get_by_test_id("collegium-source-secret").select_option("archive")
    define.get_by_test_id("collegium-define-group-biology").check()
    shot(page, "81-platform-dataset-form")
    define.get_by_test_id("collegium-dataset-kind-folder").check()
    define.get_by_test_id("collegium-source-path").fill(str(hub.folder / "no-such-folder"))
    define.get_by_test_id("collegium-define-make").click()
    made = page.get_by_test_id("collegium-any-dataset")
    expect(made).to_have_attribute("data-dataset", "spectra")
    health = made.get_by_test_id("collegium-dataset-health")
    expect(health).to_have_attribute("data-state", "missing")
    expect(made.locator("[data-group=biology]")).to_be_visible()
    shot(page, "82-platform-dataset")
    go(page, hub, "datasets")
    expect(page.get_by_test_id("collegium-all-datasets").locator("[data-dataset=spectra]")).to_contain_text("biology")
    shot(page, "83-platform-datasets")
    go(page, hub, "datasets/spectra")
    page.get_by_test_id("collegium-any-delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete it").click()
    expect(page.get_by_role("heading", name="Datasets of the platform")).to_be_visible()

    go(page, hub, "volumes")
    expect(page.get_by_test_id("collegium-volumes").get_by_test_id("collegium-volume-row").first).to_be_visible()
    shot(page, "84-volumes")
    go(page, hub, "groups/physics/settings")
    settings = page.get_by_test_id("collegium-settings")
    settings.get_by_test_id("collegium-settings-share_links").select_option("off")
    settings.get_by_test_id("collegium-settings-trash_days").fill("3")
    shot(page, "85-group-settings")
    settings.get_by_test_id("collegium-settings-save").click()
    expect(settings).to_contain_text("Saved.")
    expect(settings.get_by_test_id("collegium-settings-trash_days")).to_have_value("3")
