"""What must hold at an installation on a cluster after trouble under load."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from support.faults import FINAL, Load
from support.site import Site

#: Who submits, and for which group.
WHO = [("ann", "physics"), ("bob", "physics"), ("cem", "chemistry"), ("mia", "biology")]


def start_load(site: Site, seed: int) -> Load:
    """Users who submit jobs that say when they begin and end."""
    tokens = {user: site.token(user) for user, _ in WHO}
    return Load(site, WHO, tokens, seed, (3.0, 8.0), 1.0, target="$COLLEGIUM_ARTIFACTS/said").start()


def ann_server(site: Site) -> tuple[str, int]:
    """The pod of ann's server, started if there is none: its uid and how often its container was restarted."""
    if not site.pods("physics", "server"):
        site.ready_server("ann", "physics")
    [pod] = site.pods("physics", "server")
    site.release.until(
        "the server answers its user",
        lambda: site.request("GET", f"{site.url}/user/ann/physics/api/status", site.token("ann"))[0] == 200,
    )
    return pod["metadata"]["uid"], pod["status"]["containerStatuses"][0]["restartCount"]


def check_jobs(site: Site, load: Load, hits: set[str]) -> dict[str, int]:
    """Every acknowledged job is over, ran once per attempt, and there are no others."""
    acknowledged = load.acknowledged
    assert len(set(acknowledged.values())) == len(acknowledged), "two keys, one job"
    jobs: dict[str, dict[str, Any]] = {}

    def over() -> bool:
        jobs.clear()
        for user, group in load.who:
            jobs.update({j["id"]: j for j in _jobs(site, user, group)})
        mine = [jobs[job] for job in acknowledged.values()]
        return all(job["state"] in FINAL for job in mine)

    site.release.until("every job is over", over, 900)
    ours = {job_id for job_id, job in jobs.items() if job["name"] in acknowledged}
    assert ours == set(acknowledged.values()), "jobs that nobody was told of, or told of and not there"
    counts = Counter[str]()
    for job_id in ours:
        job = jobs[job_id]
        about = f"{json.dumps(job)}, hit {job_id in hits}"
        counts[f"{job['state']} {job['reason']}"] += 1
        for attempt in range(1, job["attempt"] + 1):
            said = site.release.files / f"runs/{job_id}/attempts/{attempt}/artifacts/said"
            lines = Counter(said.read_text().split("\n")) if said.exists() else Counter[str]()
            assert lines[f"begin {job_id} {attempt}"] <= 1 and lines[f"end {job_id} {attempt}"] <= 1, about
            last = attempt == job["attempt"]
            if last and job["state"] == "Succeeded":
                assert lines[f"end {job_id} {attempt}"] == 1, about
        if job_id not in hits:
            assert (job["state"], job["attempt"]) == ("Succeeded", 1), about
        elif job["state"] != "Succeeded":
            assert job["state"] == "Failed" and job["reason"] in ("Lost", "Signal", "ExitCode") and job["message"], (
                about
            )
    return {"jobs": len(ours), **counts}


def _jobs(site: Site, user: str, group: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = "?limit=100"
    while query:
        status, page = site.request("GET", f"/groups/{group}/jobs{query}", site.token(user))
        assert status == 200, page
        found += page["items"]
        query = f"?limit=100&cursor={page['next_cursor']}" if page.get("next_cursor") else ""
    return found


def check_nothing_left(site: Site) -> None:
    for user, group in (("ann", "physics"), ("cem", "chemistry"), ("mia", "biology")):
        status, usage = site.request("GET", f"/groups/{group}/usage", site.token(user))
        assert status == 200, usage
        assert [(h["kind"], h["user"]) for h in usage["holders"]] == (
            [("server", "ann")] if group == "physics" else []
        ), usage
        site.release.until(f"no job's pod is left in {group}", lambda group=group: not site.pods(group, "job"), 120)
    live = site.release.files / "live"
    site.release.until("every run is forgotten", lambda: not list(live.iterdir()), 120)
