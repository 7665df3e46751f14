"""The controller: retries, time limits, losses, leases, sweeps, and death at any moment."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from collegium.backends.ports import StartFailed
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import StorageFull
from collegium.domain.jobs import JobReason, JobState
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger
from collegium.services.controller.lease import LeaseLost
from collegium.services.controller.loop import Controller
from collegium.services.controller.servers import HubServers
from collegium.services.metrics import Metrics
from integration.services.crash import Fuse, check_end, die_everywhere, scenario
from integration.services.harness import BODY, Clock, FakeHub, Service

JOBS = "/groups/physics/jobs"


async def state(service: Service, job: str) -> tuple[str, str]:
    found = await service.job(job)
    return found["state"], found["reason"]


async def test_retry(service: Service) -> None:
    job = await service.submit(retries=1)
    await service.round(2)
    service.memory.finish(f"{job}.1", 3)
    await service.round()
    found = await service.job(job)
    assert (found["state"], found["reason"], found["attempt"]) == ("Preparing", "Admitted", 2)
    assert "Attempt 1 of 2 failed" in "".join(e["message"] for e in found["history"])
    await service.round()
    service.memory.finish(f"{job}.2", 4)
    await service.round()
    found = await service.job(job)
    assert (found["state"], found["reason"], found["exit_code"], found["attempt"]) == ("Failed", "ExitCode", 4, 2)
    assert [service.memory.runs[f"{job}.{n}"].executions for n in (1, 2)] == [1, 1]


async def test_a_failed_job_says_why(service: Service) -> None:
    job = await service.submit()
    await service.round(2)
    service.memory.write_log(f"{job}.1", b"Traceback (most recent call last):\nNameError: name 'x' is not defined\n")
    service.memory.finish(f"{job}.1", 1)
    await service.round()
    assert (await service.job(job))[
        "message"
    ] == "The command failed: NameError: name 'x' is not defined (exit code 1)."


async def test_time_limit(service: Service, clock: Clock) -> None:
    job = await service.submit(timeout_seconds=60)
    await service.round(2)
    clock.forward(59)
    await service.round()
    assert await state(service, job) == ("Running", "Started")
    clock.forward(2)
    await service.round()
    run = service.memory.runs[f"{job}.1"]
    assert run.stopped
    # The backend's own clock does not move in this test.
    run.status = replace(run.status, finished_at=clock())
    await service.round()
    assert await state(service, job) == ("Failed", "Timeout")


async def test_a_run_that_nobody_saw_running_has_its_times(service: Service) -> None:
    """Runs of seconds: over before the first look, and still with a duration in lists and trends."""
    job = await service.submit()
    await service.round()
    run = service.memory.runs[f"{job}.1"]
    run.status = replace(run.status, started_at=now() - timedelta(seconds=2))
    service.memory.finish(f"{job}.1")
    assert await state(service, job) == ("Preparing", "Admitted")
    await service.round()
    found = await service.job(job)
    assert (found["state"], found["started_at"] < found["finished_at"]) == ("Succeeded", True)


async def test_lost_runs(service: Service) -> None:
    lost, gone = await service.submit(), await service.submit()
    await service.round(2)
    service.memory.lose(f"{lost}.1")
    service.memory.runs[f"{gone}.1"].listed = False
    await service.round()
    assert await state(service, lost) == ("Failed", "Lost")
    # One look that misses it is no proof.
    assert await state(service, gone) == ("Running", "Started")
    await service.round()
    assert await state(service, gone) == ("Failed", "Lost")


async def test_what_cannot_start_fails_and_gives_its_place_back(service: Service) -> None:
    job = await service.submit(retries=3)
    service.memory.fail_next_start(StartFailed("the image is no more"))
    await service.round()
    found = await service.job(job)
    assert (found["state"], found["reason"]) == ("Failed", "StartFailed")
    assert "the image is no more" in found["message"]
    assert (await service.client().get("/groups/physics/usage")).json()["holders"] == []


async def test_one_jobs_trouble_is_its_own(service: Service) -> None:
    bad, good = await service.submit(), await service.submit("max")
    service.memory.fail_next_start(RuntimeError("a bug"))
    await service.round(2)
    assert (await state(service, bad))[0] == "Preparing"
    assert (await state(service, good))[0] == "Running"


async def test_a_backend_that_does_not_answer_changes_nothing(service: Service) -> None:
    job = await service.submit()
    await service.round(2)
    for error in (None, StorageFull("full"), RuntimeError("a bug")):
        service.memory.fail_next_observe(error)
        await service.round()
    assert await state(service, job) == ("Running", "Started")


async def test_authors_who_left(service: Service) -> None:
    running = await service.submit()
    await service.round(2)
    waiting = await service.submit()
    await service.database.writing(lambda uow: uow.memberships.delete("physics", "mia"))
    await service.round(2)
    found = await service.job(waiting, "ada")
    assert (found["state"], found["reason"]) == ("Failed", "NoLongerGranted")
    assert (await service.job(running, "ada"))["state"] == "Running"


async def test_two_controllers(service: Service, seeded: Database) -> None:
    job = await service.submit()
    await service.round()
    clock = Clock()
    second = Controller(seeded, service.memory.backend, Metrics(), asyncio.Event(), None, clock)
    assert not await second.round()
    clock.forward(20)
    assert await second.round()
    found = await service.job(job)
    assert [e["state"] for e in found["history"]].count("Running") <= 1
    assert service.memory.runs[f"{job}.1"].executions == 1


async def test_the_end_of_a_run_needs_no_waiting(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collegium.services.controller.loop.INTERVAL", 3600.0)
    controller = service.context.controller
    assert controller is not None
    task = asyncio.create_task(controller.run())
    try:
        async with asyncio.timeout(60):
            job = await service.submit()
            while (await state(service, job))[0] != "Running":
                await asyncio.sleep(0.01)
            service.memory.finish(f"{job}.1")
            while (await state(service, job))[0] != "Succeeded":
                await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_stale_controller_cannot_write(service: Service, seeded: Database) -> None:
    first = service.context.controller
    assert first is not None
    await first.round()
    later = Clock()
    later.forward(20)
    assert await Controller(seeded, service.memory.backend, Metrics(), asyncio.Event(), None, later).round()
    wrote = []
    with pytest.raises(LeaseLost):
        await first.lease.write(wrote.append)
    assert wrote == []
    assert not await first.round()


async def test_the_scenario_without_a_death(seeded: Database) -> None:
    memory = await scenario(seeded, Fuse(0, False))
    with seeded.read() as uow:
        check_end(uow, memory)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
async def test_death_here_and_there(seeded_file: Path, tmp_path: Path, after: bool) -> None:
    """Every call has its turn in tests/integration/test_service_crash.py."""
    assert await die_everywhere(seeded_file, tmp_path, 9, 23, after) >= 3


async def test_servers_are_swept_only_by_what_the_hub_says(service: Service, hub: FakeHub) -> None:
    def reserve(uow: UnitOfWork) -> None:
        for name in ("mia/a", "max/"):
            claim = Claim("physics", name.split("/")[0], WorkloadKind.SERVER, name, Resources({"cpu": 1000}))
            assert Ledger().reserve(uow, claim).granted
            Ledger().bind(uow, WorkloadKind.SERVER, name)

    await service.database.writing(reserve)
    controller = service.context.controller
    assert controller is not None
    controller.housekeeping._servers = HubServers(f"{hub.url}/hub/api", "service-token")
    hub.servers = {"mia": ["a", "b"], "zoe": [""]}

    def live() -> list[str]:
        with service.database.read() as uow:
            return sorted(r.workload_id for r in uow.reservations.live())

    await controller.lease.hold()
    await controller.housekeeping.sweep_servers()
    assert live() == ["max/", "mia/a"]  # younger than the grace
    old = now() - timedelta(seconds=120)
    with service.database.write() as uow:
        uow._connection.execute(
            sa.text("UPDATE reservations SET created_at = :t, bound_at = :t"), {"t": int(old.timestamp() * 1e6)}
        )
    hub.down = True
    with pytest.raises(Exception, match="500"):
        await controller.housekeeping.sweep_servers()
    assert live() == ["max/", "mia/a"]
    hub.down = False
    await controller.housekeeping.sweep_servers()
    assert live() == ["mia/a"]


async def test_orphans_and_old_rows(service: Service, clock: Clock) -> None:
    job = await service.submit(working_directory={})
    service.memory._keep("job-orphan", {"a": b""})
    controller = service.context.controller
    assert controller is not None
    await controller.lease.hold()
    await controller.housekeeping.sweep_orphans()
    assert "job-orphan" in service.memory.sources
    clock.forward(3700)
    await controller.housekeeping.sweep_orphans()
    assert set(service.memory.sources) == {job}
    await service.client().post(JOBS, json=BODY, headers={"Idempotency-Key": "old"})
    clock.forward(25 * 3600)
    await controller.housekeeping.forget_old()
    assert (
        await service.database.reading(lambda uow: uow.idempotency_keys.find("mia", "job.submit", "physics", "old"))
        is None
    )


async def test_runs_of_nobody_are_left_alone_and_of_the_past_are_ended(service: Service) -> None:
    job = await service.submit()
    await service.round(2)
    await service.database.writing(
        lambda uow: uow.jobs.move(uow.jobs.open()[0], JobState.FAILED, JobReason.LOST, "", now())
    )
    await service.round(2)
    assert service.memory.runs[f"{job}.1"].stopped
    assert service.memory.runs[f"{job}.1"].forgotten
