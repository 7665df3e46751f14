"""Files of deleted jobs, and artifacts whose time is over: removed at the backends, and written down."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.ports import Backend
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import Unavailable
from collegium.domain.groups import Group
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.names import new_id
from collegium.domain.queues import GroupSettings, JobBounds
from collegium.domain.resources import Resources
from collegium.services.controller import remains
from collegium.services.controller.lease import Lease
from collegium.services.controller.remains import Remains
from collegium.services.metrics import Metrics
from contract.conftest import HARNESSES, Harness


@pytest.fixture(params=["memory", "local"])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """Those that need no cluster; on one the files are in folders, too, and go the same way."""
    async with HARNESSES[request.param](tmp_path) as made:
        yield made


async def ran(harness: Harness, database: Database, group: str, days_ago: float = 0, state: str = "Succeeded") -> Job:
    """A job that left a log and an artifact, and has ended so long ago, or has not."""
    job_id, moment = new_id("job"), now() - timedelta(days=days_ago)
    await harness.run(harness.request(f"{job_id}.1", log=b"told", artifacts={"a": b"1"}))
    await harness.backend.jobs.forget(f"{job_id}.1")

    def write(uow: UnitOfWork) -> Job:
        spec = JobSpec("train", "small", "base", command="true")
        told = (JobState.PENDING, JobReason.SUBMITTED, "", moment)
        job = uow.jobs.insert(Job(job_id, group, "ann", spec, Resources({"cpu": 1}), {}, *told))
        for step in (JobState.PREPARING, JobState.RUNNING, JobState(state)):
            if job.state is not step:
                job = uow.jobs.move(job, step, JobReason.ADMITTED, "", moment, attempt=1)
        return job

    return await database.writing(write)


def keeper(database: Database, backend: Backend, bounds: JobBounds) -> Remains:
    return Remains(database, backend.volumes, Lease(database, now), Metrics(), now, bounds)


async def clear(keeper: Remains) -> None:
    """All that one controller comes to before another takes its place."""
    assert await keeper._lease.hold()
    keeper.look_again()
    await keeper.round()
    await keeper.settle()
    await keeper._lease.give_up()


async def left(harness: Harness, job: Job) -> tuple[int, int]:
    """Artifacts, and bytes of the log."""
    found = await harness.backend.volumes.artifacts(job.run_key)
    return len(found), await harness.backend.logs.size(job.run_key)


async def test_artifacts_go_when_their_groups_days_are_over(
    harness: Harness, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remains, "PART", 2)
    database = sqlite_database
    with database.write() as uow:
        for name in ("physics", "chemistry", "biology"):
            uow.groups.put(Group(name, name))
        uow.group_settings.put(GroupSettings("chemistry", artifact_days=30))
        uow.group_settings.put(GroupSettings("biology", artifact_days=0))
    asked = [("physics", 8), ("physics", 9), ("physics", 10), ("physics", 6), ("chemistry", 29), ("chemistry", 31)]
    jobs = [await ran(harness, database, group, days) for group, days in [*asked, ("biology", 999)]]
    running = await ran(harness, database, "physics", 50, "Running")
    await clear(keeper(database, harness.backend, JobBounds(artifact_days=7)))
    gone = [0, 1, 2, 5]
    for number, job in enumerate(jobs):
        artifacts, log = await left(harness, job)
        assert (artifacts, log > 0) == (0 if number in gone else 1, True), number
    assert (await left(harness, running))[0] == 1
    with database.read() as uow:
        since = [uow.jobs.get(j.group, j.id).artifacts_gone_at for j in [*jobs, running]]  # type: ignore[union-attr]
    assert [s is not None for s in since] == [n in gone for n in range(8)]
    # No group keeps them for longer than the platform allows.
    await clear(keeper(database, harness.backend, JobBounds(artifact_days=7, max_artifact_days=60)))
    assert (await left(harness, jobs[6]))[0] == 0


async def test_a_controller_that_dies_on_the_way_leaves_no_half(harness: Harness, sqlite_database: Database) -> None:
    database = sqlite_database
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
    old, deleted = await ran(harness, database, "physics", 9), await ran(harness, database, "physics", 1)
    with database.write() as uow:
        uow.many_jobs.delete("physics", list(uow.many_jobs.some("physics", [deleted.id]).values()), "ann", now())
    # Each wall is where a process may be killed: before any file, before the row, and after all.
    walls: list[Any] = ["discard", "discard_artifacts", "write", "none"]
    for wall in walls:
        dying = keeper(database, harness.backend, JobBounds(artifact_days=7))

        async def die(*_: Any) -> Any:
            raise asyncio.CancelledError

        with pytest.MonkeyPatch.context() as patch:
            if wall == "write":
                patch.setattr(dying._lease, "write", die)
            elif wall != "none":
                patch.setattr(harness.backend.volumes, wall, die)
            await clear(dying)
        with database.read() as uow:
            row, known = uow.jobs.get("physics", old.id), uow.jobs.known([deleted.id])
        assert row is not None
        if wall != "none":
            assert row.artifacts_gone_at is None
    assert (await left(harness, old))[0] == 0 and row.artifacts_gone_at is not None
    assert known == set()
    assert deleted.id not in await harness.backend.volumes.snapshots()


async def test_one_whose_files_do_not_go_holds_up_no_other(
    harness: Harness, sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = sqlite_database
    with database.write() as uow:
        uow.groups.put(Group("physics", "Physics"))
    stuck, other = await ran(harness, database, "physics", 9), await ran(harness, database, "physics", 8)
    discard = harness.backend.volumes.discard_artifacts

    async def fails(job_id: str) -> None:
        if job_id == stuck.id:
            raise Unavailable("the volume is away")
        await discard(job_id)

    found = keeper(database, harness.backend, JobBounds(artifact_days=7))
    with monkeypatch.context() as patch:
        patch.setattr(harness.backend.volumes, "discard_artifacts", fails)
        await clear(found)
    assert ((await left(harness, stuck))[0], (await left(harness, other))[0]) == (1, 0)
    await clear(found)
    assert (await left(harness, stuck))[0] == 0
