"""Pods of many namespaces in a process's memory; see ``kube_scale``. Each way is measured in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing as mp
import os
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe

from benchmarks.cost import cost
from benchmarks.kube import Kube, connected
from benchmarks.report import percentile, ratio, table
from collegium.backends.kubernetes import naming
from collegium.backends.kubernetes.client import POD, Cluster
from collegium.backends.kubernetes.connection import Connection, Request
from collegium.backends.kubernetes.watch import Watched
from support.fake_nodes import PER_NODE, fake_nodes, make_namespaces, make_pods

#: Seconds between two looks at the clock.
TICK = 0.005
#: Seconds after the first list before memory is read.
SETTLE = 3.0
WAYS = {
    "raw": "one GET of all, json.loads, kept",
    "cluster": "Watched, the whole cluster",
    "spaces": "Watched, one per namespace",
    "stock": "KubeSpawner's ResourceReflector",
}
MIB = 1 << 20


@dataclass(frozen=True)
class Task:
    """What one process does."""

    way: str
    kubeconfig: str
    selector: str
    spaces: list[str]
    count: int
    #: Seconds to look on after the first list; what that costs is told too.
    rest: float


@dataclass(frozen=True)
class Found:
    """What it took: seconds, memory in bytes (kept, and at most), the longest time that nothing else could run."""

    seconds: float
    kept: int
    most: int
    stalled: float
    #: Seconds of processor for each second of rest.
    busy: float


@asynccontextmanager
async def reflected(task: Task) -> AsyncIterator[int]:
    """All pods in memory, and how many they are."""
    if task.way == "raw":
        connection = Connection(task.kubeconfig, None, 120.0)
        answer = await connection.exchange(Request("GET", "/api/v1/pods", {"labelSelector": task.selector}))
        yield len(answer.data["items"])
        await connection.close()
    elif task.way == "stock":
        async with _stock(task) as count:
            yield count
    else:
        api = Cluster(kubeconfig=task.kubeconfig, request_timeout=120.0)
        wanted = task.spaces if task.way == "spaces" else [None]
        caches = [Watched(api, POD, namespace=space, labels=task.selector) for space in wanted]
        for cache in caches:
            await cache.start()
        for cache in caches:
            await cache.synced(120)
        yield sum(1 for cache in caches for _ in cache.items())
        for cache in caches:
            await cache.stop()
        await api.close()


@asynccontextmanager
async def _stock(task: Task) -> AsyncIterator[int]:
    from kubespawner.reflector import ResourceReflector

    key, _, value = task.selector.partition("=")
    reflector = ResourceReflector(kind="pods", omit_namespace=True, labels={key: value})
    await reflector.start()
    yield len(reflector.resources)
    await reflector.stop()


async def _measure(task: Task) -> Found:
    await _warm(task)
    gc.collect()
    before, late, done = cost(), [0.0], asyncio.Event()

    async def tick() -> None:
        while not done.is_set():
            begun = time.perf_counter()
            await asyncio.sleep(TICK)
            late.append(time.perf_counter() - begun - TICK)

    ticking = asyncio.create_task(tick())
    begun = time.perf_counter()
    async with reflected(task) as count:
        seconds = time.perf_counter() - begun
        # Its last tick is not over when the list is.
        await asyncio.sleep(2 * TICK)
        done.set()
        await ticking
        if count != task.count:
            raise RuntimeError(f"{task.way}: {count} pods instead of {task.count}")
        await asyncio.sleep(SETTLE)
        gc.collect()
        after = cost()
        await asyncio.sleep(task.rest)
        busy = (cost().cpu - after.cpu) / task.rest if task.rest else 0.0
    return Found(seconds, after.resident - before.resident, after.peak - before.resident, max(late), busy)


async def _warm(task: Task) -> None:
    """Import and connect with what is about to be used: neither is what is measured."""
    none = f"{task.selector},no=such"
    if task.way == "stock":
        from kubespawner.clients import load_config, shared_client

        load_config()
        await shared_client("CoreV1Api").list_pod_for_all_namespaces(label_selector=none, _preload_content=False)
    else:
        api = Cluster(kubeconfig=task.kubeconfig)
        await api.list(POD, labels=none)
        await api.close()


def _work(task: Task, results: Pipe) -> None:
    # KubeSpawner's library reads it when it is imported.
    os.environ["KUBECONFIG"] = task.kubeconfig
    results.send(asyncio.run(_measure(task)))


def _in_a_process(task: Task) -> Found:
    context = mp.get_context("spawn")
    ours, theirs = context.Pipe(False)
    process = context.Process(target=_work, args=(task, theirs))
    process.start()
    theirs.close()
    try:
        found = ours.recv()
    finally:
        process.join()
    assert isinstance(found, Found)
    return found


async def _fill(kube: Kube, spaces: list[str], nodes: list[str], count: int) -> None:
    labels = {naming.INSTANCE: kube.word}
    async with connected(kube.cluster) as api:
        await make_namespaces(api, spaces, labels)
        await make_pods(api, spaces, nodes, count, labels=labels, image=kube.cluster.images.user)


def reflect(kube: Kube, count: int, spaces: int, repeats: int, rest: float) -> None:
    """Make the pods, measure every way in turns, print the table."""
    names = [f"{kube.word}-{number}" for number in range(spaces)]
    with fake_nodes(kube.cluster, -(-count // PER_NODE) + 1) as nodes:
        begun = time.monotonic()
        asyncio.run(_fill(kube, names, nodes, count))
        print(f"{count:,} pods in {spaces} namespaces run after {time.monotonic() - begun:.0f} s", flush=True)
        taken: dict[str, list[Found]] = {way: [] for way in WAYS}
        chance, order = random.Random(1), list(WAYS)
        for number in range(repeats):
            chance.shuffle(order)
            for way in order:
                long = rest if number == 0 and way != "raw" else 0.0
                task = Task(way, str(kube.cluster.kubeconfig), kube.selector, names, count, long)
                taken[way].append(_in_a_process(task))
        kube.clear()
    _show(taken, count, spaces, rest)


def _show(taken: dict[str, list[Found]], count: int, spaces: int, rest: float) -> None:
    def middle(way: str, name: str) -> float:
        return percentile([float(getattr(found, name)) for found in taken[way]], 0.5)

    head = ("", "first sync", "to raw", "to KubeSpawner's", "memory kept", "to raw", "to KubeSpawner's")
    rows: list[tuple[str, ...]] = [
        (*head, "memory at most", "longest stall of the event loop", f"of a core at rest ({rest:.0f} s)")
    ]
    for way, title in WAYS.items():
        seconds, kept = middle(way, "seconds"), middle(way, "kept")
        against = [ratio(seconds, middle(other, "seconds")) for other in ("raw", "stock")]
        against += [ratio(kept, max(1.0, middle(other, "kept"))) for other in ("raw", "stock")]
        rest_cell = "" if way == "raw" else f"{taken[way][0].busy * 100:.1f} %"
        rows.append(
            (
                title,
                f"{seconds:.2f} s",
                *against[:2],
                f"{kept / MIB:.1f} MiB",
                *against[2:],
                f"{middle(way, 'most') / MIB:.0f} MiB",
                f"{middle(way, 'stalled') * 1000:.0f} ms",
                rest_cell,
            )
        )
    repeats = len(taken["raw"])
    title = f"Reflect {count:,} pods in {spaces} namespaces, median of {repeats}, each in a process of its own"
    table(title, rows, ["jupyterhub-kubespawner", "aiohttp"])
