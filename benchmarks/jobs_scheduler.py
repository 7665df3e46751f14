"""The same notebook by two schedulers on one machine: ``python -m benchmarks.jobs_scheduler [runs of each] [seconds]``.

From the POST to the moment that the job is seen to be over, both asked again and again in the same way. Ours: a job of
a group, with quota and log. Peer: jupyter-scheduler's own scheduler in a Jupyter server of the same environment, which
runs the notebook in a process of its own, by nbconvert. Both leave the executed notebook and an HTML page. In turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.notebooks import CATALOG, LOOK, Ours, put
from benchmarks.report import percentile, ratio, table
from benchmarks.running import Installation, call, environment, folder, free_port, installation, server

NAMES = ("digits.ipynb", "busy.ipynb")


@dataclass(frozen=True)
class Peer:
    """jupyter-scheduler as its interface talks to it."""

    base: str
    token: str

    async def run(self, session: aiohttp.ClientSession, name: str) -> float:
        """Seconds from the POST to the moment that the job is seen to be over."""
        (python,) = await call(session, "GET", f"{self.base}/scheduler/runtime_environments", self.token)
        body: dict[str, Any] = {"name": name, "input_uri": name, "output_formats": ["ipynb", "html"]}
        body |= {"runtime_environment_name": python["name"]}
        begun = time.perf_counter()
        job = (await call(session, "POST", f"{self.base}/scheduler/jobs", self.token, (200,), body))["job_id"]
        while True:
            found = await call(session, "GET", f"{self.base}/scheduler/jobs/{job}", self.token)
            # Until its process has begun, it is called STOPPED.
            if found["status"] in ("COMPLETED", "FAILED"):
                break
            await asyncio.sleep(LOOK)
        if found["status"] != "COMPLETED":
            raise RuntimeError(f"{name} is {found['status']}: {found['status_message']}")
        return time.perf_counter() - begun


@contextlib.contextmanager
def peer(place: Path, seconds: float) -> Iterator[Peer]:
    put(place / "root", seconds)
    (place / "config").mkdir()
    (place / "data").mkdir()
    settings = {"ServerApp": {"jpserver_extensions": {"jupyter_scheduler": True}}}
    (place / "config/jupyter_server_config.json").write_text(json.dumps(settings))
    port, token = free_port(), uuid.uuid4().hex
    argv = [sys.executable, "-m", "jupyter_server", "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    argv += [
        "--ServerApp.port_retries=0",
        f"--IdentityProvider.token={token}",
        f"--ServerApp.root_dir={place / 'root'}",
    ]
    folders = {"JUPYTER_CONFIG_DIR": str(place / "config"), "JUPYTER_DATA_DIR": str(place / "data")}
    base = f"http://127.0.0.1:{port}"
    with server(argv, place, {**environment(place), **folders}, f"{base}/api"):
        yield Peer(base, token)


Turns = dict[str, list[tuple[float, float]]]


async def measure(ours: Ours, other: Peer, session: aiohttp.ClientSession, count: int) -> Turns:
    """Per notebook, of each turn: ours and theirs."""
    found: Turns = {name: [] for name in NAMES}
    for number in range(-1, count):
        for name in NAMES:
            one, two = (await ours.run(name))[0], await other.run(session, name)
            if number >= 0:
                found[name].append((one, two))
    return found


async def play(made: Installation, other: Peer, count: int) -> Turns:
    async with aiohttp.ClientSession() as session:
        return await measure(Ours(made, session, made.token("ann")), other, session, count)


def main(count: int, seconds: float) -> None:
    with folder() as place, installation(place / "ours", CATALOG) as made, peer(place / "peer", seconds) as other:
        put(made.state / "homes/ann/physics", seconds)
        found = asyncio.run(play(made, other, count))
    rows = [("", "Collegium", "jupyter-scheduler", "ratio")]
    for name, turns in found.items():
        for word, share in (("fastest", 0.0), ("median", 0.5), ("slowest", 1.0)):
            one, two = (percentile([turn[i] for turn in turns], share) for i in (0, 1))
            rows.append((f"{name}, {word}", f"{one:.2f} s", f"{two:.2f} s", ratio(one, two)))
    packages = ["jupyter-scheduler", "jupyter-server", "nbconvert", "papermill"]
    table(f"A notebook from create to done, {count} of each, in turns", rows, packages)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
