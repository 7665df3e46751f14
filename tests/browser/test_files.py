"""Shared files in the browser: an upload that outlives it, folders, previews, links, and files in JupyterLab."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import signal
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, BrowserContext, Page, expect

from support.browser import LAUNCH, installed, log_in, shot, start_server
from support.installation import Installation as Hub

MiB = 1 << 20
#: What is uploaded; the Show takes 5120.
SIZE = int(os.environ.get("COLLEGIUM_BROWSER_UPLOAD_MIB", "64")) * MiB
#: So small a file would be through before the browser can be killed; its line is made this slow, in bytes a second.
SLOW = 24 * MiB
#: Seconds for what takes as long as the file is large.
PATIENCE = 90 + SIZE // (2 * MiB)


def open_files(page: Page, hub: Hub, user: str, folder: str = "") -> None:
    log_in(page, hub, user)
    page.goto(f"{hub.url}/services/collegium/portal#/groups/biology/files{'/' + folder if folder else ''}")
    expect(page.get_by_test_id("collegium-files")).to_be_visible()
    # By now the service has told what may be done here.
    expect(page.get_by_test_id("collegium-upload")).to_be_enabled()


def make_file(path: Path) -> str:
    """Random bytes; returns their SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for start in range(0, SIZE, 16 * MiB):
            block = os.urandom(min(16 * MiB, SIZE - start))
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def picture() -> bytes:
    """A PNG of one colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 60, 40, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\x1f\x6f\x8b" * 60) * 40
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


@contextlib.contextmanager
def own_chromium(browser: Browser, profile: Path) -> Iterator[BrowserContext]:
    """A Chromium that nobody shares, so that it can be killed."""
    context = browser.browser_type.launch_persistent_context(
        profile, executable_path=installed(), args=LAUNCH, viewport={"width": 1440, "height": 900}
    )
    context.set_default_timeout(90_000)
    try:
        yield context
    finally:
        with contextlib.suppress(Exception):
            context.close()


def kill(profile: Path) -> None:
    """kill -9 the Chromium of this profile, and nothing else."""
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            words = (entry / "cmdline").read_bytes().split(b"\0")
            if f"--user-data-dir={profile}".encode() in words and not any(w.startswith(b"--type=") for w in words):
                os.kill(int(entry.name), signal.SIGKILL)


def sent(page: Page) -> int:
    return int(page.get_by_test_id("collegium-upload-row").get_attribute("data-sent") or 0)


def drop(page: Page, *paths: Path) -> None:
    """What the window system sends when somebody drops these on the list."""
    box = page.get_by_test_id("collegium-file-drop").bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + 120}
    data = {"items": [], "files": [str(p) for p in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})
    session.detach()


def test_an_upload_outlives_its_browser(browser: Browser, hub: Hub, tmp_path: Path) -> None:
    source = tmp_path / "measurements.bin"
    digest = make_file(source)
    with own_chromium(browser, tmp_path / "one") as context:
        page = context.pages[0]
        open_files(page, hub, "mia")
        if SIZE // MiB < 512:
            line = {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": SLOW}
            context.new_cdp_session(page).send("Network.emulateNetworkConditions", line)
        page.get_by_test_id("collegium-upload-files").set_input_files(source)
        row = page.get_by_test_id("collegium-upload-row")
        expect(row).to_have_attribute("data-state", "Sending")
        expect(page.get_by_test_id("collegium-upload-words")).to_contain_text("left", timeout=PATIENCE * 1000)
        page.wait_for_function(
            "part => Number(document.querySelector('[data-testid=collegium-upload-row]').dataset.sent) > part",
            arg=SIZE * 0.3,
            timeout=PATIENCE * 1000,
        )
        shot(page, "60-upload")
        before = sent(page)
        kill(tmp_path / "one")
    assert SIZE * 0.3 < before < SIZE
    # Nothing of it is visible.
    assert hub.request("GET", "/groups/biology/files", hub.token("mia"))[1]["items"] == []

    with own_chromium(browser, tmp_path / "two") as context:
        page = context.pages[0]
        open_files(page, hub, "mia")
        unfinished = page.get_by_test_id("collegium-unfinished-upload")
        expect(unfinished).to_contain_text("measurements.bin")
        shot(page, "61-upload-unfinished")
        # Another file does not go on in its place.
        other = tmp_path / "other.bin"
        other.write_bytes(b"something else")
        unfinished.get_by_test_id("collegium-unfinished-file").set_input_files(other)
        expect(unfinished).to_contain_text("another size")
        offsets: list[int] = []
        page.on("request", lambda r: offsets.append(int(r.headers["upload-offset"])) if r.method == "PATCH" else None)
        unfinished.get_by_test_id("collegium-unfinished-file").set_input_files(source)
        row = page.get_by_test_id("collegium-upload-row")
        expect(row).to_have_attribute("data-sent", re.compile("[1-9]"))
        shot(page, "62-upload-resumed")
        expect(row).to_have_attribute("data-state", "Done", timeout=PATIENCE * 1000)
        assert min(offsets) >= before, "it went on where the service was"
        page.locator("[data-path='measurements.bin'] .clg-file-open").click()
        page.get_by_test_id("collegium-file-checksum").click()
        expect(page.get_by_test_id("collegium-file-sha256")).to_have_value(digest, timeout=PATIENCE * 1000)
        shot(page, "63-upload-done")


def test_a_folder_its_previews_and_a_link(page: Page, hub: Hub, tmp_path: Path) -> None:
    top = tmp_path / "survey"
    (top / "2026" / "none yet").mkdir(parents=True)
    (top / "table.csv").write_text("plot,species,count\n" + "".join(f"{n},oak,{n * 3}\n" for n in range(40)))
    (top / "page.html").write_text("<script>document.title = 'run'</script><p>kept as text</p>")
    (top / "2026" / "map.png").write_bytes(picture())
    cell = {"cell_type": "code", "id": "a", "metadata": {}, "source": "print('seen')", "execution_count": 1}
    cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": "seen\n"}]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    (top / "look.ipynb").write_text(json.dumps(notebook))

    open_files(page, hub, "mia")
    drop(page, top)
    expect(page.get_by_test_id("collegium-uploads-sum")).to_contain_text("4 files done")
    page.locator("[data-path=survey] .clg-file-open").click()
    rows = page.get_by_test_id("collegium-file-row")
    expect(rows).to_have_count(4)
    page.locator("[data-path='survey/table.csv'] .clg-file-open").click()
    expect(page.get_by_test_id("collegium-preview-table").locator("tbody tr")).to_have_count(40)
    shot(page, "64-files-table")
    page.locator("[data-path='survey/look.ipynb'] .clg-file-open").click()
    expect(page.get_by_test_id("collegium-preview-notebook")).to_contain_text("seen")
    page.locator("[data-path='survey/page.html'] .clg-file-open").click()
    expect(page.get_by_test_id("collegium-preview")).to_contain_text("kept as text")
    assert page.title() != "run"
    page.locator("[data-path='survey/2026'] .clg-file-open").click()
    expect(rows).to_have_count(2)
    page.locator("[data-path='survey/2026/map.png'] .clg-file-open").click()
    image = page.get_by_test_id("collegium-preview-image")
    expect(image).to_be_visible()
    page.wait_for_function("() => document.querySelector('[data-testid=collegium-preview-image]').naturalWidth === 60")
    shot(page, "65-files-image")

    # By keyboard: the next one chosen, renamed, deleted, and back.
    page.locator("[role=row][data-path='survey/2026/map.png']").focus()
    page.keyboard.press("F2")
    page.get_by_test_id("collegium-file-rename").fill("plots.png")
    page.keyboard.press("Enter")
    renamed = page.locator("[role=row][data-path='survey/2026/plots.png']")
    expect(renamed).to_be_focused()
    page.keyboard.press("Delete")
    expect(renamed).to_have_count(0)
    page.get_by_test_id("collegium-files-undo").click()
    expect(renamed).to_be_visible()

    # A link with a password, for those of the group.
    renamed.locator("input").check()
    page.get_by_test_id("collegium-files-share").click()
    page.get_by_test_id("collegium-share-password").fill("correct horse")
    page.get_by_test_id("collegium-share-make").click()
    link = page.get_by_test_id("collegium-share-url").input_value()
    shot(page, "66-share")
    page.get_by_role("button", name="Done").click()
    other = page.context.new_page()
    other.goto(link)
    other.fill("input[name=password]", "correct horse")
    other.click("button[type=submit]")
    expect(other.locator("h1")).to_have_text("plots.png")
    shot(other, "67-share-opened")
    with other.expect_download() as download:
        other.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == picture()
    page.get_by_test_id("collegium-files-tab-links").click()
    page.get_by_test_id("collegium-share-revoke").first.click()
    page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
    expect(page.get_by_test_id("collegium-shares")).to_contain_text("revoked")
    assert (other.goto(link) or other).status == 404  # type: ignore[union-attr]


def packed(**files: bytes) -> bytes:
    """A zip of these."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return made.getvalue()


