"""Many jobs on simulated nodes; see ``kube_scale``.

Ours: an api and a controller process over PostgreSQL; jobs are submitted over HTTP, wait for their group's quota, get
their folders on the files volume, run as Jobs whose pods end at once, and are settled, logs included. What is measured
is the controller, from the first submit until nothing is left of any run. The peer is a loop that makes as many of the
same Jobs with the same client, watches them, and removes each when it is complete: no queue, no quota, no database, no
files, and all is lost if it dies. How fast jobs are taken is measured beside creating Jobs that are suspended.
"""

from __future__ import annotations

import asyncio
import multiprocessing as mp
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.cost import cost
from benchmarks.kube import Kube, node_cpu
from benchmarks.kube_service import Service, bound, service
from benchmarks.report import ratio, table
from benchmarks.running import until
from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import JOB, POD, Cluster
from collegium.backends.kubernetes.job import job_manifest
from collegium.backends.kubernetes.settings import KubernetesSettings
from collegium.backends.kubernetes.watch import Watched
from collegium.backends.ports import RunRequest
from collegium.db import Database
from collegium.domain.catalog import Image, Placement
from collegium.domain.jobs import JobState
from collegium.domain.names import new_id
from collegium.domain.resources import Resources
from support.fake_nodes import SELECTOR, TOLERATION, fake_nodes

PER_GROUP = 500
#: Of each group at once, as of the loop.
RUNNING = 50
AT_ONCE = 8
#: Seconds to look at what costs something while nothing is asked.
IDLE = 10.0
LIMITS = {"cpu": "100m", "memory": "128Mi"}
BODY = {"name": "benchmark", "command": "true", "instance_type": "small", "image": "lab"}
MIB = 1 << 20


@dataclass(frozen=True)
class Found:
    """What one way took: seconds in all, processor of its process and of the API server, memory (more, and at most).

    ``submits`` are jobs taken per second, AT_ONCE under way at any time.
    """

    submits: float
    seconds: float
    cpu: float
    server: float
    more: int
    peak: int


@dataclass(frozen=True)
class Bare:
    """What the plain loop needs to know."""

    kubeconfig: str
    word: str
    settings: str
    image: str
    groups: list[str]
    count: int


def catalog(kube: Kube, groups: list[str]) -> dict[str, Any]:
    """Groups that run so many jobs at once, on simulated nodes."""
    small = {
        "name": "small",
        "limits": LIMITS,
        "everyone": True,
        "node_selector": SELECTOR,
        "tolerations": [TOLERATION],
    }
    limits = {"count/jobs": RUNNING}
    return {
        "version": 1,
        "users": [{"name": "ann"}],
        "instance_types": [small],
        "images": [{"name": "lab", "reference": kube.cluster.images.user, "everyone": True}],
        "groups": [{"name": g, "limits": limits, "members": {"ann": "admin"}} for g in groups],
    }


