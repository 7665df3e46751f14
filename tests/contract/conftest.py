"""The implementations that the contract is held against.

A new backend joins by adding a maker to ``HARNESSES``: an async context manager over a temporary folder that yields a
``Harness``. A maker for a backend that needs a machine nobody has here (a cluster) raises, it does not skip.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import shlex
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from collegium.backends import kubernetes as kubernetes_backend
from collegium.backends.local import create
from collegium.backends.local.limits import Limiter
from collegium.backends.memory import MemoryBackend, Script
from collegium.backends.ports import PYTHON, Backend, RunPhase, RunRequest, RunStatus, literal
from collegium.cipher import Cipher
from collegium.domain.catalog import Image
from collegium.domain.names import new_id
from collegium.domain.resources import Resources
from collegium.stores.port import FileStore
from support.kubernetes_place import POD_PROGRAM, ClusterPlace
from support.plain_kernel import without_calls

PATIENCE = 30.0
HEAD, TAIL, SEGMENT = 8192, 16384, 4096
MAX_FILES, MAX_BYTES = 40, 1 << 20

CIPHER = Cipher.generate()


async def until(question: Callable[[], Awaitable[bool]], what: str) -> None:
    """Ask until the answer is yes; the patience is for a busy machine, not part of the contract."""
    deadline = time.monotonic() + PATIENCE
    while not await question():
        assert time.monotonic() < deadline, f"did not happen: {what}"
        await asyncio.sleep(0.02)


class Harness:
    """Drives one backend through its ports, and through a side door for what users and programs do themselves."""

    backend: Backend
    image = Image("base", "Base", reference="docker.io/library/python:3.11", environment="hub")
    #: Bytes that a log keeps at most.
    log_cap = HEAD + TAIL
    #: Homes are listed one by one, and not only the volume that all of them are on.
    lists_homes = True
    #: Where trees of the file store are, if they are anywhere.
    trees: Path | None = None

    def request(
        self,
        key: str | None = None,
        *,
        log: bytes = b"",
        artifacts: Mapping[str, bytes] | None = None,
        exit_code: int = 0,
        hold: bool = False,
        stubborn: bool = False,
        environment: Mapping[str, str] | None = None,
        argv: Sequence[str] | None = None,
    ) -> RunRequest:
        """A run that writes, leaves artifacts, waits for ``release`` if held, ignores polite requests if stubborn."""
        key = key or new_id("job") + ".1"
        script = argv or self._program(key, log, artifacts or {}, exit_code, hold, stubborn)
        resources = Resources.parse({"cpu": "1", "memory": "256Mi"})
        job_id = key.rpartition(".")[0]
        return RunRequest(key, job_id, "physics", "alice", script, self.image, resources, environment or {})

    def _program(
        self, key: str, log: bytes, artifacts: Mapping[str, bytes], exit_code: int, hold: bool, stubborn: bool
    ) -> Sequence[str]:
        """An argv that does this."""
        raise NotImplementedError

    async def write_home(self, user: str, group: str, path: str, data: bytes) -> None:
        """What the user does in a notebook."""
        raise NotImplementedError

    async def release(self, key: str) -> None:
        """Let a held run go on to its end."""
        raise NotImplementedError

    async def executions(self, key: str) -> int:
        """How often the program really ran."""
        raise NotImplementedError

    async def source(self, job_id: str) -> dict[str, bytes]:
        """What a run of this job finds in its working directory."""
        raise NotImplementedError

    def reopen(self) -> Backend:
        """The backend as a new service process would see it."""
        return self.backend

    async def status(self, key: str) -> RunStatus | None:
        """One status."""
        return (await self.backend.jobs.observe()).get(key)

    async def finished(self, key: str) -> RunStatus:
        """The status once it is final."""

        async def over() -> bool:
            status = await self.status(key)
            return status is not None and status.phase.final

        await until(over, f"the end of {key}")
        status = await self.status(key)
        assert status is not None
        return status

    async def running(self, key: str) -> RunStatus:
        """The status once it runs and has written a byte."""

        async def up() -> bool:
            status = await self.status(key)
            return status is not None and status.phase is RunPhase.RUNNING and await self.backend.logs.size(key) > 0

        await until(up, f"{key} running")
        status = await self.status(key)
        assert status is not None
        return status

    async def run(self, request: RunRequest) -> RunStatus:
        """Start and wait for the end."""
        await self.backend.jobs.start(request)
        return await self.finished(request.key)


class MemoryHarness(Harness):
    """The fake: the side door is the fake's own."""

    def __init__(self) -> None:
        self.memory = MemoryBackend(max_files=MAX_FILES, max_bytes=MAX_BYTES, log_cap=self.log_cap)
        self.backend = self.memory.backend
        self._codes: dict[str, int] = {}

    def _program(
        self, key: str, log: bytes, artifacts: Mapping[str, bytes], exit_code: int, hold: bool, stubborn: bool
    ) -> Sequence[str]:
        self._codes[key] = exit_code
        self.memory.script(key, Script(b"up\n" + log, artifacts, None if hold or stubborn else exit_code))
        return ["scripted"]

    async def write_home(self, user: str, group: str, path: str, data: bytes) -> None:
        self.memory.write_home(user, group, path, data)

    async def release(self, key: str) -> None:
        self.memory.finish(key, self._codes[key])

    async def executions(self, key: str) -> int:
        return self.memory.runs[key].executions if key in self.memory.runs else 0

    async def source(self, job_id: str) -> dict[str, bytes]:
        return self.memory.sources.get(job_id, {})


