"""Create, list and get at many runs, beside haupt: ``python -m benchmarks.jobs_haupt [requests of each kind] [runs]``.

Both know 10,000 runs that are over, in SQLite. A keep-alive client creates one more, lists 20 and gets one, in turns.
Ours: a service of a hub, asked without a proxy; each request is a member's, whose token and role are looked at, a
create goes through grants and quota and is on disk when it is answered; the group's queue is paused, so that nothing
starts. Peer: haupt, the API server of Polyaxon's open half, as its own sandbox with one worker, which knows neither
users nor quota; a create compiles the operation and queues it, for an agent that there is not. Its 10,000 runs are
copies of one that it made itself. It gets an environment of its own in ~/.cache/collegium, made once.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
import sqlite3
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.jobs_list import CATALOG, PAGE, fill
from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import call, environment, folder, free_port, installation, server
from collegium.settings import Settings

HAUPT = "haupt[sandbox]==2.18.0"
KINDS = ("create", f"list {PAGE}", "get")
OPERATION = {
    "version": 1.1,
    "kind": "operation",
    "params": {"threshold": {"value": 0.5}},
    "component": {
        "version": 1.1,
        "kind": "component",
        "inputs": [{"name": "threshold", "type": "float"}],
        "run": {"kind": "job", "container": {"image": "python", "command": ["python", "fit.py"]}},
    },
}
OURS = {"name": "run", "command": "python fit.py", "instance_type": "small", "image": "python", "tags": ["physics"]}
THEIRS = {"name": "run", "is_managed": True, "content": json.dumps(OPERATION), "tags": ["physics"]}


class Side:
    """One of the two: where runs are, with what one asks, and what a new run is."""

    def __init__(self, url: str, headers: dict[str, str], body: dict[str, Any], key: str, items: str) -> None:
        self.url, self.headers, self.body, self._key, self._items = url, headers, body, key, items
        self.last = ""

    async def one(self, session: aiohttp.ClientSession, kind: str) -> float:
        """Seconds of one request, its answer read."""
        begun = time.perf_counter()
        if kind == "create":
            found = await self._ask(session, "POST", self.url, self.body)
            seconds, self.last = time.perf_counter() - begun, str(found[self._key])
        elif kind == "get":
            await self._ask(session, "GET", f"{self.url}/{self.last}")
            seconds = time.perf_counter() - begun
        else:
            found = await self._ask(session, "GET", f"{self.url}?limit={PAGE}")
            seconds = time.perf_counter() - begun
            if len(found[self._items]) != PAGE:
                raise RuntimeError(f"{self.url} listed {len(found[self._items])}")
        return seconds

    async def _ask(self, session: aiohttp.ClientSession, method: str, url: str, body: Any = None) -> Any:
        async with session.request(method, url, json=body, headers=self.headers) as answer:
            text = await answer.text()
            if answer.status not in (200, 201):
                raise RuntimeError(f"{method} {url} answered {answer.status}: {text[:500]}")
            return json.loads(text)


@contextlib.contextmanager
def ours(place: Path, count: int) -> Iterator[Side]:
    place.mkdir()
    (place / "catalog.yaml").write_text(CATALOG)
    with installation(place, CATALOG) as made:
        fill(Settings.at(made.state), place / "catalog.yaml", count)
        base, token = (
            f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1/groups/physics",
            made.token("ann"),
        )

        async def pause() -> None:
            async with aiohttp.ClientSession() as session:
                await call(session, "PATCH", f"{base}/queue", token, (200,), {"mode": "paused"})

        asyncio.run(pause())
        yield Side(f"{base}/jobs", {"Authorization": f"token {token}"}, OURS, "id", "items")


# --- haupt


def peer_environment() -> Path:
    """The peer's own environment."""
    place = Path.home() / ".cache/collegium/bench-haupt"
    mark = place / "packages.txt"
    if not mark.exists() or mark.read_text() != HAUPT:
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(place / "bin/pip"), "install", "--quiet", HAUPT], check=True)
        mark.write_text(HAUPT)
    return place


@contextlib.contextmanager
def haupt(place: Path, count: int) -> Iterator[Side]:
    programs, port = peer_environment() / "bin", free_port()
    place.mkdir()
    argv = [str(programs / "haupt"), "sandbox", "start", "--host=127.0.0.1", f"--port={port}", "--workers=1"]
    base = f"http://127.0.0.1:{port}"
    with server([*argv, f"--path={place}"], place, environment(place, programs), f"{base}/healthz/"):
        _post(f"{base}/api/v1/default/projects/create", {"name": "physics"})
        runs = f"{base}/api/v1/default/physics/runs"
        _post(runs, THEIRS)
        copies(place / ".polyaxon/plx.db", count)
        yield Side(runs, {}, THEIRS, "uuid", "results")


def _post(url: str, body: Any) -> None:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).close()


def copies(database: Path, count: int) -> None:
    """Make ``count`` copies of its one run that are over."""
    chance = random.Random(count)
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.row_factory = sqlite3.Row
        found = connection.execute("SELECT * FROM db_run").fetchone()
        row = {name: found[name] for name in found.keys() if name != "id"}  # noqa: SIM118 - a Row iterates its values
        rows = [
            {**row, "uuid": uuid.uuid4().hex, "name": f"calibration-{n}", "duration": chance.randrange(5, 3000)}
            | {"status": "succeeded" if chance.random() < 0.8 else "failed", "finished_at": row["created_at"]}
            for n in range(count)
        ]
        names = ", ".join(row)
        connection.executemany(f"INSERT INTO db_run ({names}) VALUES (:{', :'.join(row)})", rows)


# --- both


async def measure(sides: dict[str, Side], requests: int) -> dict[tuple[str, str], list[float]]:
    """Seconds of each request; both in turns."""
    taken: dict[tuple[str, str], list[float]] = {(side, kind): [] for side in sides for kind in KINDS}
    chance, order = random.Random(1), list(sides)
    async with aiohttp.ClientSession() as session:
        for number in range(-10, requests):
            for kind in KINDS:
                chance.shuffle(order)
                for side in order:
                    seconds = await sides[side].one(session, kind)
                    if number >= 0:
                        taken[side, kind].append(seconds)
    return taken


def main(requests: int, count: int) -> None:
    with folder() as place, ours(place / "ours", count) as mine, haupt(place / "peer", count) as theirs:
        taken = asyncio.run(measure({"ours": mine, "haupt": theirs}, requests))
    rows = [("", "Collegium p50", "p99", f"{HAUPT} p50", "p99", "ratio of the p50")]
    for kind in KINDS:
        cells = [percentile(taken[side, kind], share) for side in ("ours", "haupt") for share in (0.5, 0.99)]
        rows.append((kind, *(milliseconds(c) for c in cells), ratio(cells[0], cells[2])))
    table(f"Runs at {count:,}, {requests} requests of each kind, in turns", rows, ["sqlalchemy", "tornado"])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300, int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
