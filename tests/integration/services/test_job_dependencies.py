"""Jobs that wait for jobs: released, skipped, refused in a circle; batches; and death at any moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database
from collegium.domain.dependencies import Dependency, Ending, Need
from collegium.domain.groups import Actor, Role
from collegium.domain.jobs import JobFilter, JobReason, JobSpec, JobState
from collegium.services.controller.loop import Controller
from collegium.services.jobs.batch import Entry
from collegium.services.jobs.service import JobService
from collegium.services.jobs.submission import Submission
from collegium.services.metrics import Metrics
from integration.services.crash import Fuse, Killed, fused, go_on
from integration.services.harness import BODY, Clock, Service, copy_of

JOBS = "/groups/physics/jobs"


async def after(service: Service, *jobs: str, user: str = "mia", **how: str) -> str:
    return await service.submit(user, depends_on={"jobs": list(jobs), **how})


async def state(service: Service, job: str) -> tuple[str, str]:
    found = await service.job(job)
    return found["state"], found["reason"]


async def test_a_job_runs_after_another_succeeded(service: Service) -> None:
    first = await service.submit(name="prepare")
    second = await after(service, first, user="max")
    await service.round(3)
    found = await service.job(second)
    assert (found["state"], found["reason"], found["queue_position"]) == ("Pending", "WaitingForJobs", None)
    assert found["message"] == "It waits for prepare to succeed."
    assert found["waiting_for"] == [{"kind": "jobs", "message": found["message"], "until": None, "jobs": [first]}]
    assert found["depends_on"]["jobs"] == [{"id": first, "name": "prepare", "state": "Running"}]
    assert (await service.job(first))["dependents"] == [second]
    service.memory.finish(f"{first}.1")
    await service.round(3)
    assert await state(service, second) == ("Running", "Started")
    history = (await service.job(second))["history"]
    assert [e["message"] for e in history if e["reason"] == "Submitted"] == ["The jobs before it have ended."]


@pytest.mark.parametrize(("how", "runs"), [({"ending": "failed"}, True), ({"ending": "done"}, True), ({}, False)])
async def test_after_a_failure(service: Service, how: dict[str, str], runs: bool) -> None:
    first = await service.submit(name="train")
    second = await after(service, first, **how)
    third = await after(service, second)
    await service.round(2)
    service.memory.finish(f"{first}.1", 1)
    await service.round(3)
    if runs:
        assert await state(service, second) == ("Running", "Started")
        return
    found = await service.job(second)
    assert (found["state"], found["reason"]) == ("Cancelled", "Skipped")
    assert found["message"] == "Skipped: train is Failed, and this job was to run after it had succeeded."
    # What waits for a skipped job is skipped in turn.
    assert await state(service, third) == ("Cancelled", "Skipped")


async def test_a_retry_is_not_an_end(service: Service) -> None:
    first = await service.submit(retries=1)
    second = await after(service, first)
    await service.round(2)
    service.memory.finish(f"{first}.1", 1)
    await service.round(3)
    assert (await state(service, second))[0] == "Pending"
    service.memory.finish(f"{first}.2")
    await service.round(3)
    assert (await state(service, second))[0] == "Running"


async def test_any_of_several(service: Service) -> None:
    jobs = [await service.submit() for _ in range(3)]
    waits = await after(service, *jobs, need="any")
    await service.round(2)
    service.memory.finish(f"{jobs[0]}.1", 1)
    await service.round(2)
    assert (await state(service, waits))[0] == "Pending"
    service.memory.finish(f"{jobs[1]}.1")
    await service.round(3)
    assert (await state(service, waits))[0] == "Running"


async def test_cancelled_before_and_while_it_waits(service: Service) -> None:
    first = await service.submit()
    second, third = await after(service, first), await after(service, first)
    assert (await service.client().post(f"{JOBS}/{second}/cancel")).json()["state"] == "Cancelled"
    await service.client().post(f"{JOBS}/{first}/cancel")
    await service.round(2)
    assert await state(service, second) == ("Cancelled", "Cancelled")
    assert await state(service, third) == ("Cancelled", "Skipped")
    # What is over already decides at once.
    late = await after(service, first, ending="done")
    await service.round(3)
    assert (await state(service, late))[0] == "Running"


async def test_a_job_that_waits_holds_nobody_up(service: Service) -> None:
    first = await service.submit()
    await after(service, first, user="max")
    free = [await service.submit() for _ in range(3)]
    await service.round(2)
    assert [(await state(service, j))[0] for j in free] == ["Running"] * 3


async def test_a_rerun_waits_for_nobody(service: Service) -> None:
    first = await service.submit()
    second = await after(service, first)
    again = (await service.client().post(f"{JOBS}/{second}/rerun")).json()
    assert (again["queue_position"], again["waiting_for"]) == (2, []) or again["reason"] == "Submitted"
    await service.round(2)
    assert (await state(service, again["id"]))[0] == "Running"


async def test_unknown_jobs_and_those_of_others_groups(service: Service) -> None:
    foreign = await service.submit("zoe", "chemistry")
    mine = await service.submit()
    for index, job in enumerate((foreign, "job-nope", "x")):
        answer = await service.client().post(JOBS, json={**BODY, "depends_on": {"jobs": [mine, job]}})
        details = answer.json()["error"]["details"]
        assert (answer.status_code, details["field"]) == (400, "depends_on.jobs.1"), index
    for depends, field in (
        ({"jobs": []}, "depends_on.jobs"),
        ({"jobs": [mine] * 101}, "depends_on.jobs"),
        ({"jobs": [mine], "need": "most"}, "depends_on.need"),
        ({"jobs": [mine], "ending": "won"}, "depends_on.ending"),
    ):
        answer = await service.client().post(JOBS, json={**BODY, "depends_on": depends})
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


def batch(**jobs: Any) -> dict[str, Any]:
    """Jobs by key, each with what it waits for."""
    return {
        "jobs": [
            {**BODY, "key": key, "name": key, **({"depends_on": {"jobs": before}} if before else {}), **more}
            for key, (before, more) in jobs.items()
        ]
    }


async def test_a_batch_runs_in_its_order(service: Service) -> None:
    body = batch(report=(["a", "b"], {}), a=(["load"], {}), b=(["load"], {}), load=([], {}))
    answer = await service.client().post(f"{JOBS}/batch", json=body, headers={"Idempotency-Key": "k"})
    assert answer.status_code == 201, answer.text
    jobs = {key: job["id"] for key, job in answer.json()["jobs"].items()}
    assert list(jobs) == ["report", "a", "b", "load"]
    again = await service.client().post(f"{JOBS}/batch", json=body, headers={"Idempotency-Key": "k"})
    assert {key: job["id"] for key, job in again.json()["jobs"].items()} == jobs
    assert again.headers["idempotency-replayed"] == "true"
    assert (await service.client().get(JOBS, params={"total": "true"})).json()["total"] == 4
    for turn in (["load"], ["a", "b"], ["report"]):
        await service.round(3)
        running = [k for k, j in jobs.items() if (await state(service, j))[0] == "Running"]
        assert sorted(running) == turn
        for key in running:
            service.memory.finish(f"{jobs[key]}.1")
    await service.round(2)
    assert {(await state(service, j))[0] for j in jobs.values()} == {"Succeeded"}


async def test_a_circle_is_refused_and_shown(service: Service) -> None:
    body = batch(x=([], {}), a=(["b"], {}), b=(["c", "x"], {}), c=(["a"], {}))
    answer = await service.client().post(f"{JOBS}/batch", json=body)
    error = answer.json()["error"]
    assert (answer.status_code, error["details"]["field"]) == (400, "jobs.1.depends_on.jobs")
    assert "a → b → c → a" in error["message"]
    itself = await service.client().post(f"{JOBS}/batch", json=batch(a=(["a"], {})))
    assert "a → a" in itself.json()["error"]["message"]
    assert (await service.client().get(JOBS)).json()["items"] == []


async def test_a_batch_is_made_whole_or_not_at_all(service: Service) -> None:
    service.memory.write_home("mia", "physics", "a.py", b"1")
    files = {"working_directory": {"files": ["a.py"]}}
    for bad, field in (
        ({"values": {"x": 1}, "parameters": {"x": {"type": "text"}}}, "jobs.1.values.x"),
        ({"depends_on": {"jobs": ["gone"]}}, "jobs.1.depends_on.jobs.0"),
        ({"working_directory": {"files": ["gone.py"]}}, "jobs.1.working_directory.files.0"),
        ({"key": "a"}, "jobs.1.key"),
        ({"key": "job-" + "0" * 26}, "jobs.1.key"),
        ({"key": "a b"}, "jobs.1.key"),
    ):
        body = batch(a=([], files), b=([], bad))
        answer = await service.client().post(f"{JOBS}/batch", json=body)
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field), answer.text
        assert service.memory.sources == {}
    answer = await service.client().post(f"{JOBS}/batch", json=batch(a=([], files), b=([], {"image": "secret"})))
    assert (answer.status_code, service.memory.sources) == (422, {})
    error = answer.json()["error"]
    assert (error["details"]["field"], error["message"][:13]) == ("jobs.1.image", "jobs.1.image:")
    assert (await service.client().get(JOBS)).json()["items"] == []
    for jobs in ([], [{**BODY, "key": str(n)} for n in range(101)]):
        assert (await service.client().post(f"{JOBS}/batch", json={"jobs": jobs})).status_code == 400


async def scenario(database: Database, fuse: Fuse) -> MemoryBackend:
    """load, then good and bad, then what is to run, to be skipped, and to clean up; the controller dies at one call."""
    memory, clock = MemoryBackend(), Clock()
    backend, base = fused(memory, database, fuse)
    service = JobService(base, backend, lambda: None, clock)
    actor = Actor("mia", {"physics": Role.MEMBER})

    def entry(key: str, *before: str, need: Need = Need.ALL, ending: Ending = Ending.SUCCEEDED) -> Entry:
        depends = Dependency(before, need, ending) if before else None
        return Entry(key, Submission(JobSpec(key, "small", "base", command="x"), depends=depends))

    entries = [
        entry("load"),
        entry("good", "load"),
        entry("bad", "load"),
        entry("runs", "good"),
        entry("skipped", "bad"),
        entry("skipped-too", "skipped"),
        entry("either", "good", "bad", need=Need.ANY),
        entry("clean", "skipped-too", "runs", ending=Ending.DONE),
    ]
    while True:
        try:
            made, _ = await service.submit_batch(actor, "physics", entries, key="one")
            break
        except Killed:
            continue
    ids = {job.id: key for key, job in made.jobs.items()}

    def another() -> Controller:
        return Controller(base, backend, Metrics(), asyncio.Event(), None, clock)

    controller = another()
    for _ in range(60):
        controller = await go_on(controller, clock, another)
        controller.jobs._backoff.clear()
        for run, status in list(memory.runs.items()):
            if status.request is not None and not status.status.phase.final:
                memory.finish(run, 1 if ids[run.rpartition(".")[0]] == "bad" else 0)
        if not await database.reading(lambda uow: uow.jobs.open()):
            break
    return memory


def check(database: Database, memory: MemoryBackend) -> None:
    with database.read() as uow:
        jobs = {j.spec.name: j for j in uow.jobs.page("physics", JobFilter(), 100)}
        assert len(jobs) == 8
        ends = {name: (job.state, job.reason) for name, job in jobs.items()}
        good = (JobState.SUCCEEDED, JobReason.COMPLETED)
        assert ends == {
            "load": good,
            "good": good,
            "bad": (JobState.FAILED, JobReason.EXIT_CODE),
            "runs": good,
            "skipped": (JobState.CANCELLED, JobReason.SKIPPED),
            "skipped-too": (JobState.CANCELLED, JobReason.SKIPPED),
            "either": good,
            "clean": good,
        }
        for name, job in jobs.items():
            released = [e for e in uow.events.of(job.id) if e.reason == "Submitted"]
            assert len(released) <= 1, name
        assert uow.reservations.live("physics") == []
    assert all(run.executions <= 1 for run in memory.runs.values())


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_death_here_and_there(seeded_file: Path, tmp_path: Path, after: bool) -> None:
    tried = 0
    for burn_at in range(1, 10_000, 11):
        database = copy_of(seeded_file, tmp_path / str(burn_at))
        fuse = Fuse(burn_at, after)
        memory = await scenario(database, fuse)
        check(database, memory)
        database.close()
        if fuse.calls < burn_at:
            break
        tried += 1
    assert tried >= 3
