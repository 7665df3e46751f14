"""Controllers that race and die anywhere: each point of a sweep has one job with its files, and the sweep one end."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from random import Random

import pytest

from collegium.backends.memory import MemoryBackend
from collegium.db import Database, UnitOfWork
from collegium.domain.groups import Actor, Role
from collegium.domain.jobs import JobFilter, JobReason, JobState
from collegium.domain.queues import JobBounds
from collegium.services.by import By
from collegium.services.controller.lease import Lease
from collegium.services.jobs.submit import Submitter
from collegium.services.metrics import Metrics
from collegium.services.sweeps.models import SweepIn
from collegium.services.sweeps.rounds import SweepRounds
from collegium.services.sweeps.service import SweepService
from integration.services.harness import BODY, seed
from integration.services.schedule_crash import Clock, Killed, Process

JOB = {**{k: v for k, v in BODY.items() if k != "name"}, "working_directory": {"files": ["a.py"]}}
FILES = {"a.py": b"1"}


class SweepProcess(Process):
    """A controller's sweeps, which die as schedules do."""

    def _begin(self) -> None:
        self.lease = Lease(self.store, self.clock)
        submitter = Submitter(self.store, self.backend, self.clock, JobBounds())
        self.rounds = SweepRounds(  # type: ignore[assignment]
            self.store, self.backend, submitter, lambda: None, self.lease, Metrics(), self.clock
        )


@pytest.fixture
def world(database: Database) -> Database:
    """With people, on both databases."""
    with database.write() as uow:
        seed(uow)
    return database


def end_some(uow: UnitOfWork, random: Random, moment: datetime) -> None:
    """Jobs start, end well or badly, or end because somebody asked for it."""
    for job in uow.jobs.page("physics", JobFilter(), 1000):
        if job.state is JobState.PENDING and random.random() < 0.7:
            uow.jobs.move(job, JobState.PREPARING, JobReason.ADMITTED, "", moment, attempt=1)
        elif job.state is JobState.PREPARING and (job.cancel_requested_by or random.random() < 0.7):
            good = random.random() < 0.8 and not job.cancel_requested_by
            state = JobState.SUCCEEDED if good else JobState.FAILED
            uow.jobs.move(job, state, JobReason.COMPLETED, "", moment)


async def play(database: Database, chance: int, processes: int, skew: float = 0.0, cancel: bool = False) -> int:
    """A sweep to its end by processes of which most die somewhere; how many did."""
    random, clock, memory = Random(chance), Clock(), MemoryBackend()
    memory.write_home("mia", "physics", "a.py", FILES["a.py"])
    service = SweepService(database, memory.backend, lambda: None, clock)
    actor = Actor("mia", roles={"physics": Role.MEMBER})
    space = {"n": {"start": 1, "stop": 9, "step": 1}, "m": {"values": [*range(5)]}}
    body = SweepIn.model_validate({"name": "search", "job": JOB, "grid": space, "concurrency": 7})
    sweep, _ = await service.submit(actor, "physics", body)
    deaths = 0
    for turn in range(200):
        clock.now += timedelta(seconds=60)
        dying = [
            SweepProcess(
                database, memory, clock.off(random.uniform(-skew, skew)), random.randint(1, 16), random.random() < 0.5
            )
            for _ in range(processes)
        ]
        ends = await asyncio.gather(*(p.play() for p in dying), return_exceptions=True)
        assert all(e is None or isinstance(e, Killed) for e in ends), ends
        deaths += sum(isinstance(e, Killed) for e in ends)
        clock.now += timedelta(seconds=16 + skew)
        await database.writing(lambda uow: end_some(uow, random, clock()))
        if cancel and turn == 3:
            await service.cancel(By(actor), "physics", sweep.id)
        if turn % 3 == 2:
            await SweepProcess(database, memory, clock).play(1)
            clock.now += timedelta(seconds=16 + skew)
        if await database.reading(lambda uow: not uow.sweeps.open()):
            break
    await database.reading(lambda uow: check(uow, memory, sweep.id, cancel))
    return deaths


def check(uow: UnitOfWork, memory: MemoryBackend, sweep_id: str, cancelled: bool) -> None:
    sweep = uow.sweeps.get("physics", sweep_id)
    assert sweep is not None
    jobs = uow.jobs.page("physics", JobFilter(), 1000)
    assert sorted(j.point for j in jobs if j.point is not None) == list(range(sweep.made))
    assert sweep.made == 45 or cancelled
    for job in jobs:
        assert job.point is not None
        assert job.spec.values == sweep.space.point(job.point)
        assert job.spec.environment["SWEEP_INDEX"] == str(job.point)
        assert memory.sources[job.id] == FILES
        assert job.state.final
    ends = Counter(e.state for e in uow.events.of(sweep_id))
    assert ends == Counter({"Running": 2 if cancelled else 1, sweep.state.value: 1})
    assert sweep.state is (JobState.CANCELLED if cancelled else JobState.FAILED)


async def test_death_anywhere(seeded: Database) -> None:
    assert await play(seeded, 1, processes=1) > 5


async def test_two_that_race_and_die(world: Database) -> None:
    assert await play(world, 2, processes=2, skew=30) > 5


async def test_cancelled_meanwhile(seeded: Database) -> None:
    await play(seeded, 3, processes=2, cancel=True)
