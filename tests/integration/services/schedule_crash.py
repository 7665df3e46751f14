"""Processes that see to schedules, and die at any call to the database or the backend."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from collegium.backends.memory import MemoryBackend
from collegium.db import Database, UnitOfWork
from collegium.domain.jobs import JobFilter
from collegium.domain.names import new_id
from collegium.domain.queues import JobBounds
from collegium.domain.recurrence import make_interval
from collegium.domain.schedules import Missed, Overlap, RunState, Schedule, Timing
from collegium.services.controller.lease import Lease, LeaseLost
from collegium.services.jobs.submit import Submitter
from collegium.services.metrics import Metrics
from collegium.services.schedules.rounds import ScheduleRounds
from integration.services.harness import BODY

START = datetime(2026, 10, 24, 22, 30, tzinfo=UTC)
FILES = {"working_directory": {"path": "", "files": ["a.py"]}}


class Killed(BaseException):
    """kill -9, as far as one process can play it."""


class Clock:
    """A clock that the test moves; each process sees it with its own error."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def off(self, seconds: float) -> Callable[[], datetime]:
        return lambda: self.now + timedelta(seconds=seconds)


class Process:
    """A controller's schedules. It dies at its n-th call, before or after the call took effect, and then does nothing
    more; what it had begun in the database goes on to its end."""

    def __init__(
        self,
        database: Database,
        memory: MemoryBackend,
        clock: Callable[[], datetime],
        die_at: int = 0,
        after: bool = False,
    ) -> None:
        self.calls, self.die_at, self.after, self.dead = 0, die_at, after, False
        store: Any = _Mortal(database, self, ("reading", "writing"))
        volumes: Any = _Mortal(memory, self, ("snapshot", "reuse_snapshot", "discard"))
        self.backend = replace(memory.backend, volumes=volumes)
        self.store, self.clock = store, clock
        self._begin()

    def _begin(self) -> None:
        self.lease = Lease(self.store, self.clock)
        submitter = Submitter(self.store, self.backend, self.clock, JobBounds())
        self.rounds = ScheduleRounds(self.store, submitter, lambda: None, self.lease, Metrics(), self.clock)

    async def play(self, times: int = 2) -> None:
        """So many rounds with what they begin; raises Killed."""
        for _ in range(times):
            try:
                if await self.lease.hold():
                    await self.rounds.round()
                    await self.rounds.settle()
            except LeaseLost:
                self.rounds.stop()
                self._begin()
            if self.dead:
                raise Killed

    async def call(self, function: Callable[..., Awaitable[Any]], *args: Any, **kwargs: Any) -> Any:
        if self.dead:
            raise Killed
        self.calls += 1
        last = self.calls == self.die_at
        if last and not self.after:
            self.dead = True
            raise Killed
        result = await function(*args, **kwargs)
        if last or self.dead:
            self.dead = True
            raise Killed
        return result


class _Mortal:
    def __init__(self, inner: Any, process: Process, names: tuple[str, ...]) -> None:
        self._inner, self._process, self._names = inner, process, names

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        if name not in self._names:
            return found

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._process.call(found, *args, **kwargs)

        return call


def make_schedule(overlap: Overlap = Overlap.ALLOW) -> Schedule:
    """Every minute, nothing left out."""
    return Schedule(
        id=new_id("sch"),
        group="physics",
        name="every minute",
        timing=Timing(
            make_interval(timedelta(minutes=1), START, "Europe/Berlin"),
            overlap=overlap,
            missed=Missed.ALL,
            missed_limit=100,
        ),
        template={**BODY, **FILES},
        run_as="mia",
        created_by="mia",
        created_at=START,
        updated_by="mia",
        updated_at=START,
        looked_until=START,
        next_due=START + timedelta(minutes=1),
    )


async def loops(database: Database, count: int, seed: int, processes: int = 1, skew: float = 0.0) -> int:
    """Minute after minute: processes that die somewhere, and then one that does not. How many died."""
    random, clock, memory = Random(seed), Clock(), MemoryBackend()
    memory.write_home("mia", "physics", "a.py", b"1")
    schedule = make_schedule()
    await database.writing(lambda uow: uow.schedules.insert(schedule))
    deaths = 0
    for _ in range(count):
        clock.now += timedelta(seconds=60)
        dying = [
            Process(
                database, memory, clock.off(random.uniform(-skew, skew)), random.randint(1, 14), random.random() < 0.5
            )
            for _ in range(processes)
        ]
        ends = await asyncio.gather(*(p.play() for p in dying), return_exceptions=True)
        for end in ends:
            assert end is None or isinstance(end, Killed), end
        deaths += sum(isinstance(end, Killed) for end in ends)
        # The dead one's lease runs out.
        clock.now += timedelta(seconds=16 + skew)
        await Process(database, memory, clock).play(2)
    clock.now += timedelta(seconds=40)
    await Process(database, memory, clock).play(2)
    assert deaths > count // 2
    await database.reading(lambda uow: check(uow, schedule, clock.now))
    return deaths


def check(uow: UnitOfWork, schedule: Schedule, now: datetime) -> None:
    """Each due time has one run, each run one job, each job one run."""
    runs = uow.schedule_runs.page(schedule.id, 100_000)
    due = schedule.timing.recurrence
    assert {r.due_at for r in runs} >= set(_minutes(START, now)), due
    assert len({r.due_at for r in runs}) == len(runs)
    assert {r.state for r in runs} == {RunState.SUBMITTED}, [r for r in runs if r.state is not RunState.SUBMITTED]
    jobs = {j.id: j for j in uow.jobs.page("physics", JobFilter(), 100_000)}
    assert len(jobs) == len(runs)
    for run in runs:
        assert run.job_id is not None
        told = jobs[run.job_id].spec.environment["COLLEGIUM_DUE_AT"]
        assert datetime.fromisoformat(told) == run.due_at


def _minutes(start: datetime, now: datetime) -> list[datetime]:
    return [start + timedelta(minutes=n) for n in range(1, int((now - start).total_seconds() // 60) + 1)]