def jobs(kube: Kube, place: Path, count: int) -> None:
    """Measure both and print the table."""
    groups = [f"g{number}" for number in range(-(-count // PER_GROUP))]
    with fake_nodes(kube.cluster, -(-RUNNING * len(groups) // 100) + 2):
        with service(kube, place / "service", catalog(kube, groups), "split", watch="cluster") as made:
            bound(kube, made.settings, groups)
            mine, busy = _ours(kube, made, groups, count)
        print(f"Collegium: {count} jobs after {mine.seconds:.0f} s", flush=True)
        task = Bare(
            str(kube.cluster.kubeconfig), kube.word, made.settings.to_json(), kube.cluster.images.user, groups, count
        )
        theirs = _bare(kube, task)
        print(f"bare: {count} Jobs after {theirs.seconds:.0f} s", flush=True)
        kube.clear()
    _show(mine, theirs, count, busy)


def _idle(kube: Kube, pid: int | None) -> tuple[float, float]:
    """Of a core, while nothing is asked: the API server, and a process."""
    server, own = node_cpu(kube.cluster, "apiserver"), cost(pid).cpu if pid else 0.0
    time.sleep(IDLE)
    return (
        (node_cpu(kube.cluster, "apiserver") - server) / IDLE,
        ((cost(pid).cpu if pid else 0.0) - own) / IDLE,
    )


def _ours(kube: Kube, made: Service, groups: list[str], count: int) -> tuple[Found, float]:
    pid = made.pids["controller"]
    asyncio.run(_submit(made, groups, 2 * len(groups)))
    database = Database(made.database.database_url)
    try:
        _settled(made, database, groups, 2 * len(groups))
        rest, busy = _idle(kube, pid)
        before, server, begun = cost(pid), node_cpu(kube.cluster, "apiserver"), time.perf_counter()
        asyncio.run(_submit(made, groups, count))
        submits = count / (time.perf_counter() - begun)
        _settled(made, database, groups, count + 2 * len(groups))
        seconds, after = time.perf_counter() - begun, cost(pid)
    finally:
        database.close()
    spent = node_cpu(kube.cluster, "apiserver") - server - rest * seconds
    more = after.resident - before.resident
    return Found(submits, seconds, after.cpu - before.cpu, spent, more, after.peak), busy


async def _submit(made: Service, groups: list[str], count: int) -> None:
    left = iter(range(count))

    async def one_after_the_other(session: aiohttp.ClientSession) -> None:
        for number in left:
            await made.submit(session, groups[number % len(groups)], BODY)

    async with aiohttp.ClientSession() as session:
        await asyncio.gather(*(one_after_the_other(session) for _ in range(AT_ONCE)))


def _settled(made: Service, database: Database, groups: list[str], count: int) -> None:
    """Wait until so many jobs have succeeded and the controller keeps nothing of them."""
    live = Path(made.settings.files_dir) / "live"

    def over() -> bool:
        with database.read() as uow:
            if failed := sum(uow.jobs.count([JobState.FAILED, JobState.CANCELLED], g) for g in groups):
                raise RuntimeError(f"{failed} jobs have failed")
            return sum(uow.jobs.count([JobState.SUCCEEDED], g) for g in groups) == count and not any(live.iterdir())

    until(f"{count} jobs are over", over, 7200, 0.5)


# --- the plain loop


def _bare(kube: Kube, task: Bare) -> Found:
    rest, _ = _idle(kube, None)
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe(False)
    process = context.Process(target=_work, args=(task, theirs))
    process.start()
    theirs.close()
    # It has imported everything.
    submits = ours.recv()
    server = node_cpu(kube.cluster, "apiserver")
    seconds, cpu, more, peak = ours.recv()
    process.join()
    spent = node_cpu(kube.cluster, "apiserver") - server - rest * seconds
    return Found(submits, seconds, cpu, spent, more, peak)


def _work(task: Bare, results: Pipe) -> None:
    asyncio.run(_loop(task, results))


async def _loop(task: Bare, results: Pipe) -> None:
    settings = KubernetesSettings.from_environment({"COLLEGIUM_KUBERNETES": task.settings})
    api = Cluster(kubeconfig=task.kubeconfig, request_timeout=60.0)
    labels = f"{naming.INSTANCE}={task.word},{naming.KIND}=bare"
    watched, pods = Watched(api, JOB, labels=labels), Watched(api, POD, labels=labels)
    for cache in (watched, pods):
        await cache.start()
        await cache.synced()
    results.send(await _creates(api, settings, task))
    before, begun = cost(), time.perf_counter()
    made, over = 0, set[str]()
    while len(over) < task.count:
        watched.changed().clear()
        while made < task.count and made - len(over) < RUNNING * len(task.groups):
            manifest = _manifest(settings, task, task.groups[made % len(task.groups)])
            watched.note(await api.create(JOB, manifest, manifest["metadata"]["namespace"]))
            made += 1
        done = [job["metadata"] for job in watched.items() if (job.get("status") or {}).get("succeeded")]
        for metadata in (m for m in done if m["name"] not in over):
            over.add(metadata["name"])
            await api.delete(JOB, metadata["name"], metadata["namespace"])
        if len(over) < made:
            await watched.changed().wait()
    after, seconds = cost(), time.perf_counter() - begun
    for cache in (watched, pods):
        await cache.stop()
    await api.close()
    results.send((seconds, after.cpu - before.cpu, after.resident - before.resident, after.peak))


async def _creates(api: Cluster, settings: KubernetesSettings, task: Bare) -> float:
    """Jobs created per second, AT_ONCE under way at any time; they are suspended, and removed when all are there."""
    manifests = [_manifest(settings, task, g) for g in task.groups for _ in range(RUNNING)]
    for manifest in manifests:
        manifest["spec"]["suspend"] = True
    left, begun = iter(manifests), time.perf_counter()

    async def one_after_the_other() -> None:
        for manifest in left:
            await api.create(JOB, manifest, manifest["metadata"]["namespace"])

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))
    rate = len(manifests) / (time.perf_counter() - begun)
    for manifest in manifests:
        await api.delete(JOB, manifest["metadata"]["name"], manifest["metadata"]["namespace"])
    return rate


def _manifest(settings: KubernetesSettings, task: Bare, group: str) -> dict[str, Any]:
    job_id = new_id("job")
    request = RunRequest(
        key=f"{job_id}.1",
        job_id=job_id,
        group=group,
        user="ann",
        argv=("/bin/sh", "-c", "true"),
        resources=Resources.parse(dict(LIMITS)),
        image=Image("lab", "lab", task.image),
        placement=Placement(node_selector=SELECTOR, tolerations=(TOLERATION,)),
    )
    manifest = job_manifest(settings, request, f"runs/{job_id}/attempts/1")
    for labels in (manifest["metadata"]["labels"], manifest["spec"]["template"]["metadata"]["labels"]):
        labels[naming.KIND] = "bare"
    return manifest


def _show(mine: Found, theirs: Found, count: int, busy: float) -> None:
    rows = [("", "Collegium's controller", "a loop over bare Jobs", "ratio")]

    def row(title: str, values: tuple[float, float], text: str, scale: float) -> None:
        a, b = values
        rows.append((title, text.format(a * scale), text.format(b * scale), ratio(a, b) if b > 0 else ""))

    row("submits per second", (mine.submits, theirs.submits), "{:.0f}", 1)
    row("processor per job", (mine.cpu / count, theirs.cpu / count), "{:.1f} ms", 1000)
    row("API server's processor per job", (mine.server / count, theirs.server / count), "{:.1f} ms", 1000)
    row("jobs per second", (count / mine.seconds, count / theirs.seconds), "{:.1f}", 1)
    row("memory: more than before", (mine.more, theirs.more), "{:.1f} MiB", 1 / MIB)
    row("memory at most", (mine.peak, theirs.peak), "{:.0f} MiB", 1 / MIB)
    table(f"{count:,} jobs on simulated nodes, {RUNNING} of each group at once", rows, ["sqlalchemy", "aiohttp"])
    print(f"\nAt rest the controller uses {busy * 100:.1f} % of a core.")
