"""Schedules that go on while things are killed, and what must hold of them afterwards."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from support.site import Site

GROUP, USER = "chemistry", "cem"
#: Seconds between due times: the least that is allowed.
EVERY = 60


def start_schedules(site: Site, number: int) -> list[str]:
    """Schedules whose due times fall on different seconds, and which make up for all that they miss; their ids."""
    begin = datetime.now(UTC).replace(microsecond=0)
    made = []
    for n in range(number):
        anchor = (begin + timedelta(seconds=EVERY * n // number)).isoformat()
        body = {
            "name": f"beat {n}",
            "recurrence": {"kind": "interval", "every": EVERY, "anchor": anchor, "zone": "Europe/Berlin"},
            "template": {"name": "beat", "command": "true", "instance_type": "small", "image": "scientific-python"},
            "overlap": "allow",
            "missed": "all",
            "missed_limit": 100,
            "max_failures": 0,
        }
        status, schedule = site.request("POST", f"/groups/{GROUP}/schedules", site.token(USER), body)
        assert status == 201, schedule
        made.append(schedule["id"])
    return made


def check_schedules(site: Site, schedules: list[str]) -> int:
    """Once they are paused: each due time had one run, each run one job, and no job has no run. How many runs."""
    for schedule in schedules:
        site.release.until(f"{schedule} is paused", lambda schedule=schedule: _pause(site, schedule))
    jobs: set[str] = set()
    for schedule in schedules:
        runs: list[dict[str, Any]] = []

        def over(schedule: str = schedule, runs: list[dict[str, Any]] = runs) -> bool:
            runs[:] = _all(site, f"/groups/{GROUP}/schedules/{schedule}/runs")
            return all(run["finished_at"] for run in runs)

        site.release.until(f"every run of {schedule} is over", over, 600)
        due = sorted(datetime.fromisoformat(run["due_at"]) for run in runs)
        first = due[0] if due else datetime.now(UTC)
        assert due == [first + timedelta(seconds=EVERY * n) for n in range(len(due))], (schedule, due)
        mine = {run["job"] for run in runs}
        assert None not in mine and len(mine) == len(runs) and not mine & jobs, runs
        jobs |= mine
    told = {job["id"] for job in _all(site, f"/groups/{GROUP}/jobs") if job["name"] == "beat"}
    assert told == jobs, "jobs of no run, or runs of no job"
    return len(jobs)


def _pause(site: Site, schedule: str) -> bool:
    return site.request("POST", f"/groups/{GROUP}/schedules/{schedule}/pause", site.token(USER))[0] == 200


def _all(site: Site, path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    query = "?limit=100"
    while query:
        status, page = site.request("GET", path + query, site.token(USER))
        assert status == 200, page
        found += page["items"]
        query = f"?limit=100&cursor={page['next_cursor']}" if page.get("next_cursor") else ""
    return found
