"""A controller that dies at any call to the database or the backend, and is started anew."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from collegium.backends.memory import MemoryBackend
from collegium.db import Database, UnitOfWork
from collegium.db.engine import now
from collegium.domain.errors import Conflict
from collegium.domain.groups import Actor, Role
from collegium.domain.jobs import JobFilter, JobReason, JobSpec, JobState, WorkingDirectory
from collegium.services.controller.loop import Controller
from collegium.services.jobs.service import JobService
from collegium.services.metrics import Metrics
from integration.services.harness import Clock, copy_of


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


async def go_on(controller: Controller, clock: Clock, another: Callable[[], Controller]) -> Controller:
    """One round, in which it may die; the controller that goes on after it."""
    try:
        if not await controller.round():
            # A call that a dead one had under way came through, and kept its lease.
            clock.forward(16)
    except Killed:
        # What it did beside its rounds dies with it, and its lease runs out; a new process knows nothing but what is
        # stored.
        controller._stop_beside()
        clock.forward(16)
        return another()
    return controller


async def scenario(database: Database, fuse: Fuse) -> MemoryBackend:
    """Submit five jobs, cancel two, and let the controller work, die, and be started anew until nothing moves."""
    memory, clock = MemoryBackend(), Clock()
    memory.write_home("mia", "physics", "a.py", b"1")
    backend, base = fused(memory, database, fuse)
    service = JobService(base, backend, lambda: None, now)
    actor = Actor("mia", {"physics": Role.MEMBER})
    jobs: list[str] = []
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

    def another() -> Controller:
        return Controller(base, backend, Metrics(), asyncio.Event(), None, clock)

    controller = another()
    to_cancel = {1: jobs[3], 3: jobs[4]}
    for turn in range(40):
        controller = await go_on(controller, clock, another)
        for when, job in list(to_cancel.items()):
            if turn >= when:
                try:
                    await service.cancel(actor, "physics", job)
                except Killed:
                    continue
                except Conflict:
                    pass
                del to_cancel[when]
        controller.jobs._backoff.clear()
        play(memory, jobs[:3])
        if turn > 8 and not await database.reading(lambda uow: uow.jobs.open()):
            break
    return memory


def check_end(uow: UnitOfWork, memory: MemoryBackend) -> None:
    found = {j.spec.name: j for j in uow.jobs.page("physics", JobFilter(), 100)}
    assert len(found) == 5
    assert all(j.state.final for j in found.values()), {n: j.state for n, j in found.items()}
    assert found["j0"].state is JobState.SUCCEEDED
    assert (found["j1"].state, found["j1"].attempt) == (JobState.FAILED, 2)
    assert (found["j2"].state, found["j2"].reason) == (JobState.FAILED, JobReason.LOST)
    assert {found[n].state for n in ("j3", "j4")} == {JobState.CANCELLED}
    assert all(run.executions <= 1 for run in memory.runs.values())
    assert uow.reservations.live("physics") == []


async def die_everywhere(template: Path, folder: Path, first: int, step: int, after: bool) -> int:
    """Play the scenario with a death at call ``first``, then ``first + step`` …, until none is left."""
    tried = 0
    for burn_at in range(first, 10_000, step):
        database = copy_of(template, folder / str(burn_at))
        fuse = Fuse(burn_at, after)
        memory = await scenario(database, fuse)
        with database.read() as uow:
            check_end(uow, memory)
        database.close()
        if fuse.calls < burn_at:
            break
        tried += 1
    return tried
