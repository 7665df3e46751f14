"""Long queues: ``python -m benchmarks.jobs_queue [most jobs] [groups]``.

12,500, 25,000 and 50,000 jobs wait in 100 groups, each of which may run 20 at once. A controller, alone in a process,
works until all are over, on SQLite with every commit synced, over a backend in memory whose runs end as soon as they
start: what is measured is admission, start, settlement and the database, and nothing that a machine does for a job.
Admissions per second, and the process's memory at most beyond what it had with an empty queue.

Fails if four times as many jobs take more than 1.3 times as long for each.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.cost import cost
from benchmarks.report import ratio, table
from benchmarks.running import folder
from collegium.backends.memory import MemoryBackend, Script
from collegium.backends.ports import RunRequest
from collegium.db import Database, UnitOfWork
from collegium.db.accounts import User
from collegium.db.engine import now
from collegium.domain.catalog import Grant, GrantKind, Image, InstanceType
from collegium.domain.groups import Group, ManagedBy, Membership, Role
from collegium.domain.jobs import Job, JobReason, JobSpec, JobState
from collegium.domain.launch import LaunchOptions, resolve
from collegium.domain.names import new_id
from collegium.domain.policy import Operation
from collegium.domain.quota import Limits
from collegium.domain.resources import Resources
from collegium.services.controller.loop import Controller
from collegium.services.jobs.manifest import launch_manifest
from collegium.services.metrics import Metrics
from collegium.settings import Settings

MOST_GROWTH = 1.3
AT_ONCE = 20
BATCH = 1000
MIB = 1 << 20
SPEC = JobSpec("benchmark", "small", "python", command="true", environment={"OMP_NUM_THREADS": "1"})


@dataclass(frozen=True)
class Found:
    """Of one size: seconds in all and of processor, and bytes beyond those of an empty queue, at most."""

    jobs: int
    seconds: float
    cpu: float
    memory: int
    peak: int


class Brief(MemoryBackend):
    """Runs end as soon as they start, and what is forgotten is gone and counted."""

    over = 0

    async def start(self, request: RunRequest) -> None:
        self.script(request.key, Script())
        await super().start(request)

    async def forget(self, key: str) -> None:
        await super().forget(key)
        if key in self.runs and self.runs[key].forgotten:
            self.over += 1
            del self.runs[key]
            self._scripts.pop(key, None)
            self.since.pop(key.rpartition(".")[0], None)


def seed(uow: UnitOfWork, groups: list[str]) -> None:
    for name in groups:
        uow.groups.put(Group(name, name, "", "", Limits.parse({"count/jobs": str(AT_ONCE)})))
        uow.memberships.put(Membership(name, "ann", Role.ADMIN))
    uow.catalog.replace(
        ManagedBy.FILE,
        [InstanceType("small", "Small", Resources.parse({"cpu": "1", "memory": "1Gi"}))],
        [Image("python", "Python", environment="hub")],
        [],
        [Grant("*", GrantKind.INSTANCE_TYPE, "small"), Grant("*", GrantKind.IMAGE, "python")],
    )


def waiting(uow: UnitOfWork, group: str, count: int, at: datetime) -> Iterator[Job]:
    """Jobs that have just been submitted."""
    actor = uow.memberships.actor("ann")
    options = LaunchOptions(group, "small", "python")
    launch = resolve(actor, options, uow.catalog.offer(group), Operation.JOB_SUBMIT)
    manifest = launch_manifest(launch, SPEC, None)
    for _ in range(count):
        job_id, state, reason = new_id("job"), JobState.PENDING, JobReason.SUBMITTED
        yield Job(job_id, group, "ann", SPEC, launch.resources, manifest, state, reason, "", at)


def fill(database: Database, groups: list[str], count: int) -> None:
    for group in groups:
        for start in range(0, count // len(groups), BATCH):
            with database.write() as uow:
                for job in waiting(uow, group, min(BATCH, count // len(groups) - start), now()):
                    uow.jobs.insert(job)


async def work(database: Database, groups: list[str], count: int) -> Found:
    backend = Brief()
    controller = Controller(database, backend.backend, Metrics(), asyncio.Event(), None, now)
    await controller.round()
    await asyncio.to_thread(fill, database, groups, count)
    before, begun = cost(), time.perf_counter()
    while backend.over < count:
        await controller.round()
    after, seconds = cost(), time.perf_counter() - begun
    done = await database.reading(lambda uow: sum(uow.jobs.count([JobState.SUCCEEDED], g) for g in groups))
    if done != count:
        raise RuntimeError(f"{done} of {count} jobs have succeeded")
    return Found(count, seconds, after.cpu - before.cpu, after.peak - before.resident, after.peak)


def child(place: Path, names: list[str], count: int, results: Connection) -> None:
    """A controller alone in a process."""
    place.mkdir()
    database = Database.open(Settings.at(place))
    with database.write() as uow:
        uow.users.put(User("ann"))
        seed(uow, names)
    results.send(asyncio.run(work(database, names, count)))
    database.close()


def measure(place: Path, groups: int, count: int) -> Found:
    context = mp.get_context("spawn")
    mine, theirs = context.Pipe(False)
    names = [f"g{number}" for number in range(groups)]
    process = context.Process(target=child, args=(place, names, count, theirs))
    process.start()
    theirs.close()
    try:
        found: Found = mine.recv()
    finally:
        process.join()
    print(f"{count:,} jobs after {found.seconds:.0f} s", flush=True)
    return found


def main(most: int, groups: int) -> None:
    with folder() as place:
        found = [measure(place / str(size), groups, size) for size in (most // 4, most // 2, most)]
    first = found[0]
    head = ("jobs in the queues", "admissions/s", "processor per job", "time per job to the first row's")
    rows = [(*head, "memory beyond an empty queue, at most", "per job", "memory at most")]
    for one in found:
        each = ratio(one.seconds / one.jobs, first.seconds / first.jobs)
        speed = (f"{one.jobs:,}", f"{one.jobs / one.seconds:.0f}", f"{one.cpu / one.jobs * 1000:.2f} ms", each)
        more = (f"{one.memory / MIB:.0f} MiB", f"{one.memory / one.jobs / 1024:.1f} KiB", f"{one.peak / MIB:.0f} MiB")
        rows.append((*speed, *more))
    table(f"Queues of {groups} groups, {AT_ONCE} of each at once", rows, ["sqlalchemy"])
    last = found[-1]
    growth = (last.seconds / last.jobs) / (first.seconds / first.jobs)
    linear = growth <= MOST_GROWTH
    answer = f"at most {MOST_GROWTH}×: {'yes' if linear else 'no'}"
    print(f"\nTime per job from {first.jobs:,} to {last.jobs:,}: {growth:.2f}×; {answer}.")
    sys.exit(not linear)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 50_000, int(sys.argv[2]) if len(sys.argv) > 2 else 100)
