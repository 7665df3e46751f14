"""The main job on a cluster: the same walk as on one machine, with pods behind it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Page

from support.main_job import from_login_to_the_plot
from support.site import Site


def test_from_login_to_the_plot(page: Page, site: Site, shots: Path) -> None:
    job_id = from_login_to_the_plot(page, site, shots)
    [server] = site.pods("physics", "server")
    assert server["metadata"]["namespace"] == site.release.group_namespace("physics")
    assert server["metadata"]["annotations"]["collegium.io/owner"] == "ann"
    [plot] = site.release.files.glob(f"**/runs/{job_id}/attempts/1/artifacts/digits.png")
    assert plot.read_bytes().startswith(b"\x89PNG")
    site.stop_server("ann", "physics")
