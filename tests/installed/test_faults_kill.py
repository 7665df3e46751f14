"""Pods of hub, proxy, api and controller are killed at random, and jobs' pods too.

Nothing acknowledged is lost, doubled or left behind, a server never notices, and schedules run once at each due time.
"""

from __future__ import annotations

import os
import random
import threading
from collections import Counter

from support.schedule_checks import check_schedules, start_schedules
from support.site import Site
from support.site_checks import ann_server, check_jobs, check_nothing_left, start_load

WORLD = ["hub"] * 24 + ["proxy"] * 40 + ["api"] * 70 + ["controller"] * 70
#: Pods that are killed together, and how often one of a job is hit beside them.
AT_ONCE, HIT_A_JOB = 2, 0.15
#: Schedules that have a due time every minute meanwhile.
SCHEDULES = 6


def test_pods_of_the_control_plane_and_of_jobs_are_killed(site: Site) -> None:
    seed = int.from_bytes(os.urandom(4), "big")
    chance = random.Random(seed)
    print(f"seed {seed}")
    server = ann_server(site)
    schedules = start_schedules(site, SCHEDULES)
    load = start_load(site, seed)
    kills, hits = Counter[str](), set[str]()
    world = chance.sample(WORLD, len(WORLD))
    while world:
        victims = {world.pop() for _ in range(min(AT_ONCE, len(world)))}
        for component in victims:
            kills[component] += _kill(site, component)
        if chance.random() < HIT_A_JOB and (job := _hit_a_job(site, chance)):
            hits.add(job)
            kills["job"] += 1
        if chance.random() < 0.7:
            for component in victims:
                _ready(site, component)
        threading.Event().wait(chance.uniform(0, 1.5))
    for component in ("hub", "proxy", "api", "controller"):
        _ready(site, component)
    load.finish()
    fired = check_schedules(site, schedules)
    assert fired >= SCHEDULES
    counts = check_jobs(site, load, hits)
    assert ann_server(site) == server
    check_nothing_left(site)
    print(f"{kills.total()} kills: {dict(kills)}; {dict(load.counts)}; {counts}; {fired} fired by schedules")
    assert kills.total() >= 200
    site.stop_server("ann", "physics")


def _kill(site: Site, component: str) -> int:
    """At once and without a word, as when a node dies; how many pods."""
    pods = site.release.pods(component)
    for pod in pods:
        site.release.kubectl(
            "delete", "pod", pod["metadata"]["name"], "--grace-period=0", "--force", "--wait=false", check=False
        )
    return len(pods)


def _ready(site: Site, component: str) -> None:
    site.release.kubectl("rollout", "status", f"deploy/{site.release.namespace}-{component}", "--timeout=300s")


def _hit_a_job(site: Site, chance: random.Random) -> str:
    """Delete the pod of a running job; the job's id."""
    pods = [p for group in ("physics", "chemistry", "biology") for p in site.pods(group, "job")]
    running = [p for p in pods if p["status"].get("phase") == "Running"]
    if not running:
        return ""
    pod = chance.choice(running)["metadata"]
    site.release.run("kubectl", "-n", pod["namespace"], "delete", "pod", pod["name"], "--wait=false", check=False)
    return str(pod["labels"]["collegium.io/job"])
