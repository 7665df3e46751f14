"""Downloading a large file: ``python -m benchmarks.files_download [MiB] [rounds]``.

The same file, from memory, over one connection each, in turns: by the service, by the service through the hub's proxy,
and by nginx with ``sendfile``, where Debian's nginx is installed; else by a bare ``os.sendfile`` in a thread.
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.files import (
    MIB,
    Client,
    fetch,
    installed,
    make_file,
    peak,
    processor,
    rate,
    reset_peak,
    service_process,
)
from benchmarks.report import percentile, ratio, table
from benchmarks.running import environment, folder, free_port, server

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/sbin:/bin")
CONFIGURATION = """
user root;
worker_processes 1;
daemon off;
pid {place}/pid;
error_log stderr;
events {{}}
http {{
  access_log off;
  client_body_temp_path {place}/body;
  proxy_temp_path {place}/proxy;
  fastcgi_temp_path {place}/fastcgi;
  uwsgi_temp_path {place}/uwsgi;
  scgi_temp_path {place}/scgi;
  sendfile on;
  sendfile_max_chunk 0;
  tcp_nopush on;
  server {{
    listen 127.0.0.1:{port};
    root {place}/files;
    location = /alive {{ return 200 "yes"; }}
  }}
}}
"""


@contextlib.contextmanager
def limit(place: Path, source: Path) -> Iterator[tuple[str, int]]:
    """Name and port of what sends files as fast as can be."""
    (place / "files").mkdir(parents=True)
    (place / "files/file").symlink_to(source)
    port = free_port()
    if NGINX is None:
        with socket.create_server(("127.0.0.1", port)) as listening:
            threading.Thread(target=_send_always, args=(listening, source), daemon=True).start()
            yield "os.sendfile", port
        return
    configuration = place / "nginx.conf"
    configuration.write_text(CONFIGURATION.format(place=place, port=port))
    argv = [NGINX, "-c", str(configuration), "-p", str(place)]
    with server(argv, place, environment(place), f"http://127.0.0.1:{port}/alive"):
        version = subprocess.run([NGINX, "-v"], capture_output=True, text=True, check=True).stderr.rpartition("/")[2]
        yield f"nginx {version.split()[0]}, sendfile", port


def _send_always(listening: socket.socket, source: Path) -> None:
    while True:
        with contextlib.suppress(OSError), listening.accept()[0] as connection, source.open("rb") as file:
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % source.stat().st_size)
            connection.sendfile(file)


def main() -> None:
    arguments = [int(word) for word in sys.argv[1:]]
    size, rounds = [*arguments, *[5120, 5][len(arguments) :]]
    with folder() as place, installed(place / "hub") as made:
        token, pid = made.token("ann"), service_process(made)
        base = f"http://127.0.0.1:{made.service_port}/services/collegium/api/v1"
        inside, outside = Client(base, token), Client(made.api, token)
        inside.ask_json("POST", "/files/folders", {"path": "large"})
        source = made.state / "files/physics/files/large/file"
        make_file(source, size * MIB)
        with limit(place / "limit", source) as (name, port):
            bare = http.client.HTTPConnection("127.0.0.1", port, timeout=600)
            ways: dict[str, Callable[[], tuple[float, int]]] = {
                name: lambda: fetch(bare, "/file"),
                "service": lambda: inside.download("large/file"),
                "service, through the hub's proxy": lambda: outside.download("large/file"),
            }
            taken: dict[str, list[float]] = {way: [] for way in ways}
            used, grown = dict.fromkeys(ways, 0.0), dict.fromkeys(ways, 0)
            for number in range(rounds + 1):
                for way, download in ways.items():
                    before, used_before = reset_peak(pid), processor(pid)
                    seconds, count = download()
                    if count != size * MIB:
                        raise RuntimeError(f"{way} sent {count} bytes of {size * MIB}")
                    if number:  # The first is to warm up.
                        taken[way].append(seconds)
                        used[way] += (processor(pid) - used_before) / rounds
                        grown[way] = max(grown[way], peak(pid) - before)
    middle = percentile(taken[name], 0.5)
    rows = [("", "median", "rate", f"rate to {name.split(',')[0]}'s", "service's processor", "its memory grows by")]
    for way, seconds in taken.items():
        one = percentile(seconds, 0.5)
        cost = ("–", "–") if way == name else (f"{used[way]:.2f} s", f"{grown[way] / MIB:.1f} MiB")
        rows.append((way, f"{one:.2f} s", rate(size * MIB, one), ratio(middle, one), *cost))
    table(f"Download of {size:,} MiB, {rounds} of each, in turns", rows, ["tornado"])
    share = middle / percentile(taken["service"], 0.5)
    print(f"\nOf the limit's rate: {share:.2f}; at least 0.5: {'yes' if share >= 0.5 else 'no'}.")


if __name__ == "__main__":
    main()