def test_an_archive_becomes_a_folder(page: Page, hub: Hub) -> None:
    token, headers = hub.token("mia"), {"Content-Type": "application/octet-stream"}
    content = "/groups/biology/files/content?path=packed/"
    for name, data in {
        "field.data.zip": packed(table=b"plot,count\n1,3\n", y2026__notes=b"dry\n"),
        "broken.zip": packed(a=b"a" * 4000)[:60],
        "field.data/old": b"kept",
    }.items():
        assert hub.request("PUT", content + name, token, data, headers)[0] == 200
    open_files(page, hub, "mia", "packed")
    storage = page.get_by_test_id("collegium-storage")
    row = page.locator("[role=row][data-path='packed/field.data.zip']")

    # By keyboard: the next name that is free is offered, one that is taken is refused at its field.
    row.focus()
    page.keyboard.press("Space")
    unpack = page.get_by_test_id("collegium-files-unpack")
    expect(page.get_by_test_id("collegium-files-delete")).to_be_in_viewport(ratio=1)
    unpack.focus()
    page.keyboard.press("Enter")
    name = page.get_by_test_id("collegium-unpack-name")
    expect(name).to_have_value("field.data (2)")
    expect(name).to_be_focused()
    name.fill("field.data")
    page.keyboard.press("Enter")
    expect(page.locator("#clg-unpack-name-error")).to_contain_text("is there already")
    shot(page, "70-unpack")
    name.fill("unpacked")
    page.keyboard.press("Enter")
    made = page.locator("[role=row][data-path='packed/unpacked']")
    expect(made).to_have_attribute("aria-selected", "true")
    expect(made).to_be_focused()
    expect(page.get_by_test_id("collegium-files-note")).to_contain_text("packed/unpacked: 2 files")
    files = hub.request("GET", "/groups/biology/files/storage", token)[1]["files"]
    expect(storage).to_contain_text(f"{files} files")
    shot(page, "71-unpacked")
    assert hub.request("GET", f"{content}unpacked/y2026/notes", token)[1] == "dry\n"

    # What is no archive is refused where it was asked for, and the focus is where it was before.
    page.locator("[data-path='packed/broken.zip'] .clg-file-open").click()
    details = page.get_by_test_id("collegium-file-unpack")
    details.click()
    expect(name).to_have_value("broken")
    page.keyboard.press("Enter")
    dialog = page.get_by_test_id("collegium-unpack-dialog")
    expect(dialog.get_by_role("alert").or_(page.locator("#clg-unpack-name-error"))).to_be_visible()
    shot(page, "72-unpack-refused")
    page.keyboard.press("Escape")
    expect(details).to_be_focused()

    # What is deleted hands the focus on to a row that is left.
    page.keyboard.press("Escape")
    expect(page.locator("[role=row][data-path='packed/broken.zip']")).to_be_focused()
    page.keyboard.press("Delete")
    expect(page.locator("[data-path='packed/broken.zip']")).to_have_count(0)
    expect(page.locator("[role=row][tabindex='0'][data-path^='packed/']")).to_be_focused()


