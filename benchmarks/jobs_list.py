"""A page of 20 jobs out of many: ``python -m benchmarks.jobs_list [requests of each kind] [most jobs]``.

Three services of one hub, each with its own database of 100, 1,000 and 10,000 finished jobs of one group, written
in one transaction of its Database. A keep-alive client asks one after the other in turns, so that noise hits
all alike. Peers: ``GET /health`` of the same server, which is what a request costs that asks for nothing; and
jupyter-scheduler, which keeps the jobs of one user in SQLite and lists 20 of as many. It gets an environment of its own
in ~/.cache/collegium, made once. All are asked directly, without a proxy, with a token that the service has seen.

Fails if 100 times as many jobs cost more than 1.3 times as much.
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
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
import sqlalchemy as sa

from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import environment, folder, free_port, installation, server, timed, until
from collegium.catalog.loader import load_catalog
from collegium.catalog.service import apply_catalog
from collegium.db import Database, tables
from collegium.db.engine import now
from collegium.db.specs import spec_to_json
from collegium.domain.jobs import JobReason, JobSpec, JobState, NotebookSpec, WorkingDirectory
from collegium.domain.launch import LaunchOptions, LaunchSpec, resolve
from collegium.domain.names import new_id
from collegium.domain.policy import Operation
from collegium.services.jobs.manifest import launch_manifest
from collegium.settings import Settings

MOST_GROWTH = 1.3
PAGE = 20
SCHEDULER = "jupyter-scheduler==2.12.1"
PEER_PACKAGES = [SCHEDULER, "ipykernel==7.4.0", "jupyter-server==2.21.1"]
CATALOG = """
version: 1
users: [{name: ann}, {name: bob}]
instance_types:
  - {name: small, limits: {cpu: "1", memory: 1Gi}, everyone: true}
images:
  - {name: python, environment: hub, everyone: true}
groups:
  - {name: physics, limits: {cpu: "8", memory: 32Gi}, members: {ann: admin, bob: member}}
