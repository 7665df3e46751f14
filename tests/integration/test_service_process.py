"""The real program over the real local backend: start, restart, death of its parent, and a port that is still taken."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from tornado.netutil import bind_sockets

from integration.services.harness import API, BODY, PREFIX, FakeHub, running_hub, template

pytestmark = pytest.mark.slow
JOBS = f"{API}/groups/physics/jobs"
#: Starts the program, says its process id, and stays until it is killed.
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-m", "collegium.services"])
print(child.pid, flush=True)
time.sleep(600)
"""


async def until(question: Callable[[], Awaitable[bool]], seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not await question():
            await asyncio.sleep(0.1)


@dataclass
class Installation:
    """A state directory, a port, and the processes that were started on them."""

    environment: dict[str, str]
    client: httpx.AsyncClient
    processes: list[asyncio.subprocess.Process] = field(default_factory=list)

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(arguments or ("-m", "collegium.services")),
            env=self.environment,
            stdout=asyncio.subprocess.PIPE,
        )
        self.processes.append(process)
        return process

    async def up(self) -> bool:
        with suppress(httpx.TransportError):
            return (await self.client.get(f"{PREFIX}health")).status_code == 200
        return False

    async def state(self, job: str) -> str:
        with suppress(httpx.TransportError):
            return str((await self.client.get(f"{JOBS}/{job}")).json()["state"])
        return ""


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    async with running_hub() as hub:
        yield hub


@pytest.fixture
async def place(tmp_path: Path, hub: FakeHub) -> AsyncIterator[Installation]:
    template(tmp_path / "state")
    # The backend is found by entry point, also where the distribution is not installed.
    info = tmp_path / "site" / "collegium-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: collegium\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[collegium.backends]\nlocal = collegium.backends.local:create\n")
    sockets = bind_sockets(0, "127.0.0.1")
    url = f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    sockets[0].close()
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([*(p for p in sys.path if p), str(info.parent)]),
        "COLLEGIUM_STATE_DIR": str(tmp_path / "state"),
        "JUPYTERHUB_API_URL": f"{hub.url}/hub/api",
        "JUPYTERHUB_API_TOKEN": "service-token",
        "JUPYTERHUB_CLIENT_ID": "service-collegium",
        "JUPYTERHUB_SERVICE_NAME": "collegium",
        "JUPYTERHUB_SERVICE_PREFIX": PREFIX,
        "JUPYTERHUB_SERVICE_URL": url,
    }
    async with httpx.AsyncClient(base_url=url, headers={"Authorization": "token mia"}, verify=False) as client:
        place = Installation(environment, client)
        yield place
    for process in place.processes:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def test_a_job_outlives_the_service(place: Installation, tmp_path: Path) -> None:
    process = await place.start()
    await until(place.up)
    go = tmp_path / "go"
    command = f"echo one; until [ -e {go} ]; do sleep 0.1; done; echo two"
    job = (await place.client.post(JOBS, json={**BODY, "command": command})).json()["id"]
    await until(lambda: _is(place, job, "Running"))
    process.kill()
    await process.wait()
    process = await place.start()
    await until(place.up)
    go.touch()
    await until(lambda: _is(place, job, "Succeeded"))
    assert (await place.client.get(f"{JOBS}/{job}/logs")).text == "one\ntwo\n"
    # A polite end, with a stream open.
    async with place.client.stream("GET", f"{API}/groups/physics/events") as stream:
        assert stream.status_code == 200
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 20) == 0


async def _is(place: Installation, job: str, state: str) -> bool:
    return await place.state(job) == state


async def test_a_killed_parent_takes_the_service_along(place: Installation) -> None:
    parent = await place.start("-c", PARENT)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    await until(place.up)
    parent.send_signal(signal.SIGKILL)
    await parent.wait()

    async def gone() -> bool:
        try:
            os.kill(child, 0)
        except ProcessLookupError:
            return True
        # Nobody may have collected it yet.
        return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"

    await until(gone)


async def test_a_port_that_is_still_taken_is_waited_for(place: Installation) -> None:
    first = await place.start()
    await until(place.up)
    second = await place.start()
    await asyncio.sleep(3)
    assert second.returncode is None
    first.terminate()
    await first.wait()
    await until(place.up)
    assert second.returncode is None
