"""Uploading a large file: ``python -m benchmarks.files_upload [MiB] [rounds] [MiB for Jupyter Server]``.

The same bytes, in turns: by tus to the service (as the browser sends them, in pieces; in one request; through the hub's
proxy), by ``dd conv=fsync`` on the same disk, and by Jupyter Server's contents API as JupyterLab uses it (in pieces of
1 MiB in base64), of which less is sent because it takes so long. An upload is over when the file is visible, and then
every byte is on the disk, which Jupyter Server does not promise.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.files import (
    MIB,
    Client,
    installed,
    make_file,
    peak,
    processor,
    rate,
    reset_peak,
    service_process,
    settle,
    timed,
)
from benchmarks.report import percentile, ratio, table
from benchmarks.running import environment, folder, free_port, server

#: As JupyterLab has it.
JUPYTER_PIECE = 1 * MIB


@contextlib.contextmanager
def jupyter(place: Path) -> Iterator[int]:
    """The port of a Jupyter Server over a folder."""
    place.mkdir()
    port = free_port()
    options = [
        "--no-browser",
        "--allow-root",
        f"--port={port}",
        "--IdentityProvider.token=x",
        f"--ServerApp.root_dir={place}",
    ]
    argv = [sys.executable, "-m", "jupyter_server", *options]
    with server(argv, place, environment(place), f"http://127.0.0.1:{port}/api?token=x"):
        yield port


def send_to_jupyter(port: int, source: Path) -> float:
    """Seconds of an upload through the contents API."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
    begun, size = time.perf_counter(), source.stat().st_size
    with source.open("rb") as file:
        for number, at in enumerate(range(0, size, JUPYTER_PIECE), 1):
            piece = file.read(JUPYTER_PIECE)
            last = at + len(piece) >= size
            model = {
                "type": "file",
                "format": "base64",
                "name": "file",
                "path": "file",
                "content": base64.b64encode(piece).decode(),
                **({} if size <= JUPYTER_PIECE else {"chunk": -1 if last else number}),
            }
            connection.request("PUT", "/api/contents/file?token=x", json.dumps(model))
            answer = connection.getresponse()
            text = answer.read()
            if answer.status not in (200, 201):
                raise RuntimeError(f"Jupyter Server answered {answer.status}: {text[:500]!r}")
    return time.perf_counter() - begun


def main() -> None:
    arguments = [int(word) for word in sys.argv[1:]]
    size, rounds, small = [*arguments, *[5120, 3, 512][len(arguments) :]]
    with folder() as place, installed(place / "hub") as made, jupyter(place / "jupyter") as port:
        source, less = place / "source", place / "less"
        make_file(source, size * MIB)
        make_file(less, small * MIB)
        token, pid = made.token("ann"), service_process(made)
        direct = f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1"
        client, outside = Client(direct, token), Client(made.api, token)
        chunk = client.ask_json("GET", "/files/store")["chunk_size"]
        dd = ["dd", f"if={source}", f"of={place}/copy", "bs=1M", "conv=fsync", "status=none"]
        client.upload(less, "warm", chunk)
        ways = {
            "dd conv=fsync": lambda: timed(lambda: subprocess.run(dd, check=True)),
            f"tus, in pieces of {chunk // MIB} MiB": lambda: client.upload(source, "file", chunk),
            "tus, in one request": lambda: client.upload(source, "file", size * MIB),
            "tus, in pieces, through the hub's proxy": lambda: outside.upload(source, "file", chunk),
        }
        taken: dict[str, list[float]] = {name: [] for name in ways}
        grown: dict[str, int] = dict.fromkeys(ways, 0)
        used: dict[str, float] = dict.fromkeys(ways, 0.0)
        for _ in range(rounds):
            for name, way in ways.items():
                for left in (place / "copy", made.state / "files/physics/files/file"):
                    left.unlink(missing_ok=True)
                settle()
                before, used_before = reset_peak(pid), processor(pid)
                taken[name].append(way())
                used[name] += (processor(pid) - used_before) / rounds
                grown[name] = max(grown[name], peak(pid) - before)
        there = made.state / "files/physics/files/file"
        subprocess.run(["cmp", source, there], check=True)
        theirs = [send_to_jupyter(port, less) for _ in range(rounds)]
        ours = [client.upload(less, "less", chunk) for _ in range(rounds)]
    bare = percentile(taken["dd conv=fsync"], 0.5)
    rows = [("", "median", "rate", "rate to dd's", "service's processor", "its memory grows by")]
    for name, seconds in taken.items():
        middle = percentile(seconds, 0.5)
        cost = ("–", "–") if name.startswith("dd") else (f"{used[name]:.2f} s", f"{grown[name] / MIB:.1f} MiB")
        rows.append((name, f"{middle:.2f} s", rate(size * MIB, middle), ratio(bare, middle), *cost))
    table(f"Upload of {size:,} MiB, {rounds} of each, in turns", rows, ["tornado"])
    one, other = percentile(ours, 0.5), percentile(theirs, 0.5)
    rows = [("", "median", "rate", "rate to Jupyter Server's")]
    rows.append(("tus, in pieces", f"{one:.2f} s", rate(small * MIB, one), ratio(other, one)))
    rows.append(("contents API, in pieces of 1 MiB", f"{other:.2f} s", rate(small * MIB, other), ratio(other, other)))
    table(f"Upload of {small} MiB, {rounds} of each", rows, ["jupyter-server", "tornado"])
    share, faster = bare / percentile(taken[f"tus, in pieces of {chunk // MIB} MiB"], 0.5), other / one
    print(f"\nOf dd's rate: {share:.2f}; at least 0.5: {'yes' if share >= 0.5 else 'no'}.")
    print(f"To Jupyter Server: {faster:.1f}×; at least 10×: {'yes' if faster >= 10 else 'no'}.")
    most = max(grown.values()) / MIB
    print(f"Memory grows by {most:.1f} MiB; at most 32 MiB: {'yes' if most <= 32 else 'no'}.")


if __name__ == "__main__":
    os.environ.pop("COLLEGIUM_FILES", None)
    main()
