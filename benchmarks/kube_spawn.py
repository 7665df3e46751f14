"""From asking for a server to a JupyterLab that answers, on Kubernetes: ``python -m benchmarks.kube_spawn [starts]``.

Two hubs on one test cluster, each a process of this machine: Collegium's with GroupKubeSpawner, and a stock JupyterHub
with KubeSpawner, see ``kube_hubs``. They start the same image with the same limits and a home that was used before, in
turns. Time runs from the POST until the hub says ready and the server's own ``/api`` answers through the proxy. The
second table says where it goes, as a watch of this program saw the pods.

``--quick``: 3 starts of each. Prints whether the goals are met; it does not fail, because single starts vary by seconds
on two cores, and waiting is a lottery: every hub asks the new server after pauses that it draws, and KubeSpawner looks
at its pods after such pauses, too. The time to the running container has nothing of that in it.
"""

from __future__ import annotations

import argparse
import asyncio
import time

import aiohttp

from benchmarks import spawn
from benchmarks.kube import Kube, Moments, connected, kube
from benchmarks.kube_hubs import Plan, Size, of_machine, ours, stock
from benchmarks.report import percentile, ratio, table
from benchmarks.running import folder

GOAL = 1.05
#: Moments of a start in their order; the table shows what lies between one and the next.
STEPS = {
    "made": "POST to the pod made (identity, quota, home, manifest)",
    "placed": "to its node (scheduler)",
    "runs": "to its container running (kubelet)",
    "ready": "to the server answering through the proxy (JupyterLab's own start, the hub's asking)",
}
Start = dict[str, float]


async def one(session: aiohttp.ClientSession, hub: spawn.Hub, moments: Moments) -> Start:
    """The moment of each step, the POST being 0; the server is gone again at the end."""
    moments.forget()
    sent = time.time()
    seconds = await spawn.start(session, hub)
    seen = {name: when - sent for name, when in moments.seen.items()}
    return {**seen, "ready": seconds}


async def play(kube: Kube, hubs: list[spawn.Hub], count: int) -> list[list[Start]]:
    """The starts of each hub."""
    taken: list[list[Start]] = [[] for _ in hubs]
    async with (
        aiohttp.ClientSession() as session,
        connected(kube.cluster) as api,
        Moments(api, kube.selector).watching() as moments,
    ):
        # The first start of each fills caches and makes the home.
        for number in range(-1, count):
            # Whoever goes first goes second the next time.
            for i in (0, 1) if number % 2 else (1, 0):
                start = await one(session, hubs[i], moments)
                if number >= 0:
                    taken[i].append(start)
    return taken


def show(mine: list[Start], theirs: list[Start]) -> None:
    """Both tables and the verdict."""
    rows = [("", "Collegium, GroupKubeSpawner", "stock JupyterHub, KubeSpawner", "ratio")]
    ratios = {}
    for name, share in (("fastest", 0.0), ("median", 0.5), ("slowest", 1.0)):
        a, b = (percentile([s["ready"] for s in starts], share) for starts in (mine, theirs))
        rows.append((name, f"{a:.2f} s", f"{b:.2f} s", ratio(a, b)))
        ratios[name] = a / b
    a, b = (percentile([s["runs"] for s in starts if "runs" in s], 0.5) for starts in (mine, theirs))
    rows.append(("median, to the container running (no lottery in it)", f"{a:.2f} s", f"{b:.2f} s", ratio(a, b)))
    title = f"Spawn to a JupyterLab in a pod that answers, {len(mine)} of each, in turns"
    table(title, rows, ["jupyterhub", "jupyterhub-kubespawner"])
    steps: list[tuple[str, ...]] = [("where it goes, median", "Collegium", "stock")]
    before: str | None = None
    for name, text in STEPS.items():
        cells = []
        for starts in (mine, theirs):
            spans = [s[name] - (s[before] if before else 0.0) for s in starts if name in s and (before or name) in s]
            cells.append(f"{percentile(spans, 0.5):.2f} s" if spans else "not seen")
        steps.append((text, *cells))
        before = name
    table("Spawn, step by step", steps)
    verdicts = [f"{n} {ratios[n]:.2f}× ({'yes' if ratios[n] <= GOAL else 'no'})" for n in ("fastest", "median")]
    print(f"\nAt most {GOAL}×: {', '.join(verdicts)}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("starts", nargs="?", type=int, default=10, help="of each hub (default: 10)")
    parser.add_argument("--quick", action="store_true", help="3 starts of each")
    given = parser.parse_args()
    plan = Plan(Size(limits={"cpu": of_machine(), "memory": "1Gi"}))
    with (
        folder() as place,
        kube() as found,
        ours(found, place / "ours", plan) as a,
        stock(found, place / "stock", plan) as b,
    ):
        mine, theirs = asyncio.run(play(found, [a, b], 3 if given.quick else given.starts))
    show(mine, theirs)


if __name__ == "__main__":
    main()
