"""The main job on one machine."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from support.installation import Installation as Hub
from support.main_job import from_login_to_the_plot


def test_from_login_to_the_plot(page: Page, hub: Hub) -> None:
    job_id = from_login_to_the_plot(page, hub)
    saved = hub.state / "homes/ann/physics/job-artifacts" / job_id / "digits.png"
    assert saved.read_bytes().startswith(b"\x89PNG")
    assert not list(Path(hub.state / "homes/ann").glob("chemistry/job-artifacts"))
