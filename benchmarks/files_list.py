"""Listing a folder of 1,000,000 files: ``python -m benchmarks.files_list [entries] [rounds]``.

The first page of 200 by name, one further on, and the first by size, from the request to its decoded answer; beside
``os.scandir`` over the same folder, which is the least that reading all names costs, and beside what a listing without
paging does: scan, look at each file, sort.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from benchmarks.files import MIB, Client, installed, peak, reset_peak, service_process, timed
from benchmarks.report import milliseconds, percentile, ratio, table
from benchmarks.running import folder


def scan(place: Path) -> None:
    with os.scandir(place) as entries:
        for _ in entries:
            pass


def everything(place: Path) -> None:
    with os.scandir(place) as entries:
        sorted((entry.name, entry.stat(follow_symlinks=False).st_size) for entry in entries)


def main() -> None:
    arguments = [int(word) for word in sys.argv[1:]]
    count, rounds = [*arguments, *[1_000_000, 5][len(arguments) :]]
    with folder() as place, installed(place / "hub") as made:
        client = Client(f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1", made.token("ann"))
        client.ask_json("POST", "/files/folders", {"path": "many"})
        many, pid = made.state / "files/physics/files/many", service_process(made)
        fd = os.open(many, os.O_RDONLY)
        for number in range(count):
            os.mknod(f"{number:07d}.csv", dir_fd=fd)
        os.close(fd)

        def page(**query: object) -> dict[str, object]:
            words = "&".join(f"{name}={quote(str(value))}" for name, value in query.items())
            return dict(client.ask_json("GET", f"/files?path=many&limit=200&{words}"))

        cursor = page()["next_cursor"]
        for _ in range(20):
            cursor = page(cursor=cursor)["next_cursor"]
        ways: dict[str, Callable[[], object]] = {
            "os.scandir": lambda: scan(many),
            "first page, by name": page,
            "21st page, by name": lambda: page(cursor=cursor),
            "first page, by size": lambda: page(sort="size", descending="true"),
            "a search's first page": lambda: page(search="0000"),
            "scan, look at each, sort": lambda: everything(many),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        grown = dict.fromkeys(ways, 0)
        for number in range(rounds + 1):
            for way, work in ways.items():
                before = reset_peak(pid)
                seconds = timed(work)
                if number:
                    taken[way].append(seconds)
                    grown[way] = max(grown[way], peak(pid) - before)
    bare = percentile(taken["os.scandir"], 0.5)
    rows = [("", "median", "to os.scandir", "service's memory grows by")]
    for way, seconds in taken.items():
        own = "page" in way
        growth = f"{grown[way] / MIB:.1f} MiB" if own else "–"
        rows.append((way, milliseconds(percentile(seconds, 0.5)), ratio(percentile(seconds, 0.5), bare), growth))
    table(f"A folder of {count:,} files, {rounds} of each, in turns", rows, ["tornado"])


if __name__ == "__main__":
    main()
