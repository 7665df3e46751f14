"""What a job adds to a notebook: ``python -m benchmarks.jobs_papermill [runs of each] [seconds of computing]``.

From the POST to the moment that the job is seen to be over, for the demo's notebook and for one that computes for a
while: with queue, quota, copies of files, log, the executed notebook and its HTML page. Peer: ``python -m papermill``
alone, with the options that the job has, which leaves the notebook and no page. In turns. Says whether the median of
the longer one is at most 5 % above papermill's.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path

import aiohttp

from benchmarks.notebooks import CATALOG, Ours, put
from benchmarks.report import percentile, ratio, table
from benchmarks.running import environment, folder, installation

GOAL = 1.05
NAMES = ("digits.ipynb", "busy.ipynb")


async def alone(place: Path, name: str) -> float:
    """Seconds of papermill by itself."""
    argv = [sys.executable, "-m", "papermill", name, f"out-{name}", "--log-output", "--no-progress-bar", "--cwd", "."]
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *argv, cwd=place, env=environment(place), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    if await process.wait():
        raise RuntimeError(f"papermill failed with {process.returncode}")
    return time.perf_counter() - begun


async def play(ours: Ours, place: Path, count: int) -> dict[str, list[tuple[float, float, float]]]:
    """Per notebook, of each turn: the job as it is seen, its run, and papermill alone."""
    found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in NAMES}
    for number in range(-1, count):
        for name in NAMES:
            seen, run = await ours.run(name)
            bare = await alone(place, name)
            if number >= 0:
                found[name].append((seen, run, bare))
    return found


async def measure(place: Path, count: int, seconds: float) -> dict[str, list[tuple[float, float, float]]]:
    with installation(place / "ours", CATALOG) as made:
        token = made.token("ann")
        put(made.state / "homes/ann/physics", seconds)
        put(place / "bare", seconds)
        async with aiohttp.ClientSession() as session:
            return await play(Ours(made, session, token), place / "bare", count)


def main(count: int, seconds: float) -> None:
    with folder() as place:
        found = asyncio.run(measure(place, count, seconds))
    rows = [("", "job, POST to its end", "its run alone", "papermill alone", "job to papermill", "run to papermill")]
    medians: dict[str, tuple[float, ...]] = {}
    for name, turns in found.items():
        for word, share in (("fastest", 0.0), ("median", 0.5)):
            one = tuple(percentile([turn[i] for turn in turns], share) for i in range(3))
            medians[name] = one
            texts = [f"{value:.2f} s" for value in one]
            rows.append((f"{name}, {word}", *texts, ratio(one[0], one[2]), ratio(one[1], one[2])))
    table(f"A notebook as a job, {count} of each, in turns", rows, ["papermill", "nbconvert", "ipykernel"])
    seen, _, bare = medians["busy.ipynb"]
    print(f"\nMedian overhead {(seen / bare - 1) * 100:.1f} %; at most 5 %: {'yes' if seen <= bare * GOAL else 'no'}.")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10, float(sys.argv[2]) if len(sys.argv) > 2 else 10.0)
