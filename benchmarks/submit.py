"""Submitting jobs: ``python -m benchmarks.submit [starts] [submits]``.

1. From sending the POST to the first thing that the job does (it writes its own clock into a file), with an empty
   queue, and where that time goes. Peer: the same command by a bare ``asyncio.create_subprocess_exec``, in turns.
2. Submits per second, 16 at a time, into a queue that cannot move, each one on disk when it is answered. Peer: SQLite's
   own rate of BEGIN IMMEDIATE, one insert, COMMIT on the same disk with the same settings, in turns of equal size.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sqlite3
import sys
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import Installation, call, folder, installation

AT_ONCE = 16
BLOCKS = 8
COMMAND = 'date +%s.%N > "$COLLEGIUM_ARTIFACTS/begun"'
CATALOG = """
version: 1
users: [{name: ann}]
instance_types:
  - {name: small, limits: {cpu: "2", memory: 4Gi}, everyone: true}
images:
  - {name: python, environment: hub, everyone: true}
groups:
  - {name: physics, limits: {count/jobs: 4}, members: {ann: admin}}
  - {name: blocked, limits: {count/jobs: 1}, members: {ann: admin}}
"""
#: Moments of a start in their order; the table shows what lies between one and the next.
STEPS = {
    "submitted": "POST to the row (identity, checks, insert)",
    "admitted": "to its admission (one more transaction)",
    "stored": "commit, the attempt's folders",
    "supervised": "what to run on disk, a supervisor told",
    "begun": "start marked on disk, fork, limits, exec, the shell, `date`",
}


class Client:
    """Ann, at the service itself, without a proxy."""

    def __init__(self, made: Installation, session: aiohttp.ClientSession, token: str) -> None:
        self.base = f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1/groups"
        self.runs = made.state / "local/runs"
        self._session, self._token = session, token

    async def submit(self, group: str, command: str) -> dict[str, Any]:
        body = {"name": "benchmark", "command": command, "instance_type": "small", "image": "python"}
        return dict(await call(self._session, "POST", f"{self.base}/{group}/jobs", self._token, (201,), body))

    async def job(self, group: str, job: str) -> dict[str, Any]:
        return dict(await call(self._session, "GET", f"{self.base}/{group}/jobs/{job}", self._token))

    async def until_state(self, group: str, job: str, *states: str) -> dict[str, Any]:
        for _ in range(1200):
            detail = await self.job(group, job)
            if detail["state"] in states:
                return detail
            if detail["finished_at"]:
                break
            await asyncio.sleep(0.1)
        raise RuntimeError(f"job {job} is {detail['state']}: {detail['message']}")

    async def cancel(self, group: str, job: str) -> None:
        await call(self._session, "POST", f"{self.base}/{group}/jobs/{job}/cancel", self._token)


# --- one start


async def our_start(client: Client) -> dict[str, float]:
    """The moment of each step, the POST being 0."""
    sent = time.time()
    job = await client.submit("physics", COMMAND)
    answered = time.time()
    # Asking would disturb what is measured.
    await asyncio.sleep(0.5)
    detail = await client.until_state("physics", job["id"], "Succeeded")
    attempt = client.runs / job["id"] / "attempts/1"
    moments = {
        "answered": answered,
        "submitted": _moment(detail["history"][0]["at"]),
        "admitted": _moment(next(e["at"] for e in detail["history"] if e["state"] == "Preparing")),
        "stored": (attempt / "request.json").stat().st_mtime,
        "supervised": float((attempt / "started").read_text()),
        "begun": float((attempt / "artifacts/begun").read_text()),
    }
    return {name: moment - sent for name, moment in moments.items()}


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


async def bare_start(place: Path) -> float:
    sent = time.time()
    environment = {"PATH": os.defpath, "COLLEGIUM_ARTIFACTS": str(place)}
    process = await asyncio.create_subprocess_exec("/bin/sh", "-c", COMMAND, cwd=place, env=environment)
    await process.wait()
    return float((place / "begun").read_text()) - sent


async def starts(client: Client, place: Path, count: int) -> tuple[list[dict[str, float]], list[float]]:
    ours, bare = [], []
    chance = random.Random(1)
    for number in range(-3, count):
        one, other = await our_start(client), await bare_start(place)
        if number >= 0:
            ours.append(one)
            bare.append(other)
        # The controller looks once a second: come at any moment of its second.
        await asyncio.sleep(chance.random())
    return ours, bare


def show_starts(ours: list[dict[str, float]], bare: list[float]) -> None:
    begun = [one["begun"] for one in ours]
    rows = [("", "POST to the job's first act", "bare create_subprocess_exec", "ratio", "POST to its answer")]
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        a, b = percentile(begun, share), percentile(bare, share)
        answered = percentile([one["answered"] for one in ours], share)
        rows.append((name, milliseconds(a), milliseconds(b), ratio(a, b), milliseconds(answered)))
    table(f"Start of a job with an empty queue, {len(ours)} of each, in turns", rows, ["sqlalchemy", "tornado"])
    steps = [("where it goes", "p50", "p99")]
    before = "sent"
    for name, title in STEPS.items():
        spans = [one[name] - one.get(before, 0.0) for one in ours]
        steps.append((title, milliseconds(percentile(spans, 0.5)), milliseconds(percentile(spans, 0.99))))
        before = name
    table("Start of a job, step by step", steps)


# --- many submits


async def our_submits(client: Client, count: int) -> list[float]:
    """Seconds of each of ``count`` submits, AT_ONCE under way at any time."""
    taken: list[float] = []
    left = iter(range(count))

    async def one_after_the_other() -> None:
        for _ in left:
            begun = time.perf_counter()
            await client.submit("blocked", "true")
            taken.append(time.perf_counter() - begun)

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    return taken


def bare_commits(connection: sqlite3.Connection, count: int) -> None:
    for _ in range(count):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO jobs (spec) VALUES (?)", ("x" * 1000,))
        connection.execute("COMMIT")


async def submits(client: Client, place: Path, count: int) -> tuple[list[tuple[float, float]], list[float]]:
    """Per block the rates of ours and of the peer, and all of our latencies."""
    filler = await client.submit("blocked", "exec sleep 3600")
    await client.until_state("blocked", filler["id"], "Running")
    await our_submits(client, AT_ONCE)
    connection = sqlite3.connect(place / "bare.sqlite", isolation_level=None)
    rates, taken = [], []
    with contextlib.closing(connection):
        for pragma in ("journal_mode=WAL", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}")
        connection.execute("CREATE TABLE jobs (sequence INTEGER PRIMARY KEY, spec TEXT)")
        size = max(1, count // BLOCKS)
        for _ in range(BLOCKS):
            begun = time.perf_counter()
            taken += await our_submits(client, size)
            middle = time.perf_counter()
            bare_commits(connection, size)
            rates.append((size / (middle - begun), size / (time.perf_counter() - middle)))
    await client.cancel("blocked", filler["id"])
    return rates, taken


def show_submits(rates: list[tuple[float, float]], taken: list[float]) -> None:
    size = len(taken) // BLOCKS
    rows = [("jobs in the queue", "submits/s", "p50", "p99", "SQLite commits/s", "ratio of the rates")]
    for number, (ours, bare) in enumerate(rates):
        part = taken[number * size : (number + 1) * size]
        before = AT_ONCE + number * size
        times = (milliseconds(percentile(part, 0.5)), milliseconds(percentile(part, 0.99)))
        rows.append((f"{before:,} to {before + size:,}", f"{ours:.0f}", *times, f"{bare:.0f}", ratio(ours, bare)))
    ours, bare = (percentile([rate[i] for rate in rates], 0.5) for i in (0, 1))
    all_times = (milliseconds(percentile(taken, 0.5)), milliseconds(percentile(taken, 0.99)))
    rows.append(("median block", f"{ours:.0f}", *all_times, f"{bare:.0f}", ratio(ours, bare)))
    table(f"Submits into a queue that cannot move, {AT_ONCE} at a time, {len(taken)} in all", rows, ["sqlalchemy"])


async def play(made: Installation, place: Path, count: int, many: int) -> None:
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        client = Client(made, session, await asyncio.to_thread(made.token, "ann"))
        show_starts(*await starts(client, place, count))
        show_submits(*await submits(client, place, many))


def main(count: int, many: int) -> None:
    with folder() as place, installation(place / "ours", CATALOG) as made:
        asyncio.run(play(made, place, count, many))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, int(sys.argv[2]) if len(sys.argv) > 2 else 1600)