"""


@dataclass(frozen=True)
class Target:
    """What is asked for and how."""

    url: str
    headers: dict[str, str]


# --- ours


def fill(settings: Settings, catalog: Path, count: int) -> None:
    """``count`` jobs that are over, with their histories, in one transaction and in statements of many rows."""
    database = Database.open(settings)
    apply_catalog(database, load_catalog(catalog))
    chance = random.Random(count)
    with database.write() as uow:
        offer, options = uow.catalog.offer("physics"), LaunchOptions("physics", "small", "python")
        users = [uow.memberships.actor(user) for user in ("ann", "bob")]
        launches = [resolve(user, options, offer, Operation.JOB_SUBMIT) for user in users]
        jobs = [_job(chance.choice(launches), number, chance) for number in range(count)]
        uow._connection.execute(sa.insert(tables.jobs), jobs)
        uow._connection.execute(sa.insert(tables.events), [event for job in jobs for event in _history(job)])
    database.close()


def _job(launch: LaunchSpec, number: int, chance: random.Random) -> dict[str, Any]:
    spec = JobSpec(
        name=f"calibration run {number}, detector {chance.randrange(64)}",
        instance_type="small",
        image="python",
        notebook=NotebookSpec(
            "analysis/calibrate.ipynb",
            {"run": number, "threshold": round(chance.random(), 4), "channels": list(range(16)), "dry": False},
        ),
        environment={"OMP_NUM_THREADS": "1", "DATA_RELEASE": "2026-11"},
        working_directory=WorkingDirectory("analysis", ("calibrate.ipynb", "lib/fit.py", "lib/io.py")),
        timeout_seconds=7200,
        retries=1,
    )
    created, failed = now() - timedelta(days=30) + timedelta(minutes=number), chance.random() < 0.2
    return {
        "id": new_id("job"),
        "group_name": "physics",
        "user_name": launch.user,
        "name": spec.name,
        "state": JobState.FAILED if failed else JobState.SUCCEEDED,
        "reason": JobReason.EXIT_CODE if failed else JobReason.COMPLETED,
        "message": "It ended with exit code 1: ValueError: no peak found" if failed else "",
        "spec": spec_to_json(spec),
        "launch": launch_manifest(launch, spec, None),
        "resources": dict(launch.resources),
        "attempt": 1,
        "created_at": created,
        "started_at": created + timedelta(seconds=2),
        "finished_at": created + timedelta(seconds=chance.randrange(5, 3000)),
        "exit_code": int(failed),
    }


def _history(job: dict[str, Any]) -> Iterator[dict[str, Any]]:
    steps = [
        (job["created_at"], JobState.PENDING, JobReason.SUBMITTED),
        (job["created_at"], JobState.PREPARING, JobReason.ADMITTED),
        (job["started_at"], JobState.RUNNING, JobReason.STARTED),
        (job["finished_at"], job["state"], job["reason"]),
    ]
    for at, state, reason in steps:
        yield {
            "group_name": "physics",
            "kind": "job",
            "object_id": job["id"],
            "at": at,
            "state": state.value,
            "reason": reason.value,
            "message": "",
        }


def more_services(sizes: dict[int, int], place: Path) -> str:
    """Configuration for a service per size, at these ports, as ``install`` makes the one."""
    names = [f"jobs-{size}" for size in sizes]
    lines = ["import sys", "from collegium.hub.configuration import SERVICE_ROLE"]
    for name, (size, port) in zip(names, sizes.items(), strict=True):
        environment = Settings.at(place / f"state-{size}").environment()
        lines.append(
            f'c.JupyterHub.services.append(dict(name={name!r}, url="http://127.0.0.1:{port}", '
            f'command=[sys.executable, "-m", "collegium.services", "--role=all"], environment={environment!r}))'
        )
    reach = [f"access:services!service={name}" for name in names]
    lines.append(f'c.JupyterHub.load_roles.append({{**SERVICE_ROLE, "name": "more", "services": {names!r}}})')
    lines.append(f'c.JupyterHub.load_roles.append(dict(name="reach", scopes={reach!r}, users=["ann"]))')
    return "\n".join(lines)


@contextlib.contextmanager
def our_services(place: Path, sizes: list[int]) -> Iterator[dict[str, Target]]:
    place.mkdir()
    catalog = place / "catalog.yaml"
    catalog.write_text(CATALOG)
    for size in sizes:
        fill(Settings.at(place / f"state-{size}"), catalog, size)
    ports = {size: free_port() for size in sizes}
    with installation(place, CATALOG, more_services(ports, place)) as made:
        headers = {"Authorization": f"token {made.token('ann')}"}
        targets = {}
        for size, port in ports.items():
            base = f"http://127.0.0.1:{port}/services/jobs-{size}"
            until("the service is well", lambda u=base: made.request("GET", f"{u}/health", None)[0] == 200, 60)
            targets[f"{size:,} jobs"] = Target(f"{base}/api/v1/groups/physics/jobs?limit={PAGE}", headers)
            targets["GET /health"] = Target(f"{base}/health", {})
        yield targets


# --- jupyter-scheduler


def peer_environment() -> Path:
    """The peer's own environment."""
    place = Path.home() / ".cache/collegium/bench-venv"
    mark = place / "packages.txt"
    if not mark.exists() or mark.read_text() != "\n".join(PEER_PACKAGES):
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(place)], check=True)
        subprocess.run([str(place / "bin/pip"), "install", "--quiet", *PEER_PACKAGES], check=True)
        mark.write_text("\n".join(PEER_PACKAGES))
    return place


@contextlib.contextmanager
def scheduler(place: Path, count: int) -> Iterator[Target]:
    programs, port = peer_environment() / "bin", free_port()
    place.mkdir()
    database = place / "scheduler.sqlite"
    base, token = f"http://127.0.0.1:{port}", uuid.uuid4().hex
    argv = [str(programs / "jupyter-server"), "--allow-root", "--no-browser", "--ip=127.0.0.1", f"--port={port}"]
    argv += ["--ServerApp.port_retries=0", f"--IdentityProvider.token={token}", f"--ServerApp.root_dir={place}"]
    argv += [f"--SchedulerApp.db_url=sqlite:///{database}"]
    with server(argv, place, environment(place, programs), f"{base}/api"):
        insert_scheduler_jobs(database, count)
        yield Target(f"{base}/scheduler/jobs?max_items={PAGE}", {"Authorization": f"token {token}"})


