"""A local backend in a temporary folder, and hands to poke it with."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
import struct
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from collegium.backends.local import create
from collegium.backends.local.limits import Limiter
from collegium.backends.ports import Backend, RunRequest, RunStatus
from collegium.domain.catalog import Image
from collegium.domain.resources import Resources

PATIENCE = 40.0


class Place:
    """State and homes of one local backend, which can be opened again as after a restart of the service."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state, self.homes = folder, folder / "state", folder / "homes"
        self.backends: list[Backend] = []

    def open(self, **options: Any) -> Backend:
        """A backend as a fresh service process has it; without cgroups unless told otherwise."""
        options.setdefault("limiter", Limiter("rlimit"))
        backend = create(state_dir=self.state, homes_dir=self.homes, **options)
        self.backends.append(backend)
        return backend

    def attempt(self, key: str) -> Path:
        """The folder of a run."""
        job_id, _, number = key.rpartition(".")
        return self.state / "runs" / job_id / "attempts" / number

    @staticmethod
    def request(
        *argv: str,
        key: str = "job-one.1",
        environment: Mapping[str, str] | None = None,
        image: Image | None = None,
        resources: Mapping[str, str] | None = None,
    ) -> RunRequest:
        """A request in group physics of alice."""
        image = image or Image("hub", "Hub", environment="hub")
        amounts = Resources.parse(resources or {"cpu": "1", "memory": "512Mi"})
        return RunRequest(key, key.rpartition(".")[0], "physics", "alice", argv, image, amounts, environment or {})

    async def finished(self, backend: Backend, key: str = "job-one.1") -> RunStatus:
        """The status once it is final."""
        await self.until(lambda: key in self.seen and self.seen[key].phase.final, key, backend)
        return self.seen[key]

    async def run(self, backend: Backend, request: RunRequest) -> tuple[RunStatus, bytes]:
        """Start, wait for the end, and read up to 1 MiB of the log."""
        await backend.jobs.start(request)
        status = await self.finished(backend, request.key)
        return status, (await backend.logs.read(request.key, 0, 1 << 20)).data

    seen: Mapping[str, RunStatus] = {}

    async def until(self, question: Callable[[], bool], what: str, backend: Backend | None = None) -> None:
        """Ask until the answer is yes, observing in between."""
        deadline = time.monotonic() + PATIENCE
        while True:
            if backend is not None:
                self.seen = await backend.jobs.observe()
            if question():
                return
            assert time.monotonic() < deadline, f"did not happen: {what}; seen: {self.seen}"
            await asyncio.sleep(0.02)

    def supervisor(self, key: str = "job-one.1") -> int:
        """Process id of the run's supervisor, 0 if there is none: the kernel names who holds the lock."""
        try:
            fd = os.open(self.attempt(key) / "lock", os.O_RDWR)
        except FileNotFoundError:
            return 0
        try:
            answer = fcntl.fcntl(fd, fcntl.F_GETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
            kind, _, _, _, pid = struct.unpack("hhqqi4x", answer)
            return 0 if kind == fcntl.F_UNLCK else pid
        finally:
            os.close(fd)

    async def end_all(self) -> None:
        """Leave no process behind, whatever a failing test did."""
        backend = self.open()
        for key in await backend.jobs.observe():
            await backend.jobs.stop(key, 0)
        for key in await backend.jobs.observe():
            await self.finished(backend, key)


def alive(pid: int) -> bool:
    """True while the process is there and not a zombie."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def kill(pid: int) -> None:
    """kill -9 of one process that we started."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def lines(path: Path) -> Sequence[str]:
    """The lines of a file, none if it is not there."""
    return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    """A fresh place."""
    made = Place(tmp_path)
    yield made
    await made.end_all()


@pytest.fixture
def hands() -> Any:
    """The functions above, for tests that cannot import from here."""
    from types import SimpleNamespace

    return SimpleNamespace(alive=alive, kill=kill, lines=lines)
