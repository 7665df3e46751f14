"""Retries, time limits of groups, priorities, paused and draining queues, and what a waiting job is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from collegium.db import Database
from collegium.domain.jobs import JobReason
from collegium.domain.queues import JobBounds
from collegium.services.controller.options import ControlOptions
from integration.services.harness import Clock, FakeHub, Service, running_service

JOBS = "/groups/physics/jobs"
QUEUE = "/groups/physics/queue"
SETTINGS = "/groups/physics/settings"


@pytest.fixture
async def bounded(seeded: Database, hub: FakeHub, clock: Clock) -> AsyncIterator[Service]:
    """A platform with a default and bounds of its own."""
    options = ControlOptions(bounds=JobBounds(600, 3600, 7, 30))
    async with running_service(seeded, hub, clock=clock, options=options) as service:
        yield service


async def states(service: Service, *jobs: str) -> list[str]:
    return [(await service.job(j))["state"] for j in jobs]


async def test_a_retry_waits(service: Service, clock: Clock) -> None:
    retry = {"base_seconds": 100, "factor": 3, "max_seconds": 250}
    job = await service.submit(retries=3, retry=retry)
    for attempt, wait in ((1, 100), (2, 250)):
        await service.round(2)
        service.memory.finish(f"{job}.{attempt}", 3)
        # The backend's own clock does not move in this test.
        run = service.memory.runs[f"{job}.{attempt}"]
        run.status = replace(run.status, finished_at=clock())
        await service.round()
        found = await service.job(job)
        assert (found["state"], found["reason"], found["queue_position"]) == ("Pending", "Retrying", None)
        assert f"It is started in {wait} seconds." in found["message"]
        assert [w["kind"] for w in found["waiting_for"]] == ["retry"]
        # Its place is free meanwhile, and it holds nobody up.
        assert (await service.client().get("/groups/physics/usage")).json()["holders"] == []
        clock.forward(wait - 5)
        await service.round()
        assert await states(service, job) == ["Pending"]
        clock.forward(6)
        await service.round()
        assert await states(service, job) == ["Preparing"]
        assert (await service.job(job))["attempt"] == attempt + 1
    # In time for a cancel.
    await service.round()
    service.memory.finish(f"{job}.3", 3)
    run = service.memory.runs[f"{job}.3"]
    run.status = replace(run.status, finished_at=clock())
    await service.round()
    answer = await service.client().post(f"{JOBS}/{job}/cancel")
    assert answer.json()["state"] == "Cancelled"


@pytest.mark.parametrize(
    ("retry", "end", "again"),
    [
        ({"on": ["lost"]}, (3, None), False),
        ({"on": ["exit_code"]}, (3, None), True),
        ({"exit_codes": [75]}, (3, None), False),
        ({"exit_codes": [3, 75]}, (3, None), True),
        ({"on": ["out_of_memory"]}, (137, JobReason.OUT_OF_MEMORY), True),
        ({"on": ["exit_code"]}, (137, JobReason.OUT_OF_MEMORY), False),
        ({"on": ["signal", "lost"]}, "lost", True),
        ({"on": ["signal"]}, "lost", False),
        ({}, "lost", True),
    ],
)
async def test_only_these_failures(service: Service, retry: Any, end: Any, again: bool) -> None:
    job = await service.submit(retries=1, retry=retry)
    await service.round(2)
    if end == "lost":
        service.memory.lose(f"{job}.1")
    else:
        service.memory.finish(f"{job}.1", *end)
    await service.round()
    assert ((await service.job(job))["state"] != "Failed") is again


@pytest.mark.parametrize(
    ("retry", "field"),
    [
        ({"on": ["never"]}, "retry.on.0"),
        ({"on": []}, "retry.on"),
        ({"exit_codes": [0]}, "retry.exit_codes.0"),
        ({"factor": 0.5}, "retry.factor"),
        ({"base_seconds": 86401}, "retry.base_seconds"),
        ({"max_seconds": 0}, "retry.max_seconds"),
    ],
)
async def test_odd_retries(service: Service, retry: Any, field: str) -> None:
    answer = await service.client().post(
        JOBS, json={"name": "n", "command": "x", "instance_type": "small", "image": "base", "retry": retry}
    )
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field), answer.text


async def test_the_groups_time_limit(bounded: Service, clock: Clock) -> None:
    service = bounded
    assert (await service.client("vic").get(SETTINGS)).json() == {
        "job_timeout_seconds": {"own": None, "holds": 600, "most": 3600},
        "artifact_days": {"own": None, "holds": 7, "most": 30},
        "share_links": {"own": None, "holds": "members", "most": "public"},
        "trash_days": {"own": None, "holds": 30, "most": 0},
    }
    first = await service.submit()
    assert (await service.client("mat").patch(SETTINGS, json={"job_timeout_seconds": 60})).status_code == 403
    answer = await service.client("ada").patch(SETTINGS, json={"job_timeout_seconds": 60})
    assert answer.json()["job_timeout_seconds"] == {"own": 60, "holds": 60, "most": 3600}
    assert answer.json()["artifact_days"]["own"] is None
    second, own = await service.submit(), await service.submit(timeout_seconds=120)
    limits = [(await service.job(j))["timeout_seconds"] for j in (first, second, own)]
    # A job keeps what it was submitted with.
    assert limits == [600, 60, 120]
    for body, field in (
        ({"job_timeout_seconds": 3601}, "job_timeout_seconds"),
        ({"job_timeout_seconds": 0}, "job_timeout_seconds"),
        ({"artifact_days": 31}, "artifact_days"),
        ({"artifact_days": -1}, "artifact_days"),
        ({"nope": 1}, "nope"),
    ):
        answer = await service.client("ada").patch(SETTINGS, json=body)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field), body
    for seconds in (0, 3601):
        answer = await service.client().post(
            JOBS,
            json={"name": "n", "command": "x", "instance_type": "small", "image": "base", "timeout_seconds": seconds},
        )
        details = answer.json()["error"]["details"]
        assert (answer.status_code, details["field"], details["limit"]) == (400, "timeout_seconds", 3600)
    answer = await service.client("ada").patch(SETTINGS, json={"job_timeout_seconds": None})
    assert answer.json()["job_timeout_seconds"] == {"own": None, "holds": 600, "most": 3600}
    await service.round(2)
    clock.forward(61)
    await service.round()
    assert [service.memory.runs[f"{j}.1"].stopped for j in (first, second, own)] == [False, True, False]
    entries = (await service.client("ada").get("/groups/physics/audit")).json()["items"]
    assert [e["action"] for e in entries] == ["settings.edit", "settings.edit"]


async def test_a_key_outlives_a_change_of_the_default(service: Service) -> None:
    key = {"Idempotency-Key": "k"}
    body = {"name": "n", "command": "x", "instance_type": "small", "image": "base"}
    first = await service.client().post(JOBS, json=body, headers=key)
    await service.client("ada").patch(SETTINGS, json={"job_timeout_seconds": 60})
    again = await service.client().post(JOBS, json=body, headers=key)
    assert (again.status_code, again.json()["id"]) == (201, first.json()["id"])


async def test_priority(service: Service, clock: Clock) -> None:
    running = [await service.submit() for _ in range(4)]
    await service.round(2)
    low = await service.submit(priority=-2)
    plain = await service.submit("max")
    high = await service.submit("mat", priority=2)
    await service.round()

    async def order() -> list[str]:
        items = (await service.client().get(JOBS, params={"state": "Pending"})).json()["items"]
        return [j["id"] for j in sorted(items, key=lambda j: j["queue_position"])]

    assert await order() == [high, plain, low]
    answer = await service.client().post(
        JOBS, json={"name": "n", "command": "x", "instance_type": "small", "image": "base", "priority": 1}
    )
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (403, "priority")
    assert (await service.client().patch(f"{JOBS}/{low}", json={"priority": 3})).status_code == 403
    assert (await service.client("ada").patch(f"{JOBS}/{low}", json={"priority": 3})).json()["queue_position"] == 1
    assert await order() == [low, high, plain]
    await service.client().patch(f"{JOBS}/{low}", json={"priority": -2})
    # A step of priority is worth an hour: what came hours later with a higher one stands behind.
    clock.forward(4 * 3600 + 60)
    later = await service.submit("mat", priority=2)
    assert await order() == [high, plain, low, later]
    service.memory.finish(f"{running[0]}.1")
    await service.round(2)
    assert await states(service, high, plain) == ["Running", "Pending"]


async def test_priorities_are_bounded(service: Service) -> None:
    for priority in (-11, 11, 1.5, "1"):
        answer = await service.client("ada").post(
            JOBS, json={"name": "n", "command": "x", "instance_type": "small", "image": "base", "priority": priority}
        )
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "priority"), priority


async def test_a_short_job_slips_in_and_the_head_is_told_when(service: Service, clock: Clock) -> None:
    running = await service.submit(instance_type="small", timeout_seconds=3600)
    await service.round(2)
    head = await service.submit("max", instance_type="big", timeout_seconds=60)
    long, short = await service.submit(timeout_seconds=7200), await service.submit(timeout_seconds=600)
    await service.round(2)
    assert await states(service, head, long, short) == ["Pending", "Pending", "Running"]
    waits = await service.job(head)
    assert waits["queue_position"] == 1
    since = (await service.job(running))["started_at"]
    queue = (await service.client("vic").get(QUEUE)).json()
    assert queue["head"]["id"] == head
    assert queue["head"]["earliest_start"] == waits["earliest_start"] > since
    assert (queue["ready"], queue["running"], queue["by_user"]) == (2, 2, {"max": 1, "mia": 1})
    assert "4 kept for those in front" in (await service.job(long))["message"]
    # The head gets its turn as told, although there was always somebody who would have fit.
    service.memory.finish(f"{short}.1")
    service.memory.finish(f"{running}.1")
    await service.round(2)
    assert await states(service, head, long) == ["Running", "Pending"]


async def test_a_paused_queue_takes_jobs_and_starts_none(service: Service) -> None:
    before = await service.submit()
    await service.round(2)
    assert (await service.client("mat").patch(QUEUE, json={"mode": "paused"})).status_code == 403
    answer = await service.client("ada").patch(QUEUE, json={"mode": "paused", "reason": "disk swap"})
    assert (answer.json()["mode"], answer.json()["by"], answer.json()["reason"]) == ("paused", "ada", "disk swap")
    after = await service.submit("max")
    await service.round(3)
    found = await service.job(after)
    assert (found["state"], found["reason"], found["queue_position"]) == ("Pending", "QueuePaused", 1)
    assert found["message"] == "The queue of group physics is paused, by ada: disk swap."
    assert [w["kind"] for w in found["waiting_for"]] == ["paused"]
    assert await states(service, before) == ["Running"]
    # A pause does not keep anybody from leaving.
    other = await service.submit("max")
    assert (await service.client("max").post(f"{JOBS}/{other}/cancel")).json()["state"] == "Cancelled"
    await service.client("ada").patch(QUEUE, json={"mode": "open"})
    await service.round(2)
    assert await states(service, after) == ["Running"]
    entries = (await service.client("ada").get("/groups/physics/audit")).json()["items"]
    assert [e["details"]["to"] for e in entries if e["action"] == "queue.mode"] == ["open", "paused"]


async def test_a_draining_queue_takes_none_and_finishes_what_is_there(service: Service) -> None:
    running = [await service.submit(retries=1) for _ in range(4)]
    waiting = await service.submit("max")
    await service.round(2)
    await service.client("ada").patch(QUEUE, json={"mode": "draining"})
    answer = await service.client().post(
        JOBS, json={"name": "n", "command": "x", "instance_type": "small", "image": "base"}
    )
    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert "takes no new jobs, by ada" in answer.json()["error"]["message"]
    assert (await service.client().post(f"{JOBS}/{waiting}/rerun")).status_code == 409
    service.memory.finish(f"{running[0]}.1")
    service.memory.finish(f"{running[1]}.1", 1)
    await service.round(3)
    # Also what is tried again.
    assert await states(service, waiting, *running) == ["Running", "Succeeded", *["Running"] * 3]


async def test_a_pause_is_the_groups_own(service: Service) -> None:
    await service.client("ada").patch(QUEUE, json={"mode": "paused"})
    job = await service.submit("zoe", "chemistry")
    await service.round(2)
    assert (await service.job(job, "zoe", "chemistry"))["state"] == "Running"
    for mode in ("closed", "", None):
        answer = await service.client("ada").patch(QUEUE, json={"mode": mode})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "mode")
