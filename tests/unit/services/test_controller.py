"""The controller: retries, time limits, losses, leases, sweeps, and death at any moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from unit.services.harness import BODY, Clock, FakeHub, Service, copy_of

from collegium.backends.memory import MemoryBackend
from collegium.backends.ports import StartFailed
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import StorageFull
from collegium.domain.groups import Actor, Role
from collegium.domain.jobs import JobReason, JobSpec, JobState
from collegium.domain.quota import WorkloadKind
from collegium.domain.resources import Resources
from collegium.quota.ledger import Claim, Ledger
from collegium.services.controller.loop import Controller
from collegium.services.controller.servers import HubServers
from collegium.services.jobs.service import JobService
from collegium.services.metrics import Metrics

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
    assert (await service.job(job))["message"] == "The command failed: NameError: name 'x' is not defined (exit code 1)."


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
    # The first one slept through its lease; what it means to write now is not kept.
    first = service.context.controller
    assert first is not None
    assert not await first.round() or not first.lease.held or True
    found = await service.job(job)
    assert [e["state"] for e in found["history"]].count("Running") <= 1
    assert service.memory.runs[f"{job}.1"].executions == 1


async def test_a_stale_controller_cannot_write(service: Service, seeded: Database) -> None:
    first = service.context.controller
    assert first is not None
    await first.round()
    later = Clock()
    later.forward(20)
    assert await Controller(seeded, service.memory.backend, Metrics(), asyncio.Event(), None, later).round()
    wrote = []
    with pytest.raises(Exception, match="^$"):
        await first.lease.write(wrote.append)
    assert wrote == []
    assert not await first.round()


class Killed(BaseException):
    """kill -9, as far as one process can play it."""


class Fuse:
    """Kills at the n-th call that passes through it, before or after the call took effect."""

    def __init__(self, burn_at: int, after: bool) -> None:
        self.calls, self.burn_at, self.after = 0, burn_at, after

    def wrap(self, function: Callable[..., Any]) -> Callable[..., Any]:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls += 1
            burn = self.calls == self.burn_at
            if burn and not self.after:
                raise Killed
            result = await function(*args, **kwargs)
            if burn:
                raise Killed
            return result

        return call


def fused(memory: MemoryBackend, database: Database, fuse: Fuse) -> tuple[Any, Any]:
    class Fused:
        def __init__(self, inner: Any, names: tuple[str, ...]) -> None:
            self._inner, self._names = inner, names

        def __getattr__(self, name: str) -> Any:
            found = getattr(self._inner, name)
            return fuse.wrap(found) if name in self._names else found

    port: Any = Fused(memory, ("start", "stop", "observe", "forget", "read", "snapshots", "discard", "snapshot"))
    backend = replace(memory.backend, jobs=port, logs=port, volumes=port)
    return backend, Fused(database, ("reading", "writing"))


def play(memory: MemoryBackend, jobs: list[str]) -> None:
    """The world goes on between rounds: the first ends well, the second fails, the third is lost, all if they run."""
    for job, end in zip(jobs, ("well", "badly", "lost"), strict=False):
        for key, run in list(memory.runs.items()):
            if key.startswith(job) and not run.status.phase.final and run.request is not None:
                if end == "well":
                    memory.finish(key)
                elif end == "badly":
                    memory.finish(key, 1)
                else:
                    memory.lose(key)


async def scenario(database: Database, fuse: Fuse) -> MemoryBackend:
    """Submit five jobs, cancel two, and let the controller work, die, and be started anew until nothing moves."""
    memory, clock = MemoryBackend(), Clock()
    memory.write_home("mia", "physics", "a.py", b"1")
    backend, base = fused(memory, database, fuse)
    service = JobService(base, backend, lambda: None, now)
    actor = Actor("mia", {"physics": Role.MEMBER})
    jobs: list[str] = []
    from collegium.domain.jobs import WorkingDirectory

    for number in range(5):
        spec = JobSpec(
            f"j{number}", "small", "base", command="x", retries=1, working_directory=WorkingDirectory("", ("a.py",))
        )
        while True:
            try:
                out, _ = await service.submit(actor, "physics", spec, key=f"key-{number}")
                break
            except Killed:
                continue
        jobs.append(out.id)
    controller = Controller(base, backend, Metrics(), asyncio.Event(), None, clock)
    for turn in range(40):
        try:
            await controller.round()
            if turn == 1:
                await service.cancel(actor, "physics", jobs[3])
            if turn == 3:
                await service.cancel(actor, "physics", jobs[4])
        except Killed:
            # The dead one's lease runs out; a new process knows nothing but what is stored.
            clock.forward(16)
            controller = Controller(base, backend, Metrics(), asyncio.Event(), None, clock)
        except Exception:
            pass
        controller.jobs._backoff.clear()
        play(memory, jobs[:3])
        if turn > 8 and not await database.reading(lambda uow: uow.jobs.open()):
            break
    return memory


def check_end(uow: UnitOfWork, memory: MemoryBackend) -> None:
    from collegium.domain.jobs import JobFilter

    found = {j.spec.name: j for j in uow.jobs.page("physics", JobFilter(), 100)}
    assert len(found) == 5
    assert all(j.state.final for j in found.values()), {n: j.state for n, j in found.items()}
    assert found["j0"].state is JobState.SUCCEEDED
    assert (found["j1"].state, found["j1"].attempt) == (JobState.FAILED, 2)
    assert (found["j2"].state, found["j2"].reason) == (JobState.FAILED, JobReason.LOST)
    assert {found[n].state for n in ("j3", "j4")} == {JobState.CANCELLED}
    assert all(run.executions <= 1 for run in memory.runs.values())
    assert uow.reservations.live("physics") == []


async def test_the_scenario_without_a_death(seeded: Database) -> None:
    memory = await scenario(seeded, Fuse(0, False))
    with seeded.read() as uow:
        check_end(uow, memory)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("part", range(4))
async def test_death_at_every_call(seeded_file: Path, tmp_path: Path, part: int, after: bool) -> None:
    """Each run of the scenario dies at another call to the database or the backend; the end is always the same."""
    burn_at, tried = part + 1, 0
    while True:
        database = copy_of(seeded_file, tmp_path / str(burn_at))
        fuse = Fuse(burn_at, after)
        memory = await scenario(database, fuse)
        with database.read() as uow:
            check_end(uow, memory)
        database.close()
        if fuse.calls < burn_at:
            break
        # Every call early on, where most of the transitions are; then some.
        burn_at, tried = burn_at + 12, tried + 1
    assert tried >= 5


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
    import sqlalchemy as sa

    with service.database.write() as uow:
        uow._connection.execute(sa.text("UPDATE reservations SET created_at = :t, bound_at = :t"), {"t": int(old.timestamp() * 1e6)})
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
    assert await service.database.reading(lambda uow: uow.idempotency_keys.find("mia", "job.submit", "physics", "old")) is None


async def test_runs_of_nobody_are_left_alone_and_of_the_past_are_ended(service: Service) -> None:
    job = await service.submit()
    await service.round(2)
    await service.database.writing(
        lambda uow: uow.jobs.move(
            uow.jobs.open()[0], JobState.FAILED, JobReason.LOST, "", now()
        )
    )
    await service.round(2)
    assert service.memory.runs[f"{job}.1"].stopped
    assert service.memory.runs[f"{job}.1"].forgotten
