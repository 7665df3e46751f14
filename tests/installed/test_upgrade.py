"""helm upgrade while people work: every pod of ours is replaced, and nobody's work is."""

from __future__ import annotations

import os
import threading

from support.site import Site
from support.site_checks import ann_server, check_jobs, check_nothing_left, start_load

UPGRADES = 3


def test_upgrades_under_load_lose_nothing(site: Site) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    print(f"seed {seed}")
    server = ann_server(site)
    before = _uids(site)
    load = start_load(site, seed)
    for number in range(UPGRADES):
        threading.Event().wait(5)
        note = {"podAnnotations": {"upgrade": str(number)}}
        site.release.install(hub=note, proxy=note, api=note, controller=note)
    threading.Event().wait(5)
    load.finish()
    counts = check_jobs(site, load, set())
    assert not before & _uids(site), "a pod was not replaced; the upgrade did nothing"
    assert ann_server(site) == server
    check_nothing_left(site)
    print(f"{UPGRADES} upgrades: {dict(load.counts)}; {counts}")
    site.stop_server("ann", "physics")


def _uids(site: Site) -> set[str]:
    parts = ("hub", "proxy", "api", "controller")
    return {pod["metadata"]["uid"] for part in parts for pod in site.release.pods(part)}
