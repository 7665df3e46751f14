"""A notebook as a job, for the benchmarks that compare ways to run one."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.running import Installation, call
from collegium.hub.configuration import DEMO_HOME

#: Seconds between looks at a job.
LOOK = 0.05
CATALOG = """
version: 1
users: [{name: ann}]
instance_types:
  - {name: all, limits: {cpu: "2", memory: 8Gi}, everyone: true}
images:
  - {name: python, environment: hub, everyone: true}
groups:
  - {name: physics, limits: {count/jobs: 4}, members: {ann: admin}}
"""


def notebooks(seconds: float) -> dict[str, str]:
    """File name and text: the demo's, and one that computes for about so long in ten cells."""
    rounds = int(seconds / 10 * 12_000_000)
    source = f"total = 0\nfor n in range({rounds}):\n    total += n & 3\nprint(total)"
    cells = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "execution_count": None, "source": source}
        for n in range(10)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    busy = {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
    return {"digits.ipynb": (DEMO_HOME / "digits.ipynb").read_text(), "busy.ipynb": json.dumps(busy)}


def put(folder: Path, seconds: float) -> None:
    """The notebooks in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in notebooks(seconds).items():
        (folder / name).write_text(text)


class Ours:
    """Ann's jobs at the service itself, without a proxy."""

    def __init__(self, made: Installation, session: aiohttp.ClientSession, token: str) -> None:
        self._base = f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1/groups/physics/jobs"
        self._session, self._token = session, token

    async def run(self, name: str) -> tuple[float, float]:
        """Seconds from the POST to the moment that the job is seen to be over, and those that its run took."""
        body = {"name": name, "instance_type": "all", "image": "python", "notebook": {"path": name}}
        begun = time.perf_counter()
        job = (await call(self._session, "POST", self._base, self._token, (201,), body))["id"]
        while True:
            found: dict[str, Any] = await call(self._session, "GET", f"{self._base}/{job}", self._token)
            if found["finished_at"]:
                break
            await asyncio.sleep(LOOK)
        seconds = time.perf_counter() - begun
        if found["state"] != "Succeeded":
            raise RuntimeError(f"{name} is {found['state']}: {found['message']}")
        left = await call(self._session, "GET", f"{self._base}/{job}/artifacts", self._token)
        names = {a["path"] for a in left["items"]}
        if {name, name.replace(".ipynb", ".html")} - names:
            raise RuntimeError(f"{name} left only {', '.join(sorted(names))}")
        started, finished = (time_of(found[k]) for k in ("started_at", "finished_at"))
        return seconds, finished - started


def time_of(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