def test_files_open_and_save_in_jupyterlab(page: Page, hub: Hub) -> None:
    token = hub.token("mia")
    content = "/groups/biology/files/content?path=lab/plan.md"
    headers = {"Content-Type": "application/octet-stream"}
    assert hub.request("PUT", content, token, b"first words\n", headers)[0] == 200
    log_in(page, hub, "mia")
    start_server(page, hub, "mia", "biology", "small")
    page.get_by_title("Shared files of your groups").click()
    listing = page.get_by_test_id("collegium-drive")
    listing.locator(".jp-DirListing-item", has_text="lab").dblclick()
    listing.locator(".jp-DirListing-item", has_text="plan.md").dblclick()
    editor = page.locator(".jp-FileEditor .cm-content")
    expect(editor).to_contain_text("first words")
    editor.click()
    page.keyboard.press("Control+End")
    page.keyboard.type("second words")
    page.keyboard.press("Control+s")
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    assert hub.request("GET", content, token)[1] == "first words\nsecond words"
    shot(page, "68-lab-drive")

    # Somebody else saves meanwhile: Lab asks.
    assert hub.request("PUT", content, token, b"theirs\n", headers)[0] == 200
    editor.click()
    page.keyboard.type(", third words")
    page.keyboard.press("Control+s")
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("changed")
    dialog.get_by_role("button", name=re.compile("Overwrite")).click()
    expect(page.locator(".jp-mod-dirty")).to_have_count(0)
    assert "third words" in hub.request("GET", content, token)[1]

    # From the panel, too: a tab with everything, and from there into Lab.
    page.get_by_title("Collegium: your group’s quota and jobs").click()
    page.get_by_test_id("collegium-section-files").click()
    page.locator(".clg-sidebar [role=row][data-path=lab] .clg-file-open").click()
    page.locator(".clg-sidebar [data-path='lab/plan.md'] input").check()
    page.get_by_test_id("collegium-files-details").click()
    expect(page.get_by_test_id("collegium-preview-text")).to_contain_text("third words")
    shot(page, "69-lab-files")
    with page.expect_response(lambda answer: "/workspaces/" in answer.url and answer.request.method == "PUT"):
        page.get_by_test_id("collegium-file-open-in-lab").click()
        expect(page.locator(".jp-FileEditor .cm-content")).to_be_visible()

    # Lab, which comes up only when its tabs are restored, opens it again.
    page.reload()
    page.wait_for_selector("#jupyterlab-splash", state="detached")
    page.locator(".lm-TabBar-tab", has_text="plan.md").first.click()
    expect(page.locator(".jp-FileEditor .cm-content")).to_contain_text("third words")
