"""Many servers of one hub on simulated nodes; see ``kube_scale``.

Ours has a group for every 100 servers, a namespace for each, and one watch for the cluster; the stock hub has one
namespace, as it is by default. Both mount a folder of one claim as home, ask their servers over real HTTP
(``fake_servers`` answers for the pods), register them at a real proxy and poll them every 30 seconds. Neither code nor
waiting is replaced; only ``slow_spawn_timeout`` is long, so that a POST is answered when the server is ready and nobody
has to ask.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.fake_servers import fake_servers
from benchmarks.kube import Kube
from benchmarks.kube_hubs import Plan, Size, ours, probe, stock
from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import free_port
from benchmarks.spawn import Hub
from support.fake_nodes import SELECTOR, TOLERATION, fake_nodes

PER_GROUP = 100
#: Servers that are started before anything is measured: imports, connections, caches.
WARM = 10
#: POSTs under way; a hub lets 100 starts go on at once.
AT_ONCE = 50
SERVER = "lab"
EXTRA = 'c.JupyterHub.tornado_settings = {"slow_spawn_timeout": 600}\nc.JupyterHub.init_spawners_timeout = -1'
MIB, KIB = 1 << 20, 1 << 10


@dataclass(frozen=True)
class Found:
    """What one hub took. ``late``: seconds by which each tick of its event loop came late."""

    seconds: float
    cpu: float
    late: list[float]
    kept: int
    resident: int
    resting: float
    late_at_rest: list[float]


def servers(kube: Kube, place: Path, count: int, rest: float) -> None:
    """Measure one hub after the other and print the tables."""
    total = count + WARM
    groups = {f"g{n}": _users(n * PER_GROUP, min(total, (n + 1) * PER_GROUP)) for n in range(-(-total // PER_GROUP))}
    port = free_port()
    size = Size(limits={"cpu": "1", "memory": "1Gi"}, node_selector=SELECTOR, tolerations=[TOLERATION])
    plan = Plan(size, groups, {"watch": "cluster", "homes": "shared", "server_port": port}, EXTRA)
    found: list[Found] = []
    with fake_nodes(kube.cluster, -(-total // 100) + 1), fake_servers(kube.cluster.host_ip, port):
        hubs: list[tuple[str, AbstractContextManager[Hub]]] = [
            ("ours", ours(kube, place / "ours", plan)),
            ("stock", stock(kube, place / "stock", plan)),
        ]
        for name, manager in hubs:
            with manager as hub:
                found.append(asyncio.run(_play(hub, groups, rest)))
            print(f"{name}: {count} servers after {found[-1].seconds:.0f} s", flush=True)
            kube.clear()
    _show(found[0], found[1], count, rest)


def _users(first: int, last: int) -> list[str]:
    return [f"user-{number}" for number in range(first, last)]


async def _play(hub: Hub, groups: dict[str, list[str]], rest: float) -> Found:
    members = [(user, group) for group, users in groups.items() for user in users]
    timeout = aiohttp.ClientTimeout(total=900)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        await _start(session, hub, members[:WARM])
        await asyncio.sleep(2)
        before = await probe(session, hub, collect=True)
        begun = time.perf_counter()
        await _start(session, hub, members[WARM:])
        seconds = time.perf_counter() - begun
        started = await probe(session, hub)
        await asyncio.sleep(5)
        settled = await probe(session, hub, collect=True)
        await asyncio.sleep(rest)
        rested = await probe(session, hub)
        ready = await _ready(session, hub)
    if ready != len(members):
        raise RuntimeError(f"{ready} servers are ready, not {len(members)}")
    return Found(
        seconds,
        started["cpu"] - before["cpu"],
        started["late"],
        settled["resident"] - before["resident"],
        settled["resident"],
        (rested["cpu"] - settled["cpu"]) / rest,
        rested["late"],
    )


async def _start(session: aiohttp.ClientSession, hub: Hub, members: Sequence[tuple[str, str]]) -> None:
    left = iter(members)

    async def one_after_the_other() -> None:
        for user, group in left:
            await _one(session, hub, user, {**hub.options, "group": group})

    await asyncio.gather(*(one_after_the_other() for _ in range(AT_ONCE)))


async def _one(session: aiohttp.ClientSession, hub: Hub, user: str, options: dict[str, str]) -> None:
    url, headers = f"{hub.url}/hub/api/users/{user}/servers/{SERVER}", {"Authorization": f"token {hub.token}"}
    while True:
        async with session.post(url, headers=headers, json=options) as answer:
            if answer.status == 201:
                return
            if answer.status != 429:
                raise RuntimeError(f"{url} answered {answer.status}: {(await answer.text())[:500]}")
        # More starts at once than the hub takes.
        await asyncio.sleep(1)


async def _ready(session: aiohttp.ClientSession, hub: Hub) -> int:
    """Servers that the hub calls ready."""
    headers = {"Authorization": f"token {hub.token}", "Accept": "application/jupyterhub-pagination+json"}
    count, offset = 0, 0
    while True:
        url = f"{hub.url}/hub/api/users?state=ready&offset={offset}&limit=200"
        async with session.get(url, headers=headers) as answer:
            answer.raise_for_status()
            page: dict[str, Any] = await answer.json(content_type=None)
        count += sum(1 for user in page["items"] for server in user["servers"].values() if server["ready"])
        following = page["_pagination"]["next"]
        if not following:
            return count
        offset = following["offset"]


def _show(mine: Found, theirs: Found, count: int, rest: float) -> None:
    rows = [("", "Collegium, GroupKubeSpawner", "stock JupyterHub, KubeSpawner", "ratio")]

    def row(title: str, values: tuple[float, float], text: str, scale: float = 1.0) -> None:
        a, b = values
        rows.append((title, text.format(a * scale), text.format(b * scale), ratio(a, b) if b else ""))

    row("memory per server", (mine.kept / count, theirs.kept / count), "{:.0f} KiB", 1 / KIB)
    row("memory of the hub with all of them", (mine.resident, theirs.resident), "{:.0f} MiB", 1 / MIB)
    row("servers started per second", (count / mine.seconds, count / theirs.seconds), "{:.1f}")
    row("hub's processor per start", (mine.cpu / count, theirs.cpu / count), "{:.0f} ms", 1000)
    row(f"hub's processor at rest ({rest:.0f} s), of a core", (mine.resting, theirs.resting), "{:.1f} %", 100)
    for title, name in (("while they start", "late"), ("at rest", "late_at_rest")):
        for what, share in (("p50", 0.5), ("p99", 0.99), ("longest", 1.0)):
            a, b = (percentile(getattr(found, name), share) for found in (mine, theirs))
            rows.append((f"event loop late {title}, {what}", milliseconds(a), milliseconds(b), ratio(a, b)))
    table(
        f"{count:,} servers on simulated nodes, one hub after the other", rows, ["jupyterhub", "jupyterhub-kubespawner"]
    )