def insert_scheduler_jobs(database: Path, count: int) -> None:
    chance = random.Random(count)
    begun = int(time.time() * 1000) - 30 * 86_400_000
    row = {
        "runtime_environment_name": "python3",
        "input_filename": "calibrate.ipynb",
        "output_formats": json.dumps(["ipynb"]),
        "output_filename_template": "{{input_filename}}-{{create_time}}",
        "timeout_seconds": 7200,
        "retry_on_timeout": 0,
        "max_retries": 1,
        "min_retry_interval_millis": 0,
        "package_input_folder": 0,
        "packaged_files": "[]",
        "tags": json.dumps(["physics"]),
    }
    rows = []
    for number in range(count):
        job_id, moment = str(uuid.uuid4()), begun + number * 60_000
        parameters = {"run": number, "threshold": round(chance.random(), 4), "dry": False}
        rows.append(
            {
                **row,
                "job_id": job_id,
                "name": f"calibration run {number}, detector {chance.randrange(64)}",
                "parameters": json.dumps(parameters),
                "status": "COMPLETED" if chance.random() < 0.8 else "FAILED",
                "create_time": moment,
                "update_time": moment,
                "start_time": moment,
                "end_time": moment + chance.randrange(5_000, 3_000_000),
                "url": f"/jobs/{job_id}",
                "pid": 4000,
            }
        )
    names = list(rows[0])
    with contextlib.closing(sqlite3.connect(database, timeout=30)) as connection, connection:
        connection.executemany(
            f"INSERT INTO jobs ({', '.join(names)}) VALUES ({', '.join(':' + n for n in names)})", rows
        )


# --- both


async def measure(targets: dict[str, Target], requests: int) -> dict[str, list[float]]:
    """Seconds of each request; all targets in turns, in an order that is drawn anew each time."""
    taken: dict[str, list[float]] = {name: [] for name in targets}
    chance, order = random.Random(1), list(targets)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        for number in range(-30, requests):
            chance.shuffle(order)
            for name in order:
                seconds = await timed(session, targets[name].url, targets[name].headers)
                if number >= 0:
                    taken[name].append(seconds)
    return taken


def main(requests: int, most: int) -> None:
    sizes = [most // 100, most // 10, most]
    with folder() as place, our_services(place / "ours", sizes) as targets, scheduler(place / "peer", most) as peer:
        taken = asyncio.run(measure({**targets, "peer": peer}, requests))
    few, many = (f"{size:,} jobs" for size in (sizes[0], sizes[-1]))
    kinds = [(f"{size:,} jobs", f"list {PAGE} of {size:,}") for size in sizes]
    kinds += [("GET /health", "GET /health of the same server"), ("peer", f"{SCHEDULER}: list {PAGE} of {most:,}")]
    rows = [("", "p50", "p99", "p50 to /health", "p50 to jupyter-scheduler", f"p50 to {few}")]
    middle = {name: percentile(seconds, 0.5) for name, seconds in taken.items()}
    for name, title in kinds:
        against = [ratio(middle[name], middle[other]) for other in ("GET /health", "peer", few)]
        rows.append((title, milliseconds(middle[name]), milliseconds(percentile(taken[name], 0.99)), *against))
    table(f"List {PAGE} jobs, {requests} requests each, in turns", rows, ["sqlalchemy", "tornado", "pydantic"])
    growth = middle[many] / middle[few]
    flat = growth <= MOST_GROWTH
    print(f"\n{few} to {many}: {growth:.2f}×; at most {MOST_GROWTH}×: {'yes' if flat else 'no'}.")
    sys.exit(not flat)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000, int(sys.argv[2]) if len(sys.argv) > 2 else 10_000)