async def source_by_run(harness: Harness, job_id: str) -> dict[str, bytes]:
    """What a run of a job that tells of its working directory finds there."""
    key = f"{job_id}.77"
    script = (
        "import os, pathlib\n"
        "for p in sorted(pathlib.Path('.').rglob('*')):\n"
        "    if p.is_file() and 'artifacts' not in p.parts: print(p, p.read_bytes().hex(), sep='=')\n"
    )
    status = await harness.run(harness.request(key, argv=[PYTHON, "-c", script.replace("{", "{{")]))
    assert status.phase is RunPhase.SUCCEEDED, status
    text = (await harness.backend.logs.read(key)).data.decode()
    await harness.backend.jobs.forget(key)
    return {name: bytes.fromhex(value) for name, value in (line.split("=") for line in text.splitlines())}


class LocalHarness(Harness):
    """This machine. Without cgroups, so that the suite is the same everywhere; the limits have tests of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.marks = folder / "marks"
        self.marks.mkdir()
        self.trees = folder / "files"
        self.backend = self.reopen()

    def reopen(self) -> Backend:
        return create(
            state_dir=self.folder / "state",
            homes_dir=self.folder / "homes",
            files_dir=self.trees,
            limiter=Limiter("rlimit"),
            snapshot_bytes=MAX_BYTES,
            snapshot_files=MAX_FILES,
            log_head=HEAD,
            log_tail=TAIL,
            log_segment=SEGMENT,
        )

    def _program(
        self, key: str, log: bytes, artifacts: Mapping[str, bytes], exit_code: int, hold: bool, stubborn: bool
    ) -> Sequence[str]:
        payload = self.marks / f"{key}.log"
        payload.write_bytes(b"up\n" + log)
        mark = shlex.quote(str(self.marks / key))
        lines = ["trap '' TERM"] if stubborn else []
        lines += [f"echo ran >> {mark}.ran"]
        for number, (path, data) in enumerate(artifacts.items()):
            (self.marks / f"{key}.{number}").write_bytes(data)
            target = f"$COLLEGIUM_ARTIFACTS/{path}"
            lines += [f'mkdir -p "$(dirname "{target}")"', f'cp {mark}.{number} "{target}"']
        lines += [f"cat {shlex.quote(str(payload))}"]
        if hold or stubborn:
            lines += [f"while ! test -e {mark}.go; do sleep 0.02; done"]
        lines += [f"exit {exit_code}"]
        return ["sh", "-c", "\n".join(lines)]

    async def write_home(self, user: str, group: str, path: str, data: bytes) -> None:
        target = Path(await self.backend.volumes.home(user, group)) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    async def release(self, key: str) -> None:
        (self.marks / f"{key}.go").touch()

    async def executions(self, key: str) -> int:
        mark = self.marks / f"{key}.ran"
        return len(mark.read_text().splitlines()) if mark.exists() else 0

    async def source(self, job_id: str) -> dict[str, bytes]:
        return await source_by_run(self, job_id)

    async def end_all(self) -> None:
        """Leave no process behind, whatever a failing test did."""
        for key in await self.backend.jobs.observe():
            await self.backend.jobs.stop(key, 0)
        for key in await self.backend.jobs.observe():
            await self.finished(key)


class KubernetesHarness(Harness):
    """A real cluster. One instance and one namespace for the session; each test starts with empty folders in it."""

    #: Folders on the files volume, whose names do not tell whose they are.
    lists_homes = False

    def __init__(self, place: ClusterPlace) -> None:
        self.place = place
        self.trees = place.files / "shared"
        self.image = Image("base", "Base", reference=place.cluster.images.user)
        self.made: list[Backend] = []
        self.ran: dict[str, dict[int, int]] = {}
        self.backend = self.reopen()

    def reopen(self) -> Backend:
        backend = kubernetes_backend.create(
            **self.place.options,
            snapshot_bytes=MAX_BYTES,
            snapshot_files=MAX_FILES,
            log_head=HEAD,
            log_tail=TAIL,
            cipher=CIPHER,
        )
        self.made.append(backend)
        return backend

    def request(self, key: str | None = None, **wishes: Any) -> RunRequest:
        # Pods of many tests share a small node.
        return replace(super().request(key, **wishes), requests=Resources.parse({"cpu": "10m", "memory": "16Mi"}))

    def _program(
        self, key: str, log: bytes, artifacts: Mapping[str, bytes], exit_code: int, hold: bool, stubborn: bool
    ) -> Sequence[str]:
        plan = {
            "log": base64.b64encode(b"up\n" + log).decode(),
            "artifacts": {path: base64.b64encode(data).decode() for path, data in artifacts.items()},
            "exit_code": exit_code,
            "hold": hold or stubborn,
            "stubborn": stubborn,
        }
        packed = base64.b64encode(zlib.compress(json.dumps(plan).encode())).decode()
        return [PYTHON, "-c", literal(POD_PROGRAM), packed]

    def _work(self, key: str) -> Path:
        job_id, _, attempt = key.rpartition(".")
        return self.place.files / "runs" / job_id / "attempts" / attempt / "work"

    async def write_home(self, user: str, group: str, path: str, data: bytes) -> None:
        target = Path(await self.backend.volumes.home(user, group)) / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)

    async def release(self, key: str) -> None:
        (self._work(key) / "go").touch()

    async def executions(self, key: str) -> int:
        self._count(key)
        return sum(self.ran.get(key, {}).values())

    def _count(self, key: str) -> None:
        # The work folder goes when the run is forgotten, so what was in it is remembered by file.
        with contextlib.suppress(FileNotFoundError):
            mark = self._work(key) / "ran"
            self.ran.setdefault(key, {})[mark.stat().st_ino] = len(mark.read_text().splitlines())

    async def finished(self, key: str) -> RunStatus:
        status = await super().finished(key)
        self._count(key)
        return status

    async def source(self, job_id: str) -> dict[str, bytes]:
        return await source_by_run(self, job_id)

    async def end_all(self) -> None:
        """Let go of the cluster, and leave nothing of this test in it."""
        for backend in self.made:
            assert backend.close is not None
            await backend.close()
        await self.place.clear()


@contextlib.asynccontextmanager
async def memory(folder: Path) -> AsyncIterator[Harness]:
    """The in-memory fake."""
    yield MemoryHarness()


@contextlib.asynccontextmanager
async def local(folder: Path) -> AsyncIterator[Harness]:
    """Processes and folders on this machine."""
    harness = LocalHarness(folder)
    yield harness
    await harness.end_all()


@contextlib.asynccontextmanager
async def kubernetes(folder: Path) -> AsyncIterator[Harness]:
    """Pods of the test cluster, which is started if it is not up. Raises where there can be none."""
    if not PLACES:
        PLACES.append(await asyncio.to_thread(ClusterPlace.make))
    await PLACES[0].open()
    harness = KubernetesHarness(PLACES[0])
    yield harness
    await harness.end_all()


PLACES: list[ClusterPlace] = []
HARNESSES = {"memory": memory, "local": local, "kubernetes": kubernetes}


@pytest.fixture(scope="session", autouse=True)
def places_removed() -> Iterator[None]:
    """Leave nothing on the cluster."""
    yield
    while PLACES:
        asyncio.run(PLACES.pop().remove())


@pytest.fixture(params=sorted(HARNESSES))
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """Each implementation in turn."""
    async with HARNESSES[request.param](tmp_path) as made:
        yield made


@contextlib.asynccontextmanager
async def posix(folder: Path) -> AsyncIterator[FileStore]:
    """Folders on this machine."""
    from collegium.stores.posix import PosixStore

    made = PosixStore(folder / "files")
    yield made
    await made.close()


@contextlib.asynccontextmanager
async def posix_plain(folder: Path) -> AsyncIterator[FileStore]:
    """The same on a system that lacks the kernel's newer calls."""
    with without_calls():
        async with posix(folder) as made:
            yield made


@contextlib.asynccontextmanager
async def s3(folder: Path) -> AsyncIterator[FileStore]:
    """A prefix in a bucket of a real S3 server, which is started if it is not up."""
    from collegium.stores.s3 import S3Store
    from support.s3 import shared_server

    server = shared_server()
    made = S3Store(server.settings(server.bucket(), "some/prefix"))
    # So that what the suite sends has several parts.
    made._uploads.calls.part = 5 << 20
    yield made
    await made.close()


#: Stores of files; a new one joins by a maker as above.
STORES: dict[str, Callable[[Path], contextlib.AbstractAsyncContextManager[FileStore]]] = {
    "posix": posix,
    "posix-plain": posix_plain,
    "s3": s3,
}


@pytest.fixture(params=sorted(STORES))
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[FileStore]:
    """Each store of files in turn, empty."""
    async with STORES[request.param](tmp_path) as made:
        yield made
